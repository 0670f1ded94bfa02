"""A correction becomes a document: before, after, the difference, the reason, and to whom it goes now."""

from billing.accounts import AccountSnapshot, Channel, CycleTerms, Party, Role
from billing.charges import Bill
from billing.corrections import bill_in_force, difference
from billing.due_dates import plan_due_date
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
    if (after.account_no, after.channel) != (before.account_no, before.channel):
        raise ValueError(f"{original.number.text} is not corrected by a bill of {after.account_no}")
    own = same_customer(original, account)
    carrier = account.carrier if own else Channel.PAPER
    due = plan_due_date(
        issue_date=run.issue_date,
        carrier=carrier,
        allowance_days=utility.sending_allowance_days,
        payment_days=run.payment_days,
    )
    changed = difference(before, after)
    last = in_force.corrects
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
        parties=_parties(original, account) if own else original.parties,
        bank_account=account.bank_account if own else original.bank_account,
        payment_title=f"Korekta {number.text}",
        channel=account.channel if own else Channel.PAPER,
        carrier=carrier,
        points=original.points,
        lines=after.lines,
        vat_sums=changed.vat_sums,
        net_zl=changed.net_zl,
        vat_zl=changed.vat_zl,
        gross_zl=changed.gross_zl,
        subsidy_net_zl=changed.subsidy_net_zl,
        subsidy_gross_zl=changed.subsidy_gross_zl,
        corrects=CorrectedInvoice(
            invoice_no=original.number.text,
            issue_date=original.issue_date,
            correction_no=last.correction_no + 1 if last else 1,
            previous_no=in_force.number.text if last else None,
            reason=reason,
            before=before,
            after_sums=after.vat_sums,
        ),
    )


_OWN = (Role.PAYER, Role.BUYER)
_OF_THE_SUPPLY = (Role.BUYER, Role.RECIPIENT)


def _parties(original: Invoice, account: AccountSnapshot) -> dict[Role, Party]:
    """Who bought stays as it was invoiced; who is written to is as of now."""
    present = {role: party for role, party in account.parties.items() if role not in _OF_THE_SUPPLY}
    return present | {role: original.parties[role] for role in _OF_THE_SUPPLY if role in original.parties}


def _party_no(party: Party | None) -> str | None:
    return None if party is None else party.party_no
