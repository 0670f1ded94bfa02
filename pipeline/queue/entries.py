"""The readings that wait for a person."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from pipeline.work import Work, warsaw_day
from sql.clock import business_now
from sql.reading_queue import waiting_readings

COLUMNS = (
    *("reading_id", "read_on", "age_days", "point_no", "meter_no", "register", "index_m3", "source", "state", "codes"),
    *("owner", "route", "account_no", "asked_m3", "asked_by"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which of the waiting readings: by a finding's code, billing route, whom it is for, and age in days."""

    code: str | None = None
    route: str | None = None
    owner: str | None = None
    older_than: int = 0


def run(work: Work, *, asked: Filter) -> list[dict[str, Any]]:
    """The waiting readings that the filter lets through, oldest first."""
    with work.engine.connect() as connection:
        return waiting(connection, asked=asked)


def waiting(connection: Connection, *, asked: Filter) -> list[dict[str, Any]]:
    """The same within a transaction."""
    rows = waiting_readings(
        connection,
        today=warsaw_day(business_now(connection)),
        code=asked.code,
        route=asked.route,
        owner=asked.owner,
        older_than=asked.older_than,
    )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public way to a row's names
