"""What the prepared answer to a complaint says of its invoice: readings, use and sums as Polish text for a template.

Everything is taken from the frozen invoice and from the readings as they were received; nothing is computed anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.accounts import ALL, Address
from billing.charges import ChargeLine, LinePart
from billing.explanations import PriceSource, formula, price_source
from billing.invoices import Invoice
from billing.money import ZERO_ZL
from billing.polish import NBSP, format_date, format_m3, format_percent, format_period, format_zl
from billing.polish_quantities import days_of, difference_words
from billing.registers import ESTIMATED, REMOVAL_SOURCE, is_cut
from billing.tariffs import TariffBook
from billing.workings import between_m3, counted_m3, reading_days

_PRINTED_UNITS = {"m3": "m³", "l": "l"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedReading:
    """A reading as it came in: the index and unit that were written, where it came from, and its index in m³."""

    index_received: str
    unit_received: str
    index_m3: Decimal
    source: str
    quality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReading:
    """An index as it was billed; ``received`` is what was read, empty unless its last digits were cut."""

    day: str
    index: str
    received: str
    source: str
    is_estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMeter:
    """A meter between two readings."""

    meter_no: str
    previous: ShownReading
    current: ShownReading
    used: str
    days: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPoint:
    """A point with its meters; more than one meter means that one was exchanged."""

    point_no: str
    address: str
    meters: tuple[ShownMeter, ...]

    @property
    def was_exchanged(self) -> bool:
        """Whether its use was counted by one meter after the other."""
        return len({meter.meter_no for meter in self.meters}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCharge:
    """A line of the invoice: the sum that it is, and where its price stands."""

    what: str
    period: str
    formula: str
    group: str
    price_from: str
    decision: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInvoice:
    """An invoice told to its customer.

    An estimate is still ``open`` when the use ends with it, ``settled`` when it only begins with it and ends with a
    reading, and ``lost`` when the meter has been removed and can no longer be read.
    """

    points: tuple[ShownPoint, ...]
    charges: tuple[ShownCharge, ...]
    vat_sums: tuple[str, ...]
    net: str
    gross: str
    has_open_estimate: bool
    has_settled_estimate: bool
    has_lost_estimate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCorrection:
    """A correction of the invoice; ``change`` says in words by how much it changes what is to be paid."""

    invoice_no: str
    issue_date: str
    reason: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDue:
    """What is to be paid of an invoice, with its corrections, and when.

    ``first`` is payable by the invoice's own due date; ``more``, which the corrections ask beyond it, by
    ``more_until``; both are empty when there is nothing of the kind. ``before`` is what the invoice alone asked.
    """

    before: str
    now: str
    first: str
    until: str
    more: str
    more_until: str
    has_overpaid: bool


def tell_corrections(corrections: Sequence[Invoice]) -> tuple[ShownCorrection, ...]:
    """The corrections of an invoice as its customer can follow them."""
    return tuple(
        ShownCorrection(
            invoice_no=one.number.text,
            issue_date=format_date(one.issue_date),
            reason=one.corrects.reason if one.corrects else "",
            change=_change(one.payable_zl),
        )
        for one in corrections
    )


def tell_due(invoice: Invoice, *, corrections: Sequence[Invoice]) -> ShownDue:
    """What is to be paid once the corrections count, each of which says only its difference."""
    before_zl = invoice.payable_zl
    now_zl = before_zl + sum((one.payable_zl for one in corrections), ZERO_ZL)
    first_zl = min(before_zl, now_zl)
    more_zl = now_zl - max(before_zl, ZERO_ZL)
    raised = [one.due_date for one in corrections if one.payable_zl > 0]
    return ShownDue(
        before=format_zl(before_zl),
        now=format_zl(now_zl),
        first=format_zl(first_zl) if first_zl > 0 else "",
        until=format_date(invoice.due_date),
        more=format_zl(more_zl) if more_zl > 0 and raised else "",
        more_until=format_date(max(raised)) if raised else "",
        has_overpaid=now_zl < before_zl,
    )


def _change(difference_zl: Decimal) -> str:
    if not difference_zl:
        return "kwota do zapłaty się nie zmienia"
    return f"kwota do zapłaty {'rośnie' if difference_zl > 0 else 'maleje'} o {format_zl(abs(difference_zl))}"


def tell_invoice(invoice: Invoice, *, tariffs: TariffBook, readings: Mapping[int, ReceivedReading]) -> ShownInvoice:
    """The invoice as its customer can follow it, by the tariffs that its cycle froze.

    Raises:
        KeyError: a reading of a line is not among ``readings``.
    """
    points = tuple(_point(invoice, point.point_no, _place(point.address), readings) for point in invoice.points)
    meters = [meter for point in points for meter in point.meters]
    ends = [meter.current for meter in meters if meter.current.is_estimated]
    several = len({line.meter_no for line in invoice.lines if line.meter_no}) > 1
    return ShownInvoice(
        points=tuple(point for point in points if point.meters),
        charges=tuple(_charge(line, price_source(line, tariffs=tariffs), named=several) for line in invoice.lines),
        vat_sums=tuple(f"{format_percent(part.vat_rate)}: {format_zl(part.vat_zl)}" for part in invoice.vat_sums),
        net=format_zl(invoice.net_zl),
        gross=format_zl(invoice.gross_zl),
        has_open_estimate=any(reading.source != REMOVAL_SOURCE for reading in ends),
        has_settled_estimate=any(meter.previous.is_estimated and not meter.current.is_estimated for meter in meters),
        has_lost_estimate=any(reading.source == REMOVAL_SOURCE for reading in ends),
    )


def _point(invoice: Invoice, point_no: str, address: str, readings: Mapping[int, ReceivedReading]) -> ShownPoint:
    pairs: dict[tuple[object, ...], ShownMeter] = {}
    for line in invoice.lines:
        if line.point_no != point_no:
            continue
        # water and sewage, and each price of the days, are charged on the same two readings: told once
        for part in _counted(line):
            pair = (part.meter_no, part.previous_reading_id, part.current_reading_id)
            pairs.setdefault(pair, _meter(part, reading_days(line), readings))
    return ShownPoint(point_no=point_no, address=address, meters=tuple(pairs.values()))


def _counted(line: ChargeLine) -> tuple[LinePart, ...]:
    """What each register counted, also where one alone did."""
    if line.parts or line.meter_no is None:
        return line.parts
    if line.previous_reading_id is None or line.current_reading_id is None:
        raise ValueError(f"a line of meter {line.meter_no} has no readings")
    return (
        LinePart(
            meter_no=line.meter_no,
            purpose="main",
            previous_reading_id=line.previous_reading_id,
            current_reading_id=line.current_reading_id,
            previous_index_m3=line.previous_index_m3 or Decimal(0),
            current_index_m3=line.current_index_m3 or Decimal(0),
            volume_m3=counted_m3(line),
            percent=ALL,
        ),
    )


def _meter(part: LinePart, days: tuple[date, date], readings: Mapping[int, ReceivedReading]) -> ShownMeter:
    start, until = days
    indexes = {"previous_m3": part.previous_index_m3, "current_m3": part.current_index_m3}
    below = part.volume_m3 < 0
    return ShownMeter(
        meter_no=part.meter_no,
        previous=_reading(format_date(start), part.previous_index_m3, readings[part.previous_reading_id]),
        current=_reading(format_date(until), part.current_index_m3, readings[part.current_reading_id]),
        used=f"{difference_words(**indexes, is_below=below)} = {format_m3(between_m3(**indexes, is_below=below))}",
        days=days_of((until - start).days),
    )


def _reading(day: str, billed_m3: Decimal, received: ReceivedReading) -> ShownReading:
    came = f"{received.index_received.replace('.', ',')}{NBSP}{_PRINTED_UNITS[received.unit_received]}"
    return ShownReading(
        day=day,
        index=format_m3(billed_m3),
        received=came if is_cut(received.index_m3, billed_m3) else "",
        source=received.source,
        is_estimated=received.quality == ESTIMATED,
    )


def _charge(line: ChargeLine, source: PriceSource | None, *, named: bool) -> ShownCharge:
    return ShownCharge(
        what=f"{line.description}, wodomierz nr {line.meter_no}" if named and line.meter_no else line.description,
        period=format_period(line.period),
        formula=formula(line),
        group=line.tariff_group,
        price_from=format_date(source.valid_from) if source and source.valid_from else "",
        decision=source.decision if source else "",
        basis=line.basis,
    )


def _place(address: Address) -> str:
    return f"{address.street}, {address.postcode} {address.city}"
