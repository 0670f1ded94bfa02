"""Looking things up for people: one invoice, one delivery, what a cycle has left behind. Nothing here writes."""

from typing import Any

from sqlalchemy import Connection

from billing.periods import Period
from sql.queries import queries

_Q = queries("front")

Found = dict[str, Any]


def next_cycle_key(connection: Connection, *, period: Period, route_set: str) -> str:
    """The key that a cycle opened now would get."""
    span = {"start": period.start, "until": period.until, "route_set": route_set}
    revision = connection.execute(queries("cycles")["next_revision"], span).scalar_one()
    return f"{period.word()}~{route_set}~{revision}"


def cycle_run(connection: Connection, *, cycle_key: str) -> Found | None:
    """State and Airflow run of a cycle; None when there is no such cycle."""
    return _one(connection, "cycle_run", cycle_key=cycle_key)


def delivery(connection: Connection, *, invoice_no: str) -> list[Found]:
    """The deliveries of an invoice, each with its attempts; empty when there is no such invoice."""
    found = _all(connection, "delivery", invoice_no=invoice_no)
    for row in found:
        row["attempt_list"] = _all(connection, "attempts", delivery_id=row["delivery_id"])
    return found


def invoice(connection: Connection, *, invoice_no: str) -> Found | None:
    """An invoice with its frozen ``content``; None when there is no such invoice."""
    return _one(connection, "invoice", invoice_no=invoice_no)


def contents_before(connection: Connection, *, invoice_no: str) -> list[str]:
    """Frozen contents of the invoices of water or sewage that the account got before this one, newest first.

    Each as the last correction of it before this one put it; invoices of ordered services alone do not count.
    """
    return list(connection.execute(_Q["contents_before"], {"invoice_no": invoice_no}).scalars())


def reading_as_received(connection: Connection, *, reading_id: int) -> Found:
    """A reading with the row and the file that it came in, or the change that it was typed with."""
    return dict(connection.execute(_Q["reading_as_received"], {"reading_id": reading_id}).mappings().one())


def mailed_invoice(connection: Connection, *, cycle_key: str) -> Found | None:
    """The first invoice of a cycle that a mail server has accepted; None when there is none."""
    return _one(connection, "mailed_invoice", cycle_key=cycle_key)


def print_packages(connection: Connection, *, cycle_key: str) -> list[Found]:
    """The print packages of a cycle."""
    return _all(connection, "print_packages", cycle_key=cycle_key)


def clock_is_set(connection: Connection) -> bool:
    """Whether a demo's clock stands at a time that somebody has set."""
    return bool(connection.execute(_Q["clock_is_set"]).scalar_one())


def _one(connection: Connection, name: str, **values: Any) -> Found | None:
    row = connection.execute(_Q[name], values).mappings().one_or_none()
    return None if row is None else dict(row)


def _all(connection: Connection, name: str, **values: Any) -> list[Found]:
    return [dict(row) for row in connection.execute(_Q[name], values).mappings()]
