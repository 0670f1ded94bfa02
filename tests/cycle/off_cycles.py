"""Bills of single accounts in the tests' town: asked for, approved and issued as anybody would."""

import dataclasses
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import text
from test_cycle import decide, to_the_end
from town import cycle_order, set_clock

from pipeline import check, freeze, open_cycle, rate
from pipeline.open_cycle import CycleOrder
from pipeline.statement import statement
from pipeline.work import Actor, Work

NOON = time(12)


def order_of(purpose: str, *accounts: str, period: str, issue_date: date, **changes: Any) -> CycleOrder:
    return dataclasses.replace(
        cycle_order(), purpose=purpose, accounts=accounts, period=period, issue_date=issue_date, **changes
    )


def to_check(work: Work, order: CycleOrder) -> str:
    key: str = open_cycle.run(work, order=order)["cycle_key"]
    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    return key


def to_close(work: Work, order: CycleOrder) -> str:
    """From the order to the balanced statement, at noon of the issue date."""
    key = to_check(work, order)
    decide(work, key)
    set_clock(work, datetime.combine(order.issue_date, NOON))
    to_the_end(work, key)
    made = statement(work, cycle_key=key)
    assert made.balanced, made.text()
    return key


def as_approver(work: Work) -> Work:
    return dataclasses.replace(work, actor=Actor(name="approver", via="cli"))


def rows(work: Work, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def resolutions(work: Work) -> dict[tuple[str, str], str]:
    """How each hold ended, by cycle and account."""
    found = rows(
        work,
        """select cycle_key, account_no, outcome from hold_resolution join cycle using (cycle_id)
           join account using (account_id)""",
    )
    return {(key, no): outcome for key, no, outcome in found}


def open_holds(work: Work) -> dict[str, list[str]]:
    """The open holds' codes by account."""
    found: dict[str, list[str]] = {}
    for no, code in rows(work, "select account_no, code from open_hold order by cycle_id"):
        found.setdefault(no, []).append(code)
    return found
