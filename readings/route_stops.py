"""Stops of reading routes: one row of ``route_stops.csv``."""

from dataclasses import dataclass
from datetime import date

from readings import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStopRow:
    """Where a point stands in a reader's walk, and where the meter sits; ``valid_from`` None is the day of import."""

    point_no: str
    route: str
    seq: int
    place: str
    note: str | None
    valid_from: date | None


def route_stop(row: dict[str, str]) -> RouteStopRow:
    """A row as a stop; refused with ``R101``, ``R106`` or ``R107``."""
    return RouteStopRow(
        point_no=fields.number(row, "point_no"),
        route=fields.route(row, "route"),
        seq=fields.integer(row, "seq", least=1, most=999_999),
        place=fields.words(row, "place"),
        note=fields.words(row, "note", optional=True) or None,
        valid_from=fields.optional_day(row, "valid_from"),
    )
