"""The one hash chain: whatever happened, in order, so that a later change of any of it shows.

``hash = sha256(0x00 || prev || seq as 8 bytes || event_at | subject | kind | body)``; the first ``prev`` is 32 zero
bytes, ``event_at`` is written in UTC, ``body`` is canonical JSON. No personal data enters a body: ids, hashes, codes
and figures only.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from billing.canonical import canonical_json
from sql.copying import copy_rows

GENESIS = bytes(32)
COLUMNS = ("seq", "event_at", "subject", "kind", "body", "prev", "hash")
FEW = 3
"""So many events are inserted by a statement; COPY has a fixed cost of about as much."""
_CHAIN = text("select seq, event_at, subject, kind, body, prev, hash from evidence order by seq").execution_options(
    stream_results=True
)
_LOST_HEADS = text("""
    select s.step_run_id, s.step, s.evidence_seq, e.hash
    from step_run s
    left join evidence e on e.seq = s.evidence_seq
    where s.evidence_seq is not null and e.hash is distinct from s.evidence_hash
    order by s.evidence_seq, s.step_run_id
    limit 1
""")
_INSERT = text(f"insert into evidence ({', '.join(COLUMNS)}) values ({', '.join(f':{name}' for name in COLUMNS)})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: ``subject`` names what it happened to (``cycle:…``, ``delivery:…``, ``consent:…``)."""

    event_at: datetime
    subject: str
    kind: str
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLink:
    """The first place where the chain does not hold."""

    seq: int
    reason: str


def append_events(connection: Connection, events: Sequence[Event]) -> None:
    """Append ``events`` to the chain inside the caller's transaction."""
    if not events:
        return
    connection.execute(text("select pg_advisory_xact_lock(hashtext('obieg.evidence'))"))
    last = connection.execute(text("select seq, hash from evidence order by seq desc limit 1")).one_or_none()
    seq, prev = (last.seq, bytes(last.hash)) if last else (0, GENESIS)
    rows = _linked(events, seq=seq, prev=prev)
    if len(events) > FEW:
        copy_rows(connection, table="evidence", columns=COLUMNS, rows=rows)
    else:
        connection.execute(_INSERT, [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def _linked(events: Iterable[Event], *, seq: int, prev: bytes) -> Iterator[tuple[Any, ...]]:
    for event in events:
        seq += 1
        body = canonical_json(event.body)
        link = _link(prev=prev, seq=seq, event_at=event.event_at, subject=event.subject, kind=event.kind, body=body)
        yield seq, event.event_at, event.subject, event.kind, body, f"\\x{prev.hex()}", f"\\x{link.hex()}"
        prev = link


def _link(*, prev: bytes, seq: int, event_at: datetime, subject: str, kind: str, body: str) -> bytes:
    moment = event_at.astimezone(UTC).isoformat(timespec="microseconds")
    content = f"{moment}|{subject}|{kind}|{body}".encode()
    return hashlib.sha256(b"\x00" + prev + seq.to_bytes(8, "big") + content).digest()


def verify_chain(connection: Connection) -> BrokenLink | None:
    """Recompute the whole chain, and find in it the head that each step saw; None when every link holds."""
    return _broken_link(connection) or _lost_head(connection)


def _broken_link(connection: Connection) -> BrokenLink | None:
    prev = GENESIS
    with connection.execute(_CHAIN) as rows:
        for expected_seq, row in enumerate(rows, start=1):
            if row.seq != expected_seq:
                return BrokenLink(seq=expected_seq, reason="missing")
            if bytes(row.prev) != prev:
                return BrokenLink(seq=row.seq, reason="does not follow the event before it")
            prev = _link(
                prev=prev, seq=row.seq, event_at=row.event_at, subject=row.subject, kind=row.kind, body=row.body
            )
            if bytes(row.hash) != prev:
                return BrokenLink(seq=row.seq, reason="content changed")
    return None


def _lost_head(connection: Connection) -> BrokenLink | None:
    lost = connection.execute(_LOST_HEADS).one_or_none()
    if lost is None:
        return None
    what = "cut off" if lost.hash is None else "rewritten"
    return BrokenLink(seq=lost.evidence_seq, reason=f"{what}: step run {lost.step_run_id} ({lost.step}) saw it")
