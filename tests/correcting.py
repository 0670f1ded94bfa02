"""Corrections in the tests' town: asked for, approved and issued as anybody would."""

from datetime import date, datetime, time
from typing import Any

from complaints_town import issued
from sqlalchemy import text
from town import set_clock

from pipeline import approve, check, deliver, freeze, issue, rate, reconcile, render
from pipeline.corrections import open as opening
from pipeline.corrections.open import CorrectionOrder
from pipeline.statement import statement
from pipeline.work import Work

REASON = "Błędny odczyt wodomierza."


def order_of(issue_date: date, **what: Any) -> CorrectionOrder:
    return CorrectionOrder(**{"reason": REASON, "issue_date": issue_date, **what})


def to_check(work: Work, order: CorrectionOrder) -> str:
    key = opening.run(work, order=order)["cycle_key"]
    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    return key


def july_closed(work: Work) -> None:
    """July, billed and delivered."""
    issued(work)
    to_the_end(work, "2026-07~ALL~1")


def to_the_end(work: Work, key: str) -> None:
    for chunk_no in range(issue.run(work, cycle_key=key)["chunks"]):
        render.run(work, cycle_key=key, chunk_no=chunk_no)
    deliver.run(work, cycle_key=key)
    reconcile.run(work, cycle_key=key)


def to_close(work: Work, order: CorrectionOrder) -> str:
    """From the order to the balanced statement, at noon of the issue date."""
    key = to_check(work, order)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime.combine(order.issue_date, time(12)))
    to_the_end(work, key)
    made = statement(work, cycle_key=key)
    assert made.balanced, made.text()
    return key


def reading_of(work: Work, no: str, day: str) -> int:
    with work.engine.connect() as connection:
        query = "select reading_id from reading join meter using (meter_id) where meter_no = :meter and read_on = :day"
        return int(connection.execute(text(query), {"meter": f"M{no}", "day": day}).scalar_one())


def corrections(work: Work) -> list[tuple[Any, ...]]:
    """Each correction: its number, what it corrects, which one it is, net, VAT and gross of the difference."""
    query = """
        select c.invoice_no, o.invoice_no, c.correction_no, c.net_zl, c.vat_zl, c.gross_zl
        from invoice c join invoice o on o.invoice_id = c.corrects_id order by c.sequence
    """
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
