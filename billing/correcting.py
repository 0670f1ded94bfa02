"""A correction becomes a document: before, after, the difference, the reason, and to whom it goes now."""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.accounts import AccountSnapshot, Channel, CycleTerms, Party, Role
from billing.charges import Bill
from billing.corrections import bill_in_force, difference
from billing.due_dates import DueDate, plan_due_date
from billing.invoices import CorrectedInvoice, Invoice, InvoiceNumber
from billing.utility import Utility

CORRECTION = "correction"
"""The kind of document."""


def same_customer(original: Invoice, account: AccountSnapshot) -> bool:
    """Whether payer and nabywca of the account are still those of the invoice."""
    return all(_party_no(original.parties.get(role)) == _party_no(account.parties.get(role)) for role in _OWN)


def make_correction(
    *,
    original: Invoice,
    in_force: Invoice,
    after: Bill,
    reason: str,
    account: AccountSnapshot,
    number: InvoiceNumber,
    utility: Utility,
    run: CycleTerms,
) -> Invoice:
    """The correction of ``original`` to ``after``; ``in_force`` is the original or its last correction.

    It names nabywca and odbiorca of the original. It goes the way that is agreed with the ``account`` on the run's own
    issue date, to its present payer; when the customer is another one by now, on paper to the one of the original.

    Raises:
        ValueError: ``after`` is of another account or channel.
        DataRefused: ``PAYMENT_DAYS_SHORT``, see ``billing.due_dates``.
    """
    before = bill_in_force(in_force)
    _refuse_other_account(before, after)
    reached = _reached(original, account)
    due = _due(run, reached.carrier, utility)
    changed = difference(before, after)
    return Invoice(
        number=number,
        kind=CORRECTION,
        cycle_key=run.cycle_key,
        account_no=original.account_no,
        issue_date=run.issue_date,
        due_date=due.day,
        due_date_basis=due.basis,
        period=original.period,
        seller=utility.seller,
        parties=reached.parties,
        bank_account=reached.bank_account,
        payment_title=f"Korekta {number.text}",
        channel=reached.channel,
        carrier=reached.carrier,
        points=original.points,
        lines=after.lines,
        vat_sums=changed.vat_sums,
        net_zl=changed.net_zl,
        vat_zl=changed.vat_zl,
        gross_zl=changed.gross_zl,
        subsidy_net_zl=changed.subsidy_net_zl,
        subsidy_gross_zl=changed.subsidy_gross_zl,
        corrects=_corrects(original, in_force, before, after, reason=reason),
    )


def _refuse_other_account(before: Bill, after: Bill) -> None:
    if (after.account_no, after.channel) != (before.account_no, before.channel):
        raise ValueError(f"an invoice of {before.account_no} is not corrected by a bill of {after.account_no}")


def _due(run: CycleTerms, carrier: Channel, utility: Utility) -> DueDate:
    return plan_due_date(
        issue_date=run.issue_date,
        carrier=carrier,
        allowance_days=utility.sending_allowance_days,
        payment_days=run.payment_days,
    )


def _corrects(original: Invoice, in_force: Invoice, before: Bill, after: Bill, *, reason: str) -> CorrectedInvoice:
    last = in_force.corrects
    return CorrectedInvoice(
        invoice_no=original.number.text,
        issue_date=original.issue_date,
        correction_no=last.correction_no + 1 if last else 1,
        previous_no=in_force.number.text if last else None,
        reason=reason,
        before=before,
        after_sums=after.vat_sums,
    )


_OWN = (Role.PAYER, Role.BUYER)
_OF_THE_SUPPLY = (Role.BUYER, Role.RECIPIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    parties: Mapping[Role, Party]
    bank_account: str
    channel: Channel
    carrier: Channel


def _reached(original: Invoice, account: AccountSnapshot) -> _Reached:
    """Who bought stays as it was invoiced; who is written to, and how, is as of now, unless it is somebody else."""
    if not same_customer(original, account):
        return _Reached(
            parties=original.parties,
            bank_account=original.bank_account,
            channel=Channel.PAPER,
            carrier=Channel.PAPER,
        )
    present = {role: party for role, party in account.parties.items() if role not in _OF_THE_SUPPLY}
    supplied = {role: original.parties[role] for role in _OF_THE_SUPPLY if role in original.parties}
    return _Reached(
        parties=present | supplied,
        bank_account=account.bank_account,
        channel=account.channel,
        carrier=account.carrier,
    )


def _party_no(party: Party | None) -> str | None:
    return None if party is None else party.party_no
