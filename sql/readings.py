"""Readings: where a meter was, what is there already, and new ones in bulk."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.canonical import canonical_json
from sql.copying import copy_rows
from sql.queries import queries

_Q = queries("readings")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReading:
    """A reading to be written, with the line of its file, if it came in one; ``index_m3`` in m³ as received."""

    installation_id: int
    meter_id: int
    register: int
    read_at: datetime
    read_on: date
    source: str
    quality: str
    index_m3: Decimal | None
    index_received: str
    unit_received: str
    reason_code: str | None
    state: str
    alarms: tuple[str, ...]
    details: Any
    external_id: str | None
    line_no: int | None


def plain_reading(
    place: Row[Any], *, read_at: datetime, read_on: date, source: str, index_m3: Decimal, line_no: int | None
) -> NewReading:
    """An index in m³ that somebody saw on a register, with nothing else to tell of it."""
    return NewReading(
        installation_id=place.installation_id,
        meter_id=place.meter_id,
        register=place.register,
        read_at=read_at,
        read_on=read_on,
        source=source,
        quality="actual",
        index_m3=index_m3,
        index_received=str(index_m3),
        unit_received="m3",
        reason_code=None,
        state="VALID",
        alarms=(),
        details={},
        external_id=None,
        line_no=line_no,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFinding:
    """A failed check of a reading, which is named by its key."""

    meter_id: int
    register: int
    read_at: datetime
    source: str
    code: str
    severity: str
    owner: str
    facts: Any


def places(connection: Connection, *, meter_nos: Iterable[str], point_nos: Iterable[str]) -> Sequence[Row[Any]]:
    """Every installation of the named meters and points, without the day up to which it is billed."""
    return connection.execute(_Q["places"], {"meter_nos": sorted(meter_nos), "point_nos": sorted(point_nos)}).all()


def registers(connection: Connection, *, installation_ids: Iterable[int]) -> Sequence[Row[Any]]:
    """Installations by their ids, with the day up to which each is billed."""
    return connection.execute(_Q["registers"], {"installation_ids": sorted(installation_ids)}).all()


def newest_reading(connection: Connection) -> int:
    """The id of the newest reading that there is; 0 when there is none."""
    return int(connection.execute(_Q["newest"]).scalar_one())


def meters_of_external_ids(connection: Connection, *, external_ids: Iterable[str]) -> dict[str, int]:
    """The meter id of the reading that has an external id, of those that a reading has."""
    rows = connection.execute(_Q["meters_of_external_ids"], {"external_ids": sorted(external_ids)})
    return {row.external_id: row.meter_id for row in rows}


def known_points(connection: Connection, *, point_nos: Iterable[str]) -> frozenset[str]:
    """Those of the named points that the registry has."""
    return frozenset(connection.execute(_Q["known_points"], {"point_nos": sorted(point_nos)}).scalars())


def stored_readings(
    connection: Connection,
    *,
    wanted: Iterable[tuple[int, int, int, datetime]],
    external_ids: Iterable[str],
    exchanged: Iterable[int] = (),
) -> Sequence[Row[Any]]:
    """Stored readings of ``wanted`` (installation id, meter id, register, since), and those with the external ids.

    A register gives all its readings from ``since`` on and the newest usable one before; the installations
    ``exchanged`` give their opening and removal readings, whenever they were.
    """
    installation_ids, meter_ids, registers, since = _turned(wanted, width=4)
    rows = connection.execute(
        _Q["stored_readings"],
        {"meter_ids": meter_ids, "registers": registers, "since": since, "installation_ids": installation_ids},
    ).all()
    ids = sorted(external_ids)
    named = connection.execute(_Q["readings_by_external_id"], {"external_ids": ids}).all() if ids else ()
    installations = sorted(set(exchanged))
    exchanges = (
        connection.execute(_Q["exchange_readings"], {"installation_ids": installations}).all() if installations else ()
    )
    return list(dict.fromkeys([*rows, *named, *exchanges])) if named or exchanges else rows


def insert_readings(
    connection: Connection, *, readings: Iterable[NewReading], file_id: int | None = None, change_id: int | None = None
) -> int:
    """Write readings of a file, or of a person's change, by COPY; how many."""
    return copy_rows(
        connection,
        table="reading",
        columns=(
            "installation_id", "meter_id", "register", "read_at", "read_on", "source", "quality", "index_m3",
            "index_received", "unit_received", "reason_code", "state", "alarms", "details", "external_id", "file_id",
            "line_no", "change_id",
        ),
        rows=(
            (
                new.installation_id, new.meter_id, new.register, new.read_at, new.read_on, new.source, new.quality,
                new.index_m3, new.index_received, new.unit_received, new.reason_code, new.state, new.alarms,
                _details(new.details), new.external_id, file_id, new.line_no, change_id,
            )
            for new in readings
        ),
    )  # fmt: skip


def insert_findings(connection: Connection, *, findings: Sequence[NewFinding]) -> None:
    """Write findings of readings that stand already."""
    if not findings:
        return
    rows = [
        (f.meter_id, f.register, f.read_at, f.source, f.code, f.severity, f.owner, canonical_json(f.facts))
        for f in findings
    ]
    names = ("meter_ids", "registers", "read_ats", "sources", "codes", "severities", "owners", "facts")
    connection.execute(_Q["insert_findings"], dict(zip(names, _turned(rows, width=8), strict=True)))


def _details(details: Any) -> str:
    return json.dumps(dict(details), ensure_ascii=False) if details else "{}"


def _turned(rows: Iterable[Sequence[Any]], *, width: int) -> list[list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]
