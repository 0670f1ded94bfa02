"""What the rows of a file are measured by, out of the database: set by set, never row by row."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from itertools import pairwise

from sqlalchemy import Connection

from billing.reading_series import Shown
from billing.reading_use import Use, is_mostly_estimated
from billing.utility import Utility
from readings.history import History, Measures, Point
from readings.places import Place
from readings.row_checks import fresh_history
from readings.rows import WARSAW, ReadingRow
from readings.series_checks import by_register, series_wanted
from sql import history as stored
from sql.readings import newest_reading

ONE_DAY = timedelta(days=1)
_SEASONS = 16
"""Intervals that reach back to the same season last year."""
_SENT = re.compile(r"_(\d{8}T\d{6})\.csv$")

Located = Sequence[tuple[ReadingRow, Place | str]]


def file_time(name: str) -> datetime | None:
    """When a supplier wrote a file, by its name ``<utility>_<source>_<yyyymmddThhmmss>.csv`` in Polish time."""
    match = _SENT.search(name)
    try:
        return None if match is None else datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=WARSAW)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What stood before a file, the same for each of its parts, although the parts before are written already.

    ``newest`` is the id of the newest reading, ``on_day`` the newest of the first days of the file's registers;
    ``medians`` tells the m³ a day of tariff classes on that day, and is not asked before they are needed.
    """

    newest: int
    on_day: date | None
    medians: Callable[[], Mapping[str, Decimal]]


def before_file(connection: Connection, *, utility: Utility, on_day: date | None) -> Before:
    """What stands now, before any row of a file is written."""
    newest = newest_reading(connection)
    rules = utility.checks
    medians = partial(
        stored.group_use,
        connection,
        on_day=on_day or date.max,
        days_min=rules.interval_days_min,
        meters_min=rules.group_meters_min,
        newest=newest,
    )
    return Before(newest=newest, on_day=on_day, medians=cache(medians))


def gather(
    connection: Connection, located: Located, *, utility: Utility, sent_at: datetime | None, before: Before
) -> Measures:
    """Histories, medians of tariff classes and dense series of the registers that a part of a file speaks of."""
    bare = Measures(rules=utility.checks, models=utility.models, sent_at=sent_at)
    places, first = _registers(located)
    if not first:
        return bare
    histories = _histories(connection, places, first, measures=bare, newest=before.newest)
    wanted = series_wanted(by_register(located))
    series = stored.series(connection, since=wanted, days=bare.rules.spike_days) if wanted else {}
    return replace(
        bare,
        histories=histories,
        group_m3_day=_groups(connection, histories, before=before, measures=bare),
        series={key: [Shown(row.read_at, row.index_m3) for row in rows] for key, rows in series.items()},
    )


def _registers(located: Located) -> tuple[dict[int, Place], dict[int, date]]:
    """The registers with an index in the file, and the day of the first one of each."""
    places: dict[int, Place] = {}
    first: dict[int, date] = {}
    for row, place in located:
        if isinstance(place, Place) and row.index_m3 is not None:
            key = place.installation_id
            places[key] = place
            day = first.get(key)
            if day is None or row.read_on < day:
                first[key] = row.read_on
    return places, first


def _histories(
    connection: Connection,
    places: Mapping[int, Place],
    first: Mapping[int, date],
    *,
    measures: Measures,
    newest: int,
) -> dict[int, History]:
    rules = measures.rules
    points = partial(_points, connection, measures=measures, newest=newest)
    most = max(rules.intervals_month, rules.intervals_quarter) + 1
    found = points(first, most=most)
    histories = {
        key: fresh_history(found.get(key, []), (), place=place, measures=measures) for key, place in places.items()
    }
    estimated = [
        key
        for key, history in histories.items()
        if any(use.estimated for use in history.uses)
        and any(
            is_mostly_estimated(history.uses[-last:], rules=rules)
            for last in (rules.intervals_month, rules.intervals_quarter)
        )
    ]
    deeper = points({key: first[key] for key in estimated}, most=_SEASONS)
    # a season ago may lie before the meter or the system that the estimates are of
    short = dict.fromkeys((*estimated, *(key for key, one in histories.items() if len(one.uses) < most - 1)))
    earlier = _earlier(connection, list(short), points=partial(points, most=most))
    for key in (*deeper, *earlier):
        own = deeper.get(key) or found.get(key, [])
        histories[key] = fresh_history(own, earlier.get(key, ()), place=places[key], measures=measures)
    return histories


def _points(
    connection: Connection, before: Mapping[int, date], *, measures: Measures, most: int, newest: int
) -> dict[int, list[Point]]:
    if not before:
        return {}
    rows = stored.points(connection, before=before, days_min=measures.rules.interval_days_min, most=most, newest=newest)
    return {
        row.installation_id: [
            Point(date.fromordinal(int(day)), Decimal(index_m3), quality == "e")
            for day, index_m3, quality in zip(row.ordinals.split(), row.indexes_m3.split(), row.qualities, strict=True)
        ]
        for row in rows
    }


def _earlier(
    connection: Connection,
    installation_ids: Sequence[int],
    *,
    points: Callable[[Mapping[int, date]], Mapping[int, Sequence[Point]]],
) -> dict[int, list[Use]]:
    """Uses before a register's own: of the meters before it at the point, and what the old system billed."""
    if not installation_ids:
        return {}
    links = stored.predecessors(connection, installation_ids=installation_ids)
    before = {link.earlier_id: link.removed_on + ONE_DAY for link in links}
    found = points(before)
    old = stored.old_uses(connection, installation_ids={*installation_ids, *before})
    uses: dict[int, list[Use]] = {}
    for key, earlier_id in [(key, key) for key in installation_ids] + [
        (link.installation_id, link.earlier_id) for link in links
    ]:
        billed = [Use(row.until, row.days, row.volume_m3, row.estimated) for row in old.get(earlier_id, ())]
        own = [] if earlier_id == key else _between(found.get(earlier_id, ()))
        known_from = min((use.start for use in own), default=None)
        older = [use for use in billed if known_from is None or use.until <= known_from]
        if older or own:
            uses.setdefault(key, []).extend((*older, *own))
    return {key: sorted(theirs, key=lambda use: use.until) for key, theirs in uses.items()}


def _between(points: Sequence[Point]) -> list[Use]:
    """The uses of a meter that is gone; where it seems to have run backwards there is none."""
    return [
        Use(
            other.read_on,
            (other.read_on - one.read_on).days,
            other.index_m3 - one.index_m3,
            one.estimated or other.estimated,
        )
        for one, other in pairwise(points)
        if other.index_m3 >= one.index_m3
    ]


def _groups(
    connection: Connection, histories: Mapping[int, History], *, before: Before, measures: Measures
) -> dict[int, Decimal]:
    """The median of the tariff class for each register that has too few intervals of its own."""
    rules = measures.rules
    fewest = min(rules.intervals_month, rules.intervals_quarter)
    young = [
        key
        for key, history in histories.items()
        if len(history.uses) < max(rules.intervals_month, rules.intervals_quarter)
        and (len(history.uses) < fewest or _is_quarterly(history, measures))
    ]
    if not young or before.on_day is None:
        return {}
    medians = before.medians()
    if not medians:
        return {}
    classes = stored.classes(connection, installation_ids=young, on_day=before.on_day)
    return {key: medians[name] for key, name in classes.items() if name in medians}


def _is_quarterly(history: History, measures: Measures) -> bool:
    return any(use.days >= measures.rules.quarter_from_days for use in history.uses)
