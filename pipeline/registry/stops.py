"""Stops of reading routes: a point's place in a walk, which follows the one before it and ends it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Connection

from pipeline.registry.rows import Decision
from pipeline.registry.write import Plan, Rows, named
from pipeline.work import warsaw_day
from readings.checks import Outcome
from readings.fields import RowRefused
from readings.route_stops import RouteStopRow
from readings.table import Line
from sql import registry
from sql.registry import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The newest stop of a point; ``stop_id`` is None for one that this file brings, by its decision's line."""

    stop_id: int | None
    row: RouteStopRow
    start: date
    line_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBook:
    """What became of the rows, which stored stops end when, and the days of each stop that is new."""

    decisions: tuple[Decision[RouteStopRow], ...]
    ended: Mapping[int, date]
    days: Mapping[int, tuple[date, date | None]]


def stop_book(
    rows: Iterable[tuple[Line, RouteStopRow]],
    *,
    standing: Mapping[str, Standing],
    point_nos: Collection[str],
    today: date,
) -> StopBook:
    """Rows in the order of their days; another place in a walk ends the one before on the day it begins."""
    newest = dict(standing)
    ended: dict[int, date] = {}
    days: dict[int, tuple[date, date | None]] = {}
    decisions = []
    for line, row in sorted(rows, key=lambda pair: (pair[1].valid_from or today, pair[0].line_no)):
        start = row.valid_from or today
        before = newest.get(row.point_no)
        if before is not None and _says(before, row):
            decisions.append(Decision(line=line, outcome=Outcome.DUPLICATE, fact=row))
            continue
        try:
            _check(row, start, before, point_nos)
        except RowRefused as refusal:
            decisions.append(_refused(line, row, refusal))
            continue
        if before is not None and before.stop_id is not None:
            ended[before.stop_id] = start
        elif before is not None and before.line_no is not None:
            days[before.line_no] = (before.start, start)
        days[line.line_no] = (start, None)
        newest[row.point_no] = Standing(stop_id=None, row=row, start=start, line_no=line.line_no)
        note = f"ends {before.row.route} {before.row.seq}" if before is not None else None
        decisions.append(Decision(line=line, outcome=Outcome.ACCEPTED, fact=row, note=note))
    return StopBook(decisions=tuple(decisions), ended=ended, days=days)


def plan_route_stops(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New stops, and the end of those that they follow."""
    today = warsaw_day(now)
    points = registry.ids_by_no(connection, "points", keys=(row.point_no for _, row in rows))
    stored = [named(row) for row in registry.find(connection, "route_stops", keys=points)]
    book = stop_book(
        rows, standing={one["point_no"]: _standing(**one) for one in stored}, point_nos=points, today=today
    )

    def write(connection: Connection, source: Source) -> None:
        for stop_id, until in book.ended.items():
            registry.end_route_stop(connection, stop_id=stop_id, until=until)
        taken = [(one.line.line_no, one.fact) for one in book.decisions if one.outcome is Outcome.ACCEPTED]
        registry.insert_facts(
            connection,
            table="route_stop",
            columns=("point_id", "route", "seq", "place", "note", "valid"),
            rows=(
                (line_no, (points[f.point_no], f.route, f.seq, f.place, f.note, registry.valid(*book.days[line_no])))
                for line_no, f in taken
            ),
            source=source,
        )

    return book.decisions, write


def _standing(*, stop_id: int, valid_from: date, valid_until: date | None, **fields: object) -> Standing:
    row = RouteStopRow(**fields, valid_from=valid_from)  # type: ignore[arg-type]
    return Standing(stop_id=stop_id if valid_until is None else None, row=row, start=valid_from)


def _says(before: Standing, row: RouteStopRow) -> bool:
    same = replace(before.row, valid_from=None) == replace(row, valid_from=None)
    return same and (row.valid_from is None or row.valid_from >= before.start)


def _check(row: RouteStopRow, start: date, before: Standing | None, point_nos: Collection[str]) -> None:
    if row.point_no not in point_nos:
        raise RowRefused("R110", f"point_no {row.point_no}")
    if before is None:
        return
    if start < before.start:
        raise RowRefused("R112", f"the point has a stop from {before.start} on, after {start}")
    if start == before.start and before.line_no is not None:
        raise RowRefused("R201", f"the point has another stop on {start} in line {before.line_no}")


def _refused(line: Line, row: RouteStopRow, refusal: RowRefused) -> Decision[RouteStopRow]:
    outcome = Outcome.QUARANTINED if refusal.code == "R201" else Outcome.REJECTED
    return Decision(line=line, outcome=outcome, fact=row, code=refusal.code, note=refusal.note)
