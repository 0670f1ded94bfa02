"""A quantity cut at days on which something begins: by a reading of that day, else by days.

By days the volume reached by a day is reckoned and rounded; a part is the difference of two of these. So parts always
sum to the whole, whoever cuts it and wherever else: two customers of one meter get what adds up to the metered volume.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from billing.charges import LinePart, LineShare
from billing.money import VOLUME
from billing.periods import Period
from billing.quantities import Counted, Known, Quantity
from billing.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a quantity; ``share`` is None where readings bound it on both sides."""

    period: Period
    volume_m3: Decimal
    counted: Counted | None
    share: LineShare | None
    parts: tuple[LinePart, ...] = ()


def pieces(quantity: Quantity, *, cuts: Collection[date], places: int) -> Iterator[Piece]:
    """``quantity`` cut at those of ``cuts`` that lie within its period, in order of days; its billed days only."""
    whole, own = quantity.period, quantity.billed
    inner: list[date] = []
    if own is not None or cuts:
        edges = (*cuts, own.start, own.until) if own is not None else cuts
        inner = sorted({day for day in edges if whole.start < day < whole.until})
    if not inner:
        yield Piece(
            period=whole,
            volume_m3=quantity.volume_m3,
            counted=quantity.counted,
            share=None,
            parts=quantity.parts,
        )
        return
    for segment in _segments(quantity, inner):
        days = [day for day in inner if segment.period.start < day < segment.period.until]
        for piece in _by_days(segment, days, places):
            if own is None or own.overlap(piece.period):
                yield piece


def needs_days(quantity: Quantity, *, cuts: Collection[date]) -> date | None:
    """The first of ``cuts`` within the period of which there is no reading."""
    known = {one.day for one in quantity.known}
    whole = quantity.billed or quantity.period
    return min((day for day in cuts if whole.start < day < whole.until and day not in known), default=None)


def volume_by(day: date, *, period: Period, volume_m3: Decimal, places: int) -> Decimal:
    """The volume reached by the beginning of ``day``, even use supposed, rounded half up to ``places``."""
    reached = volume_m3 * (day - period.start).days / period.days
    return reached.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP).quantize(VOLUME)


def _segments(quantity: Quantity, cuts: Collection[date]) -> list[Piece]:
    """The quantity between readings of its own: the first, those on the days of the cuts, and the last."""
    used = sorted((one for one in quantity.known if one.day in cuts), key=lambda one: one.day)
    whole = Known(
        day=quantity.period.until,
        volume_m3=quantity.volume_m3,
        reading_id=quantity.counted.current_reading_id if quantity.counted else None,
        index_m3=quantity.counted.current_index_m3 if quantity.counted else None,
        parts=quantity.parts,
    )
    pieces = []
    start, before = quantity.period.start, None
    for known in (*used, whole):
        pieces.append(
            Piece(
                period=Period(start=start, until=known.day),
                volume_m3=known.volume_m3 - (before.volume_m3 if before else VOLUME * 0),
                counted=_counted_between(quantity.counted, before, known),
                share=None,
                parts=_parts_between(before.parts if before else (), known.parts),
            )
        )
        start, before = known.day, known
    return pieces


def _counted_between(whole: Counted | None, before: Known | None, known: Known) -> Counted | None:
    if whole is None or known.reading_id is None or known.index_m3 is None:
        return None
    counted = replace(whole, current_reading_id=known.reading_id, current_index_m3=known.index_m3)
    if before is None or before.reading_id is None or before.index_m3 is None:
        return counted
    return replace(counted, previous_reading_id=before.reading_id, previous_index_m3=before.index_m3)


def _parts_between(before: Collection[LinePart], reached: Collection[LinePart]) -> tuple[LinePart, ...]:
    """What each register added since ``before``; those that added nothing more have gone, or been put in later."""
    earlier = {(part.meter_no, part.previous_reading_id): part for part in before}
    found = []
    for part in reached:
        known = earlier.get((part.meter_no, part.previous_reading_id))
        if known is None:
            found.append(part)
        elif known.current_reading_id != part.current_reading_id:
            found.append(
                replace(
                    part,
                    volume_m3=part.volume_m3 - known.volume_m3,
                    previous_reading_id=known.current_reading_id,
                    previous_index_m3=known.current_index_m3,
                    read=known.read and part.read and Period(start=known.read.until, until=part.read.until),
                )
            )
    return tuple(found)


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
        volume_m3 = after - before + 0  # no share is minus nothing
        yield Piece(period=period, volume_m3=volume_m3, counted=segment.counted, share=share, parts=segment.parts)
