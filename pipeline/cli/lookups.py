"""Commands that look something up, what concerns deliveries, and the clock."""

from argparse import Namespace
from typing import Any

from billing.polish import format_zl
from pipeline import deliver, resolve_delivery
from pipeline import duplicate as make_duplicate
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
        raise OperatorError("INVOICE_UNKNOWN", f"there is no invoice {options.number}")
    return Answer(text="\n\n".join(_delivery_text(row) for row in rows), data=rows)


def sweep(work: Work, _options: Namespace) -> Answer:
    """``obieg delivery sweep``."""
    return counts_answer("deliveries", deliver.run(work, cycle_key=None))


def resolve(work: Work, options: Namespace) -> Answer:
    """``obieg delivery resolve NUMBER``."""
    done = resolve_delivery.run(work, invoice_no=options.number, decision=options.decision, note=options.note)
    became = "accepted" if done["state"] == "accepted" else "to leave with the next `obieg delivery sweep`"
    text = (
        f"{done['invoice_no']}: {done['channel']} was {done['was']}, {options.decision} by {work.actor.name}: {became}"
    )
    return Answer(text=text, data=done)


def duplicate(work: Work, options: Namespace) -> Answer:
    """``obieg invoice duplicate NUMBER``."""
    done = make_duplicate.run(work, invoice_no=options.number, send=options.send)
    text = f"{done['invoice_no']}: duplicate of {done['duplicate_on']} is archived as {done['archive_key']}"
    if done["planned"]:
        text += f"; it leaves by {done['channel']} with the next `obieg delivery sweep`"
    elif options.send:
        text += "; its delivery was planned before"
    return Answer(text=text, data=done)


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


def _delivery_text(row: dict[str, Any]) -> str:
    if row["delivery_id"] is None:
        return f"{row['invoice_no']} of {row['issue_date']}: no delivery is planned"
    carrier = row["address"] or f"print package {shown(row['package_no'])} {shown(row['package_path'])}"
    head = f"{row['invoice_no']} of {row['issue_date']}, {format_zl(row['payable_zl'])}: {row['channel']} to {carrier}"
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
