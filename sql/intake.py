"""Files that came in: once each, every line with what became of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from sql.copying import copy_rows
from sql.queries import queries

_Q = queries("intake")
_PART = 5000
COUNTS = ("rows", "accepted", "accepted_warn", "quarantined", "rejected", "duplicate")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file as received; ``kind`` is registry, readings, consents or cutover."""

    kind: str
    name: str
    sha256: str
    size_bytes: int
    profile: str


def lock_intake(connection: Connection) -> None:
    """Wait until no other import runs; held to the end of the transaction."""
    connection.execute(_Q["lock"])


def accepted_counts(connection: Connection, *, kind: str, sha256: str) -> dict[str, int] | None:
    """Totals of the file with this content if it was accepted before, else None."""
    row = connection.execute(_Q["accepted_file"], {"kind": kind, "sha256": sha256}).mappings().one_or_none()
    return None if row is None else dict(row)


def stream_rows(connection: Connection, *, kind: str, sha256: str) -> Iterator[Row[Any]]:
    """The rows of an accepted file as they are kept, in its order and a part at a time.

    Line number, the line as received, outcome, codes, note.
    """
    query = _Q["accepted_rows"].execution_options(stream_results=True, yield_per=_PART)
    yield from connection.execute(query, {"kind": kind, "sha256": sha256})


def next_file_id(connection: Connection) -> int:
    """The id of a file whose rows are kept before its totals are known; ``insert_accepted`` must follow."""
    return int(connection.execute(_Q["next_file"]).scalar_one())


def insert_accepted(
    connection: Connection,
    *,
    file: FileFacts,
    counts: Mapping[str, int],
    recorded_by: str,
    file_id: int | None = None,
) -> int:
    """Record an accepted file with its totals; its id. The database refuses totals that do not balance."""
    return _insert(connection, file, counts, recorded_by, code=None, reason=None, file_id=file_id)


def insert_refused(
    connection: Connection, *, file: FileFacts, rows: int, code: str, reason: str, recorded_by: str
) -> int:
    """Record a refused file, once for the same content and reason; its id."""
    known = connection.execute(
        _Q["refused_file"], {"kind": file.kind, "sha256": file.sha256, "refusal_text": reason}
    ).scalar()
    if known is not None:
        return int(known)
    return _insert(connection, file, {"rows": rows}, recorded_by, code=code, reason=reason)


def insert_rows(
    connection: Connection, *, file_id: int, rows: Iterable[tuple[int, str, str, Sequence[str], str | None]]
) -> int:
    """Keep raw rows: line number, the line as received, outcome, codes, note; how many."""
    return copy_rows(
        connection,
        table="import_row",
        columns=("file_id", "line_no", "raw", "outcome", "codes", "note"),
        rows=((file_id, line_no, raw, outcome, tuple(codes), note) for line_no, raw, outcome, codes, note in rows),
    )


def _insert(
    connection: Connection,
    file: FileFacts,
    counts: Mapping[str, int],
    recorded_by: str,
    *,
    code: str | None,
    reason: str | None,
    file_id: int | None = None,
) -> int:
    return int(
        connection.execute(
            _Q["insert_file"],
            {
                "file_id": file_id,
                "kind": file.kind,
                "name": file.name,
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
                "profile": file.profile,
                "status": "accepted" if code is None else "refused",
                "refusal_code": code,
                "refusal_text": reason,
                "recorded_by": recorded_by,
            }
            | {name: counts.get(name, 0) for name in COUNTS},
        ).scalar_one()
    )
