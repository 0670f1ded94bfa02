"""``obieg invoice explain``: every line of an invoice back to the rows of the reading files that it was made from."""

from argparse import Namespace
from typing import Any

from billing.canonical import from_json, to_data
from billing.charges import ChargeLine
from billing.explanations import explain
from billing.invoices import Invoice
from pipeline.cli.answer import Answer
from pipeline.cycles import frozen_utility, require_cycle
from pipeline.errors import OperatorError
from pipeline.work import WARSAW, Work
from sql import views


def explain_invoice(work: Work, options: Namespace) -> Answer:
    """The lines with their statements, by the tariffs as the cycle froze them."""
    with work.engine.connect() as connection:
        found = views.invoice(connection, invoice_no=options.number)
        if found is None:
            raise OperatorError("INVOICE_UNKNOWN", f"there is no invoice {options.number}")
        tariffs = frozen_utility(connection, require_cycle(connection, cycle_key=found["cycle_key"])).tariffs
        lines = [
            {
                "line": to_data(line),
                "because": explain(line, tariffs=tariffs),
                "readings": [views.reading_as_received(connection, reading_id=key) for key in _reading_ids(line)],
            }
            for line in from_json(Invoice, found.pop("content")).lines
        ]
    return Answer(text=_text(found, lines), data={**found, "lines": lines})


def _reading_ids(line: ChargeLine) -> list[int]:
    return [key for key in (line.previous_reading_id, line.current_reading_id) if key is not None]


def _text(found: dict[str, Any], lines: list[dict[str, Any]]) -> str:
    parts = [
        f"{found['invoice_no']} of {found['issue_date']}, account {found['account_no']}, cycle {found['cycle_key']}",
        f"net {found['net_zl']} zł, VAT {found['vat_zl']} zł, gross {found['gross_zl']} zł, due {found['due_date']}",
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
