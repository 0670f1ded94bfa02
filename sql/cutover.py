"""Cut-over: rows of the old system laid out, judged set-wise by the database, and written; what stands in the way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from sql.copying import copy_rows
from sql.queries import queries

_Q = queries("cutover")
BATCH = 20_000
"""Rows held in memory at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOver:
    """A cut-over that was begun; ``switched_by`` is None as long as it is not switched on."""

    as_of: date
    begun_by: str
    switched_by: str | None
    totals_sha256: str | None
    switched_at: datetime | None


def find_cutover(connection: Connection) -> CutOver | None:
    """The cut-over of this installation, or None where there never was one."""
    row = connection.execute(_Q["find"]).one_or_none()
    return CutOver(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public way to a row's names


def begin_cutover(connection: Connection, *, as_of: date, begun_by: str, begun_via: str) -> None:
    """Note that the cut-over has begun; from now on no cycle but a dry run may be opened."""
    connection.execute(_Q["begin"], {"as_of": as_of, "begun_by": begun_by, "begun_via": begun_via})


def has_cycle(connection: Connection) -> str | None:
    """The key of a cycle that has billed or is about to, if there is one."""
    key: str | None = connection.execute(_Q["has_cycle"]).scalar_one_or_none()
    return key


def loaders(connection: Connection) -> list[str]:
    """Who began the cut-over or loaded a file of it."""
    return list(connection.execute(_Q["loaders"]).scalars())


def stage(connection: Connection, *, kind: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Lay the rows of a file out for judging, a batch at a time; how many."""
    connection.execute(_Q[f"stage_{kind}"])
    names, count, source = ("line_no", "raw", "code", "note", "key", *columns), 0, iter(rows)
    while batch := list(islice(source, BATCH)):
        count += copy_rows(connection, table="staged", columns=names, rows=batch)
    connection.execute(_Q["analyze_staged"])
    return count


def judge(connection: Connection, *, kind: str, as_of: date) -> dict[str, int]:
    """Decide for each staged row what becomes of it; totals by outcome."""
    connection.execute(_Q[f"judge_{kind}"], {"as_of": as_of} if kind != "series" else {})
    connection.execute(_Q["analyze_judged"])
    return {row.outcome: row.rows for row in connection.execute(_Q["judged_counts"])}


def judged_sample(connection: Connection) -> Sequence[Any]:
    """The first thousand judged rows: line number, raw line, outcome, code, note."""
    return connection.execute(_Q["rejected_sample"]).all()


def write_judged(connection: Connection, *, kind: str, file_id: int, recorded_by: str) -> None:
    """Keep every row with its outcome, mark what is replaced, and write what was accepted."""
    connection.execute(_Q["keep_rows"], {"file_id": file_id})
    connection.execute(_Q["keep_refused"], {"file_id": file_id, "kind": kind})
    connection.execute(_Q[f"replace_{kind}"])
    connection.execute(_Q[f"insert_{kind}"], {"file_id": file_id, "recorded_by": recorded_by})


def unstage(connection: Connection) -> None:
    """Clear the table for the next file."""
    connection.execute(_Q["unstage"])


def insert_control(connection: Connection, *, file_id: int, totals: Iterable[tuple[int, str, Decimal]]) -> None:
    """Write the old system's totals."""
    rows = ((file_id, line_no, name, value) for line_no, name, value in totals)
    copy_rows(connection, table="cutover_control", columns=("file_id", "line_no", "name", "value"), rows=rows)


def control(connection: Connection) -> dict[str, Decimal]:
    """The totals of the newest control file; empty when there is none."""
    return {row.name: row.value for row in connection.execute(_Q["control"])}


def our_totals(connection: Connection) -> Mapping[str, Any]:
    """The same totals as they are here."""
    return dict(connection.execute(_Q["our_totals"]).mappings().one())


def obstacles(connection: Connection, name: str, *, as_of: date) -> list[str]:
    """What one of the queries about missing things finds (a name of ``cutover.sql``)."""
    query = _Q[name]
    wanted = {"as_of": as_of} if ":as_of" in query.text else {}
    return [row.what for row in connection.execute(query, wanted)]


def open_rows(connection: Connection) -> list[str]:
    """Rows that were not taken and still wait: file, line and code."""
    return [f"{row.what} {row.code}" for row in connection.execute(_Q["open_rows"])]


def find_refused_row(connection: Connection, *, name: str, line_no: int) -> Any | None:
    """A row that was not taken, by its file's name and its line; the newest file of that name first."""
    return connection.execute(_Q["find_refused_row"], {"name": name, "line_no": line_no}).one_or_none()


def dismiss(
    connection: Connection, *, file_id: int, line_no: int, dismissed_by: str, dismissed_via: str, note: str
) -> None:
    """Note that nothing is missing without a row."""
    values = {"file_id": file_id, "line_no": line_no, "dismissed_by": dismissed_by, "note": note}
    connection.execute(_Q["dismiss"], values | {"dismissed_via": dismissed_via})


def insert_switch(
    connection: Connection, *, switched_by: str, switched_via: str, note: str, totals: str, totals_sha256: str
) -> None:
    """Switch on: from now on cycles may be opened, and nothing more is taken over."""
    values = {"switched_by": switched_by, "switched_via": switched_via, "note": note}
    connection.execute(_Q["insert_switch"], values | {"totals": totals, "totals_sha256": totals_sha256})


def opening_of_series(connection: Connection, *, series: str) -> int | None:
    """The last number that the old system gave in a series; None when it names none."""
    last: int | None = connection.execute(_Q["opening_of_series"], {"series": series}).scalar_one_or_none()
    return last
