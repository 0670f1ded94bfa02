"""A second opinion: SQL that recomputes independently what rating did."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

_FOLDER = Path(__file__).parent / "checks"
PROBLEMS_SHOWN_MAX = 20
_SET_WISE = text("set local enable_nestloop = off")
"""A check goes through the whole cycle, often before PostgreSQL has counted its rows; row by row it takes minutes."""
_AS_BEFORE = text("set local enable_nestloop to default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row of a check: which check, which account, what is wrong."""

    check: str
    account_no: str
    problem: str


def check_names() -> list[str]:
    """The checks there are."""
    return sorted(path.stem for path in _FOLDER.glob("*.sql"))


def run_check(connection: Connection, *, name: str, cycle_id: int) -> list[Problem]:
    """What a check finds in a cycle (at most ``PROBLEMS_SHOWN_MAX`` rows); nothing when all is well."""
    connection.execute(_SET_WISE)
    query = text((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    rows = connection.execute(query, {"cycle_id": cycle_id}).fetchmany(PROBLEMS_SHOWN_MAX)
    connection.execute(_AS_BEFORE)
    return [Problem(check=name, account_no=row.account_no, problem=row.problem) for row in rows]
