"""Complaints as people look them up: how the term of each stands today, and what happened in it. Nothing is written."""

from datetime import date
from typing import Any

from sqlalchemy import Row

from billing.complaints import clock
from billing.money import ZERO_ZL
from pipeline.complaints import require_case
from pipeline.work import Work, warsaw_day
from sql import complaints as stored
from sql.clock import business_now

COLUMNS = (
    *("complaint_no", "earlier_no", "invoice_no", "account_no", "subject", "received_on", "received_via"),
    *("answer_until", "days_left", "answered_on", "is_late", "is_deemed_accepted", "silence_basis", "outcome"),
)


def listed(work: Work, *, only_open: bool, due: date | None) -> list[dict[str, Any]]:
    """Cases with ``COLUMNS``, those to be answered first, overdue ones on top.

    ``only_open`` leaves out those that have ended and are answered; ``due``: only those to be answered by that day.
    """
    with work.engine.connect() as connection:
        today = warsaw_day(business_now(connection))
        rows = stored.cases(connection, only_open=only_open, due=due)
    found = [_standing(row, today) for row in rows]
    return [{name: case[name] for name in COLUMNS} for case in found]


def shown(work: Work, *, complaint_no: str) -> dict[str, Any]:
    """One case with its events and, if there is one, the correction that was ordered.

    ``owed_zl`` is what is to be paid of the invoice, with its ``corrections`` so far.

    Raises:
        OperatorError: ``COMPLAINT_UNKNOWN``.
    """
    with work.engine.connect() as connection:
        row = require_case(connection, complaint_no=complaint_no)
        today = warsaw_day(business_now(connection))
        events = stored.events(connection, complaint_id=row.complaint_id)
        order = stored.order(connection, order_id=row.order_id) if row.order_id else None
        corrections = stored.corrections_since(connection, invoice_id=row.invoice_id)
    return {
        **_standing(row, today),
        "corrections": [one.invoice_no for one in corrections],
        "owed_zl": row.payable_zl + sum((one.payable_zl for one in corrections), ZERO_ZL),
        "events": events,
        "correction_order": order,
    }


def _standing(row: Row[Any], today: date) -> dict[str, Any]:
    """``is_deemed_accepted``: what the law makes of silence towards a consumer; it does nothing by itself."""
    now = clock(answer_until=row.answer_until, answered_on=row.answered_on, today=today)
    hidden = ("complaint_id", "invoice_id", "order_id", "answer_no", "cycle_key")
    fields = {name: value for name, value in row._mapping.items() if name not in hidden}  # noqa: SLF001 - SQLAlchemy's public way
    return {
        **fields,
        "days_left": now.days_left,
        "is_late": now.late,
        "is_deemed_accepted": now.late and row.silence_basis is not None,
    }
