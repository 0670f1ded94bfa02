"""Complaints: cases, what happened in them, and their outcomes. Every step of a case is appended to the evidence."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.answer_letters import ReceivedReading
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.locks import take_turn
from sql.queries import queries

_Q = queries("complaints")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who wrote something down, and through what."""

    name: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewComplaint:
    """A complaint as it came in, with the term for its answer; ``earlier_id`` is the ended case it goes on from."""

    year: int
    invoice_id: int
    earlier_id: int | None
    received_on: date
    received_via: str
    subject: str
    customer_text: str
    consumer: bool
    answer_until: date
    answer_basis: str
    silence_basis: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event of a case; ``happened_on`` is its day in the world, ``sent_via`` only for an answer."""

    kind: str
    happened_on: date
    words: str
    sent_via: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a case ends, and for a correction what it is to rest on: indexes by reading, and points."""

    outcome: str
    reason: str
    readings_m3: Mapping[int, Decimal]
    point_nos: Sequence[str]


def take_complaint_turn(connection: Connection) -> None:
    """One writer of complaints at a time: numbers and events follow one another."""
    take_turn(connection, "complaint")


def latest_of_invoice(connection: Connection, *, invoice_id: int) -> Row[Any] | None:
    """The newest case about an invoice (``complaint_id``, ``complaint_no``, ``outcome``), or None."""
    return connection.execute(_Q["latest_of_invoice"], {"invoice_id": invoice_id}).one_or_none()


def insert_complaint(connection: Connection, new: NewComplaint, *, by: Person) -> str:
    """Open a case under the next number of its year; that number."""
    values = {name: getattr(new, name) for name in NewComplaint.__dataclass_fields__}
    row = connection.execute(_Q["insert_complaint"], {**values, "recorded_by": by.name, "recorded_via": by.via}).one()
    opened = Happened(kind="opened", happened_on=new.received_on, words=f"received by {new.received_via}")
    body = {
        "invoice_id": new.invoice_id,
        "subject": new.subject,
        "answer_until": new.answer_until,
        "text_sha256": _sha256(new.customer_text),
    }
    insert_event(connection, row, opened, by=by, body=body)
    return str(row.complaint_no)


def insert_event(
    connection: Connection, case: Row[Any], happened: Happened, *, by: Person, body: Mapping[str, Any] | None = None
) -> int:
    """Append an event to a case, with its evidence (the words may name people, so only their hash); its number."""
    values = {
        "complaint_id": case.complaint_id,
        "kind": happened.kind,
        "happened_on": happened.happened_on,
        "sent_via": happened.sent_via,
        "words": happened.words,
        "recorded_by": by.name,
        "recorded_via": by.via,
    }
    event_no: int = connection.execute(_Q["insert_event"], values).scalar_one()
    proof = {"event_no": event_no, "happened_on": happened.happened_on, "words_sha256": _sha256(happened.words)}
    subject = f"complaint:{case.complaint_no}"
    content = {**proof, "by": by.name, "via": by.via, **(body or {})}
    append_events(
        connection,
        [Event(event_at=business_now(connection), subject=subject, kind=happened.kind, body=content)],
    )
    return event_no


def insert_ending(connection: Connection, case: Row[Any], ending: Ending, *, by: Person, on: date) -> int | None:
    """End a case; the number of the correction order that it gives, None for a refusal."""
    who = {"decided_by": by.name, "decided_via": by.via}
    order_id = _insert_order(connection, case, ending, who) if ending.outcome == "correction" else None
    values = {
        "complaint_id": case.complaint_id,
        "invoice_id": case.invoice_id,
        "outcome": ending.outcome,
        "reason": ending.reason,
        "answer_no": case.answer_no,
        "order_id": order_id,
    }
    connection.execute(_Q["insert_outcome"], {**values, **who})
    body = {
        "outcome": ending.outcome,
        "order_id": order_id,
        "readings": {str(key): index_m3 for key, index_m3 in ending.readings_m3.items()},
        "points": sorted(ending.point_nos),
    }
    insert_event(connection, case, Happened(kind="closed", happened_on=on, words=ending.reason), by=by, body=body)
    return order_id


def _insert_order(connection: Connection, case: Row[Any], ending: Ending, who: Mapping[str, str]) -> int:
    values = {"invoice_id": case.invoice_id, "reason": ending.reason, **who}
    order_id: int = connection.execute(_Q["insert_order"], values).scalar_one()
    readings = {"reading_ids": list(ending.readings_m3), "indexes_m3": list(ending.readings_m3.values())}
    connection.execute(_Q["insert_order_readings"], {"order_id": order_id, **readings})
    connection.execute(_Q["insert_order_points"], {"order_id": order_id, "point_nos": sorted(ending.point_nos)})
    return order_id


def cases(
    connection: Connection, *, complaint_no: str | None = None, only_open: bool = False, due: date | None = None
) -> Sequence[Row[Any]]:
    """Cases, those to be answered first. ``only_open``: not ended or not answered; ``due``: to be answered by then."""
    parameters = {"complaint_no": complaint_no, "only_open": only_open, "due": due}
    return connection.execute(_Q["cases"], parameters).all()


def events(connection: Connection, *, complaint_id: int) -> list[dict[str, Any]]:
    """What happened in a case, in order."""
    return [dict(row) for row in connection.execute(_Q["events"], {"complaint_id": complaint_id}).mappings()]


def order(connection: Connection, *, order_id: int) -> dict[str, Any]:
    """What a correction is to rest on: ``readings`` (as they were and as they should be) and ``points``.

    ``corrections`` are those that carry it out, with the run and its state; without a number before they are issued.
    """
    readings = connection.execute(_Q["order_readings"], {"order_id": order_id}).mappings()
    points = connection.execute(_Q["order_points"], {"order_id": order_id}).scalars()
    runs = connection.execute(_Q["order_corrections"], {"order_id": order_id}).mappings()
    return {
        "order_id": order_id,
        "readings": [dict(row) for row in readings],
        "points": list(points),
        "corrections": [dict(row) for row in runs],
    }


def corrections_since(connection: Connection, *, invoice_id: int) -> Sequence[Row[Any]]:
    """Issued corrections of an invoice, oldest first: ``invoice_no``, ``payable_zl`` and frozen ``content``."""
    return connection.execute(_Q["corrections_since"], {"invoice_id": invoice_id}).all()


def readings_as_received(connection: Connection, *, reading_ids: Sequence[int]) -> dict[int, ReceivedReading]:
    """Readings by their ids, with the index and unit as they were written in the file that brought them."""
    rows = connection.execute(_Q["readings_as_received"], {"reading_ids": list(reading_ids)}).mappings()
    return {
        row["reading_id"]: ReceivedReading(**{name: row[name] for name in ReceivedReading.__dataclass_fields__})
        for row in rows
    }


def _sha256(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()
