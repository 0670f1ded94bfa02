"""A whole issued cycle is taken back, as long as nothing of it has left the house."""

from sqlalchemy import Connection

from pipeline.cycles import require_cycle
from pipeline.errors import OperatorError
from sql.corrections import NewRun, find_run, finish_reversal, found
from sql.cycles import Cycle

_ISSUED = ("issued", "closed")


def reversible(connection: Connection, *, cycle_key: str, reason: str) -> NewRun:
    """The run that reverses a cycle; from now on nothing of the cycle leaves until the run is decided.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``, ``CYCLE_STATE``, ``CORRECTION_OPEN``, or what ``refuse_too_late`` refuses.
    """
    cycle = require_cycle(connection, cycle_key=cycle_key)
    if cycle.state not in _ISSUED or cycle.is_correction:
        raise OperatorError(
            "CYCLE_STATE", f"{cycle_key} is {cycle.kind} and {cycle.state}: only issued ones are reversed"
        )
    for row in found(connection, "reversal_at_work", cycle_id=cycle.cycle_id):
        raise OperatorError("CORRECTION_OPEN", f"{cycle_key} is being reversed by {row.cycle_key}")
    refuse_too_late(connection, cycle)
    rows = found(connection, "originals_of_cycle", cycle_id=cycle.cycle_id)
    return NewRun(
        cause="reversal",
        reason=reason,
        invoice_ids=[row.invoice_id for row in rows],
        readings_m3={},
        reversed_cycle_id=cycle.cycle_id,
    )


def refuse_too_late(connection: Connection, cycle: Cycle) -> None:
    """Refuse once anything has left, or later invoices go on from the cycle's; its deliveries stay locked.

    Raises:
        OperatorError: ``REVERSAL_DONE``, ``REVERSAL_DELIVERED``, ``REVERSAL_BESIDE`` or ``REVERSAL_BILLED_ON``.
    """
    if cycle.reversed_by is not None:
        raise OperatorError("REVERSAL_DONE", f"{cycle.cycle_key} is reversed already")
    found(connection, "lock_deliveries", cycle_id=cycle.cycle_id)
    for row in found(connection, "deliveries_left", cycle_id=cycle.cycle_id):
        text = f"{row.invoice_no} by {row.channel} is {row.state}: what has left is corrected invoice by invoice"
        raise OperatorError("REVERSAL_DELIVERED", text)
    for row in found(connection, "beside_of_cycle", cycle_id=cycle.cycle_id):
        text = f"{row.invoice_no} charges prognozy or ordered services, which are charged once: correct by invoice"
        raise OperatorError("REVERSAL_BESIDE", text)
    for row in found(connection, "billed_on", cycle_id=cycle.cycle_id):
        text = f"{row.cycle_key} has billed account {row.account_no} on from {cycle.cycle_key}; reverse that one first"
        raise OperatorError("REVERSAL_BILLED_ON", text)


def finish(connection: Connection, run: Cycle) -> None:
    """With the issue of the run: nothing of the cycle leaves, its months and readings are free. Raises as above."""
    key = find_run(connection, cycle_id=run.cycle_id).reversed_key
    cycle = require_cycle(connection, cycle_key=key, lock="writer")
    finish_reversal(connection, run=run, reversed_id=cycle.cycle_id)
