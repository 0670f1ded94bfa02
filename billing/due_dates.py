"""Due dates: counted from the sending of the invoice, not from its issue (Rozp. 2018 par. 17 ust. 1).

The planned sending is the issue date and the carrier's allowance. Just before release the real day decides again:
an invoice that can no longer leave its customer the lawful term is held, not sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from billing.accounts import Channel
from billing.errors import DataRefused
from billing.law import payment_days_min
from billing.periods import next_month

AGREED = "Rozp. 2018 par. 17 ust. 2"
"""Stands in the basis of a due date that the contract names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    """A due date and how it follows from the planned sending."""

    day: date
    basis: str


def plan_due_date(
    *, issue_date: date, carrier: Channel, allowance_days: Mapping[Channel, int], payment_days: int
) -> DueDate:
    """The due date to print: issue date, allowance of the carrier for its sending, and the term of payment in days.

    Raises:
        DataRefused: ``PAYMENT_DAYS_SHORT``, the term is below the lawful one.
    """
    least = payment_days_min(on=issue_date)
    if payment_days < least:
        raise DataRefused("PAYMENT_DAYS_SHORT", f"a term of {payment_days} days is below the lawful {least}")
    allowance = allowance_days[carrier]
    sent_by = issue_date + timedelta(days=allowance)
    basis = (
        f"issued {issue_date}, by {carrier} sent until {sent_by} (+{allowance} days), "
        f"payable within {payment_days} days (Rozp. 2018 par. 17 ust. 1: at least {least})"
    )
    return DueDate(day=sent_by + timedelta(days=payment_days), basis=basis)


def agreed_due_date(due: DueDate, *, payment_day: int) -> DueDate:
    """The day of the month on which the contract lets a prognoza be paid, never before ``due`` (par. 17 ust. 2)."""
    month = due.day if due.day.day <= payment_day else next_month(due.day)
    basis = f"{due.basis}; the contract's day {payment_day} of the month ({AGREED})"
    return DueDate(day=month.replace(day=payment_day), basis=basis)


def may_send_on(*, day: date, due_date: date) -> bool:
    """Whether an invoice sent on ``day`` still leaves its customer the lawful term."""
    return due_date - day >= timedelta(days=payment_days_min(on=day))
