"""``obieg explain`` for a customer's questions, ``obieg invoice explain`` for an auditor: an invoice, line by line."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from billing.accounts import Service
from billing.canonical import to_data
from billing.explanations import explain
from billing.polish import format_date
from billing.polish_bill_changes import why_changed
from billing.polish_explanations import why_line
from billing.polish_invoice import head_of, tell_lines, tell_sums
from pipeline import explain as explaining
from pipeline.cli.answer import Answer
from pipeline.explain import Explained
from pipeline.work import WARSAW, Work


def explain_to_customer(work: Work, options: Namespace) -> Answer:
    """``obieg explain NUMBER``: in plain Polish, with why the amount changed since the last invoice."""
    with work.engine.connect() as connection:
        told = explaining.run(connection, invoice_no=options.number)
    return Answer(text="\n".join(_polish(told)), data=_polish_data(told))


def explain_to_auditor(work: Work, options: Namespace) -> Answer:
    """``obieg invoice explain NUMBER``: back to the rows of the reading files."""
    with work.engine.connect() as connection:
        told = explaining.run(connection, invoice_no=options.number)
    lines = [
        {
            "line": to_data(line),
            "because": explain(line, tariffs=told.tariffs, lines=told.invoice.lines),
            "readings": [told.received[key] for key in explaining.reading_ids(line)],
        }
        for line in told.invoice.lines
    ]
    return Answer(
        text=_text(dict(told.found), lines, due_basis=told.invoice.due_date_basis), data={**told.found, "lines": lines}
    )


def _polish(told: Explained) -> Iterator[str]:
    yield from head_of(told.invoice, payment_days=told.payment_days)
    yield f"\n{'SKĄD TE KWOTY' if told.invoice.corrects is None else 'SKĄD TE KWOTY PO KOREKCIE'}\n"
    if not told.bill.lines:
        yield "Wszystkie pozycje zostały wycofane: z tej faktury nic nie jest należne."
    yield from tell_lines(told.bill, tariffs=told.tariffs, readings=told.readings)
    yield ""
    yield from tell_sums(told.bill, vat=told.tariffs.models.vat)
    yield "\nDLACZEGO KWOTA SIĘ ZMIENIŁA\n"
    if told.before is None or told.before_issued is None or told.change is None:
        if all(line.service is Service.EXTRA for line in told.bill.lines):
            yield "Ta faktura obejmuje tylko zamówione usługi; nie porównujemy jej z fakturą za wodę i ścieki."
        else:
            yield "To pierwsza faktura tego konta; nie ma z czym porównać."
        return
    yield f"W porównaniu z fakturą {told.before} z dnia {format_date(told.before_issued)}:"
    head, *parts = why_changed(told.change)
    yield head
    yield from (f"  {part}" for part in parts)


def _polish_data(told: Explained) -> dict[str, Any]:
    change = told.change
    lines = [
        {
            "line": to_data(line),
            "reasons": why_line(line, tariffs=told.tariffs, readings=told.readings, lines=told.bill.lines),
        }
        for line in told.bill.lines
    ]
    since = change and {
        "invoice_no": told.before,
        "was_zl": change.was_zl,
        "now_zl": change.now_zl,
        "difference_zl": change.difference_zl,
        "parts": to_data(change.parts),
        "reasons": why_changed(change),
    }
    sums = tuple(tell_sums(told.bill, vat=told.tariffs.models.vat))
    return {**told.found, "lines": lines, "sums": sums, "change": since}


def _text(found: dict[str, Any], lines: list[dict[str, Any]], *, due_basis: str) -> str:
    """Figures as the data has them, like the statements."""
    parts = [
        f"{found['invoice_no']} of {found['issue_date']}, account {found['account_no']}, cycle {found['cycle_key']}",
        f"net {found['net_zl']} zł, VAT {found['vat_zl']} zł, gross {found['gross_zl']} zł, due {found['due_date']}",
        f"due date: {due_basis}",
    ]
    if found["subsidy_gross_zl"]:
        parts.append(f"subsidy {found['subsidy_gross_zl']} zł gross, payable {found['payable_zl']} zł")
    for number, entry in enumerate(lines, start=1):
        parts.append(f"\n{number}. {entry['line']['description']}: {entry['line']['net_zl']} zł net")
        parts += [f"   {statement}" for statement in entry["because"]]
        parts += [_reading_text(reading) for reading in entry["readings"]]
    return "\n".join(parts)


def _reading_text(reading: dict[str, Any]) -> str:
    read_at = reading["read_at"].astimezone(WARSAW)
    if reading["change_id"] is not None:
        came = f"as typed by {reading['changed_by']} with change {reading['change_id']}: {reading['index_m3']} m³"
    elif reading["estimated_by_method"] is not None:
        method, why = reading["estimated_by_method"], reading["estimated_why"]
        came = f"estimated by {method} ({why}): {reading['index_m3']} m³"
    else:
        came = f"as received in {reading['file_name']}, line {reading['line_no']}: {reading['raw']}"
    if reading["decision"] is not None:
        index = f" to {reading['decided_m3']} m³" if reading["decided_m3"] is not None else ""
        came += f"; {reading['decision']}{index} by {reading['decided_by']}"
    return f"   reading {reading['reading_id']} of {read_at:%Y-%m-%d %H:%M} {came}"
