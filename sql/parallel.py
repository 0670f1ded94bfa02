"""Past cycles computed again: the registry as it was for each old invoice, and the tables of results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from sql.copying import copy_rows
from sql.queries import queries

_Q = queries("parallel")
_COLUMNS = (
    *("run_id", "account_no", "invoice_no", "cause", "facts", "old_gross_zl", "new_gross_zl", "difference_zl"),
    *("fingerprint", "old", "new"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An account, the old day of issue, and the months of the old invoice."""

    account_no: str
    issue_date: date
    start: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one account; ``cause`` None: equal. ``old`` and ``new`` are canonical JSON of a difference."""

    account_no: str
    invoice_no: str | None
    cause: str | None
    facts: str
    old_gross_zl: Decimal | None
    new_gross_zl: Decimal | None
    difference_zl: Decimal
    fingerprint: str | None
    old: str | None
    new: str | None


def registry_rows(connection: Connection, asked: Iterable[Asked]) -> Mapping[str, Sequence[Row[Any]]]:
    """Accounts, parties, contracts and installations as they were, each for its own invoice."""
    connection.execute(_Q["ask"])
    columns = ("account_no", "issue_date", "start", "until")
    rows = ((each.account_no, each.issue_date, each.start, each.until) for each in asked)
    copy_rows(connection, table="asked", columns=columns, rows=rows)
    connection.execute(_Q["asked_ids"])
    connection.execute(_Q["analyze_asked"])
    return {name: connection.execute(_Q[name]).all() for name in ("accounts", "parties", "contracts", "installations")}


def accounts_of_points(connection: Connection, *, point_nos: Iterable[str], start: date, until: date) -> list[str]:
    """Accounts that had a contract on one of the points in a period."""
    values = {"point_nos": sorted(set(point_nos)), "start": start, "until": until}
    return list(connection.execute(_Q["accounts_of_points"], values).scalars())


def insert_run(
    connection: Connection, *, name: str, sha256s: Sequence[str], counts: Mapping[str, int], **who: str
) -> Any:
    """Record an attempt with its totals; its row of (run_id, attempt)."""
    attempt = connection.execute(_Q["next_attempt"], {"name": name}).scalar_one()
    values = {"name": name, "attempt": attempt, "sha256s": list(sha256s), **counts, **who}
    return connection.execute(_Q["insert_run"], values).scalar_one(), attempt


def insert_results(connection: Connection, *, run_id: int, results: Iterable[Result]) -> int:
    """Write what became of the accounts; how many."""
    names = _COLUMNS[1:]
    rows = ((run_id, *(getattr(each, name) for name in names)) for each in results)
    return copy_rows(connection, table="parallel_result", columns=_COLUMNS, rows=rows)


def states(connection: Connection) -> Iterator[Mapping[str, Any]]:
    """The newest attempt of each run: compared = equal + differing + accepted."""
    yield from (dict(row) for row in connection.execute(_Q["states"]).mappings())


def by_cause(connection: Connection, *, run_id: int) -> Sequence[Row[Any]]:
    """Invoices and złoty by cause, those that were accepted apart."""
    return connection.execute(_Q["by_cause"], {"run_id": run_id}).all()


def differences(connection: Connection, *, run_id: int, cause: str | None) -> Sequence[Row[Any]]:
    """Every difference, open ones first."""
    return connection.execute(_Q["differences"], {"run_id": run_id, "cause": cause}).all()


def find_result(connection: Connection, *, run_id: int, account_no: str) -> Row[Any] | None:
    """What became of one account."""
    return connection.execute(_Q["result"], {"run_id": run_id, "account_no": account_no}).one_or_none()


def insert_acceptance(connection: Connection, *, name: str, account_no: str, fingerprint: str, **said: str) -> None:
    """Note that a person has explained a difference."""
    connection.execute(_Q["accept"], {"name": name, "account_no": account_no, "fingerprint": fingerprint, **said})
