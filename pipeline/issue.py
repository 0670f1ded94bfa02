"""issue: approved charges become invoices with gap-free numbers, on the issue date, all in one transaction."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import AccountSnapshot, Reading
from billing.canonical import content_sha256, to_data
from billing.charges import ChargeLine, Hold
from billing.holds import HoldCode
from billing.invoices import UsedBefore
from billing.issuing import make_invoice
from billing.numbering import invoice_number, series_on
from pipeline.check import totals_sha256
from pipeline.corrections.issue import issue_run
from pipeline.cycles import frozen_utility, has_passed, require_cycle, require_reached
from pipeline.drafts import export
from pipeline.errors import Inconsistent, OperatorError
from pipeline.planned import new_invoice, with_present_carrier
from pipeline.read_back import read_back
from pipeline.utility_files import LoadedUtility
from pipeline.work import WARSAW, Work, step, warsaw_day
from sql.charges import bill_of, charges_to_issue, insert_holds, load_lines, readings_decided, used_before
from sql.clock import business_now
from sql.cycles import Cycle, find_approval, move_cycle
from sql.extras import mark_charged
from sql.holds import end_holds
from sql.invoices import NewInvoice, insert_drafted_periods, insert_invoices, issued_totals, lock_series
from sql.locks import take_turn
from sql.snapshots import snapshot_totals


def due_at(work: Work, *, cycle_key: str) -> datetime:
    """The moment from which the cycle may issue: the utility's issue time on the issue date, Europe/Warsaw."""
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
        return _due_at(cycle, frozen_utility(connection, cycle))


def is_due(work: Work, *, cycle_key: str) -> bool:
    """Whether that moment has come by the business clock."""
    moment = due_at(work, cycle_key=cycle_key)
    with work.engine.connect() as connection:
        return business_now(connection) >= moment


def run(work: Work, *, cycle_key: str) -> dict[str, int | str]:
    """Issue the cycle once; ``chunks`` tells how many chunks (numbered from 0) there are to render.

    Holds of earlier cycles end with the invoices and drafts that bill their months. The drafts of buyers under the KSeF
    duty are then laid out for the utility's gateway.

    Raises:
        OperatorError: ``NOT_DUE``, ``ISSUE_DATE_PAST``, ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
        Inconsistent: ``APPROVED_DIFFERS``, the charges are no longer what was approved; for a run of corrections also
            what ``pipeline.corrections.issue`` refuses.
    """
    with step(work, "issue") as (connection, record):
        take_turn(connection, "books")
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="writer")
        require_reached(cycle, state="approved")
        record.cycle_id = cycle.cycle_id
        if not has_passed(cycle, state="approved"):
            loaded = frozen_utility(connection, cycle)
            record.tariff_sha256s = loaded.tariff_sha256s
            _refuse_wrong_day(connection, cycle, loaded)
            _refuse_unapproved(connection, cycle)
            if cycle.is_correction:
                issue_run(connection, cycle, loaded)
            else:
                _issue(connection, cycle, loaded)
                end_holds(connection, cycle=cycle, by=work.actor.name, via=work.actor.via)
        issued = issued_totals(connection, cycle=cycle)
        record.counts = {"invoices": issued.invoices}
        record.sums = {"net_zl": issued.net_zl, "gross_zl": issued.gross_zl, "invoices_sha256": issued.sha256}
        chunks = snapshot_totals(connection, cycle=cycle).chunks
    export(work, cycle_key=cycle_key)
    return {"invoices": issued.invoices, "chunks": chunks, "gross_zl": str(issued.gross_zl)}


def _due_at(cycle: Cycle, loaded: LoadedUtility) -> datetime:
    return datetime.combine(cycle.issue_date, loaded.utility.issue_time, tzinfo=WARSAW)


def _refuse_wrong_day(connection: Connection, cycle: Cycle, loaded: LoadedUtility) -> None:
    moment, due = business_now(connection), _due_at(cycle, loaded)
    if moment < due:
        raise OperatorError("NOT_DUE", f"{cycle.cycle_key} issues from {due:%Y-%m-%d %H:%M}")
    if warsaw_day(moment) > cycle.issue_date:
        raise OperatorError("ISSUE_DATE_PAST", f"the issue date {cycle.issue_date} is past; reject and start anew")


def _refuse_unapproved(connection: Connection, cycle: Cycle) -> None:
    approval = find_approval(connection, cycle)
    if approval is None or approval.totals_sha256 != totals_sha256(connection, cycle):
        raise Inconsistent("APPROVED_DIFFERS", f"the charges of {cycle.cycle_key} are not those that were approved")


def _issue(connection: Connection, cycle: Cycle, loaded: LoadedUtility) -> None:
    """Number and write the cycle chunk by chunk, so that memory does not grow with it; still one transaction."""
    series = series_on(numbering=loaded.utility.numbering, issue_date=cycle.issue_date)
    last, held = lock_series(connection, series=series), 0
    for chunk_no in range(snapshot_totals(connection, cycle=cycle).chunks):
        rows = charges_to_issue(connection, cycle=cycle, chunk_no=chunk_no)
        lines = load_lines(connection, cycle=cycle, chunk_no=chunk_no)
        accounts = {row.account_id: read_back(AccountSnapshot, row.snapshot) for row in rows}
        decided = readings_decided(connection, cycle=cycle, chunk_no=chunk_no)
        changed = {
            row.account_id: hold
            for row in rows
            if (hold := changed_since(accounts[row.account_id], row, decided=decided.get(row.account_id, {})))
        }
        insert_holds(connection, cycle=cycle, stage="issue", holds=changed)
        good = [row for row in rows if row.account_id not in changed]
        earlier = used_before(connection, cycle=cycle, chunk_no=chunk_no)
        invoices = [
            _invoice(
                row,
                accounts[row.account_id],
                lines[row.charge_id],
                cycle,
                loaded,
                series=series,
                sequence=sequence,
                earlier=earlier.get(row.account_id, ()),
            )
            for sequence, row in enumerate(good, start=last + 1)
        ]
        insert_invoices(connection, cycle=cycle, series=series, invoices=invoices)
        last, held = last + len(good), held + len(changed)
    insert_drafted_periods(connection, cycle=cycle)
    mark_charged(connection, cycle=cycle)
    issued = issued_totals(connection, cycle=cycle)
    move_cycle(
        connection,
        cycle,
        source="approved",
        target="issued",
        body={"invoices": issued.invoices, "gross_zl": issued.gross_zl, "sha256": issued.sha256, "held": held},
    )


def changed_since(account: AccountSnapshot, row: Row[Any], *, decided: Mapping[int, Decimal | None]) -> Hold | None:
    """A hold for an account whose readings, parties, contracts, meters or bank account are no longer those frozen.

    ``decided`` are the indexes that count now of readings that people decided about, by id; None: it does not count.
    """
    if any(decided.get(read.reading_id, read.index_m3) != read.index_m3 for read in _frozen_readings(account)):
        code = HoldCode.READING_EDITED
    elif (
        _frozen_registry(account) != _present_registry(account, row)
        or _removed_since(account, row)
        or _frozen_quantities(account) != _present_quantities(account, row)
    ):
        code = HoldCode.REGISTRY_CHANGED
    else:
        return None
    return Hold(account_no=row.account_no, code=code, facts={"charge_sha256": row.sha256})


def _frozen_readings(account: AccountSnapshot) -> Iterator[Reading]:
    own = [register for point in account.points for register in point.registers]
    behind = [register for point in account.points for other in point.behind for register in other.registers]
    for register in (*own, *behind):
        yield register.previous
        yield from register.between
        if register.current is not None:
            yield register.current


def _frozen_registry(account: AccountSnapshot) -> dict[str, Any]:
    contracts = {
        point.contract_no: {
            "until": to_data(point.contract_until),
            "tariff_class": point.tariff_class,
            "services": to_data(point.services),
        }
        for point in account.points
    }
    return {"bank_account": account.bank_account, "parties": to_data(account.parties), "contracts": contracts}


def _removed_since(account: AccountSnapshot, row: Row[Any]) -> bool:
    """Whether a meter was taken away, unknown to the freeze, before or on the day up to which the charge bills it."""
    own = [register for point in account.points for register in point.registers]
    behind = [register for point in account.points for other in point.behind for register in other.registers]
    frozen = {f"{one.meter_no}:{one.register}": to_data(one.removed_on) for one in (*own, *behind)}
    return any(frozen.get(number) != removed_on for number, removed_on in (row.removals_now or {}).items())


def _frozen_quantities(account: AccountSnapshot) -> dict[str, str]:
    """What the contracts said of services without a meter, in the words of ``quantities_now``."""
    return {
        f"{point.contract_no}:{one.service}:{one.valid_from}": " ".join(
            str(told) for told in (one.basis, one.norm, one.persons, one.m3_month, one.valid_until) if told is not None
        )
        for point in account.points
        for one in point.unmetered
    }


def _present_quantities(account: AccountSnapshot, row: Row[Any]) -> dict[str, str]:
    frozen = {point.contract_no for point in account.points}
    told = row.quantities_now or {}
    return {name: words for name, words in told.items() if name.split(":")[0] in frozen}


def _present_registry(account: AccountSnapshot, row: Row[Any]) -> dict[str, Any]:
    """The same as the registry has it now; a contract that was not frozen waits for the next cycle."""
    frozen = {point.contract_no for point in account.points}
    contracts = {number: told for number, told in (row.contracts_now or {}).items() if number in frozen}
    return {"bank_account": row.bank_account_now, "parties": row.parties_now or {}, "contracts": contracts}


def _invoice(
    row: Row[Any],
    frozen: AccountSnapshot,
    lines: list[ChargeLine],
    cycle: Cycle,
    loaded: LoadedUtility,
    *,
    series: str,
    sequence: int,
    earlier: tuple[UsedBefore, ...],
) -> NewInvoice:
    bill = bill_of(row, lines, models=loaded.utility.models)
    if content_sha256(bill) != row.sha256:
        raise Inconsistent("CHARGE_DIFFERS", f"the stored charge of account {row.account_no} is not the one hashed")
    account, reason = with_present_carrier(
        frozen,
        channel=row.channel_now,
        email=row.email_now,
        email_state=row.email_state_now,
    )
    number = invoice_number(numbering=loaded.utility.numbering, series=series, sequence=sequence)
    invoice = make_invoice(
        account=account,
        bill=bill,
        number=number,
        utility=loaded.utility,
        cycle=cycle.terms,
        used_before=earlier,
    )
    return new_invoice(row, invoice, email=account.email, reason=reason, domain=loaded.utility.mail.message_id_domain)
