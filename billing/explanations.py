"""Why a line costs what it costs, for an auditor: readings, period, tariff, law, formula, amount.

What a customer reads of it is in ``billing.polish_explanations``; both take their sums from ``billing.workings``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from billing.accounts import Service
from billing.charges import ChargeLine, Origin
from billing.explanations_beside import excess_factor, quantity_reason
from billing.law import subsidy_basis
from billing.polish import NBSP, format_amount, format_percent, format_price, format_quantity, format_unit
from billing.prices import TariffPrice
from billing.subsidies import LineSubsidy, SubsidyMode
from billing.tariffs import TariffBook
from billing.workings import counted_m3, is_water_taken, part_m3, product, reading_days, share_sum, turned_m3

_ORIGINS = {
    Origin.NORM: "no reading: the norms of consumption name the quantity",
    Origin.CONTRACT: "no reading: the contract names the quantity",
    Origin.AREA: "no reading: the surface that rain runs off names the quantity",
    Origin.ORDER: "no reading: a service that was ordered",
    Origin.DIFFERENCE: "no reading: a share in what a building's meter counted beyond its flats'",
    Origin.FORECAST: "no reading: a forecast (prognoza), to be settled",
    Origin.SETTLED_FORECAST: "what a forecast (prognoza) had charged, coming off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSource:
    """The tariff that a line was priced by, and from when and by which provision its price holds (None: unknown).

    ``price`` tells its season and the components of an abonament. ``prolonged_from`` is the first day after the printed
    end of the tariff, where the line has days from it on.
    """

    tariff: str
    decision: str
    sha256: str
    valid_from: date | None
    basis: str | None
    price: TariffPrice | None = None
    prolonged_from: date | None = None


def price_source(line: ChargeLine, *, tariffs: TariffBook) -> PriceSource | None:
    """Where the price of a line stands; None when its tariff file is not at hand."""
    service = Service.SEWAGE if line.service is Service.EXCESS else line.service
    for tariff in tariffs.tariffs:
        if tariff.sha256 == line.tariff_sha256:
            step = tariff.price_on(group=line.tariff_group, service=service, day=line.period.last_day)
            until = tariff.valid_until
            return PriceSource(
                tariff=tariff.name,
                decision=tariff.decision,
                sha256=tariff.sha256,
                valid_from=step.valid_from if step else None,
                basis=step.basis if step else None,
                price=step,
                prolonged_from=until if until and until < line.period.until else None,
            )
    listed = tariffs.price_book.price_on(code=line.tariff_group, day=line.period.last_day)
    if listed is None or listed.sha256 != line.tariff_sha256:
        return None
    return PriceSource(
        tariff=listed.name,
        decision=listed.title,
        sha256=listed.sha256,
        valid_from=listed.item.valid_from,
        basis=listed.item.basis,
    )


def explain(line: ChargeLine, *, tariffs: TariffBook, lines: Sequence[ChargeLine] = ()) -> tuple[str, ...]:
    """The whole reason of a line for an auditor, one statement each, from the reading to the amount.

    ``lines`` are all of its document: a share by days that blocks divide is told by their sum.
    """
    return tuple(_statements(line, tariffs, lines))


def _statements(line: ChargeLine, tariffs: TariffBook, lines: Sequence[ChargeLine]) -> Iterator[str]:
    beside = quantity_reason(line)
    if beside is not None:
        yield from beside
    else:
        yield from _readings(line, lines)
        yield from _share(line, lines)
    if line.block is not None:
        until = "" if line.block.until_m3 is None else f" up to {line.block.until_m3} m3"
        yield f"block: what is above {line.block.from_m3} m3{until}: {line.quantity} m3"
    yield _period(line)
    yield _price(line, tariffs)
    yield f"legal basis: {line.basis}"
    yield _amount(line)
    if line.subsidy is not None:
        yield _subsidy(line, line.subsidy)


def formula(line: ChargeLine) -> str:
    """The sum of a line as a customer reads it: ``(125 − 113) m³ × 6,80 zł = 81,60 zł``."""
    unit = format_unit(line.unit)
    whole = line.share is None and line.block is None
    previous_m3, current_m3 = line.previous_index_m3, line.current_index_m3
    if whole and current_m3 is not None and previous_m3 is not None and current_m3 >= previous_m3:
        quantity = f"({format_quantity(current_m3)} − {format_quantity(previous_m3)})"
    else:
        quantity = format_quantity(line.quantity)
    price, net = format_price(line.price_zl), format_amount(line.net_zl)
    return f"{quantity}{NBSP}{unit} × {price}{NBSP}zł{excess_factor(line)} = {net}{NBSP}zł"


def _readings(line: ChargeLine, lines: Sequence[ChargeLine]) -> Iterator[str]:
    if line.parts:
        for part in line.parts:
            share = f"{part.volume_m3} m3 x {part.percent} % = {part_m3(part)} m3"
            lapsed = "" if part.lapsed_on is None else f", legalised until {part.lapsed_on}: nothing comes off"
            days = "" if part.billed is None else f" on {part.billed.start} to {part.billed.last_day}"
            yield (
                f"meter {part.meter_no} ({part.purpose}), readings {part.previous_reading_id} and "
                f"{part.current_reading_id}: {part.current_index_m3} - {part.previous_index_m3} = "
                f"{share}{days}{lapsed}"
            )
        yield f"quantity: {counted_m3(line, lines=lines)} m3, the sum of these parts"
    elif line.meter_no is not None:
        why = " (sewage is the water taken)" if is_water_taken(line, lines=lines) else ""
        previous, current = line.previous_index_m3, line.current_index_m3
        counted = counted_m3(line, lines=lines)
        if previous is not None and current is not None and current < previous and counted >= 0:
            why = f" (passed through zero at {turned_m3(previous_m3=previous, current_m3=current)}){why}"
        start, until = reading_days(line)
        yield f"meter {line.meter_no}, reading {line.previous_reading_id}: {previous} m3 on {start}"
        yield f"meter {line.meter_no}, reading {line.current_reading_id}: {current} m3 on {until}"
        yield f"quantity: {current} - {previous} = {counted} m3{why}"
    elif line.origin is not None:
        if line.terms is not None:
            persons = f"{line.terms.persons} persons, " if line.terms.persons else ""
            norm = f", norm {line.terms.norm}" if line.terms.norm else ""
            yield f"terms: {persons}{line.terms.m3_month} m3 a month{norm}"
        yield f"{_ORIGINS[line.origin]}: {counted_m3(line, lines=lines)} {line.unit}"
    else:
        yield "no reading: the abonament is owed whether or not water was drawn"


def _share(line: ChargeLine, lines: Sequence[ChargeLine]) -> Iterator[str]:
    found = share_sum(line, lines=lines)
    if found is None:
        return
    yield (
        f"share by days: by day {found.by_days} of {found.of_days} {found.by_m3} m3 of {found.of_m3}, before it (day "
        f"{found.before_days}) {found.before_m3} m3, each half up to {found.places} places: "
        f"{found.by_m3 - found.before_m3} m3"
    )


def _period(line: ChargeLine) -> str:
    months = f", {line.quantity} calendar months owed" if line.unit == "month" else ""
    return f"period: {line.period.start} to {line.period.last_day}, both included ({line.period.days} days{months})"


def _price(line: ChargeLine, tariffs: TariffBook) -> str:
    price = f"price: {line.price_zl} zl net per {line.unit}, group {line.tariff_group}"
    source = price_source(line, tariffs=tariffs)
    if source is None:
        return f"{price}; tariff file not at hand, sha256 {line.tariff_sha256}"
    step = f"from {source.valid_from} ({source.basis})" if source.valid_from else "step unknown"
    if source.price and source.price.season:
        step += f", season {source.price.season.word()}"
    if source.price and source.price.components:
        step += ", of which " + ", ".join(f"{name} {amount} zl" for name, amount in source.price.components)
    if source.prolonged_from:
        step += f", prolonged from {source.prolonged_from} (uzzwś art. 24g)"
    return f"{price}, {step}; tariff file {source.tariff}, decision {source.decision}, sha256 {source.sha256}"


def _amount(line: ChargeLine) -> str:
    found = product(line)
    excess = ""
    if line.excess is not None:
        measured, permitted = line.excess.measured, line.excess.permitted
        excess = f" x ({measured} - {permitted}) / {permitted} ({line.excess.indicator})"
    return (
        f"amount: {line.quantity} x {line.price_zl}{excess} = {found.exact_zl} zl, "
        f"rounded half up to {line.net_zl} zl net; VAT {format_percent(line.vat_rate)} on the sum of its rate"
    )


def _subsidy(line: ChargeLine, subsidy: LineSubsidy) -> str:
    if subsidy.mode is SubsidyMode.GROSS:
        sum_zl = line.quantity * subsidy.zl_m3
        reckoned = f"{line.quantity} x {subsidy.zl_m3} = {sum_zl} zl, rounded half up to {subsidy.subsidy_zl} zl"
        effect = "taken off the gross of the invoice"
    else:
        tariff_zl = line.price_zl + subsidy.zl_m3
        whole_zl = line.net_zl + subsidy.subsidy_zl
        reckoned = f"{line.quantity} x {tariff_zl} at the tariff's price, rounded half up to {whole_zl} zl, "
        reckoned += f"less {line.net_zl} zl = {subsidy.subsidy_zl} zl net"
        effect = f"the price is {tariff_zl} - {subsidy.zl_m3} = {line.price_zl} zl net per {line.unit}"
    return (
        f"subsidy of gmina {subsidy.gmina} ({subsidy_basis()}; resolution: {subsidy.basis}), {subsidy.mode}: "
        f"{reckoned}; {effect}"
    )
