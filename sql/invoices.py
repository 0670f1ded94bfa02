"""Invoices and their numbers: written once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from billing.canonical import Sealed
from billing.invoices import Invoice
from sql.clock import business_now
from sql.cycles import Cycle
from sql.evidence import Event, append_events
from sql.queries import queries

_Q = queries("invoices")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInvoice:
    """An invoice to write, with the delivery that is created in the same transaction.

    ``corrects_id`` is the invoice that it corrects.
    """

    account_id: int
    charge_id: int
    invoice: Invoice
    content: Sealed
    delivery_id: UUID
    address: str | None
    message_id: str | None
    reason: str
    corrects_id: int | None = None


def lock_series(connection: Connection, *, series: str) -> int:
    """The last number of the series, which nobody else can take until the transaction ends."""
    last: int = connection.execute(_Q["lock_series"], {"series": series}).scalar_one()
    return last


def insert_invoices(connection: Connection, *, cycle: Cycle, series: str, invoices: Sequence[NewInvoice]) -> None:
    """Write invoices, the days they bill, their deliveries and their evidence, and use up their numbers."""
    if not invoices:
        return
    issued = [new.invoice for new in invoices]
    connection.execute(
        _Q["insert_invoices"],
        {
            "series": series,
            "cycle_id": cycle.cycle_id,
            "kinds": ["regular" if invoice.kind == "invoice" else invoice.kind for invoice in issued],
            "corrects_ids": [new.corrects_id for new in invoices],
            "correction_nos": [invoice.corrects and invoice.corrects.correction_no for invoice in issued],
            "issue_date": cycle.issue_date,
            "sequences": [invoice.number.sequence for invoice in issued],
            "invoice_nos": [invoice.number.text for invoice in issued],
            "account_ids": [new.account_id for new in invoices],
            "charge_ids": [new.charge_id for new in invoices],
            "due_dates": [invoice.due_date for invoice in issued],
            "carriers": [invoice.carrier.value for invoice in issued],
            "nets": [invoice.net_zl for invoice in issued],
            "vats": [invoice.vat_zl for invoice in issued],
            "grosses": [invoice.gross_zl for invoice in issued],
            "subsidies_net": [invoice.subsidy_net_zl for invoice in issued],
            "subsidies_gross": [invoice.subsidy_gross_zl for invoice in issued],
            "contents": [new.content.text for new in invoices],
            "sha256s": [new.content.sha256 for new in invoices],
        },
    )
    last_sequence = max(invoice.number.sequence for invoice in issued)
    connection.execute(_Q["advance_series"], {"series": series, "last_sequence": last_sequence})
    numbers = [invoice.number.text for invoice in issued]
    if cycle.is_correction:
        connection.execute(_Q["supersede_billed_periods"], {"invoice_nos": numbers})
    connection.execute(_Q["insert_billed_periods"], {"invoice_nos": numbers})
    _insert_deliveries(connection, invoices)
    _append_issued(connection, cycle, invoices)


def _append_issued(connection: Connection, cycle: Cycle, invoices: Sequence[NewInvoice]) -> None:
    moment = business_now(connection)
    append_events(
        connection,
        [
            Event(
                event_at=moment,
                subject=f"invoice:{new.invoice.number.text}",
                kind="issued",
                body={
                    "cycle": cycle.cycle_key,
                    "sha256": new.content.sha256,
                    "gross_zl": new.invoice.gross_zl,
                    "delivery": str(new.delivery_id),
                    "carrier": new.invoice.carrier,
                    "reason": new.reason,
                }
                | ({"corrects": new.invoice.corrects.invoice_no} if new.invoice.corrects else {}),
            )
            for new in invoices
        ],
    )


def insert_drafted_periods(connection: Connection, *, cycle: Cycle) -> int:
    """Count the days and readings of the cycle's KSeF drafts as billed; how many lines they have."""
    drafted = {"cycle_id": cycle.cycle_id}
    connection.execute(_Q["insert_drafted_readings"], drafted)
    connection.execute(_Q["insert_drafted_indexes"], drafted)
    connection.execute(_Q["insert_drafted_shares"], drafted)
    return connection.execute(_Q["insert_drafted_periods"], drafted).rowcount


def _insert_deliveries(connection: Connection, invoices: Sequence[NewInvoice]) -> None:
    connection.execute(
        _Q["insert_deliveries"],
        {
            "delivery_ids": [new.delivery_id for new in invoices],
            "invoice_nos": [new.invoice.number.text for new in invoices],
            "channels": [new.invoice.carrier.value for new in invoices],
            "addresses": [new.address for new in invoices],
            "reasons": [new.reason for new in invoices],
            "message_ids": [new.message_id for new in invoices],
        },
    )


def issued_totals(connection: Connection, *, cycle: Cycle) -> Row[Any]:
    """Count, sums, first and last number of the cycle's invoices, and one hash over all of them."""
    return connection.execute(_Q["issued_totals"], {"cycle_id": cycle.cycle_id}).one()


def find_invoice(connection: Connection, *, invoice_no: str) -> Row[Any] | None:
    """An invoice with its document, by its printed number."""
    return connection.execute(_Q["find_invoice"], {"invoice_no": invoice_no}).one_or_none()
