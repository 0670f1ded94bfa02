"""The tables: what was used, how it was computed, and the sums by VAT rate."""

from collections.abc import Iterator
from decimal import Decimal

from billing.accounts import Service
from billing.charges import ChargeLine
from billing.invoices import Invoice
from billing.polish import (
    format_amount,
    format_date,
    format_percent,
    format_period,
    format_price,
    format_quantity,
    format_unit,
)
from pdf.flow import WIDTH, Column, Flow, Row, RowKind
from pdf.invoice_beside import PRICE_LISTED, line_caption

_USAGE = (
    Column(title="Wodomierz nr", left=0, right=126),
    Column(title="Odczyt poprzedni", left=132, right=200),
    Column(title="Stan [m³]", left=204, right=262, to_right=True),
    Column(title="Odczyt obecny", left=284, right=352),
    Column(title="Stan [m³]", left=356, right=414, to_right=True),
    Column(title="Zużycie [m³]", left=420, right=WIDTH, to_right=True),
)
_CHARGES = (
    Column(title="Lp.", left=0, right=16),
    Column(title="Usługa", left=19, right=176),
    Column(title="Okres", left=182, right=290),
    Column(title="Ilość", left=292, right=331, to_right=True),
    Column(title="J.m.", left=337, right=362),
    Column(title="Cena netto [zł]", left=364, right=402, to_right=True),
    Column(title="VAT", left=405, right=432, to_right=True),
    Column(title="Wartość netto [zł]", left=436, right=WIDTH, to_right=True),
)
_VAT_SUMS = (
    Column(title="Stawka VAT", left=190, right=262),
    Column(title="Netto [zł]", left=264, right=338, to_right=True),
    Column(title="VAT [zł]", left=342, right=408, to_right=True),
    Column(title="Brutto [zł]", left=412, right=WIDTH, to_right=True),
)


def draw_usage(flow: Flow, invoice: Invoice) -> None:
    """Points of supply with their meters, readings and consumption."""
    rows = list(_usage_rows(invoice))
    if rows:
        flow.section("Zużycie")
        flow.table(_USAGE, rows)


def draw_charges(flow: Flow, invoice: Invoice) -> None:
    """Every charge line; none is left out."""
    flow.section("Rozliczenie")
    several_points = len({line.point_no for line in invoice.lines if line.point_no}) > 1
    several_meters = len({line.meter_no for line in invoice.lines if line.meter_no}) > 1
    several_groups = len({line.tariff_group for line in invoice.lines if line.service not in PRICE_LISTED}) > 1
    rows = []
    for number, line in enumerate(invoice.lines, start=1):
        caption = " · ".join(
            text
            for text, wanted in (
                (f"punkt {line.point_no}", several_points and line.point_no),
                (f"wodomierz {line.meter_no}", several_meters and line.meter_no),
                (f"grupa {line.tariff_group}", several_groups and line.service not in PRICE_LISTED),
                (line_caption(line), True),
            )
            if text and wanted
        )
        rows.append(Row(cells=_charge_cells(number, line), caption=caption, caption_column=1))
    flow.table(_CHARGES, rows)


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


def _usage_rows(invoice: Invoice) -> Iterator[Row]:
    addresses = {point.point_no: point.address for point in invoice.points}
    by_point: dict[str, dict[tuple[object, ...], ChargeLine]] = {point_no: {} for point_no in addresses}
    for line in invoice.lines:
        if line.meter_no is None or line.point_no is None:
            continue
        # water and sewage are charged on the same two readings: shown once
        reading_pair = (line.meter_no, line.period, line.previous_index_m3, line.current_index_m3)
        by_point.setdefault(line.point_no, {}).setdefault(reading_pair, line)
    for point_no, lines in by_point.items():
        address = addresses.get(point_no)
        place = f": {address.street}, {address.postcode} {address.city}" if address else ""
        yield Row(cells=(f"Punkt poboru {point_no}{place}",), kind=RowKind.GROUP)
        for line in lines.values():
            yield Row(cells=_usage_cells(line))
    water = [line for line in invoice.lines if line.service is Service.WATER and line.meter_no is not None]
    if len(water) > 1:
        total = sum((line.quantity for line in water), Decimal(0))
        yield Row(cells=("Razem woda", "", "", "", "", format_quantity(total)), kind=RowKind.TOTAL)


def _usage_cells(line: ChargeLine) -> tuple[str, ...]:
    # a reading period is half-open: it begins on the day of the previous reading and ends on that of the present one
    return (
        line.meter_no or "",
        format_date(line.period.start),
        _index(line.previous_index_m3),
        format_date(line.period.until),
        _index(line.current_index_m3),
        format_quantity(line.quantity),
    )


def _index(index_m3: Decimal | None) -> str:
    return "–" if index_m3 is None else format_quantity(index_m3)
