"""issue, of a run of corrections: numbers of their own series, and what they leave in force, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row

from billing.accounts import AccountSnapshot, Channel
from billing.canonical import content_sha256, to_data
from billing.charges import ChargeLine, Hold
from billing.correcting import make_correction, same_customer
from billing.holds import HoldCode
from billing.invoices import Invoice
from billing.numbering import invoice_number, series_on
from pipeline.corrections.rate import sound
from pipeline.corrections.reversal import finish, refuse_too_late
from pipeline.cycles import require_cycle
from pipeline.errors import Inconsistent
from pipeline.planned import new_invoice, with_present_carrier
from pipeline.read_back import read_back
from pipeline.utility_files import LoadedUtility
from sql.charges import bill_of, charges_to_issue, insert_holds, load_lines
from sql.corrections import decide_readings, find_run, found
from sql.cycles import Cycle, move_cycle
from sql.invoices import NewInvoice, insert_invoices, issued_totals, lock_series
from sql.snapshots import snapshot_totals

AT_ONCE: Final = 500
"""Corrections held in memory at once: each has two or three documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What all corrections of a run have in common."""

    cycle: Cycle
    loaded: LoadedUtility
    series: str
    cause: str
    reason: str


def issue_run(connection: Connection, cycle: Cycle, loaded: LoadedUtility) -> None:
    """Number and write the corrections chunk by chunk; then their readings count, or their cycle is taken back.

    Raises:
        OperatorError: ``REVERSAL_DELIVERED`` or ``REVERSAL_BILLED_ON``.
        Inconsistent: ``CORRECTION_HELD``, the bank account or a party of an account has changed since the freeze, and
            the run is one that is issued whole or not at all; ``CHARGE_DIFFERS`` or ``INVOICE_CHANGED``.
    """
    run = find_run(connection, cycle_id=cycle.cycle_id)
    if run.reversed_key is not None:
        refuse_too_late(connection, require_cycle(connection, cycle_key=run.reversed_key, lock="writer"))
    series = series_on(numbering=loaded.utility.correction_numbering, issue_date=cycle.issue_date)
    asked = _Asked(cycle=cycle, loaded=loaded, series=series, cause=run.cause, reason=run.reason)
    last, held = lock_series(connection, series=series), 0
    for chunk_no in range(snapshot_totals(connection, cycle=cycle).chunks):
        last, held_more = _issue_chunk(connection, asked, chunk_no=chunk_no, last=last)
        held += held_more
    if run.cause == "readings":
        decide_readings(connection, cycle=cycle)
    if run.reversed_key is not None:
        finish(connection, cycle)
    issued = issued_totals(connection, cycle=cycle)
    body = {"invoices": issued.invoices, "gross_zl": issued.gross_zl, "sha256": issued.sha256, "held": held}
    move_cycle(connection, cycle, source="approved", target="issued", body=body)


def _issue_chunk(connection: Connection, asked: _Asked, *, chunk_no: int, last: int) -> tuple[int, int]:
    """Number the corrections of a chunk on from ``last``: the last number now, and how many accounts are held."""
    rows = iter(charges_to_issue(connection, cycle=asked.cycle, chunk_no=chunk_no))
    lines = load_lines(connection, cycle=asked.cycle, chunk_no=chunk_no)
    changed: dict[int, Hold] = {}
    while batch := list(islice(rows, AT_ONCE)):
        frozen = _frozen(batch)
        changed |= _changed(batch, frozen, cause=asked.cause)
        good = [row for row in batch if row.account_id not in changed]
        documents = _documents(connection, asked.cycle, good)
        invoices = [
            _correction(
                asked,
                row,
                frozen[row.account_id],
                documents[row.corrects_id],
                lines.get(row.charge_id, ()),
                sequence=sequence,
            )
            for sequence, row in enumerate(good, start=last + 1)
        ]
        insert_invoices(connection, cycle=asked.cycle, series=asked.series, invoices=invoices)
        last += len(good)
    insert_holds(connection, cycle=asked.cycle, stage="issue", holds=changed)
    return last, len(changed)


def _frozen(rows: Sequence[Row[Any]]) -> Mapping[int, AccountSnapshot]:
    """How the accounts of these charges were reached when the run was frozen; several charges may be of one."""
    contents = {row.account_id: row.snapshot for row in rows}
    return {account_id: read_back(AccountSnapshot, content) for account_id, content in contents.items()}


def _documents(connection: Connection, cycle: Cycle, rows: Sequence[Row[Any]]) -> Mapping[int, tuple[Invoice, Invoice]]:
    """Each invoice that these charges correct, and what is in force for it: itself or its last correction."""
    asked = {"cycle_id": cycle.cycle_id, "invoice_ids": [row.corrects_id for row in rows]}
    documents: dict[int, tuple[Invoice, Invoice]] = {}
    for row in found(connection, "documents_in_force", **asked):
        original = in_force = sound(row.original, sha256=row.original_sha256)
        if row.in_force is not None:
            in_force = sound(row.in_force, sha256=row.in_force_sha256)
        documents[row.invoice_id] = original, in_force
    return documents


def _changed(rows: Sequence[Row[Any]], frozen: Mapping[int, AccountSnapshot], *, cause: str) -> dict[int, Hold]:
    """Accounts that are no longer reached as they were when the run was frozen; a reversal reaches nobody."""
    changed: dict[int, Hold] = {}
    for row in rows if cause != "reversal" else ():
        account = frozen[row.account_id]
        present = (row.bank_account_now or account.bank_account, row.parties_now or {})
        if present != (account.bank_account, to_data(account.parties)):
            if cause == "readings":
                text = f"account {row.account_no} has changed since the run was frozen; reject it and open it anew"
                raise Inconsistent("CORRECTION_HELD", text)
            facts = {"charge_sha256": row.sha256}
            changed[row.account_id] = Hold(account_no=row.account_no, code=HoldCode.REGISTRY_CHANGED, facts=facts)
    return changed


def _correction(
    asked: _Asked,
    row: Row[Any],
    frozen: AccountSnapshot,
    documents: tuple[Invoice, Invoice],
    lines: Iterable[ChargeLine],
    *,
    sequence: int,
) -> NewInvoice:
    utility = asked.loaded.utility
    after = bill_of(row, lines, models=utility.models)
    if content_sha256(after) != row.sha256:
        raise Inconsistent("CHARGE_DIFFERS", f"the stored charge of account {row.account_no} is not the one hashed")
    account, channel_reason = with_present_carrier(
        frozen, channel=row.channel_now, email=row.email_now, email_state=row.email_state_now
    )
    original, in_force = documents
    if not same_customer(original, account):
        channel_reason = "customer_changed"
    invoice = make_correction(
        original=original,
        in_force=in_force,
        after=after,
        reason=asked.reason,
        account=account,
        number=invoice_number(numbering=utility.correction_numbering, series=asked.series, sequence=sequence),
        utility=utility,
        run=asked.cycle.terms,
    )
    return new_invoice(
        row,
        invoice,
        email=account.email if invoice.carrier is Channel.EMAIL else None,
        reason=channel_reason,
        domain=utility.mail.message_id_domain,
        corrects_id=row.corrects_id,
    )
