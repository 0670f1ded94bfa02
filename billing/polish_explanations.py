"""Why a line costs what it costs, in its customer's words: what was read, how it was divided, priced and rounded."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from billing.accounts import Reading, Service
from billing.charges import ChargeLine, LinePart, Origin
from billing.explanations import PriceSource, price_source
from billing.explanations_beside import excess_factor
from billing.polish import (
    NBSP,
    format_date,
    format_exact,
    format_m3,
    format_percent,
    format_period,
    format_price,
    format_quantity,
    format_unit,
    format_zl,
)
from billing.prices import STANDING, Component
from billing.registers import ESTIMATED
from billing.subsidies import UNKNOWN, SubsidyMode
from billing.tariffs import TariffBook
from billing.workings import counted_m3, part_m3, product, reading_days, share_sum

SOURCES = {
    "handheld": "odczyt na miejscu",
    "reader": "odczyt na miejscu",
    "radio_walkby": "odczyt radiowy",
    "radio_fixed": "odczyt radiowy",
    "customer_portal": "stan podany przez odbiorcę w portalu",
    "customer_phone": "stan podany przez odbiorcę telefonicznie",
    "customer_mail": "stan podany przez odbiorcę listownie lub e-mailem",
    "exchange_removal": "stan przy zdjęciu wodomierza",
    "exchange_install": "stan początkowy wodomierza",
    "exchange_installation": "stan początkowy wodomierza",
    "staff": "stan wprowadzony przez pracownika",
    "estimate": "stan oszacowany",
    "cutover": "ostatni stan rozliczony w poprzednim systemie",
}
"""Where a reading came from, by its source."""

_PURPOSES = {
    "main": "wodomierz główny",
    "garden": "wodomierz ogrodowy (woda bezpowrotnie zużyta)",
    "sub": "podlicznik",
}
_ORIGINS = {
    Origin.NORM: "ilość według przeciętnych norm zużycia wody, bez wodomierza",
    Origin.CONTRACT: "ilość określona w umowie",
    Origin.AREA: "ilość wynika z powierzchni, z której spływają wody opadowe",
    Origin.ORDER: "usługa zamówiona",
    Origin.FORECAST: "prognoza; rozliczy ją odczyt",
    Origin.SETTLED_FORECAST: "odejmujemy to, co już naliczyła prognoza",
}
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


def days_of(days: int) -> str:
    """``1 dnia``, ``31 dni``: as in *w ciągu*."""
    return f"{days}{NBSP}{'dnia' if days == 1 else 'dni'}"


def _sentences(
    line: ChargeLine, tariffs: TariffBook, readings: Mapping[int, Reading], lines: Sequence[ChargeLine]
) -> Iterator[str]:
    beside = tuple(_beside(line))
    if beside:
        yield from beside
    else:
        yield from _quantity(line, readings, lines)
        yield from _share(line, lines)
    yield from _block(line)
    yield from _price(line, tariffs)
    yield from _subsidised_price(line)
    yield f"podstawa: {line.basis}"
    yield _amount(line)
    yield from _subsidy_off(line)


def _beside(line: ChargeLine) -> Iterator[str]:
    """Where a quantity comes from that neither a register nor a contract for water names; nothing for other lines."""
    quantity = f"{format_quantity(line.quantity)}{NBSP}{format_unit(line.unit)}"
    if line.excess is not None:
        share = line.share
        days = (
            ""
            if share is None
            else f", {share.days} z {share.of_days} dni, za które naliczono {format_m3(share.of_m3)}"
        )
        yield f"ścieki z tych dni: {format_m3(line.quantity)}{days}"
        measured, permitted = format_exact(line.excess.measured), format_exact(line.excess.permitted)
        yield f"wskaźnik {line.excess.indicator}: w ściekach {measured}, dopuszczalnie {permitted}"
    elif line.area is not None:
        runs = line.area.m3_per_m2_year
        depth = f" × {format_exact(runs)}{NBSP}m³ z 1{NBSP}m² rocznie" if runs is not None else ""
        area = f"{format_exact(line.area.area_m2)}{NBSP}m²"
        months = "" if line.unit == "m2_month" else "; miesiąc to dwunasta część roku"
        yield f"powierzchnia {line.area.surface}: {area}{depth}, razem {quantity}{months}"
    elif line.settles is not None:
        yield f"odejmujemy to, co naliczyła prognoza {line.settles.document}: {quantity}"
    elif line.origin is Origin.ORDER:
        yield f"usługa zamówiona, wykonana {format_date(line.period.start)}: {quantity}"


def _quantity(line: ChargeLine, readings: Mapping[int, Reading], lines: Sequence[ChargeLine]) -> Iterator[str]:
    if line.parts:
        for part in line.parts:
            yield from _part(part, readings, reading_days(line))
        if len(line.parts) > 1:
            parts = " ".join(_signed(part_m3(part), first=part is line.parts[0]) for part in line.parts)
            yield f"ilość: {parts} = {format_m3(counted_m3(line, lines=lines))}"
    elif line.previous_index_m3 is not None and line.current_index_m3 is not None:
        start, until = reading_days(line)
        previous = _reading(line.previous_reading_id, line.previous_index_m3, start, readings)
        current = _reading(line.current_reading_id, line.current_index_m3, until, readings)
        yield f"wodomierz nr {line.meter_no}: odczyt poprzedni {previous}, obecny {current}"
        difference = f"{format_quantity(line.current_index_m3)} − {format_quantity(line.previous_index_m3)}"
        of_water = "; ścieki to pobrana woda" if line.service is Service.SEWAGE else ""
        counted = f"{difference} = {format_m3(counted_m3(line, lines=lines))}"
        yield f"zużycie: {counted} w ciągu {days_of((until - start).days)}{of_water}"
    elif line.origin is not None:
        unit = format_unit(line.unit)
        yield f"{_ORIGINS[line.origin]}: {format_quantity(counted_m3(line, lines=lines))}{NBSP}{unit}"
    elif line.service in STANDING:
        owed = f"{format_quantity(line.quantity)}{NBSP}{format_unit(line.unit)}"
        yield f"abonament za {owed}; należy się bez względu na to, czy pobierano wodę"


def _part(part: LinePart, readings: Mapping[int, Reading], days: tuple[date, date]) -> Iterator[str]:
    start, until = days
    purpose = _PURPOSES.get(part.purpose, part.purpose)
    previous = _reading(part.previous_reading_id, part.previous_index_m3, start, readings)
    current = _reading(part.current_reading_id, part.current_index_m3, until, readings)
    yield f"{purpose} nr {part.meter_no}: odczyt poprzedni {previous}, obecny {current}"
    sum_m3 = f"{format_quantity(part.current_index_m3)} − {format_quantity(part.previous_index_m3)}"
    counted = f"{sum_m3} = {format_m3(part.volume_m3)}"
    if part.percent < 0:
        share = "" if part.percent == -100 else f" × {format_percent(-part.percent / 100)}"  # noqa: PLR2004 - per cent
        yield f"  zużycie {counted}{share}, odejmujemy {_volume(-part_m3(part))}"
    elif part.percent == 100:  # noqa: PLR2004 - per cent: the whole
        yield f"  zużycie {counted}"
    else:
        yield f"  zużycie {counted}, z tego {format_percent(part.percent / 100)}: {_volume(part_m3(part))}"


def _reading(reading_id: int | None, billed_m3: Decimal, day: date, readings: Mapping[int, Reading]) -> str:
    found = readings.get(reading_id) if reading_id is not None else None
    if found is None:
        return f"{format_date(day)} {format_m3(billed_m3)}"
    kind = SOURCES.get(found.source, found.source)
    if found.quality == ESTIMATED and found.source != "estimate":
        kind += ", oszacowany"
    if found.index_m3 != billed_m3:
        kind += f"; wskazanie {format_m3(found.index_m3)}, dalszych cyfr się nie rozlicza"
    return f"{format_date(found.read_on)} {format_m3(billed_m3)} ({kind})"


def _share(line: ChargeLine, lines: Sequence[ChargeLine]) -> Iterator[str]:
    found = share_sum(line, lines=lines)
    if found is None:
        return
    of_m3, of_days = format_quantity(found.of_m3), found.of_days
    whole = f"{format_period(line.period)} to {found.by_days - found.before_days} z {of_days} dni między odczytami"
    by = f"{of_m3} × {found.by_days} / {of_days} = {_volume(found.of_m3 * found.by_days / of_days)}"
    rounding = " (po zaokrągleniu do " + ("pełnych m³)" if found.places == 0 else f"{found.places} miejsc)")
    if found.by_days == of_days:
        by = f"całe {format_m3(found.of_m3)}"
    elif found.of_m3 * found.by_days / of_days != found.by_m3:
        by += f", czyli {format_m3(found.by_m3)}{rounding}"
    if found.before_days == 0:
        yield f"podział na dni: {whole}; do końca tych dni {by}"
        return
    before = f"{of_m3} × {found.before_days} / {of_days} = {_volume(found.of_m3 * found.before_days / of_days)}"
    if found.of_m3 * found.before_days / of_days != found.before_m3:
        before += f", czyli {format_m3(found.before_m3)}{rounding}"
    rest = f"{format_quantity(found.by_m3)} − {format_quantity(found.before_m3)}"
    yield f"podział na dni: {whole}; do końca tych dni {by}, przed nimi {before}"
    yield f"  na te dni: {rest} = {format_m3(found.by_m3 - found.before_m3)}"


def _block(line: ChargeLine) -> Iterator[str]:
    block = line.block
    if block is None:
        return
    until = "" if block.until_m3 is None else f" do {format_m3(block.until_m3)}"
    bounds = f"powyżej {format_m3(block.from_m3)}" if block.from_m3 else "od pierwszego m³"
    yield f"próg ceny: zużycie {bounds}{until}; przypada na niego {format_m3(line.quantity)}"


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


def _signed(volume_m3: Decimal, *, first: bool) -> str:
    if first:
        return _volume(volume_m3).removesuffix(f"{NBSP}m³")
    sign = "−" if volume_m3 < 0 else "+"
    return f"{sign} {_volume(abs(volume_m3)).removesuffix(f'{NBSP}m³')}"


def _volume(volume_m3: Decimal) -> str:
    """A volume that is not rounded yet may have more places than a line."""
    return f"{format_exact(volume_m3)}{NBSP}m³"
