"""The tables of money: how each charge was computed, and the sums by VAT rate."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from billing.charges import ChargeLine, Origin
from billing.invoices import Invoice
from billing.polish import (
    NBSP,
    format_amount,
    format_exact,
    format_m3,
    format_percent,
    format_period,
    format_price,
    format_quantity,
    format_unit,
)
from billing.workings import part_m3
from pdf.flow import WIDTH, Column, Flow, Row, RowKind
from pdf.invoice_beside import PRICE_LISTED, line_caption
from pdf.invoice_usage import place_of

_ORIGINS = {
    Origin.NORM: "według norm zużycia",
    Origin.CONTRACT: "ilość z umowy",
    Origin.DIFFERENCE: "udział w różnicy wodomierza głównego i lokali",
    Origin.FORECAST: "do rozliczenia po odczycie",
    Origin.SETTLED_FORECAST: "naliczone już w prognozie",
}
_PARTS = {"garden": "ogród", "behind": "lokale", "intake": "własne ujęcie"}
_OF_NO_POINT = "Wszystkie punkty"

_CHARGES = (
    Column(title="Lp.", left=0, right=16),
    Column(title="Usługa", left=19, right=168),
    Column(title="Okres", left=173, right=278),
    Column(title="Ilość", left=280, right=321, to_right=True),
    Column(title="J.m.", left=326, right=350),
    Column(title="Cena netto [zł]", left=351, right=404, to_right=True),
    Column(title="VAT", left=405, right=428, to_right=True),
    Column(title="Wartość netto [zł]", left=429, right=WIDTH, to_right=True),
)
_VAT_SUMS = (
    Column(title="Stawka VAT", left=190, right=262),
    Column(title="Netto [zł]", left=264, right=338, to_right=True),
    Column(title="VAT [zł]", left=342, right=408, to_right=True),
    Column(title="Brutto [zł]", left=412, right=WIDTH, to_right=True),
)


def draw_charges(
    flow: Flow, invoice: Invoice, *, lines: Sequence[ChargeLine] | None = None, title: str = "Rozliczenie"
) -> None:
    """Every charge line, of ``lines`` if not of the invoice's own; none is left out.

    Where there are several points each opens a group of its own.
    """
    flow.section(title)
    lines = invoice.lines if lines is None else lines
    points = {point.point_no: point for point in invoice.points}
    several_points = len({line.point_no for line in lines if line.point_no}) > 1
    meters: dict[str | None, set[str]] = defaultdict(set)
    for line in lines:
        meters[line.point_no].update([line.meter_no] if line.meter_no else [])
    several_groups = len({line.tariff_group for line in lines if line.service not in PRICE_LISTED}) > 1
    rows = []
    for number, line in enumerate(lines, start=1):
        if several_points and (number == 1 or line.point_no != lines[number - 2].point_no):
            no = line.point_no
            name = _OF_NO_POINT if no is None else place_of(points.get(no), point_no=no)
            rows.append(Row(cells=(name,), kind=RowKind.GROUP))
        captions = (
            f"wodomierz {line.meter_no}" if line.meter_no and len(meters[line.point_no]) > 1 else "",
            *_workings(line),
            f"grupa {line.tariff_group}" if several_groups and line.service not in PRICE_LISTED else "",
        )
        caption = " · ".join(text for text in captions if text)
        rows.append(Row(cells=_charge_cells(number, line), caption=caption, caption_column=1))
    flow.table(_CHARGES, rows)


def _workings(line: ChargeLine) -> Iterator[str]:
    """How the quantity, or the amount, of a line came about where it is not just a use times a price."""
    if sum(part_m3(part) != 0 for part in line.parts) > 1:
        sums_m3: dict[str, Decimal] = defaultdict(Decimal)
        for part in line.parts:
            sums_m3[part.purpose] += part_m3(part)
        first, *others = (one for one in sums_m3.items() if one[1])
        yield f"{format_exact(first[1])}{''.join(_signed(*other) for other in others)}{NBSP}m³"
    if line.share is not None and line.excess is None:
        yield f"{line.share.days} z {line.share.of_days} dni, z {format_m3(line.share.of_m3)}"
    yield line_caption(line)
    if line.origin in _ORIGINS:
        yield _ORIGINS[line.origin]


def _signed(purpose: str, volume_m3: Decimal) -> str:
    name = f" ({_PARTS[purpose]})" if purpose in _PARTS else ""
    return f" {'–' if volume_m3 < 0 else '+'} {format_exact(abs(volume_m3))}{name}"


def draw_vat_sums(flow: Flow, invoice: Invoice) -> None:
    """Net, VAT and gross by rate, and their sums (VAT act art. 106e ust. 1 pkt 13-15)."""
    rows = [
        Row(
            cells=(
                format_percent(part.vat_rate),
                format_amount(part.net_zl),
                format_amount(part.vat_zl),
                format_amount(part.gross_zl),
            ),
        )
        for part in invoice.vat_sums
    ]
    sums = (format_amount(amount) for amount in (invoice.net_zl, invoice.vat_zl, invoice.gross_zl))
    rows.append(Row(cells=("Razem", *sums), kind=RowKind.TOTAL))
    flow.reserve(30 + 18 * len(rows))
    flow.y += 10
    flow.table(_VAT_SUMS, rows)


def _charge_cells(number: int, line: ChargeLine) -> tuple[str, ...]:
    return (
        str(number),
        line.description,
        format_period(line.period),
        format_quantity(line.quantity),
        format_unit(line.unit),
        format_price(line.price_zl),
        format_percent(line.vat_rate),
        format_amount(line.net_zl),
    )
