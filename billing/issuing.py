"""A bill becomes an invoice: the frozen account, its charges, a number and the utility's terms in one document."""

from billing.accounts import AccountSnapshot, CycleTerms
from billing.charges import Bill, Origin
from billing.due_dates import DueDate, agreed_due_date, plan_due_date
from billing.invoices import Invoice, InvoiceNumber, PointOfSupply, UsedBefore
from billing.utility import Utility

INVOICE = "invoice"
FINAL = "final"
FORECAST = "forecast"
SETTLEMENT = "settlement"
"""The kinds of document.

A final one settles an account whose contracts have ended; a forecast charges for prognozy, and a settlement takes
them off (Rozp. 2018 par. 16 ust. 4-5, 17 ust. 3).
"""


def make_invoice(
    *,
    account: AccountSnapshot,
    bill: Bill,
    number: InvoiceNumber,
    utility: Utility,
    cycle: CycleTerms,
    used_before: tuple[UsedBefore, ...] = (),
) -> Invoice:
    """The invoice of a bill. It shows the points that the bill has lines of, or all when it has none of a point.

    ``used_before`` is what earlier invoices billed, for comparison: it decides no figure.

    Raises:
        ValueError: the bill is of another account, or was made for another channel.
        DataRefused: ``PAYMENT_DAYS_SHORT``, see ``billing.due_dates``.
    """
    _refuse_other_account(account, bill)
    kind = kind_of(bill, purpose=cycle.purpose)
    due = _due(account, kind=kind, utility=utility, cycle=cycle)
    return Invoice(
        number=number,
        kind=kind,
        cycle_key=cycle.cycle_key,
        account_no=account.account_no,
        issue_date=cycle.issue_date,
        due_date=due.day,
        due_date_basis=due.basis,
        period=cycle.period,
        seller=utility.seller,
        parties=account.parties,
        bank_account=account.bank_account,
        payment_title=f"Faktura {number.text}",
        channel=account.channel,
        carrier=account.carrier,
        points=_points(account, bill),
        lines=bill.lines,
        vat_sums=bill.vat_sums,
        net_zl=bill.net_zl,
        vat_zl=bill.vat_zl,
        gross_zl=bill.gross_zl,
        subsidy_net_zl=bill.subsidy_net_zl,
        subsidy_gross_zl=bill.subsidy_gross_zl,
        used_before=used_before,
    )


def _due(account: AccountSnapshot, *, kind: str, utility: Utility, cycle: CycleTerms) -> DueDate:
    due = plan_due_date(
        issue_date=cycle.issue_date,
        carrier=account.carrier,
        allowance_days=utility.sending_allowance_days,
        payment_days=cycle.payment_days,
    )
    payment_days = {point.forecast.payment_day for point in account.points if point.forecast} - {None}
    if kind == FORECAST and payment_days:
        return agreed_due_date(due, payment_day=min(day for day in payment_days if day))
    return due


def kind_of(bill: Bill, *, purpose: str | None) -> str:
    """Which document a bill becomes; ``purpose`` is the cycle's."""
    origins = {line.origin for line in bill.lines}
    if purpose == FINAL:
        return FINAL
    if Origin.SETTLED_FORECAST in origins:
        return SETTLEMENT
    return FORECAST if Origin.FORECAST in origins else INVOICE


def _refuse_other_account(account: AccountSnapshot, bill: Bill) -> None:
    if (bill.account_no, bill.channel) != (account.account_no, account.channel):
        raise ValueError(f"the bill of {bill.account_no} was not made from this snapshot of {account.account_no}")


def _points(account: AccountSnapshot, bill: Bill) -> tuple[PointOfSupply, ...]:
    billed = {line.point_no for line in bill.lines if line.point_no is not None}
    ordered = sorted(account.points, key=lambda point: point.point_no)
    return tuple(
        PointOfSupply(point_no=point.point_no, address=point.address)
        for point in ordered
        if not billed or point.point_no in billed
    )
