"""What was agreed or found beside metered water, as dated facts: surfaces, excesses of sewage, terms of prognozy."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from sql.queries import queries

_Q = queries("agreements")

Fact = Literal["surface", "excess", "forecast"]


class DaysTaken(Exception):  # noqa: N818 - names what was found
    """The days overlap a fact of the same kind; the transaction must be rolled back."""


def point_at_work(connection: Connection, *, point_no: str, service: str) -> Row[Any] | None:
    """A point with the day up to which ``service`` is charged there and a cycle about to bill it, or None."""
    return connection.execute(_Q["point_at_work"], {"point_no": point_no, "service": service}).one_or_none()


def contract_at_work(connection: Connection, *, contract_no: str, day: date) -> Row[Any] | None:
    """A contract with its services on a day and a cycle about to bill its account, or None."""
    return connection.execute(_Q["contract_at_work"], {"contract_no": contract_no, "day": day}).one_or_none()


def begin(connection: Connection, fact: Fact, values: Mapping[str, Any]) -> None:
    """Write a fact that holds from ``values["day"]`` until further notice.

    Raises:
        DaysTaken: another one holds on some of these days.
    """
    try:
        connection.execute(_Q[f"insert_{fact}"], dict(values))
    except IntegrityError as error:
        raise DaysTaken from error


def end(connection: Connection, fact: Fact, values: Mapping[str, Any]) -> bool:
    """End the fact that holds until further notice on ``values["day"]``; False when there is none.

    One that begins on that day or later never came to hold.
    """
    return bool(connection.execute(_Q[f"end_{fact}"], dict(values)).rowcount)


def listed(connection: Connection, fact: Fact, *, of: str | None) -> Sequence[Row[Any]]:
    """The facts of a point (of a contract for forecasts), or all."""
    plural = {"surface": "surfaces", "excess": "excesses", "forecast": "forecasts"}[fact]
    key = "contract_no" if fact == "forecast" else "point_no"
    return connection.execute(_Q[plural], {key: of}).all()
