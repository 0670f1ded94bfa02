"""Readings that wait for a person, and what people decide about readings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.reading_life import Decision
from sql.queries import queries

_Q = queries("reading_queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDecision:
    """A decision to be written; ``decision_no`` is the next one of the reading."""

    reading_id: int
    decision_no: int
    decision: Decision
    index_m3: Decimal | None = None
    estimate_id: int | None = None
    request_id: int | None = None


def waiting_readings(
    connection: Connection, *, today: date, code: str | None, route: str | None, owner: str | None, older_than: int
) -> Sequence[Row[Any]]:
    """Readings that wait for a person, oldest first; ``older_than`` counts days since they were taken."""
    asked = {"today": today, "code": code, "route": route, "owner": owner, "older_than": older_than}
    return connection.execute(_Q["waiting"], asked).all()


def find_readings(connection: Connection, *, reading_ids: Iterable[int]) -> dict[int, Row[Any]]:
    """Those of the readings that there are, with state, meter and what bills them, by id."""
    rows = connection.execute(_Q["readings"], {"reading_ids": sorted(set(reading_ids))})
    return {row.reading_id: row for row in rows}


def accounts_of(connection: Connection, *, reading_ids: Iterable[int]) -> dict[int, Row[Any]]:
    """The account that pays up to each reading, by the reading's id."""
    rows = connection.execute(_Q["accounts_of"], {"reading_ids": sorted(set(reading_ids))})
    return {row.reading_id: row for row in rows}


def insert_decisions(
    connection: Connection, *, decisions: Sequence[NewDecision], reason: str, decided_by: str, decided_via: str
) -> None:
    """Write decisions; the database refuses one that does not follow from the state, or is about a billed reading."""
    connection.execute(
        _Q["insert_decisions"],
        {
            "reading_ids": [one.reading_id for one in decisions],
            "decision_nos": [one.decision_no for one in decisions],
            "decisions": [one.decision.value for one in decisions],
            "indexes_m3": [one.index_m3 for one in decisions],
            "estimate_ids": [one.estimate_id for one in decisions],
            "request_ids": [one.request_id for one in decisions],
            "reason": reason,
            "decided_by": decided_by,
            "decided_via": decided_via,
        },
    )


def insert_request(
    connection: Connection, *, reading_id: int, index_m3: Decimal, reason: str, asked_by: str, asked_via: str
) -> int:
    """Write that somebody asks for another index in place of an estimate; the number of the request."""
    asked = {"reading_id": reading_id, "index_m3": index_m3, "reason": reason}
    asked |= {"asked_by": asked_by, "asked_via": asked_via}
    number: int = connection.execute(_Q["insert_request"], asked).scalar_one()
    return number


def came_with(connection: Connection, *, reading_id: int) -> Row[Any]:
    """How a reading came: with the raw line of its file, the change of a person, or its estimate."""
    return connection.execute(_Q["came_with"], {"reading_id": reading_id}).one()


def findings_of(connection: Connection, *, reading_id: int) -> Sequence[Row[Any]]:
    """The failed checks of a reading."""
    return connection.execute(_Q["findings"], {"reading_id": reading_id}).all()


def decisions_of(connection: Connection, *, reading_id: int) -> Sequence[Row[Any]]:
    """What was decided about a reading, in order."""
    return connection.execute(_Q["decisions"], {"reading_id": reading_id}).all()


def history_before(connection: Connection, *, installation_id: int, before: datetime, most: int) -> Sequence[Row[Any]]:
    """The last usable readings of a register before a moment, one a day, newest first."""
    asked = {"installation_id": installation_id, "before": before, "most": most}
    return connection.execute(_Q["history"], asked).all()
