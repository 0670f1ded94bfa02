"""Between which indexes a reader should find a meter, from what it used a day in its last intervals.

The reader's device asks again outside of the limits; nothing is refused by them. Ratios and floor are those of the
wide band of the checks V08 and V09 (``billing.reading_rules``): use is high above ``high_ratio`` times the base *and*
``floor_m3_month`` above it, low below ``low_ratio`` times the base *and* as much below it. A meter without a finished
interval may stand anywhere from its last index up to what it can pass at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from billing.periods import Period
from billing.reading_rules import DAYS_A_MONTH, CheckRules
from billing.reading_use import NOTHING, daily_band

THREE_PLACES = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOn:
    """What a meter showed on a day, in m³."""

    read_on: date
    index_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The index that a meter should show in the middle of a round, the least at its start, the most at its end.

    ``use_m3_day`` is the base, None without a finished interval.
    """

    last: IndexOn | None
    use_m3_day: Decimal | None
    expected_index_m3: Decimal
    low_index_m3: Decimal
    high_index_m3: Decimal


def reading_limits(
    history: Sequence[IndexOn],
    *,
    days: Period,
    rules: CheckRules,
    volume_max_m3_day: Decimal,
    dials: int,
    decimals: int,
) -> Limits:
    """Limits of one register for a round on ``days``; ``history`` holds its last usable indexes, oldest first.

    Indexes are cut, raised or rounded to the meter's ``decimals`` and never have more digits than its ``dials``.
    """
    first_day, last_day = days.start, days.last_day
    if not history:
        return _limits(None, None, expected=NOTHING, low=NOTHING, high=Decimal(10**dials), dials=dials, places=decimals)
    last = history[-1]
    base = _base(history[-(rules.intervals_month + 1) :])
    low_day, high_day = _daily(base, rules=rules, volume_max_m3_day=volume_max_m3_day)
    middle = first_day + timedelta(days=days.days // 2)
    return _limits(
        last,
        base,
        expected=last.index_m3 + (base or NOTHING) * _days(last, middle),
        low=last.index_m3 + low_day * _days(last, first_day),
        high=last.index_m3 + high_day * _days(last, last_day),
        dials=dials,
        places=decimals,
    )


def _base(history: Sequence[IndexOn]) -> Decimal | None:
    """m³ a day over the whole of the last intervals, so that a short one weighs no more than its days."""
    days = (history[-1].read_on - history[0].read_on).days
    if days <= 0:
        return None
    return max(history[-1].index_m3 - history[0].index_m3, NOTHING) / days


def _daily(base: Decimal | None, *, rules: CheckRules, volume_max_m3_day: Decimal) -> tuple[Decimal, Decimal]:
    if base is None:
        return NOTHING, volume_max_m3_day
    return daily_band(base, floor_m3_day=rules.floor_m3_month / DAYS_A_MONTH, rules=rules, cap_m3_day=volume_max_m3_day)


def _days(last: IndexOn, day: date) -> int:
    return max((day - last.read_on).days, 0)


def _limits(
    last: IndexOn | None,
    base: Decimal | None,
    *,
    expected: Decimal,
    low: Decimal,
    high: Decimal,
    dials: int,
    places: int,
) -> Limits:
    step = Decimal(1).scaleb(-places)
    most = Decimal(10**dials) - step

    def shown(index_m3: Decimal, rounding: str) -> Decimal:
        return min(index_m3.quantize(step, rounding=rounding), most).quantize(THREE_PLACES)

    return Limits(
        last=last,
        use_m3_day=None if base is None else base.quantize(THREE_PLACES, rounding=ROUND_HALF_UP),
        expected_index_m3=shown(expected, ROUND_HALF_UP),
        low_index_m3=shown(low, ROUND_FLOOR),
        high_index_m3=shown(high, ROUND_CEILING),
    )
