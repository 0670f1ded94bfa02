"""freeze, of a run of corrections: what each invoice was rated from, with the indexes as they should have been."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from sqlalchemy import Connection

from billing.accounts import AccountSnapshot
from billing.canonical import seal
from billing.corrections import with_indexes
from pipeline.corrections.choose import refuse_others
from pipeline.corrections.reversal import refuse_too_late
from pipeline.cycles import chunk_size, require_cycle
from pipeline.read_back import read_back
from pipeline.tariff_gate import refuse_other_than_corrected, refuse_unswitched
from pipeline.utility_files import LoadedUtility
from sql.corrections import (
    FrozenInvoice,
    NewRun,
    find_run,
    found,
    freeze_as_rated,
    gather_accounts,
    insert_frozen,
    streamed,
)
from sql.cycles import Cycle
from sql.snapshots import Gathered, insert_snapshots
from sql.statistics import refresh_statistics


def refuse_unready(connection: Connection, cycle: Cycle, loaded: LoadedUtility) -> None:
    """Refuse what has come between since the run was opened, and tariffs that it may not bill by.

    Raises:
        OperatorError: ``ACCOUNT_IN_WORK``, ``TARIFF_NOT_SWITCHED_ON``, ``TARIFF_FILE_GONE``, or what
            ``pipeline.corrections.reversal.refuse_too_late`` refuses.
    """
    run = find_run(connection, cycle_id=cycle.cycle_id)
    if run.cause == "prices":
        refuse_other_than_corrected(connection, loaded)
    else:
        refuse_unswitched(connection, loaded)
    invoices = found(connection, "run_invoices", cycle_id=cycle.cycle_id)
    asked = NewRun(cause=run.cause, reason=run.reason, invoice_ids=[row.invoice_id for row in invoices], readings_m3={})
    refuse_others(connection, asked, cycle_id=cycle.cycle_id)
    if run.reversed_key is not None:
        refuse_too_late(connection, require_cycle(connection, cycle_key=run.reversed_key))


def freeze_run(connection: Connection, cycle: Cycle) -> None:
    """Write down how the accounts of the run are reached, and what each of its invoices is rated from."""
    run = find_run(connection, cycle_id=cycle.cycle_id)
    account_ids = [row.account_id for row in found(connection, "accounts_of_run", cycle_id=cycle.cycle_id)]
    size = chunk_size(cycle, accounts=len(account_ids))
    gathered = (
        (Gathered(account_id=account_id, snapshot=account, other_cycle=None), place // size)
        for place, (account_id, account) in enumerate(gather_accounts(connection, cycle=cycle, account_ids=account_ids))
    )
    insert_snapshots(connection, cycle=cycle, gathered=gathered)
    if run.cause == "prices":
        freeze_as_rated(connection, cycle=cycle)
    else:
        readings = {row.reading_id: row.index_m3 for row in found(connection, "run_readings", cycle_id=cycle.cycle_id)}
        frozen = _frozen(connection, cycle, readings, reverses=run.cause == "reversal")
        insert_frozen(connection, cycle=cycle, frozen=frozen)
    refresh_statistics(connection, rows=len(account_ids))


def _frozen(
    connection: Connection, cycle: Cycle, readings_m3: Mapping[int, Decimal], *, reverses: bool
) -> Iterator[FrozenInvoice]:
    for row in streamed(connection, "contents_to_freeze", cycle_id=cycle.cycle_id):
        account = read_back(AccountSnapshot, row.content)
        after = replace(account, points=()) if reverses else with_indexes(account, indexes_m3=readings_m3)
        yield FrozenInvoice(
            invoice_id=row.invoice_id,
            account_id=row.account_id,
            correction_no=row.correction_no,
            before_charge_id=row.before_charge_id,
            content=seal(after),
        )
