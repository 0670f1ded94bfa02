"""Deliveries: a work queue with fenced leases. Every change of state is appended to the evidence.

planned -> archived -> ready -> leased -> sending -> accepted; sending -> unknown when nobody knows; see
``docs/way-of-the-data.md``. No transaction stays open while a message is under way.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.queries import queries

_Q = queries("deliveries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A leased delivery: ``fence`` must still be the same whenever its holder writes."""

    delivery_id: UUID
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What ended an attempt: the outcome word and the relay's reply as far as there was one."""

    outcome: str
    reply_code: int | None = None
    reply_enhanced: str | None = None
    reply_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decided about a delivery: ``retry``, ``paper`` or ``accepted``, and why."""

    delivery_id: UUID
    decision: str
    decided_by: str
    decided_via: str
    note: str


class LeaseLost(Exception):  # noqa: N818 - names what was found
    """Another worker holds the delivery now; nothing was written, nothing may be sent."""


def release(connection: Connection, *, cycle_id: int | None) -> int:
    """Let archived documents leave; how many."""
    return _moved(connection, "release", "ready", {"cycle_id": cycle_id})


def owners_of_leases(connection: Connection) -> list[str]:
    """Who holds leases."""
    return [owner for owner in connection.execute(_Q["owners_of_leases"]).scalars() if owner]


def free_leases(connection: Connection, *, dead_owners: Sequence[str]) -> int:
    """Leases that ran out, or whose owner is dead, before the intent: ready again."""
    return _moved(connection, "free_leases", "ready", {"dead_owners": list(dead_owners)})


def doubt_sendings(connection: Connection, *, dead_owners: Sequence[str]) -> int:
    """The same after the intent: unknown, to be resolved by evidence only."""
    return _moved(connection, "doubt_sendings", "unknown", {"dead_owners": list(dead_owners)})


def expire(connection: Connection, *, minimum_days: int) -> int:
    """Documents whose payment term would fall below the lawful one if they left today: overdue, a person decides.

    What a person has decided to send all the same goes on.
    """
    return _moved(connection, "expire", "overdue", {"minimum_days": minimum_days})


def unknown_deliveries(connection: Connection) -> Sequence[Row[Any]]:
    """Deliveries in doubt, locked, with the moment of their last intent."""
    return connection.execute(_Q["unknown_deliveries"]).all()


def resolve(connection: Connection, *, delivery_id: UUID, state: str, answer: Answer) -> None:
    """End a doubt by evidence: ``accepted`` when the relay has the message, ``ready`` when it has not."""
    words = {"outcome": answer.outcome, "reply_text": answer.reply_text}
    connection.execute(_Q["resolve"], {"delivery_id": delivery_id, "state": state, **words})
    _record(connection, [delivery_id], kind=state, body={"resolved": answer.outcome, "evidence": answer.reply_text})


def claim(connection: Connection, *, cycle_id: int | None, owner: str, batch: int, lease_s: float) -> list[Claim]:
    """Lease up to ``batch`` e-mails that are ready, skipping those that others are just taking."""
    rows = connection.execute(
        _Q["claim"], {"cycle_id": cycle_id, "owner": owner, "batch": batch, "lease_s": lease_s}
    ).all()
    _record(connection, [row.delivery_id for row in rows], kind="leased", body={"owner": owner})
    return [Claim(delivery_id=row.delivery_id, fence=row.fence) for row in rows]


def claimed_mail(connection: Connection, *, claims: Iterable[Claim]) -> Sequence[Row[Any]]:
    """What is needed to send the claimed deliveries; ``agreed``: the address may still be written to today."""
    return connection.execute(_Q["claimed_mail"], {"delivery_ids": [claim.delivery_id for claim in claims]}).all()


def intend(
    connection: Connection, *, held: Claim, state: str, relay: str, mime_sha256: str | None, lease_s: float
) -> None:
    """Begin an attempt.

    ``sending`` says that the message is about to leave, and must be committed before the final dot; ``leased`` that
    it was refused before that.

    Raises:
        LeaseLost: the fence has moved on.
    """
    _fenced(connection, "intend", held, state=state, lease_s=lease_s, relay=relay, mime_sha256=mime_sha256)
    if state == "sending":
        _record(connection, [held.delivery_id], kind="sending", body={"relay": relay, "mime_sha256": mime_sha256})


def conclude(
    connection: Connection, *, held: Claim, source: str, state: str, answer: Answer, wait_s: float = 0
) -> None:
    """Write down what became of an attempt; ``wait_s`` delays the next one.

    The relay's words stand in ``attempt``; they may name the customer's address, so the chain holds only their hash.

    Raises:
        LeaseLost: the fence has moved on.
    """
    _fenced(
        connection,
        "conclude",
        held,
        source=source,
        state=state,
        wait_s=wait_s,
        outcome=answer.outcome,
        reply_code=answer.reply_code,
        reply_enhanced=answer.reply_enhanced,
        reply_text=answer.reply_text,
    )
    _record(
        connection,
        [held.delivery_id],
        kind=state,
        body={
            "outcome": answer.outcome,
            "reply_code": answer.reply_code,
            "reply_sha256": hashlib.sha256((answer.reply_text or "").encode()).hexdigest(),
        },
    )


def fall_back_to_paper(connection: Connection, *, delivery_id: UUID, paper_id: UUID) -> None:
    """A rejected e-mail becomes a letter the same day; a person's decision about it holds for the letter too."""
    made = connection.execute(_Q["fall_back_to_paper"], {"delivery_id": delivery_id, "paper_id": paper_id})
    _record(connection, list(made.scalars()), kind="ready", body={"instead_of": str(delivery_id)})


def cycles_with_letters(connection: Connection, *, cycle_id: int | None) -> Sequence[Row[Any]]:
    """Cycles that have letters to package, every one of them with its document."""
    return connection.execute(_Q["cycles_with_letters"], {"cycle_id": cycle_id}).all()


def letters(connection: Connection, *, cycle_id: int) -> Sequence[Row[Any]]:
    """The cycle's letters that wait for a package, locked."""
    return connection.execute(_Q["letters"], {"cycle_id": cycle_id}).all()


def block_letter(connection: Connection, *, delivery_id: UUID, reason: str) -> None:
    """Keep a letter out of the packages until a person has looked."""
    connection.execute(_Q["block_letter"], {"delivery_id": delivery_id, "reason": reason})
    _record(connection, [delivery_id], kind="blocked", body={"outcome": "blocked", "reply_text": reason})


def mark_dead(connection: Connection, *, delivery_id: UUID, dead_by: str) -> None:
    """The address of a delivery is dead, as ``dead_by`` learnt: no e-mail goes there until it is confirmed anew."""
    dead = connection.execute(_Q["mark_dead"], {"delivery_id": delivery_id, "dead_by": dead_by})
    for email_id in dead.scalars().all():
        _record(connection, [delivery_id], kind="address_dead", body={"email_id": email_id})


def next_package_no(connection: Connection, *, cycle_id: int, cycle_key: str) -> str:
    """The number that the cycle's next print package bears."""
    return f"{cycle_key}-P{connection.execute(_Q['next_package_no'], {'cycle_id': cycle_id}).scalar_one()}"


def insert_package(
    connection: Connection, *, cycle_id: int, package_no: str, path: str, sha256: str, delivery_ids: Sequence[UUID]
) -> None:
    """Record a print package and mark its letters."""
    package_id = connection.execute(
        _Q["insert_package"],
        {
            "package_no": package_no,
            "cycle_id": cycle_id,
            "path": path,
            "sha256": sha256,
            "letters": len(delivery_ids),
        },
    ).scalar_one()
    connection.execute(_Q["mark_packaged"], {"package_id": package_id, "delivery_ids": list(delivery_ids)})
    _record(connection, delivery_ids, kind="packaged", body={"package": package_no, "sha256": sha256})


def recorded_packages(connection: Connection, *, paths: Sequence[str]) -> set[str]:
    """Which of ``paths`` (relative to the home folder) are recorded print packages."""
    return set(connection.execute(_Q["recorded_packages"], {"paths": list(paths)}).scalars())


def deliveries_to_decide(connection: Connection, *, invoice_no: str) -> Sequence[Row[Any]]:
    """The deliveries of an invoice, locked, in order of their making."""
    return connection.execute(_Q["deliveries_to_decide"], {"invoice_no": invoice_no}).all()


def record_decision(connection: Connection, taken: Decision) -> None:
    """Write a person's decision down; the note may name people, so the chain holds only its hash."""
    words = {"decision": taken.decision, "decided_by": taken.decided_by, "decided_via": taken.decided_via}
    connection.execute(_Q["insert_decision"], {"delivery_id": taken.delivery_id, "note": taken.note, **words})
    note_sha256 = hashlib.sha256(taken.note.encode()).hexdigest()
    _record(connection, [taken.delivery_id], kind="decided", body={**words, "note_sha256": note_sha256})


def move_decided(connection: Connection, *, delivery_id: UUID, state: str, decided: bool) -> None:
    """Move a delivery on by a person's word; ``decided``: whatever is left of the customer's term to pay."""
    _moved(connection, "move_decided", state, {"delivery_id": delivery_id, "state": state, "decided": decided})


def listing(connection: Connection, name: str, **parameters: Any) -> Sequence[Row[Any]]:
    """One of the lists about deliveries: delivery_counts, accepted_mail, packages, deliveries_of_invoice."""
    return connection.execute(_Q[name], parameters).all()


def _fenced(connection: Connection, query: str, held: Claim, **parameters: Any) -> None:
    changed = connection.execute(
        _Q[query], {"delivery_id": held.delivery_id, "fence": held.fence, **parameters}
    ).rowcount
    if changed != 1:
        raise LeaseLost(str(held.delivery_id))


def _moved(connection: Connection, query: str, kind: str, parameters: dict[str, Any]) -> int:
    delivery_ids = list(connection.execute(_Q[query], parameters).scalars())
    _record(connection, delivery_ids, kind=kind, body={"by": query})
    return len(delivery_ids)


def _record(connection: Connection, delivery_ids: Iterable[UUID], *, kind: str, body: Any) -> None:
    moment: datetime = business_now(connection)
    append_events(
        connection,
        [
            Event(event_at=moment, subject=f"delivery:{delivery_id}", kind=kind, body=body)
            for delivery_id in delivery_ids
        ],
    )
