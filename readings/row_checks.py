"""The checks of one row against its register: order in time (V01, V04 to V06), use (V07 to V12, V20, V22), V19, V21."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from billing.reading_checks import ALARMS_OF_LEAKS, RADIO_SOURCES, Finding, Severity, finding
from billing.reading_use import NewUse, Use, check_use, used_m3
from readings.history import History, Known, Measures, Point
from readings.places import Place
from readings.rows import ReadingRow

HOURS_A_DAY = 24
_At = tuple[datetime, Decimal]


def order_findings(reading: Known, place: Place, indexes: Sequence[_At], *, measures: Measures) -> list[Finding]:
    """V01 for another index at the same moment; V04, V05 or V06 when it is not between those before and after it."""
    if reading.index_m3 is None or not indexes:
        return []
    at = bisect_left(indexes, (reading.read_at, reading.index_m3))
    there = [index_m3 for moment, index_m3 in indexes[max(at - 1, 0) : at + 1] if moment == reading.read_at]
    if there and reading.index_m3 not in there:
        return [finding("V01", {"index_m3": reading.index_m3, "other_index_m3": there[0]})]
    here = (reading.read_at, reading.index_m3)
    steps = []
    if at and indexes[at - 1][1] > reading.index_m3:
        steps.append(_step(indexes[at - 1], here, neighbour="previous", place=place, measures=measures))
    after = indexes[at] if at < len(indexes) else None
    if after is not None and after[0] > reading.read_at and after[1] < reading.index_m3:
        steps.append(_step(here, after, neighbour="next", place=place, measures=measures))
    return sorted(steps, key=lambda one: (one.severity is not Severity.QUARANTINE, one.code))[:1]


def use_findings(row: ReadingRow, place: Place, *, measures: Measures) -> list[Finding]:
    """What the use up to this row says; a row that is not set aside becomes part of the history."""
    history = measures.histories.get(place.installation_id)
    if row.index_m3 is None or history is None:
        return []
    here = Point(row.read_on, row.index_m3, row.quality == "estimated")
    if not history.points:
        history.add(here, use=None)
        return []
    found = history.before(row.read_on, days_min=measures.rules.interval_days_min)
    point, before = found or (history.points[0], ())
    use = use_between(point, here, place=place, measures=measures)
    if use is None:
        return []
    estimates, actual_on = history.estimates() if here.estimated else (0, None)
    findings = check_use(
        NewUse(
            use=use,
            index_m3=row.index_m3,
            previous_m3=point.index_m3,
            source=row.source,
            quality=row.quality,
            before=before,
            group_m3_day=measures.group_m3_day.get(place.installation_id) if found else None,
            cap_m3_day=cap(place, measures),
            estimates=estimates,
            actual_on=actual_on,
        ),
        rules=measures.rules,
    )
    if found and point is history.points[-1] and not (findings and is_doubted(findings)):
        history.add(here, use=use)
    return findings


def use_between(one: Point, other: Point, *, place: Place, measures: Measures) -> Use | None:
    """What the register counted from one point to the next; None when they are of one day, or it ran backwards."""
    days = (other.read_on - one.read_on).days
    if days <= 0:
        return None
    volume_m3 = used_m3(
        one.index_m3,
        other.index_m3,
        dials=place.dials,
        models=measures.models,
        cap_m3_day=cap(place, measures),
        days=days,
    )
    return None if volume_m3 is None else Use(other.read_on, days, volume_m3, one.estimated or other.estimated)


def row_findings(row: ReadingRow, *, late: bool, measures: Measures) -> list[Finding]:
    """V21 for an alarm of the row; V19 for a device whose clock is wrong (``late``: out of order in its file)."""
    found = []
    leaks = ALARMS_OF_LEAKS.intersection(row.alarms) if row.alarms else ()
    if leaks:
        found.append(finding("V21", {"by": "alarm", "alarms": ",".join(sorted(leaks))}))
    if row.source in RADIO_SOURCES:
        sent_at = measures.sent_at
        if sent_at is not None and row.visited_at > sent_at + timedelta(hours=measures.rules.clock_hours):
            found.append(finding("V19", {"reason": "after_the_file", "sent_at": sent_at.isoformat()}))
        elif late:
            found.append(finding("V19", {"reason": "out_of_order"}))
    return found


def is_doubted(findings: Sequence[Finding]) -> bool:
    """Whether a finding sets the reading aside."""
    return any(one.severity is Severity.QUARANTINE for one in findings)


def cap(place: Place, measures: Measures) -> Decimal:
    """The most m³ a day that the meter can pass: by its Q3, else the utility's ``volume_max_m3_day``."""
    if place.q3_m3h is None:
        return measures.models.volume_max_m3_day
    return place.q3_m3h * HOURS_A_DAY


def fresh_history(points: Sequence[Point], earlier: Sequence[Use], *, place: Place, measures: Measures) -> History:
    """A register's history out of its stored points and the uses before them, both oldest first."""
    history = History(uses=[use for use in earlier if not points or use.until <= points[0].read_on])
    last = None
    for point in points:
        use = None if last is None else use_between(last, point, place=place, measures=measures)
        history.add(point, use=use)
        last = point
    return history


def _step(before: _At, after: _At, *, neighbour: str, place: Place, measures: Measures) -> Finding:
    """What it means that the index falls from ``before`` to ``after``; ``neighbour`` is the one that stood there."""
    days = max((after[0] - before[0]).days, 1)
    volume_m3 = used_m3(
        before[1], after[1], dials=place.dials, models=measures.models, cap_m3_day=cap(place, measures), days=days
    )
    own, other = (after, before) if neighbour == "previous" else (before, after)
    facts = {"index_m3": own[1], f"{neighbour}_index_m3": other[1], f"{neighbour}_at": other[0].isoformat()}
    if volume_m3 is None:
        return finding("V05", facts)
    return finding("V06", facts | {"volume_m3": volume_m3}) if volume_m3 else finding("V04", facts)
