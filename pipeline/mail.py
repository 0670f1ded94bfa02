"""What an e-mail says, as text: taken from the invoice's own frozen content."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from billing.errors import DataRefused
from billing.invoices import Invoice
from billing.issuing import FINAL, FORECAST, SETTLEMENT
from billing.law import payment_despite_complaint
from billing.polish import format_account, format_date, format_period, format_zl
from billing.pricing import is_estimated
from billing.utility import Utility
from delivery.addresses import smtp_address
from delivery.errors import NotSendable
from delivery.message import InvoiceMail, MailKind, Sender, attachment_name
from delivery.mime import Attachment
from pipeline.read_back import read_back

_NAMES = {
    FORECAST: ("Faktura – prognoza", "fakturę z prognozą"),
    SETTLEMENT: ("Faktura rozliczeniowa", "fakturę rozliczeniową"),
}
"""How a kind of invoice is named in the subject, and in the sentence; any other is a plain invoice."""


def mail_sender(utility: Utility) -> Sender:
    """The utility as its e-mails show it.

    Raises:
        DataRefused: ``MAIL_ADDRESS``, an address of the utility's own cannot be used: no customer's is at fault.
    """
    seller, address = utility.seller, utility.seller.address
    return Sender(
        name=utility.mail.sender_name,
        address=f"{address.street}, {address.postcode} {address.city}",
        nip=seller.nip,
        phone=seller.phone,
        email=seller.email,
        website=seller.website,
        mail_from=_own_address(utility.mail.sender_address),
        reply_to=_own_address(utility.mail.reply_to),
    )


def _own_address(address: str) -> str:
    try:
        return smtp_address(address)
    except NotSendable as error:
        raise DataRefused("MAIL_ADDRESS", f"[mail] of utility.toml: {error}") from error


def invoice_mail(row: Row[Any], *, sender: Sender, content: bytes) -> InvoiceMail:
    """The e-mail of a claimed delivery, dated with the invoice: a second build gives the same bytes."""
    invoice = read_back(Invoice, row.content)
    title, document = _NAMES.get(invoice.kind, ("Faktura", "fakturę"))
    return InvoiceMail(
        sender=sender,
        to_address=row.address,
        delivery_id=str(row.delivery_id),
        message_id=row.message_id,
        date=row.issued_at,
        invoice_no=invoice.number.text,
        account_no=invoice.account_no,
        issue_date=format_date(invoice.issue_date),
        period=format_period(invoice.period),
        amount=format_zl(_amount_zl(invoice)),
        due_date=format_date(invoice.due_date),
        bank_account=format_account(invoice.bank_account),
        payment_title=invoice.payment_title,
        to_pay=invoice.payable_zl > 0,
        is_estimated=any(is_estimated(line) for line in invoice.lines),
        attachment=Attachment(filename=attachment_name(invoice.number.text), content=content),
        title=title,
        document=document,
        note=_note(invoice),
        **_kind(invoice, duplicate_on=row.duplicate_on),
    )


def _note(invoice: Invoice) -> str:
    if invoice.kind == FORECAST:
        return "To prognoza: rozliczymy ją po odczycie wodomierza."
    if invoice.kind in (SETTLEMENT, FINAL) and invoice.payable_zl < 0:
        overpaid = format_zl(-invoice.payable_zl)
        refund = payment_despite_complaint(on=invoice.issue_date)
        return (
            f"Nadpłatę {overpaid} zaliczymy na poczet przyszłych należności. Na Państwa wniosek zwrócimy ją w ciągu "
            f"{refund.refund_days} dni."
        )
    return ""


def _amount_zl(invoice: Invoice) -> Decimal:
    if invoice.corrects is not None:
        return abs(invoice.payable_zl)
    return invoice.payable_zl if invoice.payable_zl > 0 else invoice.gross_zl


def _kind(invoice: Invoice, *, duplicate_on: date | None) -> dict[str, Any]:
    if duplicate_on is not None:
        return {"kind": MailKind.DUPLICATE, "duplicate_date": format_date(duplicate_on)}
    corrects = invoice.corrects
    if corrects is None:
        return {}
    return {
        "kind": MailKind.CORRECTION,
        "corrected_no": corrects.invoice_no,
        "corrected_date": format_date(corrects.issue_date),
        "reason": corrects.reason,
        "unchanged": invoice.payable_zl == 0,
    }
