"""An invoice explained from what is kept of it: its frozen content, the readings it rests on, the invoice before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from billing.accounts import Reading, Service
from billing.bill_changes import BillChange, compare_bills
from billing.charges import Bill, ChargeLine
from billing.corrections import bill_in_force
from billing.invoices import Invoice
from billing.tariffs import TariffBook
from pipeline.cycles import frozen_utility, require_cycle
from pipeline.errors import OperatorError
from pipeline.read_back import read_back
from sql import views


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An invoice with what its explanation needs.

    ``bill`` is what it says is owed (a correction: instead). ``payment_days`` and ``tariffs`` are those that its cycle
    froze; ``received`` are its readings by id. ``before`` names the document that it is compared with, the account's
    invoice before this one, or what a correction corrects; ``change`` is why it differs (None: there is none, or this
    one is of ordered services alone).
    """

    invoice: Invoice
    bill: Bill
    found: Mapping[str, Any]
    payment_days: int
    tariffs: TariffBook
    received: Mapping[int, Mapping[str, Any]]
    before: str | None
    before_issued: date | None
    change: BillChange | None

    @property
    def readings(self) -> dict[int, Reading]:
        """The readings that have an index."""
        return {
            key: Reading(
                reading_id=key,
                read_on=row["read_on"],
                index_m3=row["index_m3"],
                source=row["source"],
                quality=row["quality"],
            )
            for key, row in self.received.items()
            if row["index_m3"] is not None
        }


def run(connection: Connection, *, invoice_no: str) -> Explained:
    """What is known of an invoice. Writes nothing.

    Raises:
        OperatorError: ``INVOICE_UNKNOWN``.
    """
    found = views.invoice(connection, invoice_no=invoice_no)
    if found is None:
        raise OperatorError("INVOICE_UNKNOWN", f"there is no invoice {invoice_no}")
    cycle = require_cycle(connection, cycle_key=found["cycle_key"])
    tariffs = frozen_utility(connection, cycle).tariffs
    invoice = read_back(Invoice, found.pop("content"))
    owed = bill_in_force(invoice)
    keys = dict.fromkeys(key for line in invoice.lines for key in reading_ids(line))
    former = _former(connection, invoice)
    return Explained(
        invoice=invoice,
        bill=owed,
        found=found,
        payment_days=cycle.payment_days,
        tariffs=tariffs,
        received={key: views.reading_as_received(connection, reading_id=key) for key in keys},
        before=former.number if former else None,
        before_issued=former.issued if former else None,
        change=compare_bills(was=former.bill, now=owed, tariffs=tariffs) if former else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Former:
    """What an invoice is compared with: a document and what it said was owed."""

    number: str
    issued: date
    bill: Bill


def _former(connection: Connection, invoice: Invoice) -> _Former | None:
    corrects = invoice.corrects
    if corrects is not None:
        number = corrects.previous_no or corrects.invoice_no
        return _Former(number=number, issued=corrects.issue_date, bill=corrects.before)
    if all(line.service is Service.EXTRA for line in invoice.lines):
        return None
    for content in views.contents_before(connection, invoice_no=invoice.number.text):
        before = read_back(Invoice, content)
        if before.lines:  # a reversed invoice says nothing of what is usual
            return _Former(number=before.number.text, issued=before.issue_date, bill=bill_in_force(before))
    return None


def reading_ids(line: ChargeLine) -> list[int]:
    """The readings that a line rests on, in the order in which they are told."""
    own = [line.previous_reading_id, line.current_reading_id]
    of_parts = [key for part in line.parts for key in (part.previous_reading_id, part.current_reading_id)]
    return list(dict.fromkeys(key for key in (*own, *of_parts) if key is not None))
