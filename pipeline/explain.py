"""An invoice explained from what is kept of it: its frozen content, the readings it rests on, the invoice before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from billing.accounts import Reading
from billing.bill_changes import BillChange, compare_bills
from billing.canonical import from_json
from billing.charges import ChargeLine
from billing.invoices import Invoice
from billing.tariffs import TariffBook
from pipeline.cycles import frozen_utility, require_cycle
from pipeline.errors import OperatorError
from sql import views


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An invoice with what its explanation needs.

    ``tariffs`` are those that its cycle froze; ``readings`` as they were received, by id; ``before`` is the account's
    invoice before this one, and ``change`` why this one differs from it (None: there is none).
    """

    invoice: Invoice
    found: Mapping[str, Any]
    tariffs: TariffBook
    received: Mapping[int, Mapping[str, Any]]
    before: Invoice | None
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
    tariffs = frozen_utility(connection, require_cycle(connection, cycle_key=found["cycle_key"])).tariffs
    invoice = from_json(Invoice, found.pop("content"))
    content = views.content_before(connection, invoice_no=invoice_no)
    before = None if content is None else from_json(Invoice, content)
    keys = dict.fromkeys(key for line in invoice.lines for key in reading_ids(line))
    return Explained(
        invoice=invoice,
        found=found,
        tariffs=tariffs,
        received={key: views.reading_as_received(connection, reading_id=key) for key in keys},
        before=before,
        change=compare_bills(was=before, now=invoice, tariffs=tariffs) if before else None,
    )


def reading_ids(line: ChargeLine) -> list[int]:
    """The readings that a line rests on, in the order in which they are told."""
    own = [line.previous_reading_id, line.current_reading_id]
    of_parts = [key for part in line.parts for key in (part.previous_reading_id, part.current_reading_id)]
    return list(dict.fromkeys(key for key in (*own, *of_parts) if key is not None))
