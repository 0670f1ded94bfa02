"""freeze: registry, readings, consents, tariffs and terms as they are now become the cycle's inputs, by hash."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice

from sqlalchemy import Connection

from billing.charges import Hold
from billing.holds import HoldCode
from billing.periods import Period
from billing.plausibility import with_confirmed
from billing.tariffs import TariffBook
from billing.utility import Utility
from pipeline.corrections.freeze import freeze_run, refuse_unready
from pipeline.cycles import chunk_size, has_passed, require_cycle, require_reached
from pipeline.tariff_gate import refuse_unswitched
from pipeline.utility_files import load_folder
from pipeline.validate import reading_window, validate_cycle
from pipeline.work import Work, step, warsaw_day
from sql.charges import insert_holds
from sql.clock import business_now
from sql.cycles import Cycle, move_cycle, store_inputs
from sql.differences import settle_differences
from sql.extras import store_items
from sql.locks import take_turn
from sql.prices import store_models, store_prices
from sql.snapshots import Gathered, Sharing, count_eligible, gather, insert_snapshots, snapshot_totals
from sql.statistics import refresh_statistics
from sql.subsidies import store_subsidies
from sql.validation import confirmed_self_readings

BATCH = 1000
"""Snapshots held in memory at once."""


def run(work: Work, *, cycle_key: str) -> dict[str, int]:
    """Freeze the inputs once; ``chunks`` tells how many chunks (numbered from 0) there are to rate.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``, ``CYCLE_STATE``, ``TARIFF_NOT_SWITCHED_ON`` or ``TARIFF_FILE_GONE``; of a run
            of corrections also ``ACCOUNT_IN_WORK`` and what ``pipeline.corrections.reversal`` refuses.
        DataRefused: the utility's folder cannot be used.
    """
    with step(work, "freeze") as (connection, record):
        take_turn(connection, "books")  # an invoice issued while we gather would be billed again
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="writer")
        require_reached(cycle, state="opened")
        record.cycle_id = cycle.cycle_id
        if not has_passed(cycle, state="opened"):
            loaded = load_folder(work.settings.utility)
            if cycle.is_correction:
                refuse_unready(connection, cycle, loaded)
            else:
                refuse_unswitched(connection, loaded)
            store_inputs(connection, cycle, files=loaded.files)
            store_prices(connection, cycle, tariffs=loaded.tariffs, issue_date=cycle.issue_date)
            store_models(connection, cycle, models=loaded.tariffs.models)
            store_subsidies(connection, cycle, tariffs=loaded.tariffs)
            store_items(connection, cycle, prices=loaded.tariffs.price_book)
            if cycle.is_correction:
                freeze_run(connection, cycle)
            else:
                refresh_statistics(connection, rows=count_eligible(connection, cycle=cycle))
                window = _window(connection, cycle, loaded.utility)
                if not cycle.is_off_cycle:
                    validate_cycle(connection, cycle, window, rules=loaded.utility.checks)
                _freeze(connection, cycle, window, loaded.tariffs)
            record.tariff_sha256s = loaded.tariff_sha256s
            totals = snapshot_totals(connection, cycle=cycle)
            move_cycle(
                connection,
                cycle,
                source="opened",
                target="frozen",
                body={"accounts": totals.accounts, "snapshot": totals.sha256, "tariffs": loaded.tariff_sha256s},
            )
        totals = snapshot_totals(connection, cycle=cycle)
        record.counts = {"accounts": totals.accounts, "chunks": totals.chunks}
        record.sums = {"snapshot_sha256": totals.sha256}
        return dict(record.counts)


def _window(connection: Connection, cycle: Cycle, utility: Utility) -> Period:
    """A regular cycle takes the readings about its end, an off-cycle the newest there are."""
    if cycle.is_off_cycle:
        return Period(start=date.min, until=warsaw_day(business_now(connection)) + timedelta(days=1))
    return reading_window(cycle.period, utility)


def _freeze(connection: Connection, cycle: Cycle, window: Period, tariffs: TariffBook) -> None:
    size = chunk_size(cycle, accounts=count_eligible(connection, cycle=cycle))
    confirmed = confirmed_self_readings(connection, window=window)
    cut_days, models = tariffs.price_days(before=window.until), tariffs.models
    refused = settle_differences(connection, cycle=cycle, reading_window=window, cut_days=cut_days, models=models)
    sharing = Sharing(usual=models.difference, refused=refused)
    gathered = gather(connection, cycle=cycle, reading_window=window, cut_days=cut_days, sharing=sharing)
    accounts = enumerate(_with_confirmed(account, confirmed) for account in gathered)
    while batch := list(islice(accounts, BATCH)):
        chunked = ((account, place // size) for place, account in batch)
        insert_snapshots(connection, cycle=cycle, gathered=chunked)
        exclusions = _exclusions(cycle, (account for _, account in batch))
        insert_holds(connection, cycle=cycle, stage="freeze", holds=exclusions)


def _with_confirmed(account: Gathered, confirmed: frozenset[int]) -> Gathered:
    """The account with the customer's readings marked that a person of the utility has confirmed (V23)."""
    return replace(account, snapshot=with_confirmed(account.snapshot, confirmed)) if confirmed else account


def _exclusions(cycle: Cycle, accounts: Iterable[Gathered]) -> dict[int, Hold]:
    return {
        account.account_id: Hold(
            account_no=account.snapshot.account_no,
            code=HoldCode.IN_OTHER_CYCLE,
            facts={"cycle": account.other_cycle, "period": cycle.period.word()},
        )
        for account in accounts
        if account.other_cycle
    }
