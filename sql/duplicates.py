"""Duplicates of invoices: a document of its own for each day on which one was made out, sent on demand."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.queries import queries

_Q = queries("duplicates")


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateDelivery:
    """How a duplicate leaves; ``address`` and ``message_id`` are None on paper."""

    delivery_id: UUID
    channel: str
    address: str | None
    message_id: str | None


def find_invoice(connection: Connection, *, invoice_no: str, today: date) -> Row[Any] | None:
    """An invoice by its number, with the way agreed with its account today and who its parties are today."""
    return connection.execute(_Q["find_invoice"], {"invoice_no": invoice_no, "today": today}).one_or_none()


def note_duplicate(connection: Connection, *, invoice_no: str, duplicate_on: date, sha256: str, by: str) -> None:
    """Append to the evidence that a duplicate was made out."""
    body = {"duplicate_on": duplicate_on, "sha256": sha256, "by": by}
    _record(connection, f"invoice:{invoice_no}", "duplicated", body)


def find_duplicate(connection: Connection, *, invoice_id: int, duplicate_on: date) -> Row[Any]:
    """The duplicate of a day (``document_id``, ``archive_key``, ``sha256``): the one that was recorded first."""
    key = {"invoice_id": invoice_id, "duplicate_on": duplicate_on}
    return connection.execute(_Q["find_duplicate"], key).one()


def send_duplicate(
    connection: Connection, delivery: DuplicateDelivery, *, invoice_id: int, duplicate_on: date, document_id: int
) -> bool:
    """Plan the delivery of a duplicate; False when it is planned, or has left, already."""
    values = {name: getattr(delivery, name) for name in DuplicateDelivery.__dataclass_fields__}
    key = {"invoice_id": invoice_id, "duplicate_on": duplicate_on, "document_id": document_id}
    made = connection.execute(_Q["insert_delivery"], values | key).scalar_one_or_none()
    if made is None:
        return False
    connection.execute(_Q["archive_delivery"], {"delivery_id": made})
    _record(connection, f"delivery:{made}", "archived", {"duplicate_on": duplicate_on})
    return True


def _record(connection: Connection, subject: str, kind: str, body: Any) -> None:
    append_events(connection, [Event(event_at=business_now(connection), subject=subject, kind=kind, body=body)])
