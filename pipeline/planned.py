"""An invoice with the delivery that is planned in the same transaction, by the carrier that still holds."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row

from billing.accounts import AccountSnapshot, Channel
from billing.canonical import seal
from billing.invoices import Invoice
from delivery.message import message_id
from sql.invoices import NewInvoice

DELIVERY_NAMES = UUID("6f62c1e4-1f0a-5d5e-9d3b-0b1e6c0a7a11")
"""Names deliveries: the same invoice, purpose and channel have the same id in every copy of the database."""


def new_invoice(
    row: Row[Any], invoice: Invoice, *, email: str | None, reason: str, domain: str, corrects_id: int | None = None
) -> NewInvoice:
    """``invoice`` of the charge in ``row``, to be sent to ``email`` unless it goes on paper; ``reason`` says why."""
    delivery_id = uuid5(DELIVERY_NAMES, f"{invoice.number.text}|invoice|{invoice.carrier}")
    by_email = invoice.carrier is Channel.EMAIL
    return NewInvoice(
        account_id=row.account_id,
        charge_id=row.charge_id,
        invoice=invoice,
        content=seal(invoice),
        delivery_id=delivery_id,
        address=email if by_email else None,
        message_id=message_id(delivery_id=str(delivery_id), revision=1, domain=domain) if by_email else None,
        reason=reason,
        corrects_id=corrects_id,
    )


def with_present_carrier(
    account: AccountSnapshot, *, channel: str | None, email: str | None, email_state: str | None
) -> tuple[AccountSnapshot, str]:
    """The snapshot with the carrier that still holds on the issue date, and why.

    What happened after the freeze changes only the carrier, and only to paper; group and figures stay.
    """
    if account.carrier is Channel.PAPER:
        return account, account.channel_reason
    if channel == Channel.EMAIL and email == account.email and email_state == "confirmed":
        return account, account.channel_reason
    reason = "withdrawn_after_freeze" if channel != Channel.EMAIL else "address_changed_after_freeze"
    return replace(account, carrier=Channel.PAPER, email=None), reason
