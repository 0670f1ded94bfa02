"""Why a line costs what it costs: readings, period, tariff, law, formula, amount."""

from dataclasses import dataclass
from datetime import date

from billing.accounts import Service
from billing.charges import ChargeLine
from billing.explanations_beside import excess_amount, excess_factor, quantity_reason
from billing.law import subsidy_basis
from billing.polish import NBSP, format_amount, format_percent, format_price, format_quantity, format_unit
from billing.subsidies import LineSubsidy, SubsidyMode
from billing.tariffs import TariffBook


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSource:
    """The tariff that a line was priced by, and from when and by which provision its price holds (None: unknown)."""

    tariff: str
    decision: str
    sha256: str
    valid_from: date | None
    basis: str | None


def price_source(line: ChargeLine, *, tariffs: TariffBook) -> PriceSource | None:
    """Where the price of a line stands; None when its tariff file is not at hand."""
    for tariff in tariffs.tariffs:
        if tariff.sha256 == line.tariff_sha256:
            step = tariff.price_on(group=line.tariff_group, service=line.service, day=line.period.last_day)
            return PriceSource(
                tariff=tariff.name,
                decision=tariff.decision,
                sha256=tariff.sha256,
                valid_from=step.valid_from if step else None,
                basis=step.basis if step else None,
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


def explain(line: ChargeLine, *, tariffs: TariffBook) -> tuple[str, ...]:
    """The whole reason of a line for an auditor, one statement each, from the reading to the amount."""
    subsidy = () if line.subsidy is None else (_subsidy(line, line.subsidy),)
    basis = f"legal basis: {line.basis}"
    quantity = quantity_reason(line) or _readings(line)
    amount = excess_amount(line) if line.excess is not None else _amount(line)
    return (*quantity, _period(line), _price(line, tariffs), basis, amount, *subsidy)


def formula(line: ChargeLine) -> str:
    """The sum of a line as a customer reads it: ``(125 − 113) m³ × 6,80 zł = 81,60 zł``."""
    unit = format_unit(line.unit)
    if line.current_index_m3 is None or line.previous_index_m3 is None:
        quantity = format_quantity(line.quantity)
    else:
        quantity = f"({format_quantity(line.current_index_m3)} − {format_quantity(line.previous_index_m3)})"
    price, net = format_price(line.price_zl), format_amount(line.net_zl)
    return f"{quantity}{NBSP}{unit} × {price}{NBSP}zł{excess_factor(line)} = {net}{NBSP}zł"


def _readings(line: ChargeLine) -> tuple[str, ...]:
    if line.meter_no is None:
        return ("no reading: the abonament is owed whether or not water was drawn",)
    why = " (sewage is the water taken)" if line.service is Service.SEWAGE else ""
    previous, current = line.previous_index_m3, line.current_index_m3
    return (
        f"meter {line.meter_no}, reading {line.previous_reading_id}: {previous} m3 on {line.period.start}",
        f"meter {line.meter_no}, reading {line.current_reading_id}: {current} m3 on {line.period.until}",
        f"quantity: {current} - {previous} = {line.quantity} m3{why}",
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
    return f"{price}, {step}; tariff file {source.tariff}, decision {source.decision}, sha256 {source.sha256}"


def _amount(line: ChargeLine) -> str:
    return (
        f"amount: {line.quantity} x {line.price_zl} = {line.quantity * line.price_zl} zl, "
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
