"""A reading file judged a part at a time beside what the database has: memory for a part, whatever the file's size."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row

from billing.reading_checks import EXCHANGE_SOURCES
from billing.utility import Utility
from pipeline.collect_measures import before_file, file_time, gather
from pipeline.collect_results import FileResults
from readings.checks import Judged, judge
from readings.files import ReadingFile
from readings.history import Known
from readings.parts import Parts, Survey
from readings.places import Place, Registry, locate, registry_of
from readings.rows import ReadingRow
from sql.clock import business_now
from sql.readings import known_points, meters_of_external_ids, places, registers, stored_readings

PART_ROWS: Final = 5000
"""Rows that are held in memory at once."""

T = TypeVar("T")
_Rows = Sequence[tuple[ReadingRow, Place | str]]


def judge_file(
    connection: Connection,
    file: ReadingFile,
    *,
    utility: Utility,
    file_name: str,
    take: Callable[[Sequence[Judged]], None],
    part_rows: int = PART_ROWS,
) -> FileResults:
    """What becomes of every row; ``take`` is given each part, in the order of reading time, and may write it.

    The outcome is that of the whole file judged at once: see ``readings.parts``.
    """
    parts = survey(connection, file, part_rows=part_rows)
    before = before_file(connection, utility=utility, on_day=parts.on_day)
    sent_at, now = file_time(file_name), business_now(connection)
    results = FileResults(file.lines)

    def judge_part(part: Sequence[int]) -> list[Judged]:
        located = _located(connection, file, parts, part)
        known = _known(connection, located, external_ids=_named(located, parts, part))
        measures = gather(connection, located, utility=utility, sent_at=sent_at, before=before)
        return judge(located, known=known, now=now, measures=measures)

    for part in parts.places:
        _hand_on(judge_part(part), results, take)
    return results


def survey(connection: Connection, file: ReadingFile, *, part_rows: int) -> Parts:
    """Which rows must be judged together, after a look at each."""
    found = Survey()
    for start in range(0, len(file.lines), part_rows):
        _look(connection, file, range(start, min(start + part_rows, len(file.lines))), found)
    return found.parts(size=part_rows)


def _look(connection: Connection, file: ReadingFile, part: Sequence[int], found: Survey) -> None:
    rows = list(file.rows(part))
    registry = _registry(connection, rows)
    external_ids = {row.external_id for row in rows if row.external_id}
    meters = meters_of_external_ids(connection, external_ids=external_ids) if external_ids else {}
    for row in rows:
        stored = meters.get(row.external_id) if row.external_id else None
        found.add(row, locate(row, registry=registry), stored=stored)


def _hand_on(judged: Sequence[Judged], results: FileResults, take: Callable[[Sequence[Judged]], None]) -> None:
    """A function of its own, so that nothing holds a part while the next one is judged."""
    results.add(judged)
    take(judged)


def _registry(connection: Connection, rows: Sequence[ReadingRow]) -> Registry:
    meter_nos = {row.meter_no for row in rows if row.meter_no}
    point_nos = {row.service_point for row in rows if row.service_point}
    found = places(connection, meter_nos=meter_nos, point_nos=point_nos)
    return registry_of(_of_rows(Place, found), points=known_points(connection, point_nos=point_nos))


def _located(
    connection: Connection, file: ReadingFile, parts: Parts, part: Sequence[int]
) -> list[tuple[ReadingRow, Place | str]]:
    found = registers(connection, installation_ids=parts.installation_ids(part))
    known = {place.installation_id: place for place in _of_rows(Place, found)}
    return [(row, parts.where(place, registers=known)) for place, row in zip(part, file.rows(part), strict=True)]


def _named(located: _Rows, parts: Parts, part: Sequence[int]) -> set[str]:
    """The external ids of rows that stored readings have too."""
    if not any(parts.named):
        return set()
    return {
        row.external_id
        for place, (row, _) in zip(part, located, strict=True)
        if parts.is_named(place) and row.external_id
    }


def _known(connection: Connection, located: _Rows, *, external_ids: set[str]) -> Iterator[Known]:
    stored = stored_readings(
        connection,
        wanted=[(*register, since) for register, since in _earliest(located).items()],
        external_ids=external_ids,
        exchanged={
            place.installation_id
            for row, place in located
            if isinstance(place, Place) and row.source in EXCHANGE_SOURCES
        },
    )
    return _of_rows(Known, stored)


def _of_rows(kind: Callable[..., T], rows: Sequence[Row[Any]]) -> Iterator[T]:
    """Rows as what they are columns of; their names are asked for once, which takes longer than to read one."""
    names = rows[0]._fields if rows else ()  # SQLAlchemy's documented way to a row's names
    return (kind(**dict(zip(names, row, strict=True))) for row in rows)


def _earliest(located: _Rows) -> dict[tuple[int, int, int], datetime]:
    """The first reading time of each register in the part, by installation, meter and register."""
    earliest: dict[tuple[int, int, int], datetime] = {}
    for row, place in located:
        if isinstance(place, Place):
            register = (place.installation_id, place.meter_id, place.register)
            earliest[register] = min(row.read_at, earliest.get(register, row.read_at))
    return earliest
