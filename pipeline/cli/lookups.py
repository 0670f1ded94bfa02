"""Commands that look something up, and the clock."""

from argparse import Namespace
from typing import Any

from pipeline import deliver
from pipeline.cli.answer import Answer, counts_answer, shown
from pipeline.errors import Inconsistent, OperatorError
from pipeline.work import WARSAW, Work
from sql import views
from sql.clock import business_now, set_demo_clock
from sql.evidence import verify_chain


def show_delivery(work: Work, options: Namespace) -> Answer:
    """``obieg delivery show NUMBER``."""
    with work.engine.connect() as connection:
        rows = views.delivery(connection, invoice_no=options.number)
    if not rows:
        raise _no_invoice(options.number)
    return Answer(text="\n\n".join(_delivery_text(row) for row in rows), data=rows)


def sweep(work: Work, _options: Namespace) -> Answer:
    """``obieg delivery sweep``."""
    return counts_answer("deliveries", deliver.run(work, cycle_key=None))


def explain(work: Work, options: Namespace) -> Answer:
    """``obieg invoice explain NUMBER``."""
    with work.engine.connect() as connection:
        found = views.invoice(connection, invoice_no=options.number)
    if found is None:
        raise _no_invoice(options.number)
    return Answer(text=_invoice_text(found), data=found)


def show_clock(work: Work, _options: Namespace) -> Answer:
    """``obieg clock show``."""
    with work.engine.connect() as connection:
        now = business_now(connection).astimezone(WARSAW)
    return Answer(text=f"{now:%Y-%m-%d %H:%M:%S %Z}", data={"business_now": now})


def set_clock(work: Work, options: Namespace) -> Answer:
    """``obieg clock set``."""
    with work.engine.begin() as connection:
        if not set_demo_clock(connection, moment=options.moment):
            raise OperatorError("CLOCK_REAL", "this utility is not marked as demo: its clock is real time")
    return show_clock(work, options)


def verify_evidence(work: Work, _options: Namespace) -> Answer:
    """``obieg evidence verify``."""
    with work.engine.connect() as connection:
        broken = verify_chain(connection)
    if broken is not None:
        raise Inconsistent("EVIDENCE_BROKEN", f"event {broken.seq} {broken.reason}")
    return Answer(text="every link of the evidence holds", data={"broken": None})


def _no_invoice(number: str) -> OperatorError:
    return OperatorError("INVOICE_UNKNOWN", f"there is no invoice {number}")


def _delivery_text(row: dict[str, Any]) -> str:
    if row["delivery_id"] is None:
        return f"{row['invoice_no']} of {row['issue_date']}: no delivery is planned"
    carrier = row["address"] or f"print package {shown(row['package_no'])} {shown(row['package_path'])}"
    head = f"{row['invoice_no']} of {row['issue_date']}, {row['gross_zl']} zł: {row['channel']} to {carrier}"
    lines = [
        head,
        f"  state    {row['state']} ({row['reason']}), due by {row['deadline'].astimezone(WARSAW):%Y-%m-%d %H:%M}",
        f"  document {shown(row['archive_key'])}",
        f"  message  {shown(row['message_id'])}",
    ]
    return "\n".join(lines + [_attempt_text(attempt) for attempt in row["attempt_list"]])


def _attempt_text(attempt: dict[str, Any]) -> str:
    reply = " ".join(shown(attempt[name]) for name in ("reply_code", "reply_enhanced", "reply_text"))
    begun = attempt["intent_at"].astimezone(WARSAW)
    return f"  attempt {attempt['attempt_no']} {begun:%Y-%m-%d %H:%M:%S} {shown(attempt['outcome'])}: {reply}"


def _invoice_text(found: dict[str, Any]) -> str:
    head = (
        f"{found['invoice_no']} of {found['issue_date']}, account {found['account_no']}, cycle {found['cycle_key']}\n"
        f"net {found['net_zl']} zł, VAT {found['vat_zl']} zł, gross {found['gross_zl']} zł, due {found['due_date']}"
    )
    return "\n".join([head, *(_line_text(line) for line in found["lines"])])


def _line_text(line: dict[str, Any]) -> str:
    lines = [
        f"\n{line['line_no']}. {line['description']}",
        f"   days {line['period_start']} up to, not including, {line['period_until']}",
        f"   {line['quantity']} {line['unit']} × {line['price_zl']} zł = {line['net_zl']} zł, VAT {line['vat_rate']}",
        f"   group {line['tariff_group']} of {line['tariff']} ({line['tariff_sha256'][:12]})",
        f"   basis: {line['basis']}",
    ]
    for reading in line["readings"]:
        read_at = reading["read_at"].astimezone(WARSAW)
        lines += [
            f"   reading {reading['reading_id']}: {reading['index_m3']} m³ on {read_at:%Y-%m-%d %H:%M}",
            f"     from {reading['file_name']} line {reading['line_no']}: {reading['raw']}",
        ]
    return "\n".join(lines)
