"""What the evidence keeps of a change: numbers and a keyed commitment to its content, never a person's data."""

from sqlalchemy import Connection

from pipeline.errors import OperatorError
from pipeline.import_commitment import commit, commitment_key
from pipeline.work import Work
from sql.changes import find_change
from sql.clock import business_now
from sql.evidence import Event


def change_event(connection: Connection, work: Work, *, change_id: int, happened: str) -> Event:
    """The event of a change that is proposed, applied or refused by ``work.actor``."""
    change = find_change(connection, change_id=change_id)
    if change is None:
        raise OperatorError("CHANGE_UNKNOWN", f"there is no change {change_id}")
    body = {
        "kind": change.kind,
        "account_no": change.account_no,
        "effective_on": change.effective_on,
        "second_person": change.second_person,
        "content_hmac": commit(change.content, key=commitment_key(home=work.settings.home)),
        "by": work.actor.name,
        "via": work.actor.via,
    }
    return Event(event_at=business_now(connection), subject=f"change:{change_id}", kind=happened, body=body)
