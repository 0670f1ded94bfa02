"""A quantity cut at days on which something begins: by a reading of that day, else by days.

By days the volume reached by a day is reckoned and rounded; a part is the difference of two of these. So parts always
sum to the whole, whoever cuts it and wherever else: two customers of one meter get what adds up to the metered volume.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from billing.charges import LineShare
from billing.money import VOLUME
from billing.periods import Period
from billing.quantities import Counted, Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a quantity; ``share`` is None where readings bound it on both sides."""

    period: Period
    volume_m3: Decimal
    counted: Counted | None
    share: LineShare | None


def pieces(quantity: Quantity, *, cuts: Collection[date], places: int) -> Iterator[Piece]:
    """``quantity`` cut at those of ``cuts`` that lie within its period, in order of days."""
    whole = quantity.period
    inner = sorted({day for day in cuts if whole.start < day < whole.until})
    if not inner:
        yield Piece(period=whole, volume_m3=quantity.volume_m3, counted=quantity.counted, share=None)
        return
    for segment in _segments(quantity, inner):
        days = [day for day in inner if segment.period.start < day < segment.period.until]
        yield from _by_days(segment, days, places)


def needs_days(quantity: Quantity, *, cuts: Collection[date]) -> date | None:
    """The first of ``cuts`` within the period of which there is no reading."""
    known = {one.day for one in quantity.known}
    whole = quantity.period
    return min((day for day in cuts if whole.start < day < whole.until and day not in known), default=None)


def volume_by(day: date, *, period: Period, volume_m3: Decimal, places: int) -> Decimal:
    """The volume reached by the beginning of ``day``, even use supposed, rounded half up to ``places``."""
    reached = volume_m3 * (day - period.start).days / period.days
    return reached.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP).quantize(VOLUME)


def _segments(quantity: Quantity, cuts: Collection[date]) -> list[Piece]:
    """The quantity between readings of its own: the first, those on the days of the cuts, and the last."""
    counted = quantity.counted
    used = sorted((one for one in quantity.known if one.day in cuts), key=lambda one: one.day) if counted else []
    if counted is None or not used:
        return [Piece(period=quantity.period, volume_m3=quantity.volume_m3, counted=counted, share=None)]
    edges = [
        (quantity.period.start, VOLUME * 0, counted.previous_reading_id, counted.previous_index_m3),
        *((one.day, one.volume_m3, one.reading_id, one.index_m3) for one in used),
        (quantity.period.until, quantity.volume_m3, counted.current_reading_id, counted.current_index_m3),
    ]
    return [
        Piece(
            period=Period(start=start, until=until),
            volume_m3=reached - before,
            counted=Counted(
                meter_no=counted.meter_no,
                previous_reading_id=previous_id,
                current_reading_id=current_id,
                previous_index_m3=previous_m3,
                current_index_m3=current_m3,
            ),
            share=None,
        )
        for (start, before, previous_id, previous_m3), (until, reached, current_id, current_m3) in pairwise(edges)
    ]


def _by_days(segment: Piece, cuts: Collection[date], places: int) -> Iterator[Piece]:
    if not cuts:
        yield segment
        return
    whole = segment.period
    edges = (whole.start, *cuts, whole.until)
    reached = [
        segment.volume_m3
        if day == whole.until
        else volume_by(day, period=whole, volume_m3=segment.volume_m3, places=places)
        for day in edges
    ]
    for (start, before), (until, after) in pairwise(zip(edges, reached, strict=True)):
        period = Period(start=start, until=until)
        share = LineShare(
            days=period.days,
            of_days=whole.days,
            of_m3=segment.volume_m3.quantize(VOLUME),
            after_days=(start - whole.start).days,
        )
        yield Piece(period=period, volume_m3=after - before, counted=segment.counted, share=share)
