"""What registers used before: ends of their intervals, predecessors, the old system's periods, the tariff class."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from sql.queries import queries

_Q = queries("history")
GROUP_SAMPLE = 500
"""Meters of a tariff class that its median is taken from."""


def points(
    connection: Connection, *, before: Mapping[int, date], days_min: int, most: int, newest: int
) -> Sequence[Row[Any]]:
    """The last ``most`` ends of intervals of each register (installation id) before its day, oldest first.

    Readings after the id ``newest`` are left out. ``ordinals`` (proleptic days) and ``indexes_m3`` have them as words,
    ``qualities`` as letters: ``e`` an estimate.
    """
    parameters = {
        "installation_ids": list(before),
        "days": list(before.values()),
        "days_min": days_min,
        "most": most,
        "newest": newest,
    }
    return connection.execute(_Q["points"], parameters).all()


def predecessors(connection: Connection, *, installation_ids: Collection[int]) -> Sequence[Row[Any]]:
    """The registers before these at the same points: ``installation_id``, ``earlier_id``, ``removed_on``, ``dials``."""
    return connection.execute(_Q["predecessors"], {"installation_ids": sorted(installation_ids)}).all()


def old_uses(connection: Connection, *, installation_ids: Collection[int]) -> dict[int, list[Row[Any]]]:
    """The periods that the old system billed, oldest first."""
    return _grouped(connection.execute(_Q["old_uses"], {"installation_ids": sorted(installation_ids)}).all())


def group_use(
    connection: Connection, *, on_day: date, days_min: int, meters_min: int, newest: int
) -> dict[str, Decimal]:
    """The median m³ a day of each tariff class with at least ``meters_min`` meters to tell it from.

    Readings after the id ``newest`` are left out.
    """
    rows = connection.execute(
        _Q["group_use"],
        {
            "on_day": on_day,
            "days_min": days_min,
            "meters_min": meters_min,
            "sample": GROUP_SAMPLE,
            "newest": newest,
        },
    )
    return {row.tariff_class: row.m3_day for row in rows}


def classes(connection: Connection, *, installation_ids: Collection[int], on_day: date) -> dict[int, str]:
    """The tariff class of the main registers among these."""
    parameters = {"installation_ids": sorted(installation_ids), "on_day": on_day}
    return {row.installation_id: row.tariff_class for row in connection.execute(_Q["classes"], parameters)}


def series(connection: Connection, *, since: Mapping[int, datetime], days: int) -> dict[int, list[Row[Any]]]:
    """The usable indexes of registers in so many days before a moment, oldest first."""
    parameters = {"installation_ids": list(since), "since": list(since.values()), "days": days}
    return _grouped(connection.execute(_Q["series"], parameters).all())


def _grouped(rows: Sequence[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.installation_id].append(row)
    return found
