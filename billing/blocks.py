"""Progressive prices: which part of a volume lies in which block (Rozp. 2018 par. 14).

A m³ that lies exactly at a threshold belongs to the lower block. Thresholds are shared by days like volumes are: what a
threshold reaches by a day is reckoned and rounded, and a part of it is the difference of two of these.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from billing.charges import LineBlock
from billing.money import VOLUME
from billing.periods import Period
from billing.prices import BlockPer, PriceBlock

MONTH_DAYS = 30
"""A month of ``block_per = "month"``, as the norms of consumption count it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPart:
    """The m³ of a volume that lie in one block, and what each of them costs."""

    block: LineBlock
    net_zl: Decimal
    volume_m3: Decimal


def thresholds_of(
    *, blocks: Sequence[PriceBlock], per: BlockPer, part: Period, whole: Period, places: int
) -> tuple[Decimal, ...]:
    """From how many m³ on each block counts in ``part`` of a bill's days, to three places."""
    return tuple(
        _reached(one.from_m3, per, part.until, whole, places) - _reached(one.from_m3, per, part.start, whole, places)
        for one in blocks
    )


def in_blocks(
    volume_m3: Decimal, *, before_m3: Decimal, blocks: Sequence[PriceBlock], thresholds: Sequence[Decimal]
) -> Iterator[BlockPart]:
    """``volume_m3`` that comes on top of ``before_m3``, block by block; nothing at all is a part of the first block."""
    low_m3, high_m3 = sorted((before_m3, before_m3 + volume_m3))
    is_empty = volume_m3 == 0
    is_lowest = True
    for block, from_m3, until_m3 in zip(blocks, thresholds, (*thresholds[1:], None), strict=True):
        if until_m3 is not None and until_m3 <= from_m3:
            continue  # so few days that rounding leaves nothing of the block
        lower = low_m3 if is_lowest else max(low_m3, from_m3)
        is_lowest = False
        upper = high_m3 if until_m3 is None else min(high_m3, until_m3)
        if upper > lower or is_empty:
            size_m3 = (upper - lower) if volume_m3 > 0 else (lower - upper)
            inside = LineBlock(from_m3=from_m3, until_m3=until_m3)
            yield BlockPart(block=inside, net_zl=block.net_zl, volume_m3=volume_m3 if is_empty else size_m3)
        if is_empty:
            return


def _reached(threshold_m3: Decimal, per: BlockPer, day: date, whole: Period, places: int) -> Decimal:
    days = (day - whole.start).days
    if per is BlockPer.BILL and day == whole.until:
        return threshold_m3.quantize(VOLUME)
    reached = threshold_m3 * days / (whole.days if per is BlockPer.BILL else MONTH_DAYS)
    return reached.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP).quantize(VOLUME)
