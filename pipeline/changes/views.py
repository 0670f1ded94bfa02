"""Looking at changes and at the registry as of a day; nothing here stays written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from billing.canonical import to_data
from pipeline.changes.apply import apply
from pipeline.changes.decide import order_of, require_change
from pipeline.errors import OperatorError
from pipeline.work import Work
from sql import changes, registry

Found = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field before and after a change; None where there is no such fact."""

    topic: str
    subject: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A change, its order, and what it did or would do now; ``refusal`` says why it cannot come about any more.

    ``findings`` are what the checks say of the readings that it brings.
    """

    change: Found
    order: Found
    differences: tuple[Difference, ...]
    findings: tuple[Found, ...]
    refusal: str | None


def show(work: Work, *, change_id: int) -> Shown:
    """A change with its fields before and after; one that waits is tried and taken back to tell them.

    Raises:
        OperatorError: ``CHANGE_UNKNOWN``.
    """
    refusal = None
    with work.engine.connect() as connection:
        change = require_change(connection, change_id=change_id)
        if change.state == "pending":
            try:
                apply(connection, work, change_id=change_id, order=order_of(change))
            except OperatorError as error:
                refusal = str(error)
        differences = () if refusal else _differences(changes.facts_of_change(connection, change_id=change_id))
        findings = () if refusal else tuple(findings_of(connection, change_id=change_id))
        connection.rollback()
    return Shown(
        change=_found(change),
        order=to_data(order_of(change)),
        differences=tuple(differences),
        findings=findings,
        refusal=refusal,
    )


def findings_of(connection: Connection, *, change_id: int) -> list[Found]:
    """What the checks say of the readings of a change: meter, day, index, code, severity and facts."""
    return [_named(row) for row in changes.findings_of_change(connection, change_id=change_id)]


def list_changes(work: Work, *, pending: bool = False, account_no: str | None = None) -> list[Found]:
    """Changes by number, without their content.

    Raises:
        OperatorError: ``R108``, the account is unknown.
    """
    with work.engine.connect() as connection:
        if account_no is not None:
            _require_account(connection, account_no)
        return [_found(row) for row in changes.list_changes(connection, pending=pending, account_no=account_no)]


def account_on(
    work: Work, *, account_no: str, on_day: date | None = None, known_at: datetime | None = None
) -> list[Found]:
    """The contracts of an account on a day (today), as far as was known at a moment (now), with all that decides them.

    Raises:
        OperatorError: ``R108``.
    """
    with work.engine.connect() as connection:
        _require_account(connection, account_no)
        rows = changes.registry_on(connection, account_no=account_no, on_day=on_day, known_at=known_at)
    return [_named(row) for row in rows]


def history(work: Work, *, account_no: str) -> list[Found]:
    """Every dated fact of an account: from when, until when, what, who began and ended it, by which file or change.

    Raises:
        OperatorError: ``R108``.
    """
    with work.engine.connect() as connection:
        _require_account(connection, account_no)
        return [_named(row) for row in changes.registry_history(connection, account_no=account_no)]


def _require_account(connection: Connection, account_no: str) -> None:
    if not registry.ids_by_no(connection, "account_ids", keys=[account_no]):
        raise OperatorError("R108", f"there is no account {account_no}")


def _differences(facts: Sequence[Row[Any]]) -> list[Difference]:
    """Field by field, the facts that a change ended against those that it began in their place."""
    ended = {(row.topic, row.subject): row for row in facts if row.ended}
    begun = {(row.topic, row.subject): row for row in facts if row.begun}
    found = []
    for topic, subject in sorted({*ended, *begun}):
        before, after = ended.get((topic, subject)), begun.get((topic, subject))
        known, told = before.what if before else {}, after.what if after else {}
        for field in sorted({*known, *told}):
            if (after is None and before is not None) or known.get(field) == told.get(field):
                continue
            found.append(_difference(topic, subject, field, known.get(field), told.get(field)))
        if after is None and before is not None:
            found.append(_difference(topic, subject, "until", None, before.valid_until.isoformat()))
    return found


def _difference(topic: str, subject: str, field: str, before: Any, after: Any) -> Difference:
    return Difference(topic=topic, subject=subject, field=field, before=before, after=after)


def _found(row: Row[Any]) -> Found:
    return {name: value for name, value in _named(row).items() if name != "content"}


def _named(row: Row[Any]) -> Found:
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row's names
