"""Connections and points against the database; a point may lie behind another one, so parents are written first."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.registry.rows import Decision, point_decisions
from pipeline.registry.write import Plan, Rows, decide_simple, taken
from readings.checks import Outcome
from readings.registry_facts import ConnectionRow, PointRow
from sql import registry
from sql.registry import Source

_CONNECTION = ("connection_no", "service", "street", "postcode", "city", "diameter_mm", "built_on")
_POINT = ("point_no", "street", "postcode", "city", "water_connection_no", "sewage_connection_no", "parent_point_no")


def plan_connections(connection: Connection, rows: Rows, _now: datetime) -> Plan:
    """New connections."""
    decisions = decide_simple(connection, rows, kind="connections", columns=_CONNECTION, fact=ConnectionRow)

    def write(connection: Connection, source: Source) -> None:
        new = ((line_no, tuple(getattr(row, name) for name in _CONNECTION)) for line_no, row in taken(decisions))
        registry.insert_facts(connection, table="connection", columns=_CONNECTION, rows=new, source=source)

    return decisions, write


def plan_points(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New points of supply, each behind its parent if it has one, and the gminas of points."""
    named = {number for _, row in rows for number in (row.water_connection_no, row.sewage_connection_no) if number}
    services = {row.connection_no: row.service for row in registry.find(connection, "connections", keys=named)}
    stored = registry.ids_by_no(
        connection, "point_ids", keys=(row.parent_point_no for _, row in rows if row.parent_point_no)
    )
    decisions = [_connected(one, services) for one in point_decisions(rows, known=known_points(connection, rows))]
    new = (one.fact for one in decisions if one.outcome is Outcome.ACCEPTED and not one.ends)
    levels, lost = point_levels(new, stored=stored)
    decisions = [_placed(one, lost) for one in decisions]

    def write(connection: Connection, source: Source) -> None:
        pipes = registry.ids_by_no(connection, "connection_ids", keys=named)
        points = dict(stored)
        lines = {row.point_no: line_no for line_no, row in taken(decisions)}
        for level in levels:
            registry.insert_facts(
                connection,
                table="point",
                columns=(
                    *("point_no", "street", "postcode", "city"),
                    *("water_connection_id", "sewage_connection_id", "parent_point_id"),
                ),
                rows=((lines[row.point_no], _values(row, pipes, points)) for row in level),
                source=source,
            )
            points |= registry.ids_by_no(connection, "point_ids", keys=(row.point_no for row in level))
        _write_gminas(connection, source, decisions, now)

    return decisions, write


def known_points(connection: Connection, rows: Rows) -> list[PointRow]:
    """The points of the rows as the registry has them."""
    stored = registry.find(connection, "points", keys=(row.point_no for _, row in rows))
    return [PointRow(**{name: getattr(row, name) for name in (*_POINT, "gmina")}) for row in stored]


def _write_gminas(
    connection: Connection, source: Source, decisions: Sequence[Decision[PointRow]], now: datetime
) -> None:
    named = [one for one in decisions if one.outcome is Outcome.ACCEPTED and one.fact.gmina]
    ids = registry.ids_by_no(connection, "point_ids", keys=(one.fact.point_no for one in named))
    registry.insert_facts(
        connection,
        table="point_gmina",
        columns=("point_id", "gmina", "event_at"),
        rows=((one.line.line_no, (ids[one.fact.point_no], one.fact.gmina, now)) for one in named),
        source=source,
    )


def point_levels(rows: Iterable[PointRow], *, stored: Collection[str]) -> tuple[list[list[PointRow]], frozenset[str]]:
    """New points in the order of their depth, and the numbers of those whose parents lead nowhere or in a circle."""
    waiting = {row.point_no: row for row in rows}
    placed, levels = set(stored), []
    while level := [row for row in waiting.values() if row.parent_point_no is None or row.parent_point_no in placed]:
        levels.append(level)
        placed.update(row.point_no for row in level)
        for row in level:
            del waiting[row.point_no]
    return levels, frozenset(waiting)


def _connected(one: Decision[PointRow], services: Mapping[str, str]) -> Decision[PointRow]:
    for service, number in _connections(one.fact):
        if one.outcome is Outcome.ACCEPTED and services.get(number) != service:
            note = f"{service}_connection_no {number}"
            return replace(one, outcome=Outcome.REJECTED, code="R116", note=note)
    return one


def _connections(row: PointRow) -> Iterator[tuple[str, str]]:
    if row.water_connection_no:
        yield "water", row.water_connection_no
    if row.sewage_connection_no:
        yield "sewage", row.sewage_connection_no


def _placed(one: Decision[PointRow], lost: Collection[str]) -> Decision[PointRow]:
    if one.outcome is Outcome.ACCEPTED and not one.ends and one.fact.point_no in lost:
        note = f"parent_point_no {one.fact.parent_point_no}"
        return replace(one, outcome=Outcome.REJECTED, code="R117", note=note)
    return one


def _values(row: PointRow, pipes: Mapping[str, int], points: Mapping[str, int]) -> Sequence[Any]:
    return (
        *(row.point_no, row.street, row.postcode, row.city),
        pipes[row.water_connection_no] if row.water_connection_no else None,
        pipes[row.sewage_connection_no] if row.sewage_connection_no else None,
        points[row.parent_point_no] if row.parent_point_no else None,
    )
