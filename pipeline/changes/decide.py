"""decide: another person lets a change come about, or refuses it."""

from typing import Any, Literal

from sqlalchemy import Connection, Row

from billing.changes import KINDS, Order
from pipeline.approvers import require_approver
from pipeline.changes.apply import apply, take_turns
from pipeline.changes.evidence import change_event
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.read_back import read_back
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql.changes import find_change, insert_decision
from sql.evidence import append_events

Decision = Literal["applied", "refused"]


def run(work: Work, *, change_id: int, decision: Decision, note: str) -> dict[str, Any]:
    """Apply a change that waits, now and as the registry is now, or refuse it; either once.

    Who asked for it may take it back, but never apply it.

    Raises:
        OperatorError: ``CHANGE_UNKNOWN``, ``CHANGE_DECIDED``, ``SELF_APPROVAL``, ``NOT_AN_APPROVER``,
            ``NOTE_MISSING``; or why it cannot be done any more, and then it still waits.
    """
    words = note_words(note)
    approvers = load_folder(work.settings.utility, seller_needed=False).utility.approvers
    with step(work, "decide_change") as (connection, record):
        take_turns(connection)
        change = require_change(connection, change_id=change_id)
        _refuse_wrong_person(work, change, decision, approvers)
        if decision == "applied":
            apply(connection, work, change_id=change_id, order=order_of(change))
        insert_decision(
            connection,
            change_id=change_id,
            decision=decision,
            decided_by=work.actor.name,
            decided_via=work.actor.via,
            note=words,
        )
        append_events(connection, [change_event(connection, work, change_id=change_id, happened=f"change_{decision}")])
        record.counts = {decision: 1}
    return {"change_id": change_id, "kind": change.kind, "effective_on": change.effective_on, "state": decision}


def require_change(connection: Connection, *, change_id: int) -> Row[Any]:
    """The change of that number.

    Raises:
        OperatorError: ``CHANGE_UNKNOWN``.
    """
    change = find_change(connection, change_id=change_id)
    if change is None:
        raise OperatorError("CHANGE_UNKNOWN", f"there is no change {change_id}")
    return change


def order_of(change: Row[Any]) -> Order:
    """The order as it was written down."""
    return read_back(KINDS[change.kind], change.content)


def _refuse_wrong_person(work: Work, change: Row[Any], decision: Decision, approvers: tuple[str, ...]) -> None:
    name = work.actor.name
    if change.state != "pending":
        raise OperatorError("CHANGE_DECIDED", f"change {change.change_id} is {change.state} by {change.decided_by}")
    own = name == change.recorded_by
    if own and decision == "applied":
        raise OperatorError(
            "SELF_APPROVAL", f"{name} asked for change {change.change_id}; another approver must decide"
        )
    if not own:
        require_approver(name, approvers=approvers)
