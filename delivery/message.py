"""The e-mails that customers get: an invoice, and the confirmation of a change between paper and e-mail."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from delivery.addresses import smtp_address
from delivery.errors import NotSendable
from delivery.mime import Attachment, compose, header_date, header_mailbox, header_text

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "email"
BUILDER_REVISION = 1  # to be raised with every change of the bytes that delivery.mime or this module makes

_ID_WORD = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The utility as its e-mails show it; texts are printed as they stand.

    ``mail_from`` and ``reply_to`` are addresses; ``reply_to`` must be read by people.
    """

    name: str
    address: str
    nip: str
    phone: str
    email: str
    website: str
    mail_from: str
    reply_to: str


class MailKind(StrEnum):
    """What an invoice mail carries: an invoice, a correction of one, or a duplicate of either."""

    INVOICE = "invoice"
    CORRECTION = "correction"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceMail:
    """One invoice to one address. Amounts, dates and accounts come as the Polish text to be shown.

    ``to_pay`` is False when nothing is due (zero, or a credit): the mail then says so instead of a payment box.
    ``title`` opens the subject and ``document`` names it in the sentence (``fakturę``); ``note`` is a full sentence or
    empty.
    ``is_estimated``: something on the invoice rests on an estimate, and the mail says what will become of it.
    A correction tells which invoice it corrects and why, and is ``unchanged`` when the amount stays as it was; a
    duplicate tells the day on which it was made out.
    ``date`` (with time zone) and ``message_id`` are given, so that a second build gives the same bytes.
    """

    sender: Sender
    to_address: str
    delivery_id: str
    message_id: str
    date: datetime
    invoice_no: str
    account_no: str
    issue_date: str
    period: str
    amount: str
    due_date: str
    bank_account: str
    payment_title: str
    to_pay: bool
    attachment: Attachment
    title: str = "Faktura"
    document: str = "fakturę"
    note: str = ""
    is_estimated: bool = False
    kind: MailKind = MailKind.INVOICE
    corrected_no: str = ""
    corrected_date: str = ""
    reason: str = ""
    duplicate_date: str = ""
    unchanged: bool = False


class NoticeKind(StrEnum):
    """What a notice confirms."""

    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeMail:
    """Confirmation of an acceptance of e-invoices or of its withdrawal.

    ``declared_on`` is when the statement reached the utility, ``effective_date`` the first day of the new manner,
    ``terms`` the accepted regulamin with its version, ``price_effect`` a full sentence on the price or empty.
    """

    sender: Sender
    to_address: str
    delivery_id: str
    message_id: str
    date: datetime
    kind: NoticeKind
    account_no: str
    declared_on: str
    effective_date: str
    terms: str
    price_effect: str


_SUBJECTS = {
    MailKind.CORRECTION: "Faktura korygująca",
    MailKind.DUPLICATE: "Duplikat faktury",
}
_TEMPLATES = {MailKind.INVOICE: "invoice", MailKind.CORRECTION: "correction", MailKind.DUPLICATE: "duplicate"}


def build_message(mail: InvoiceMail) -> bytes:
    """The whole e-mail of one invoice; the same ``mail`` gives the same bytes.

    Raises:
        NotSendable: ``ADDRESS_NOT_ASCII``, ``ADDRESS_INVALID``, ``NO_ATTACHMENT``.
        ValueError: a control character in a header, a date without time zone.
    """
    if not mail.attachment.content:
        raise NotSendable("NO_ATTACHMENT", f"invoice {mail.invoice_no} has no document: it is not mailed without one")
    subject = f"{_SUBJECTS.get(mail.kind, mail.title)} {mail.invoice_no} – {mail.sender.name}"
    return _build(mail=mail, subject=subject, template=_TEMPLATES[mail.kind], attachment=mail.attachment)


def build_notice(mail: NoticeMail) -> bytes:
    """The whole e-mail that confirms a change between paper and e-mail; the same ``mail`` gives the same bytes.

    Raises:
        NotSendable: ``ADDRESS_NOT_ASCII``, ``ADDRESS_INVALID``.
        ValueError: a control character in a header, a date without time zone.
    """
    accepted = mail.kind is NoticeKind.ACCEPTED
    subject = f"{'Potwierdzenie zgody na e-faktury' if accepted else 'Powrót do faktur papierowych'} – konto klienta nr"
    return _build(mail=mail, subject=f"{subject} {mail.account_no}", template="paperless", attachment=None)


def message_id(*, delivery_id: str, revision: int, domain: str) -> str:
    """``<inv.{delivery_id}.{revision}@domain>``; the same delivery and revision always have the same one."""
    host = smtp_address(f"inv@{domain}").partition("@")[2]
    return f"<inv.{_id_word(delivery_id)}.{revision}@{host}>"


def attachment_name(invoice_no: str) -> str:
    """``Faktura_FV-2026-11-000123.pdf``: the invoice's number in ASCII."""
    return f"Faktura_{re.sub(r'[^A-Za-z0-9._]+', '-', invoice_no).strip('-.')}.pdf"


@cache
def template_version() -> str:
    """Twelve hex digits that change whenever the bytes of a message may change: its texts or the builder."""
    digest = hashlib.sha256(str(BUILDER_REVISION).encode())
    for path in sorted(TEMPLATES.glob("*.j2")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _build(*, mail: InvoiceMail | NoticeMail, subject: str, template: str, attachment: Attachment | None) -> bytes:
    if not re.fullmatch(r"<[!-;=?-~]+@[!-;=?-~]+>", mail.message_id):
        raise ValueError(f"not a Message-ID: {mail.message_id!r}")
    sender = mail.sender
    headers = [
        ("Date", header_date(mail.date)),
        ("From", header_mailbox(display_name=sender.name, address=smtp_address(sender.mail_from))),
        ("Reply-To", smtp_address(sender.reply_to)),
        ("To", smtp_address(mail.to_address)),
        ("Subject", header_text(name="Subject", text=subject)),
        ("Message-ID", mail.message_id),
        ("X-Delivery-Id", _id_word(mail.delivery_id)),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ("Content-Language", "pl"),
    ]
    return compose(
        headers=headers,
        seed=mail.delivery_id,
        text=_render(f"{template}.txt.j2", mail, subject),
        html=_render(f"{template}.html.j2", mail, subject),
        attachment=attachment,
    )


def _render(name: str, mail: InvoiceMail | NoticeMail, subject: str) -> str:
    return _environment().get_template(name).render(mail=mail, sender=mail.sender, subject=subject)


def _id_word(word: str) -> str:
    if not _ID_WORD.fullmatch(word):
        raise ValueError(f"not an id of a delivery: {word!r}")
    return word


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tel"] = _dial
    return environment


def _dial(phone: Any) -> str:
    """The digits of a phone number, with a leading plus if it has one."""
    return re.sub(r"(?!^\+)[^0-9]", "", str(phone))
