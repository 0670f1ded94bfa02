"""Which accounts an off-cycle bills, between the regular cycles: each purpose has its condition, checked by account."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from billing.periods import Period
from pipeline.errors import OperatorError
from sql.holds import accounts_to_bill

PURPOSES = ("first", "final", "released_hold", "on_demand")
NAMED_MAX = 10


def chosen_accounts(
    connection: Connection, *, purpose: str, account_nos: Sequence[str], period: Period, issue_date: date, today: date
) -> list[int]:
    """The ids of the accounts, each once, if every one of them may be billed for this purpose.

    A final bill needs every contract of its account to have ended by the issue date and within the period, and leaves
    nothing behind; when they have ended by today, the period may still run.

    Raises:
        OperatorError: ``PURPOSE_WRONG``, ``ACCOUNTS_EMPTY``, ``ACCOUNT_UNKNOWN``, ``NOT_FIRST``, ``NOT_FINAL``,
            ``NO_OPEN_HOLD`` or ``PERIOD_NOT_OVER``, naming the accounts.
    """
    if purpose not in PURPOSES:
        raise OperatorError("PURPOSE_WRONG", f"{purpose!r} is none of {', '.join(PURPOSES)}")
    asked = sorted({number.strip() for number in account_nos} - {""})
    if not asked:
        raise OperatorError("ACCOUNTS_EMPTY", "name the accounts to be billed")
    rows = accounts_to_bill(connection, account_nos=asked, period=period)
    _refuse("ACCOUNT_UNKNOWN", "no such account", set(asked) - {row.account_no for row in rows})
    match purpose:
        case "first":
            _refuse("NOT_FIRST", "billed before", _of(row for row in rows if row.is_billed))
        case "final":
            _refuse_not_final(rows, period=period, issue_date=issue_date, today=today)
        case "released_hold":
            why = f"no open hold of months up to {period.last_day}"
            _refuse("NO_OPEN_HOLD", why, _of(row for row in rows if not row.is_held))
    return [row.account_id for row in rows]


def _refuse_not_final(rows: Sequence[Row[Any]], *, period: Period, issue_date: date, today: date) -> None:
    _refuse("NOT_FINAL", "no contract", _of(row for row in rows if not row.has_contract))
    lasting = [row for row in rows if row.contract_until is None or row.contract_until > issue_date]
    _refuse("NOT_FINAL", f"still under contract on {issue_date}", _of(lasting))
    beyond = [row for row in rows if row.contract_until > period.until]
    _refuse("NOT_FINAL", f"under contract after {period.last_day}, the end of the period", _of(beyond))
    _refuse("NOT_FINAL", "nothing is left to bill", _of(row for row in rows if not row.is_unbilled))
    if today < period.until:
        unended = [row for row in rows if row.contract_until > today]
        _refuse("PERIOD_NOT_OVER", f"the period and the contract last beyond today, {today}", _of(unended))


def _of(rows: Iterable[Row[Any]]) -> set[str]:
    return {row.account_no for row in rows}


def _refuse(code: str, why: str, account_nos: set[str]) -> None:
    if not account_nos:
        return
    named = sorted(account_nos)
    more = f" and {len(named) - NAMED_MAX} more" if len(named) > NAMED_MAX else ""
    raise OperatorError(code, f"{why}: {', '.join(named[:NAMED_MAX])}{more}")
