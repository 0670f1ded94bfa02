"""Why a line costs what it costs, in its customer's words: what was read, how it was divided, priced and rounded."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from billing.accounts import Reading, Service
from billing.charges import ChargeLine
from billing.explanations import PriceSource, price_source
from billing.explanations_beside import excess_factor
from billing.polish import (
    NBSP,
    format_date,
    format_exact,
    format_m3,
    format_period,
    format_price,
    format_quantity,
    format_unit,
    format_zl,
)
from billing.polish_quantities import why_quantity
from billing.prices import Component
from billing.subsidies import UNKNOWN, SubsidyMode
from billing.tariffs import TariffBook
from billing.workings import product

_COMPONENTS = {
    Component.READINESS: "gotowość",
    Component.READING: "odczyt",
    Component.SETTLEMENT: "rozliczenie",
}


def why_line(
    line: ChargeLine,
    *,
    tariffs: TariffBook,
    readings: Mapping[int, Reading],
    lines: Sequence[ChargeLine] = (),
) -> tuple[str, ...]:
    """Every step from the readings to the net amount of a line, one sentence each.

    ``readings`` are those at hand, by id; ``lines`` are all of the document.
    """
    return tuple(_sentences(line, tariffs, readings, lines))


def title_of(line: ChargeLine) -> str:
    """What a line is, for which point and days, and what it costs."""
    point = f", punkt {line.point_no}" if line.point_no else ""
    return f"{line.description}{point}, {format_period(line.period)}: {format_zl(line.net_zl)} netto"


def _sentences(
    line: ChargeLine, tariffs: TariffBook, readings: Mapping[int, Reading], lines: Sequence[ChargeLine]
) -> Iterator[str]:
    yield from why_quantity(line, readings=readings, lines=lines)
    yield from _price(line, tariffs)
    yield from _subsidised_price(line)
    yield f"podstawa: {line.basis}"
    yield _amount(line)
    yield from _subsidy_off(line)


def _price(line: ChargeLine, tariffs: TariffBook) -> Iterator[str]:
    unit = format_unit(line.unit)
    tariff_zl = line.price_zl
    if line.subsidy is not None and line.subsidy.mode is SubsidyMode.NET:
        tariff_zl += line.subsidy.zl_m3
    source = price_source(line, tariffs=tariffs)
    since = f", obowiązuje od {format_date(source.valid_from)}" if source and source.valid_from else ""
    listed = line.service in (Service.STORMWATER, Service.EXTRA)
    decision = ""
    if source is not None and source.decision != UNKNOWN:
        decision = f", {'' if listed else 'decyzja: '}{source.decision}"
    group = f"; {'pozycja cennika' if listed else 'grupa taryfowa'} {line.tariff_group}" if line.tariff_group else ""
    yield f"cena: {format_price(tariff_zl)}{NBSP}zł netto za 1{NBSP}{unit}{group}{since}{decision}"
    if source is not None:
        yield from _about_price(source)


def _about_price(source: PriceSource) -> Iterator[str]:
    price = source.price
    if price is not None and price.season is not None:
        first, last = (f"{day:02}.{month:02}" for month, day in (price.season.first, price.season.last))
        yield f"cena sezonowa: od {first} do {last} każdego roku"
    if price is not None and price.components:
        parts = (f"{_COMPONENTS[name]} {format_price(amount_zl)}{NBSP}zł" for name, amount_zl in price.components)
        yield f"w tym: {', '.join(parts)}"
    if source.prolonged_from is not None:
        last_day = format_date(source.prolonged_from - timedelta(days=1))
        yield f"taryfę zapowiedziano do {last_day}; obowiązuje dalej, dopóki nie ma następnej (uzzwś art. 24g)"


def _subsidised_price(line: ChargeLine) -> Iterator[str]:
    paid = line.subsidy
    if paid is None or paid.mode is not SubsidyMode.NET:
        return
    price = f"{format_price(line.price_zl + paid.zl_m3)} − {format_price(paid.zl_m3)}"
    left = f"{format_price(line.price_zl)}{NBSP}zł"
    yield f"dopłata Gminy {paid.gmina} do ceny: {price} = {left}; dopłata razem {format_zl(paid.subsidy_zl)} netto"


def _amount(line: ChargeLine) -> str:
    found = product(line)
    unit = format_unit(line.unit)
    sum_zl = f"{format_quantity(line.quantity)}{NBSP}{unit} × {format_price(line.price_zl)}{NBSP}zł"
    sum_zl += excess_factor(line)
    if not found.is_rounded:
        return f"kwota: {sum_zl} = {format_zl(line.net_zl)}"
    return f"kwota: {sum_zl} = {format_exact(found.exact_zl)}{NBSP}zł, {ROUNDED} {format_zl(line.net_zl)}"


ROUNDED = "po zaokrągleniu do grosza (pół grosza w górę)"


def _subsidy_off(line: ChargeLine) -> Iterator[str]:
    paid = line.subsidy
    if paid is None or paid.mode is not SubsidyMode.GROSS:
        return
    exact_zl = line.quantity * paid.zl_m3
    sum_zl = f"{format_m3(line.quantity)} × {format_price(paid.zl_m3)}{NBSP}zł = "
    if exact_zl != paid.subsidy_zl:
        sum_zl += f"{format_exact(exact_zl)}{NBSP}zł, {ROUNDED} "
    yield f"dopłata Gminy {paid.gmina}, odejmowana od kwoty brutto: {sum_zl}{format_zl(paid.subsidy_zl)}"
