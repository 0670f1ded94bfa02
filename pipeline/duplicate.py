"""duplicate: an issued invoice once more, with the word DUPLIKAT and the day on which it is made out."""

from datetime import date
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, Row

from billing.accounts import Channel, Role
from billing.invoices import Invoice
from delivery.archive import pack_folder
from delivery.message import message_id
from pipeline.documents import archive_of, issued_invoice, rendering_of, retain_until
from pipeline.errors import OperatorError
from pipeline.packing import publish, record
from pipeline.planned import DELIVERY_NAMES
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.documents import NewPack
from sql.duplicates import DuplicateDelivery, find_duplicate, find_invoice, note_duplicate, send_duplicate
from sql.locks import take_turn


def run(work: Work, *, invoice_no: str, send: bool) -> dict[str, Any]:
    """Make out a duplicate of today and archive it; with ``send`` it leaves with the next sweep.

    It says what the invoice said and gets no number. One a day: the same again gives the same document. It goes the way
    that is agreed with the account today, or on paper when the invoice was another customer's.

    Raises:
        OperatorError: ``INVOICE_UNKNOWN`` or ``INVOICE_REVERSED``.
        Inconsistent: ``INVOICE_CHANGED`` or ``ARCHIVE_CONFLICT``.
        Retryable: the archive is full or away.
    """
    with work.engine.connect() as connection:
        today = warsaw_day(business_now(connection))
        row = find_invoice(connection, invoice_no=invoice_no, today=today)
    if row is None:
        raise OperatorError("INVOICE_UNKNOWN", f"there is no invoice {invoice_no}")
    if send and row.is_reversed:
        raise OperatorError(
            "INVOICE_REVERSED", f"{invoice_no} was taken back before it left; no duplicate of it leaves"
        )
    invoice = issued_invoice(invoice_no=invoice_no, content=row.content, sha256=row.sha256)
    pack = _published(work, row, today)
    delivery = _delivery(work, row, invoice, today)
    with step(work, "duplicate") as (connection, entry):
        if send:
            _refuse_reversed(connection, invoice_no=invoice_no, today=today)
        is_new = record(connection, pack, duplicate_on=today)
        stored = find_duplicate(connection, invoice_id=row.invoice_id, duplicate_on=today)
        if is_new:
            note_duplicate(
                connection, invoice_no=invoice_no, duplicate_on=today, sha256=stored.sha256, by=work.actor.name
            )
        sent = send and send_duplicate(
            connection, delivery, invoice_id=row.invoice_id, duplicate_on=today, document_id=stored.document_id
        )
        entry.counts = {"duplicates": 1, "deliveries": int(sent)}
    return {
        "invoice_no": invoice_no,
        "duplicate_on": today,
        "archive_key": stored.archive_key,
        "channel": delivery.channel if send else None,
        "planned": sent,
    }


def _refuse_reversed(connection: Connection, *, invoice_no: str, today: date) -> None:
    take_turn(connection, "books")  # no reversal is issued while we plan the delivery
    row = find_invoice(connection, invoice_no=invoice_no, today=today)
    if row is not None and row.is_reversed:
        raise OperatorError(
            "INVOICE_REVERSED", f"{invoice_no} was taken back before it left; no duplicate of it leaves"
        )


def _published(work: Work, row: Row[Any], today: date) -> NewPack:
    """A pack of one document, beside the invoice's month."""
    return publish(
        archive_of(work.settings),
        rendering_of(work.settings),
        folder=pack_folder(issue_date=row.issue_date, run="duplikaty"),
        part=f"{row.invoice_no}-{today}",
        cycle_id=None,
        rows=[row],
        # a day of its own: the years of the invoice may be over
        retain_until=retain_until(work.settings, issue_date=today),
        duplicate_on=today,
    )


def _delivery(work: Work, row: Row[Any], invoice: Invoice, today: date) -> DuplicateDelivery:
    mail = load_folder(work.settings.utility).utility.mail
    now = row.parties_now or {}
    own = all(now.get(role.value) == invoice.parties[role].party_no for role in (Role.PAYER, Role.BUYER))
    by_email = own and row.channel == Channel.EMAIL and row.email is not None and row.email_state == "confirmed"
    channel = Channel.EMAIL if by_email else Channel.PAPER
    delivery_id = uuid5(DELIVERY_NAMES, f"{row.invoice_no}|duplicate {today}|{channel}")
    own_id = message_id(delivery_id=str(delivery_id), revision=1, domain=mail.message_id_domain)
    return DuplicateDelivery(
        delivery_id=delivery_id,
        channel=channel.value,
        address=row.email if by_email else None,
        message_id=own_id if by_email else None,
    )
