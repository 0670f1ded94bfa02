"""Meters against the database: what is known of them, and the writing of new ones with their first and last index."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from pipeline.registry.meters import Installed, MeterBook, meter_decisions
from pipeline.registry.rows import Decision
from pipeline.registry.write import Plan, Rows, named, taken
from readings.registry_facts import MeterRow
from readings.rows import noon
from sql import registry
from sql.cutover import find_cutover
from sql.readings import NewReading, insert_readings, plain_reading
from sql.registry import Source


def plan_meters(connection: Connection, rows: Rows, _now: datetime) -> Plan:
    """New meters with their opening readings, and the removal of those that they replace."""
    point_nos = {fact.point_no for _, fact in rows}
    points = registry.ids_by_no(connection, "point_ids", keys=point_nos)
    meter_nos = {fact.meter_no for _, fact in rows}
    book = MeterBook()
    for row in registry.find(connection, "installations", keys=meter_nos, point_nos=point_nos):
        fields = named(row)
        del fields["meter_id"]
        book.add(Installed(**fields))
    begun = find_cutover(connection)
    not_before = begun.as_of if begun is not None and begun.switched_by is not None else None
    decisions = list(meter_decisions(rows, book=book, point_nos=points, not_before=not_before))

    def write(connection: Connection, source: Source) -> None:
        _write_meters(connection, source, decisions, book, points)

    return decisions, write


def _write_meters(
    connection: Connection,
    source: Source,
    decisions: Sequence[Decision[MeterRow]],
    book: MeterBook,
    points: dict[str, int],
) -> None:
    for removal in book.removals:
        if removal.installed.installation_id is not None:
            registry.remove_installation(
                connection,
                installation_id=removal.installed.installation_id,
                removed_on=removal.removed_on,
                source=source,
            )
    rows = list(taken(decisions))
    meters = _write_new_meters(connection, source, rows)
    registry.insert_facts(
        connection,
        table="installation",
        columns=(
            *("point_id", "meter_id", "register", "dials", "decimals", "installed_on", "removed_on"),
            *("legalised_until", "purpose", "water_percent", "sewage_percent", "diameter_mm", "q3_m3h"),
        ),
        rows=(
            (
                line_no,
                (
                    points[row.point_no],
                    meters[row.meter_no],
                    row.register,
                    row.dials,
                    row.decimals,
                    row.installed_on,
                    book.removed_on(row),
                    row.legalised_until,
                    *(row.purpose, row.water_percent, row.sewage_percent, row.diameter_mm, row.q3_m3h),
                ),
            )
            for line_no, row in rows
        ),
        source=source,
    )
    _write_first_and_last(connection, source, rows, book)


def _write_new_meters(connection: Connection, source: Source, rows: Sequence[tuple[int, MeterRow]]) -> dict[str, int]:
    stored = registry.ids_by_no(connection, "meter_ids", keys=(row.meter_no for _, row in rows))
    fresh = {
        row.meter_no: (line_no, (row.meter_no, row.module_no)) for line_no, row in rows if row.meter_no not in stored
    }
    registry.insert_facts(
        connection, table="meter", columns=("meter_no", "module_no"), rows=fresh.values(), source=source
    )
    return stored | registry.ids_by_no(connection, "meter_ids", keys=fresh)


def _write_first_and_last(
    connection: Connection, source: Source, rows: Sequence[tuple[int, MeterRow]], book: MeterBook
) -> None:
    """The opening reading of each new meter, and the removal reading of each that it replaced."""
    lines = {row: source.of_line(line_no)[1] for line_no, row in rows}
    wanted = {row.meter_no for row in lines} | {removal.installed.meter_no for removal in book.removals}
    places = {
        (row.meter_no, row.register, row.installed_on): row
        for row in registry.find(connection, "installations", keys=wanted)
    }
    readings = []
    for row, line_no in lines.items():
        place = places[row.meter_no, row.register, row.installed_on]
        readings.append(_at_noon(place, row.installed_on, "exchange_install", row.opening_index_m3, line_no))
    for removal in book.removals:
        if removal.index_m3 is not None:
            gone = removal.installed
            place = places[gone.meter_no, gone.register, gone.installed_on]
            line_no = lines[removal.row]
            last = _at_noon(place, removal.removed_on, "exchange_removal", removal.index_m3, line_no)
            readings.append(replace(last, quality=removal.row.removal_quality))
    insert_readings(connection, file_id=source.file_id, change_id=source.change_id, readings=readings)


def _at_noon(place: Row[Any], day: date, source: str, index_m3: Decimal, line_no: int | None) -> NewReading:
    return plain_reading(place, read_at=noon(day), read_on=day, source=source, index_m3=index_m3, line_no=line_no)
