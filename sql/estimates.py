"""Estimates: what is known of registers that nobody could read, and estimates written down with their inputs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from billing.canonical import canonical_json
from billing.estimation import ClassUse, Estimate, Used
from billing.periods import Period
from sql.queries import queries
from sql.readings import NewReading, insert_readings

_Q = queries("estimates")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEstimate:
    """An estimate to be written as a reading: its place and moment, the reading it goes on from, and its method."""

    reading: NewReading
    since_reading_id: int
    estimate: Estimate


def registers_to_estimate(
    connection: Connection, *, wanted: Sequence[tuple[int, date, int | None]]
) -> Sequence[Row[Any]]:
    """Each register (installation id, day, the reading that the estimate stands for), in the order given."""
    asked = {
        "installation_ids": [one for one, _, _ in wanted],
        "days": [day for _, day, _ in wanted],
        "reading_ids": [reading_id for _, _, reading_id in wanted],
    }
    return connection.execute(_Q["registers"], asked).all()


def use_between_readings(
    connection: Connection, *, installation_ids: Iterable[int], since: date
) -> Mapping[int, list[Used]]:
    """What each register used between readings that somebody took, by installation id; oldest first."""
    found: dict[int, list[Used]] = defaultdict(list)
    asked = {"installation_ids": sorted(set(installation_ids)), "since": since}
    for row in connection.execute(_Q["history"], asked):
        period = Period(start=row.from_day, until=row.until_day)
        found[row.asked].append(Used(period=period, volume_m3=row.volume_m3, source=row.source))
    return found


def use_of_classes(connection: Connection, *, year: Period) -> dict[str, ClassUse]:
    """What the points of each tariff class used together in the periods billed of a year."""
    rows = connection.execute(_Q["class_use"], {"since": year.start, "until": year.until})
    return {
        row.tariff_class: ClassUse(
            tariff_class=row.tariff_class, points=row.points, days=row.days, volume_m3=row.volume_m3
        )
        for row in rows
    }


def insert_estimates(
    connection: Connection, *, estimates: Sequence[NewEstimate], note: str, by: str, via: str
) -> dict[int, int]:
    """Write estimates as readings with their methods; the new readings' ids by installation id."""
    insert_readings(connection, readings=(one.reading for one in estimates))
    places = {
        "installation_ids": [one.reading.installation_id for one in estimates],
        "read_ats": [one.reading.read_at for one in estimates],
    }
    connection.execute(
        _Q["insert_estimates"],
        places
        | {
            "since_reading_ids": [one.since_reading_id for one in estimates],
            "whys": [one.estimate.why.value for one in estimates],
            "methods": [one.estimate.method.value for one in estimates],
            "versions": [one.estimate.formula_version for one in estimates],
            "volumes_m3": [one.estimate.volume_m3 for one in estimates],
            "inputs": [canonical_json(one.estimate.inputs) for one in estimates],
            "note": note,
            "estimated_by": by,
            "estimated_via": via,
        },
    )
    return {row.installation_id: row.reading_id for row in connection.execute(_Q["estimates_at"], places)}


def place_of_meter(connection: Connection, *, meter_no: str, register: int, on_day: date) -> int | None:
    """The installation of a meter's register on a day, or None."""
    asked = {"meter_no": meter_no, "register": register, "on_day": on_day}
    found: int | None = connection.execute(_Q["place_of_meter"], asked).scalar_one_or_none()
    return found


def registers_to_visit(
    connection: Connection, *, today: date, unread_since: date, periods_max: int, route: str | None
) -> Sequence[Row[Any]]:
    """Registers that had ``periods_max`` estimates in a row, or that nobody has read since a day before that one."""
    asked = {"today": today, "unread_since": unread_since, "periods_max": periods_max, "route": route}
    return connection.execute(_Q["visits"], asked).all()


def installations_of(connection: Connection, *, reading_ids: Iterable[int]) -> dict[int, int]:
    """The installation of each reading."""
    rows = connection.execute(_Q["installations_of"], {"reading_ids": sorted(set(reading_ids))})
    return {row.reading_id: row.installation_id for row in rows}


def estimate_reading(place: Row[Any], *, read_at: datetime, read_on: date, index_m3: Any) -> NewReading:
    """The reading that an estimate is: nobody took it."""
    return NewReading(
        installation_id=place.installation_id,
        meter_id=place.meter_id,
        register=place.register,
        read_at=read_at,
        read_on=read_on,
        source="estimate",
        quality="estimated",
        index_m3=index_m3,
        index_received=str(index_m3),
        unit_received="m3",
        reason_code=None,
        state="VALID",
        alarms=(),
        details={},
        external_id=None,
        line_no=None,
    )
