"""Holds until their end: billed, drafted for KSeF, or waived; each ends once, and the evidence tells how."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from billing.canonical import content_sha256
from billing.periods import Period
from sql.clock import business_now
from sql.cycles import Cycle
from sql.evidence import Event, append_events
from sql.queries import queries

_Q = queries("holds")


def open_holds(connection: Connection, *, code: str | None) -> Sequence[Row[Any]]:
    """The holds that wait for their end, of one code or of all."""
    return connection.execute(_Q["open_holds"], {"code": code}).all()


def find_hold(connection: Connection, *, cycle_key: str, account_no: str) -> Row[Any] | None:
    """A hold with its end, if it has one; None when the cycle did not hold the account."""
    key = {"cycle_key": cycle_key, "account_no": account_no}
    return connection.execute(_Q["find_hold"], key).one_or_none()


def cycle_at_work(connection: Connection, *, account_id: int) -> str | None:
    """The key of a cycle that may still bill the account as it was frozen, or None."""
    key: str | None = connection.execute(_Q["cycle_at_work"], {"account_id": account_id}).scalar_one_or_none()
    return key


def waive(connection: Connection, hold: Row[Any], *, reason: str, decided_by: str, decided_via: str) -> int | None:
    """End a hold without a bill; how many ended contracts lose their remaining days, None when the hold had ended."""
    key = {"cycle_id": hold.cycle_id, "account_id": hold.account_id}
    person = {"resolved_by": decided_by, "resolved_via": decided_via}
    if not connection.execute(_Q["insert_waiver"], key | person | {"reason": reason}).rowcount:
        return None
    contracts = connection.execute(_Q["insert_waived_days"], key | {"recorded_by": decided_by}).all()
    body = {"by": decided_by, "via": decided_via, "reason_sha256": content_sha256(reason), "contracts": len(contracts)}
    _record(connection, [(hold.cycle_id, hold.account_id, "waived")], body=body)
    return len(contracts)


def end_holds(connection: Connection, *, cycle: Cycle, by: str, via: str) -> int:
    """End the open holds of the accounts that an issued cycle has invoiced or drafted; how many."""
    parameters = {"cycle_id": cycle.cycle_id, "resolved_by": by, "resolved_via": via}
    ended = [
        (row.cycle_id, row.account_id, row.outcome)
        for name in ("end_billed", "end_drafted")
        for row in connection.execute(_Q[name], parameters)
    ]
    _record(connection, ended, body={"cycle": cycle.cycle_key})
    return len(ended)


def _record(connection: Connection, ended: Sequence[tuple[int, int, str]], *, body: dict[str, Any]) -> None:
    moment = business_now(connection)
    append_events(
        connection,
        [
            Event(event_at=moment, subject=f"hold:{cycle_id}/{account_id}", kind=outcome, body=body)
            for cycle_id, account_id, outcome in ended
        ],
    )


def holds_to_end(connection: Connection, *, cycle: Cycle) -> int:
    """How many open holds a cycle would end if it were issued as it stands."""
    count: int = connection.execute(_Q["holds_to_end"], {"cycle_id": cycle.cycle_id}).scalar_one()
    return count


def accounts_to_bill(connection: Connection, *, account_nos: Sequence[str], period: Period) -> Sequence[Row[Any]]:
    """The accounts of these numbers that exist, with what decides whether they may be billed outside the cycles."""
    days = {"start": period.start, "until": period.until}
    return connection.execute(_Q["accounts_to_bill"], days | {"account_nos": list(account_nos)}).all()
