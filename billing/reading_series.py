"""Checks of a register's series in a file: V13, V14, V17, V18 and V21.

A series is what a radio network sends: one index after another, in the order of time. A spike, a gap and night flow can
only be seen where there are several readings a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from billing.reading_checks import Finding, finding
from billing.reading_rules import CheckRules

HOUR = timedelta(hours=1)
_AN_HOUR_AT_MOST = timedelta(minutes=90)
_NIGHT = range(1, 5)
_WEEK_HOURS = 7 * 24
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Shown:
    """An index at a moment; ``interval_m3`` is the use since the one before as the supplier has it, if he does."""

    read_at: datetime
    index_m3: Decimal
    interval_m3: Decimal | None = None


def two_series(shown: Sequence[Shown], *, rules: CheckRules) -> Finding | None:
    """V18: the index jumps down and up in turns, and down more than once: a single misread index does not."""
    turns = downs = last = 0
    for before, after in pairwise(shown):
        step_m3 = after.index_m3 - before.index_m3
        if abs(step_m3) <= rules.series_jump_m3:
            continue
        sign = 1 if step_m3 > 0 else -1
        if sign == last:
            turns = downs = 0
        turns, downs, last = turns + 1, downs + (sign < 0), sign
        if turns >= rules.series_jumps and downs > 1:
            facts = {"turns": turns, "at": after.read_at.isoformat()}
            return finding("V18", facts | {"index_m3": after.index_m3, "other_index_m3": before.index_m3})
    return None


def sum_differs(shown: Sequence[Shown], *, rules: CheckRules) -> Finding | None:
    """V17: the supplier's intervals against the difference of the indexes that they lead from and to."""
    intervals = [one.interval_m3 for one in shown[1:]]
    stated = [one for one in intervals if one is not None]
    if not stated or len(stated) < len(intervals):
        return None
    total_m3 = sum(stated, NOTHING)
    difference_m3 = shown[-1].index_m3 - shown[0].index_m3
    if abs(total_m3 - difference_m3) <= max(rules.sum_share * abs(difference_m3), rules.sum_m3):
        return None
    facts = {"intervals_m3": total_m3, "difference_m3": difference_m3, "since": shown[0].read_at.isoformat()}
    return finding("V17", facts)


def is_dense(shown: Sequence[Shown]) -> bool:
    """Whether most readings follow each other within an hour or so."""
    gaps = sorted(after.read_at - before.read_at for before, after in pairwise(shown))
    return bool(gaps) and gaps[len(gaps) // 2] <= _AN_HOUR_AT_MOST


def series_findings(
    shown: Sequence[Shown], *, since: datetime, local: Mapping[datetime, datetime], rules: CheckRules
) -> list[tuple[datetime, Finding]]:
    """V13, V14 and V21 of a dense series, each at the moment of the reading that shows it, from ``since`` on.

    What lies before ``since`` is what it is compared with. ``local`` has each moment by the clock on the wall.
    """
    found = [
        (after.read_at, finding("V14", {"hours": int((after.read_at - before.read_at) / HOUR), "reason": "gap"}))
        for before, after in pairwise(shown)
        if after.read_at >= since and after.read_at - before.read_at > rules.gap_hours * HOUR
    ]
    return [*found, *_spikes(shown, since, rules), *_nights(shown, since, local, rules)]


def _spikes(shown: Sequence[Shown], since: datetime, rules: CheckRules) -> list[tuple[datetime, Finding]]:
    """The worst hour of the new ones, against the percentile of the hours of the days before it."""
    hours = [
        (after.read_at, after.index_m3 - before.index_m3)
        for before, after in pairwise(shown)
        if after.read_at - before.read_at <= _AN_HOUR_AT_MOST
    ]
    new = [hour for hour in hours if hour[0] >= since]
    if not new:
        return []
    moment, used_m3 = max(new, key=lambda hour: hour[1])
    begin = moment - timedelta(days=rules.spike_days)
    usual = sorted(used for at, used in hours if begin <= at < moment)
    if len(usual) < _WEEK_HOURS:
        return []
    percentile = usual[(len(usual) - 1) * rules.spike_percentile // 100]
    if used_m3 <= rules.spike_ratio * percentile or percentile <= NOTHING:
        return []
    facts = {"used_m3": used_m3, "usual_m3": percentile, "percentile": rules.spike_percentile}
    return [(moment, finding("V13", facts))]


def _nights(
    shown: Sequence[Shown], since: datetime, local: Mapping[datetime, datetime], rules: CheckRules
) -> list[tuple[datetime, Finding]]:
    """The first reading that ends so many nights in a row with flow in every hour from one to five."""
    flowed: dict[date, set[int]] = {}
    ended: dict[date, datetime] = {}
    for before, after in pairwise(shown):
        if after.index_m3 > before.index_m3 and after.read_at - before.read_at <= _AN_HOUR_AT_MOST:
            at = local[before.read_at] + (after.read_at - before.read_at) / 2
            if at.hour in _NIGHT:
                flowed.setdefault(at.date(), set()).add(at.hour)
                ended[at.date()] = after.read_at
    in_a_row, last = 0, date.min
    for day in sorted(day for day, hours in flowed.items() if len(hours) == len(_NIGHT)):
        in_a_row = in_a_row + 1 if last + timedelta(days=1) == day else 1
        last = day
        if in_a_row >= rules.leak_nights and ended[day] >= since:
            return [(ended[day], finding("V21", {"by": "night_flow", "nights": in_a_row, "until": day}))]
    return []
