"""The prepared answer to a complaint: a letter made from the invoice's own explanation, for the office to finish."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import Connection, Row

from billing.answer_letters import tell_corrections, tell_due, tell_invoice
from billing.invoices import Invoice
from billing.law import payment_despite_complaint
from billing.polish import format_account, format_date
from pipeline.cycles import frozen_utility, require_cycle
from pipeline.explain import reading_ids
from pipeline.read_back import read_back
from pipeline.work import warsaw_day
from sql import complaints as stored
from sql import views
from sql.clock import business_now

GAP = "[UZUPEŁNIĆ"
"""How every gap begins that the office has to fill in or to take out before the letter leaves."""
_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "letter"


def prepared_answer(connection: Connection, case: Row[Any]) -> str:
    """The letter as far as the invoice itself can tell it; what the office has to say stands as a gap. Writes nothing.

    Raises:
        DataRefused: ``LAW_NO_VALUE``.
    """
    found = views.invoice(connection, invoice_no=case.invoice_no)
    if found is None:
        raise AssertionError(case.invoice_no)
    invoice = read_back(Invoice, found["content"])
    tariffs = frozen_utility(connection, require_cycle(connection, cycle_key=case.cycle_key)).tariffs
    today = warsaw_day(business_now(connection))
    corrections = [
        read_back(Invoice, row.content) for row in stored.corrections_since(connection, invoice_id=case.invoice_id)
    ]
    words = {
        "seller": invoice.seller,
        "addressee": invoice.addressee,
        "written_on": format_date(today),
        "complaint_no": case.complaint_no,
        "invoice_no": invoice.number.text,
        "issue_date": format_date(invoice.issue_date),
        "account_no": invoice.account_no,
        "received_on": format_date(case.received_on),
        "received_via": case.received_via,
        "subject": case.subject,
        "is_consumer": case.consumer,
        "correction_reason": case.reason if case.outcome == "correction" else "",
        "told": tell_invoice(
            invoice,
            tariffs=tariffs,
            readings=stored.readings_as_received(connection, reading_ids=_reading_ids(invoice)),
        ),
        "corrections": tell_corrections(corrections),
        "is_corrected_as_asked": bool(_numbers_of_order(connection, case) & {one.number.text for one in corrections}),
        "due": tell_due(invoice, corrections=corrections),
        "bank_account": format_account(invoice.bank_account),
        "payment": payment_despite_complaint(on=case.received_on),
        "gap": GAP,
    }
    return _environment().get_template("odpowiedz-na-reklamacje.txt.j2").render(words).lstrip("\n").rstrip() + "\n"


def _numbers_of_order(connection: Connection, case: Row[Any]) -> set[str]:
    """Corrections that carry out what the case has ordered."""
    if case.order_id is None:
        return set()
    return {row["invoice_no"] for row in stored.order(connection, order_id=case.order_id)["corrections"]}


def _reading_ids(invoice: Invoice) -> list[int]:
    return sorted({key for line in invoice.lines for key in reading_ids(line)})


@cache
def _environment() -> Environment:
    # only templates named .html are escaped; this one is plain text
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
