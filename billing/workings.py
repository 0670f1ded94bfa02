"""The sums behind a line, worked out again from what the line says of itself: shares, parts, product and rounding.

Whoever explains a line, in whatever language, takes its figures from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from billing.accounts import ALL, Service
from billing.charges import ChargeLine, LinePart
from billing.money import VOLUME


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSum:
    """Why a line has its part of ``of_m3``, used between ``start`` and ``until``.

    By the line's last day (``by_days`` of ``of_days``) ``by_m3`` was reached, before its first ``before_m3``; both are
    rounded half up to ``places``, and their difference stands on the line.
    """

    start: date
    until: date
    of_days: int
    of_m3: Decimal
    before_days: int
    before_m3: Decimal
    by_days: int
    by_m3: Decimal
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Quantity × price (× ``factor``) before and after the one rounding to the grosz."""

    quantity: Decimal
    price_zl: Decimal
    factor: Decimal | None
    exact_zl: Decimal
    net_zl: Decimal

    @property
    def is_rounded(self) -> bool:
        """Whether rounding changed anything."""
        return self.exact_zl != self.net_zl


def reading_days(line: ChargeLine) -> tuple[date, date]:
    """The days of the two readings that a line rests on: its own, or those of the whole that it has a share in."""
    if line.share is None:
        return line.period.start, line.period.until
    start = line.period.start - timedelta(days=line.share.after_days)
    return start, start + timedelta(days=line.share.of_days)


def share_sum(line: ChargeLine, *, lines: Sequence[ChargeLine] = ()) -> ShareSum | None:
    """The share of a line by days; ``lines`` are those of its document, among which its blocks are looked up.

    None for a line between two readings of its own.
    """
    share = line.share
    if share is None:
        return None
    start, until = reading_days(line)
    whole_m3 = sum((other.quantity for other in lines if _shares_days(other, line)), Decimal(0)) or line.quantity
    by_days = share.after_days + share.days
    for places in range(4):
        before_m3 = _reached(share.of_m3, share.after_days, share.of_days, places)
        by_m3 = share.of_m3 if by_days == share.of_days else _reached(share.of_m3, by_days, share.of_days, places)
        if by_m3 - before_m3 == whole_m3:
            break
    return ShareSum(
        start=start,
        until=until,
        of_days=share.of_days,
        of_m3=share.of_m3,
        before_days=share.after_days,
        before_m3=before_m3,
        by_days=by_days,
        by_m3=by_m3,
        places=places,
    )


def counted_m3(line: ChargeLine, *, lines: Sequence[ChargeLine] = ()) -> Decimal:
    """What was counted, or named, for the days between the readings of a line, before any share of days or block.

    ``lines`` are those of its document; without them a block is told by its indexes.
    """
    if line.share is not None:
        return line.share.of_m3
    if line.block is None:
        return line.quantity
    blocks_m3 = sum((other.quantity for other in lines if _shares_days(other, line)), Decimal(0))
    if blocks_m3 or line.current_index_m3 is None or line.previous_index_m3 is None:
        return blocks_m3 or line.quantity
    is_below = line.quantity < 0
    return between_m3(previous_m3=line.previous_index_m3, current_m3=line.current_index_m3, is_below=is_below)


def part_m3(part: LinePart) -> Decimal:
    """What a register adds to a quantity, or takes off it."""
    return part.volume_m3 * part.percent / ALL


def product(line: ChargeLine) -> Product:
    """The sum of a line; the factor is the excess of an indicator over what is permitted (None: there is none)."""
    excess = line.excess
    exact_zl = line.quantity * line.price_zl
    factor = None
    if excess is not None:
        factor = (excess.measured - excess.permitted) / excess.permitted
        exact_zl = exact_zl * (excess.measured - excess.permitted) / excess.permitted
    return Product(quantity=line.quantity, price_zl=line.price_zl, factor=factor, exact_zl=exact_zl, net_zl=line.net_zl)


def _reached(of_m3: Decimal, days: int, of_days: int, places: int) -> Decimal:
    reached = of_m3 * days / of_days
    return reached.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP).quantize(VOLUME)


def _shares_days(other: ChargeLine, line: ChargeLine) -> bool:
    """Whether both are blocks of the same days: then only their sum is a share of the whole."""
    own = (line.point_no, line.service, line.period, line.meter_no, line.previous_reading_id, line.share)
    return own == (
        *(other.point_no, other.service, other.period, other.meter_no),
        *(other.previous_reading_id, other.share),
    )


def between_m3(*, previous_m3: Decimal, current_m3: Decimal, is_below: bool = False) -> Decimal:
    """What a register counted from one index to another; below the first it has passed through zero.

    ``is_below``: it has not, and settles an estimate that was too high.
    """
    return current_m3 - previous_m3 + turned_m3(previous_m3=previous_m3, current_m3=current_m3, is_below=is_below)


def turned_m3(*, previous_m3: Decimal, current_m3: Decimal, is_below: bool = False) -> Decimal:
    """The range of a register that passed through zero between two indexes, 0 for one that did not.

    It stood near its end then, so that its range is the next power of ten; as ``between_m3`` where ``is_below``.
    """
    has_turned = current_m3 < previous_m3 and not is_below
    return Decimal(10) ** (previous_m3.adjusted() + 1) if has_turned else Decimal(0)


def is_water_taken(line: ChargeLine, *, lines: Sequence[ChargeLine] = ()) -> bool:
    """Whether a line of sewage rests on the meter of the water, and not on a device of its own."""
    if line.service is not Service.SEWAGE:
        return False
    water = [other for other in lines if other.service is Service.WATER and other.point_no == line.point_no]
    meters = {other.meter_no for other in water} | {part.meter_no for other in water for part in other.parts}
    return not water or line.meter_no in meters
