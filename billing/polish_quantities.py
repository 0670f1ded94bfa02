"""Where the quantity of a line comes from, in its customer's words: readings, deductions, norms, shares by days."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from billing.accounts import ALL, Reading
from billing.charges import ChargeLine, LinePart, Origin
from billing.polish import (
    NBSP,
    format_date,
    format_exact,
    format_m3,
    format_percent,
    format_period,
    format_quantity,
    format_unit,
)
from billing.prices import STANDING
from billing.registers import ESTIMATED, is_cut
from billing.workings import between_m3, counted_m3, is_water_taken, part_m3, reading_days, share_sum, turned_m3

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
    "behind": "wodomierz lokalu",
    "intake": "wodomierz własnego ujęcia",
    "sewage": "urządzenie pomiarowe ścieków",
}
_ORIGINS = {
    Origin.NORM: "ilość według przeciętnych norm zużycia wody, bez wodomierza",
    Origin.CONTRACT: "ilość określona w umowie",
    Origin.AREA: "ilość wynika z powierzchni, z której spływają wody opadowe",
    Origin.ORDER: "usługa zamówiona",
    Origin.DIFFERENCE: "udział w różnicy wodomierza głównego budynku i wodomierzy lokali",
    Origin.FORECAST: "prognoza; rozliczy ją odczyt",
    Origin.SETTLED_FORECAST: "odejmujemy to, co już naliczyła prognoza",
}


def why_quantity(
    line: ChargeLine, *, readings: Mapping[int, Reading], lines: Sequence[ChargeLine] = ()
) -> Iterator[str]:
    """Every step to the quantity of a line, one sentence each; see ``billing.polish_explanations.why_line``."""
    beside = tuple(_beside(line))
    if beside:
        yield from beside
    else:
        yield from _quantity(line, readings, lines)
        yield from _share(line, lines)
    yield from _block(line)


def days_of(days: int) -> str:
    """``1 dnia``, ``31 dni``: as in *w ciągu*."""
    return f"{days}{NBSP}{'dnia' if days == 1 else 'dni'}"


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
    elif line.difference is not None:
        found = line.difference
        yield (
            f"wodomierz główny budynku (punkt {found.front_point_no}) policzył o {format_m3(found.of_m3)} więcej niż "
            f"wodomierze lokali; różnicę dzieli się według ich zużycia"
        )
        exact_m3 = found.of_m3 * found.own_m3 / found.all_m3
        reckoned = f"{format_quantity(found.of_m3)} × {format_quantity(found.own_m3)} / {format_quantity(found.all_m3)}"
        counted = "" if exact_m3 == line.quantity else f", po zaokrągleniu narastająco {quantity}"
        yield f"udział: {reckoned} = {format_exact(exact_m3)}{NBSP}m³{counted}"
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
        difference = difference_words(
            previous_m3=line.previous_index_m3, current_m3=line.current_index_m3, is_below=line.quantity < 0
        )
        of_water = "; ścieki to pobrana woda" if is_water_taken(line, lines=lines) else ""
        counted = f"{difference} = {format_m3(counted_m3(line, lines=lines))}"
        yield f"zużycie: {counted} w ciągu {days_of((until - start).days)}{of_water}"
    elif line.origin is not None:
        counted = f"{format_quantity(counted_m3(line, lines=lines))}{NBSP}{format_unit(line.unit)}"
        yield f"{_ORIGINS[line.origin]}: {_terms(line)}{counted}"
    elif line.service in STANDING:
        owed = f"{format_quantity(line.quantity)}{NBSP}{format_unit(line.unit)}"
        yield f"abonament za {owed}; należy się bez względu na to, czy pobierano wodę"


def _part(part: LinePart, readings: Mapping[int, Reading], days: tuple[date, date]) -> Iterator[str]:
    start, until = days
    purpose = _PURPOSES.get(part.purpose, part.purpose)
    previous = _reading(part.previous_reading_id, part.previous_index_m3, start, readings)
    current = _reading(part.current_reading_id, part.current_index_m3, until, readings)
    yield f"{purpose} nr {part.meter_no}: odczyt poprzedni {previous}, obecny {current}"
    previous_m3, current_m3, is_below = part.previous_index_m3, part.current_index_m3, part.volume_m3 < 0
    whole_m3 = between_m3(previous_m3=previous_m3, current_m3=current_m3, is_below=is_below)
    difference = difference_words(previous_m3=previous_m3, current_m3=current_m3, is_below=is_below)
    counted = f"{difference} = {format_m3(whole_m3)}"
    if part.billed is not None:
        counted += f", na dni {format_period(part.billed)} przypada {format_m3(part.volume_m3)}"
    if part.lapsed_on is not None:
        yield f"  zużycie {counted}, nieodliczane: legalizacja wodomierza do {format_date(part.lapsed_on)}"
    elif part.percent < 0:
        share = "" if part.percent == -ALL else f" × {format_percent(-part.percent / ALL)}"
        yield f"  zużycie {counted}{share}, odejmujemy {_volume(-part_m3(part))}"
    elif part.percent == ALL:
        yield f"  zużycie {counted}"
    else:
        yield f"  zużycie {counted}, z tego {format_percent(part.percent / ALL)}: {_volume(part_m3(part))}"


def difference_words(*, previous_m3: Decimal, current_m3: Decimal, is_below: bool = False) -> str:
    """``424 − 412``; for a register that passed through zero ``(100 000 − 99 990) + 7``."""
    previous, current = format_quantity(previous_m3), format_quantity(current_m3)
    turned = turned_m3(previous_m3=previous_m3, current_m3=current_m3, is_below=is_below)
    return f"({format_quantity(turned)} − {previous}) + {current}" if turned else f"{current} − {previous}"


def _terms(line: ChargeLine) -> str:
    """What a norm or a contract says, where the line tells it."""
    if line.terms is None:
        return ""
    month = f"{format_m3(line.terms.m3_month)} miesięcznie"
    if line.terms.persons:
        each = format_exact(line.terms.m3_month / line.terms.persons)
        month = f"{line.terms.persons} os. × {each}{NBSP}m³ = {month}"
    return f"{month}, za te dni "


def _reading(reading_id: int | None, billed_m3: Decimal, day: date, readings: Mapping[int, Reading]) -> str:
    found = readings.get(reading_id) if reading_id is not None else None
    if found is None:
        return f"{format_date(day)} {format_m3(billed_m3)}"
    kind = SOURCES.get(found.source, found.source)
    if found.quality == ESTIMATED and found.source != "estimate":
        kind += ", oszacowany"
    if is_cut(found.index_m3, billed_m3):
        kind += f"; wskazanie {format_m3(found.index_m3)}, dalszych cyfr się nie rozlicza"
    elif 0 < billed_m3 - found.index_m3 < 1:
        kind += f"; wskazanie {format_m3(found.index_m3)}, ale rozliczono już {format_m3(billed_m3)}"
    elif found.index_m3 != billed_m3:  # a person put another index in the place of the one that came
        kind += f"; wskazanie {format_m3(found.index_m3)} zostało sprostowane"
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


def _signed(volume_m3: Decimal, *, first: bool) -> str:
    if first:
        return _volume(volume_m3).removesuffix(f"{NBSP}m³")
    sign = "−" if volume_m3 < 0 else "+"
    return f"{sign} {_volume(abs(volume_m3)).removesuffix(f'{NBSP}m³')}"


def _volume(volume_m3: Decimal) -> str:
    """A volume that is not rounded yet may have more places than a line."""
    return f"{format_exact(volume_m3)}{NBSP}m³"
