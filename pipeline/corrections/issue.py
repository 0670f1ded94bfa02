"""issue, of a run of corrections: numbers of their own series, and what they leave in force, in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import AccountSnapshot, Channel
from billing.canonical import content_sha256, from_json, to_data
from billing.charges import ChargeLine, Hold
from billing.correcting import make_correction, same_customer
from billing.holds import HoldCode
from billing.numbering import invoice_number, series_on
from pipeline.corrections.rate import sound
from pipeline.corrections.reversal import finish, refuse_too_late
from pipeline.cycles import require_cycle
from pipeline.errors import Inconsistent
from pipeline.planned import new_invoice, with_present_carrier
from pipeline.utility_files import LoadedUtility
from sql.charges import bill_of, charges_to_issue, insert_holds, load_lines
from sql.corrections import decide_readings, find_run, found
from sql.cycles import Cycle, move_cycle
from sql.invoices import NewInvoice, insert_invoices, issued_totals, lock_series
from sql.snapshots import snapshot_totals


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
    last, held = lock_series(connection, series=series), 0
    for chunk_no in range(snapshot_totals(connection, cycle=cycle).chunks):
        rows = charges_to_issue(connection, cycle=cycle, chunk_no=chunk_no)
        changed = _changed(rows, cause=run.cause)
        insert_holds(connection, cycle=cycle, stage="issue", holds=changed)
        good = [row for row in rows if row.account_id not in changed]
        lines = load_lines(connection, cycle=cycle, chunk_no=chunk_no)
        chunk = found(connection, "items_of_chunk", cycle_id=cycle.cycle_id, chunk_no=chunk_no)
        items = {item.invoice_id: item for item in chunk}
        invoices = [
            _correction(row, items[row.corrects_id], lines, cycle, loaded, reason=run.reason, place=(series, sequence))
            for sequence, row in enumerate(good, start=last + 1)
        ]
        insert_invoices(connection, cycle=cycle, series=series, invoices=invoices)
        last, held = last + len(good), held + len(changed)
    if run.cause == "readings":
        decide_readings(connection, cycle=cycle)
    if run.reversed_key is not None:
        finish(connection, cycle)
    issued = issued_totals(connection, cycle=cycle)
    body = {"invoices": issued.invoices, "gross_zl": issued.gross_zl, "sha256": issued.sha256, "held": held}
    move_cycle(connection, cycle, source="approved", target="issued", body=body)


def _changed(rows: Sequence[Row[Any]], *, cause: str) -> dict[int, Hold]:
    """Accounts that are no longer reached as they were when the run was frozen; a reversal reaches nobody."""
    changed: dict[int, Hold] = {}
    for row in rows if cause != "reversal" else ():
        account = from_json(AccountSnapshot, row.snapshot)
        present = (row.bank_account_now or account.bank_account, row.parties_now or {})
        if present != (account.bank_account, to_data(account.parties)):
            if cause == "readings":
                text = f"account {row.account_no} has changed since the run was frozen; reject it and open it anew"
                raise Inconsistent("CORRECTION_HELD", text)
            facts = {"charge_sha256": row.sha256}
            changed[row.account_id] = Hold(account_no=row.account_no, code=HoldCode.REGISTRY_CHANGED, facts=facts)
    return changed


def _correction(
    row: Row[Any],
    item: Row[Any],
    lines: Mapping[int, list[ChargeLine]],
    cycle: Cycle,
    loaded: LoadedUtility,
    *,
    reason: str,
    place: tuple[str, int],
) -> NewInvoice:
    after = bill_of(row, lines.get(row.charge_id, []), models=loaded.utility.models)
    if content_sha256(after) != row.sha256:
        raise Inconsistent("CHARGE_DIFFERS", f"the stored charge of account {row.account_no} is not the one hashed")
    frozen = from_json(AccountSnapshot, row.snapshot)
    account, channel_reason = with_present_carrier(
        frozen, channel=row.channel_now, email=row.email_now, email_state=row.email_state_now
    )
    original = sound(item, "original")
    if not same_customer(original, account):
        channel_reason = "customer_changed"
    numbering, (series, sequence) = loaded.utility.correction_numbering, place
    invoice = make_correction(
        original=original,
        in_force=sound(item, "in_force"),
        after=after,
        reason=reason,
        account=account,
        number=invoice_number(numbering=numbering, series=series, sequence=sequence),
        utility=loaded.utility,
        run=cycle.terms,
    )
    return new_invoice(
        row,
        invoice,
        email=account.email if invoice.carrier is Channel.EMAIL else None,
        reason=channel_reason,
        domain=loaded.utility.mail.message_id_domain,
        corrects_id=row.corrects_id,
    )
