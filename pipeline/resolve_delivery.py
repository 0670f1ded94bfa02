"""resolve_delivery: a person moves a delivery on that stands still, and says why."""

from typing import Any, Literal
from uuid import uuid5

from sqlalchemy import Connection, Row

from billing.law import payment_days_min
from pipeline.errors import OperatorError
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.deliveries import (
    Answer,
    Decision,
    deliveries_to_decide,
    fall_back_to_paper,
    move_decided,
    record_decision,
    resolve,
)

Choice = Literal["retry", "paper", "accepted"]

# what is decided, of which channel and state; the state it comes to
_TARGETS: dict[tuple[Choice, str, str], str] = {
    ("retry", "email", "blocked"): "ready",
    ("retry", "email", "overdue"): "ready",
    ("retry", "paper", "blocked"): "ready",
    ("retry", "paper", "overdue"): "ready",
    ("paper", "email", "blocked"): "rejected",
    ("paper", "email", "overdue"): "rejected",
    ("paper", "email", "unknown"): "rejected",
    ("paper", "paper", "overdue"): "ready",
    ("accepted", "email", "unknown"): "accepted",
}


def run(work: Work, *, invoice_no: str, decision: Choice, note: str) -> dict[str, str]:
    """Record what ``work.actor`` decided and do it; nothing leaves before the next deliver step.

    ``retry`` lets a blocked or overdue delivery leave; ``paper`` makes a letter of an e-mail that is blocked, overdue
    or unknown, or lets an overdue letter leave; ``accepted`` ends a doubt on the person's word. What may then leave
    although the customer keeps less than the lawful term to pay stays so decided.

    Raises:
        OperatorError: ``INVOICE_UNKNOWN``, ``NOTE_MISSING``, ``NOTE_UNREADABLE``, or ``DELIVERY_STATE``: no delivery
            of the invoice is in a state that this decision is for.
    """
    words = note_words(note)
    with step(work, "resolve_delivery") as (connection, record):
        rows = deliveries_to_decide(connection, invoice_no=invoice_no)
        if not rows:
            raise OperatorError("INVOICE_UNKNOWN", f"there is no invoice {invoice_no} with a delivery")
        row = next((row for row in rows if (decision, row.channel, row.state) in _TARGETS), None)
        if row is None:
            now = ", ".join(f"{row.channel} {row.state}" for row in rows)
            raise OperatorError("DELIVERY_STATE", f"{invoice_no} is {now}: nothing to decide as {decision}")
        taken = Decision(
            delivery_id=row.delivery_id,
            decision=decision,
            decided_by=work.actor.name,
            decided_via=work.actor.via,
            note=words,
        )
        state = _apply(connection, row, taken, state=_TARGETS[decision, row.channel, row.state])
        record.cycle_id, record.counts = row.cycle_id, {decision: 1}
    return {"invoice_no": invoice_no, "decision": decision, "channel": row.channel, "was": row.state, "state": state}


def note_words(note: str) -> str:
    """A person's note on one line.

    Raises:
        OperatorError: ``NOTE_MISSING``, ``NOTE_UNREADABLE``.
    """
    words = " ".join(note.replace("\0", " ").split())
    if not words:
        raise OperatorError("NOTE_MISSING", "say in the note why; it is kept with the decision")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise OperatorError("NOTE_UNREADABLE", "the note is no UTF-8 text") from None
    return words


def _apply(connection: Connection, row: Row[Any], taken: Decision, *, state: str) -> str:
    record_decision(connection, taken)
    if state == "accepted":
        answer = Answer(outcome="accepted", reply_text="a person's word, see the decision")
        resolve(connection, delivery_id=row.delivery_id, state=state, answer=answer)
        return state
    letter = taken.decision == "paper"
    move_decided(connection, delivery_id=row.delivery_id, state=state, decided=letter or _is_late(connection, row))
    if state == "rejected":
        fall_back_to_paper(connection, delivery_id=row.delivery_id, paper_id=uuid5(row.delivery_id, "paper"))
    return state


def _is_late(connection: Connection, row: Row[Any]) -> bool:
    """Whether sending today shortens the lawful term; what is in time now may still come to be decided later."""
    today = warsaw_day(business_now(connection))
    days_left: int = (row.due_date - today).days
    return row.state == "overdue" or days_left < payment_days_min(on=today)
