"""What was used: each point of supply with its meters between two readings, or with what named a quantity instead."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.accounts import Service
from billing.charges import ChargeLine, Origin
from billing.invoices import Invoice, PointOfSupply
from billing.polish import format_date, format_quantity
from billing.workings import between_m3, counted_m3, reading_days
from pdf.flow import WIDTH, Column, Flow, Row, RowKind

_TABLE = (
    Column(title="Wodomierz nr", left=0, right=126),
    Column(title="Odczyt poprzedni", left=132, right=200),
    Column(title="Stan [m³]", left=204, right=262, to_right=True),
    Column(title="Odczyt obecny", left=284, right=352),
    Column(title="Stan [m³]", left=356, right=414, to_right=True),
    Column(title="Zużycie [m³]", left=420, right=WIDTH, to_right=True),
)
_PURPOSES = {
    "garden": "wodomierz ogrodowy",
    "sub": "podlicznik",
    "behind": "wodomierz lokalu",
    "intake": "wodomierz własnego ujęcia",
    "sewage": "urządzenie pomiarowe ścieków",
}
_NOT_MEASURED = {
    Origin.NORM: "według norm zużycia",
    Origin.CONTRACT: "według umowy",
    Origin.DIFFERENCE: "udział w różnicy wodomierza głównego i lokali",
    Origin.FORECAST: "według prognozy",
    Origin.SETTLED_FORECAST: "rozliczona prognoza",
}
_SERVICES = {Service.WATER: "woda", Service.SEWAGE: "ścieki"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """What a register counted between two readings; the days as they are printed, both readings' own."""

    meter_no: str
    purpose: str
    start: date
    until: date
    previous_index_m3: Decimal | None
    current_index_m3: Decimal | None
    volume_m3: Decimal


def draw_usage(
    flow: Flow, invoice: Invoice, *, lines: Sequence[ChargeLine] | None = None, title: str = "Zużycie"
) -> None:
    """Points of supply with their meters, readings and consumption; of ``lines``, if not of the invoice's own."""
    rows = list(_rows(invoice, invoice.lines if lines is None else lines))
    if rows:
        flow.section(title)
        flow.table(_TABLE, rows)


def place_of(point: PointOfSupply | None, *, point_no: str) -> str:
    """A point with its address, as the name of a group of rows."""
    if point is None:
        return f"Punkt poboru {point_no}"
    address = point.address
    return f"Punkt poboru {point_no}: {address.street}, {address.postcode} {address.city}"


def _rows(invoice: Invoice, charged: Sequence[ChargeLine]) -> Iterator[Row]:
    points = {point.point_no: point for point in invoice.points}
    by_point: dict[str, list[ChargeLine]] = {point_no: [] for point_no in points}
    for line in charged:
        if line.point_no is not None:
            by_point.setdefault(line.point_no, []).append(line)
    for point_no, lines in by_point.items():
        rows = [*_measured(lines), *_named(lines)]
        if rows:
            yield Row(cells=(place_of(points.get(point_no), point_no=point_no),), kind=RowKind.GROUP)
            yield from rows
    water = [line for line in charged if line.service is Service.WATER]
    if len({(line.point_no, use) for line in water for use in (*_uses(line, water), line.origin) if use}) > 1:
        total = sum((line.quantity for line in water), Decimal(0))
        yield Row(cells=("Razem woda", "", "", "", "", format_quantity(total)), kind=RowKind.TOTAL)


def _measured(lines: Sequence[ChargeLine]) -> Iterator[Row]:
    """Water and sewage, and each price of the days, rest on the same two readings: shown once."""
    for use in dict.fromkeys(use for line in lines for use in _uses(line, lines)):
        yield Row(
            cells=(
                use.meter_no,
                format_date(use.start),
                _index(use.previous_index_m3),
                format_date(use.until),
                _index(use.current_index_m3),
                format_quantity(use.volume_m3),
            ),
            caption=_PURPOSES.get(use.purpose, ""),
        )


def _named(lines: Iterable[ChargeLine]) -> Iterator[Row]:
    volumes: dict[tuple[Service, Origin], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.origin in _NOT_MEASURED and line.service in _SERVICES:
            volumes[line.service, line.origin] += line.quantity
    services: dict[tuple[Origin, Decimal], list[str]] = defaultdict(list)
    for (service, origin), volume_m3 in volumes.items():
        services[origin, volume_m3].append(_SERVICES[service])
    for (origin, volume_m3), named in services.items():
        yield Row(
            cells=("bez wodomierza", "", "", "", "", format_quantity(volume_m3)),
            caption=f"{', '.join(named)} {_NOT_MEASURED[origin]}",
        )


def _uses(line: ChargeLine, lines: Sequence[ChargeLine]) -> Iterator[_Use]:
    start, until = reading_days(line)
    if line.meter_no is not None and not line.parts:
        yield _Use(
            meter_no=line.meter_no,
            purpose="main",
            start=start,
            until=until,
            previous_index_m3=line.previous_index_m3,
            current_index_m3=line.current_index_m3,
            volume_m3=counted_m3(line, lines=lines),
        )
    for part in line.parts:
        yield _Use(
            meter_no=part.meter_no,
            purpose=part.purpose,
            start=part.read.start if part.read else start,
            until=part.read.until if part.read else until,
            previous_index_m3=part.previous_index_m3,
            current_index_m3=part.current_index_m3,
            volume_m3=between_m3(previous_m3=part.previous_index_m3, current_m3=part.current_index_m3),
        )


def _index(index_m3: Decimal | None) -> str:
    return "–" if index_m3 is None else format_quantity(index_m3)
