"""Runs of corrections: which invoices and readings they are about, what they are rated from, and what they leave."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row

from billing.accounts import AccountSnapshot
from billing.canonical import Sealed, content_sha256
from sql.clock import business_now
from sql.copying import copy_rows
from sql.cycles import Cycle, record
from sql.evidence import Event, append_events
from sql.queries import queries
from sql.snapshot_rows import account_snapshot

_Q = queries("corrections")

AT_ONCE: Final = 1000
"""Accounts or documents held in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a run is asked to do; ``cause`` is ``readings``, ``prices`` or ``reversal``."""

    cause: str
    reason: str
    invoice_ids: Sequence[int]
    readings_m3: Mapping[int, Decimal]
    order_id: int | None = None
    reversed_cycle_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenInvoice:
    """What an invoice is rated from anew, and the charge that was in force for it."""

    invoice_id: int
    account_id: int
    correction_no: int
    before_charge_id: int
    content: Sealed


def insert_run(connection: Connection, cycle: Cycle, new: NewRun) -> None:
    """Tie invoices, readings and reason to an opened cycle; the reason may name people, the chain holds its hash."""
    connection.execute(
        _Q["insert_run"],
        {
            "cycle_id": cycle.cycle_id,
            "cause": new.cause,
            "reason": new.reason,
            "order_id": new.order_id,
            "reversed_cycle_id": new.reversed_cycle_id,
            "recorded_by": cycle.started_by,
        },
    )
    readings = {"reading_ids": list(new.readings_m3), "indexes_m3": list(new.readings_m3.values())}
    connection.execute(_Q["insert_readings"], {"cycle_id": cycle.cycle_id, **readings})
    invoice_ids = sorted(new.invoice_ids)
    connection.execute(_Q["insert_run_invoices"], {"cycle_id": cycle.cycle_id, "invoice_ids": invoice_ids})
    body = {
        "cause": new.cause,
        "reason_sha256": content_sha256(new.reason),
        "order_id": new.order_id,
        "reversed_cycle_id": new.reversed_cycle_id,
        "readings": {str(key): index_m3 for key, index_m3 in new.readings_m3.items()},
        "invoices": len(invoice_ids),
        "invoices_sha256": content_sha256(invoice_ids),
    }
    record(connection, cycle, kind="asked", body=body)


def find_run(connection: Connection, *, cycle_id: int) -> Row[Any]:
    """Cause, reason, order and reversed cycle of a run, and how many invoices it looks at."""
    return connection.execute(_Q["find_run"], {"cycle_id": cycle_id}).one()


def found(connection: Connection, name: str, **parameters: Any) -> Sequence[Row[Any]]:
    """One of the lists of ``queries/corrections.sql`` that only look."""
    return connection.execute(_Q[name], parameters).all()


def streamed(connection: Connection, name: str, **parameters: Any) -> Iterator[Row[Any]]:
    """The same row by row, for lists that are long or hold documents."""
    query = _Q[name].execution_options(stream_results=True, yield_per=AT_ONCE)
    yield from connection.execute(query, parameters)


def gather_accounts(
    connection: Connection, *, cycle: Cycle, account_ids: Sequence[int]
) -> Iterator[tuple[int, AccountSnapshot]]:
    """These accounts as they are reached on the run's issue date, without points, in the order given: by number."""
    for first in range(0, len(account_ids), AT_ONCE):
        asked = {"account_ids": account_ids[first : first + AT_ONCE], "issue_date": cycle.issue_date}
        parties: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(_Q["run_parties"], asked):
            parties[row.account_id].append(row)
        for row in connection.execute(_Q["run_accounts"], asked):
            yield row.account_id, account_snapshot(row, parties[row.account_id], ())


def freeze_as_rated(connection: Connection, *, cycle: Cycle) -> int:
    """Write down what the invoices of a run were rated from, as it is; how many."""
    return connection.execute(_Q["freeze_as_rated"], {"cycle_id": cycle.cycle_id}).rowcount


def insert_frozen(connection: Connection, *, cycle: Cycle, frozen: Iterable[FrozenInvoice]) -> int:
    """Write down what the invoices of a run are rated from; how many."""
    return copy_rows(
        connection,
        table="correction_snapshot",
        columns=(
            *("cycle_id", "invoice_id", "account_id", "correction_no", "before_charge_id"),
            *("content", "sha256"),
        ),
        rows=(
            (
                *(cycle.cycle_id, one.invoice_id, one.account_id, one.correction_no, one.before_charge_id),
                *(one.content.text, one.content.sha256),
            )
            for one in frozen
        ),
    )


def decide_readings(connection: Connection, *, cycle: Cycle) -> int:
    """Let the indexes of an issued run count from now on; how many."""
    rows = connection.execute(_Q["decide_readings"], {"cycle_id": cycle.cycle_id}).all()
    moment = business_now(connection)
    append_events(
        connection,
        [
            Event(
                event_at=moment,
                subject=f"reading:{row.reading_id}",
                kind="corrected",
                body={"cycle": cycle.cycle_key, "index_m3": row.index_m3},
            )
            for row in rows
        ],
    )
    return len(rows)


def finish_reversal(connection: Connection, *, run: Cycle, reversed_id: int) -> None:
    """Nothing of the reversed cycle leaves any more, its holds wait again, and its months are free."""
    connection.execute(_Q["mark_reversed"], {"run_id": run.cycle_id, "cycle_id": reversed_id})
    cancelled = connection.execute(_Q["cancel_deliveries"], {"cycle_ids": [run.cycle_id, reversed_id]}).scalars().all()
    reopened = connection.execute(_Q["reopen_holds"], {"run_id": run.cycle_id}).all()
    moment = business_now(connection)
    body = {"cycle": run.cycle_key}
    subjects = [(f"delivery:{delivery_id}", "cancelled") for delivery_id in cancelled]
    subjects += [(f"hold:{row.cycle_id}/{row.account_id}", "reopened") for row in reopened]
    append_events(
        connection, [Event(event_at=moment, subject=subject, kind=kind, body=body) for subject, kind in subjects]
    )
