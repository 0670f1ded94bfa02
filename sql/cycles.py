"""Cycles: their keys, states and approvals. Every change of state is appended to the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from billing.accounts import CycleTerms
from billing.periods import Period
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.queries import queries

_Q = queries("cycles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A cycle as it stands; only ``state`` ever changes."""

    cycle_id: int
    cycle_key: str
    kind: str
    purpose: str | None
    period: Period
    route_set: str
    revision: int
    issue_date: date
    payment_days: int
    dry_run: bool
    chunk_accounts: int
    state: str
    started_by: str
    started_via: str
    airflow_run_id: str | None
    reversed_by: int | None = None

    @property
    def subject(self) -> str:
        """Its name in the evidence."""
        return f"cycle:{self.cycle_key}"

    @property
    def is_off_cycle(self) -> bool:
        """Whether it bills named accounts, between the regular cycles."""
        return self.kind == "off_cycle"

    @property
    def is_correction(self) -> bool:
        """Whether it corrects issued invoices instead of billing accounts."""
        return self.kind == "correction"

    @property
    def terms(self) -> CycleTerms:
        """What billing needs to know of it."""
        return CycleTerms(
            cycle_key=self.cycle_key,
            period=self.period,
            issue_date=self.issue_date,
            payment_days=self.payment_days,
            purpose=self.purpose,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's decision on the figures whose hash is ``totals_sha256``."""

    decision: str
    decided_by: str
    decided_via: str
    note: str
    totals_sha256: str
    event_at: datetime


class CycleTaken(Exception):  # noqa: N818 - names what was found
    """Another live cycle holds the same period and route set."""


Lock = Literal["nobody", "readers", "writer"]


def find_cycle(connection: Connection, *, cycle_key: str, lock: Lock = "nobody") -> Cycle | None:
    """The cycle of that key, or None.

    ``lock`` keeps its state until the transaction ends: among ``readers`` who do not change it, or for one ``writer``.
    """
    query = {"nobody": "find_cycle", "readers": "find_cycle_for_share", "writer": "find_cycle_for_update"}[lock]
    row = connection.execute(_Q[query], {"cycle_key": cycle_key}).one_or_none()
    if row is None:
        return None
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to a row's names
    period = Period(start=fields.pop("period_start"), until=fields.pop("period_until"))
    return Cycle(period=period, **fields)


def find_cycle_of_run(connection: Connection, *, airflow_run_id: str) -> str | None:
    """The key of the cycle that an Airflow run has opened, or None."""
    key: str | None = connection.execute(
        _Q["find_cycle_of_run"], {"airflow_run_id": airflow_run_id}
    ).scalar_one_or_none()
    return key


def find_live_cycle(connection: Connection, *, period: Period, route_set: str) -> str | None:
    """The key of the live cycle of a period and route set, or None."""
    row = connection.execute(
        _Q["find_live_cycle"], {"start": period.start, "until": period.until, "route_set": route_set}
    ).one_or_none()
    return row.cycle_key if row else None


def known_routes(connection: Connection) -> list[str]:
    """The routes that accounts lie on."""
    return list(connection.execute(_Q["known_routes"]).scalars())


def insert_cycle(
    connection: Connection,
    *,
    period: Period,
    route_set: str,
    issue_date: date,
    payment_days: int,
    dry_run: bool,
    chunk_accounts: int,
    started_by: str,
    started_via: str,
    airflow_run_id: str | None,
    purpose: str | None = None,
    account_ids: Sequence[int] = (),
    kind: str | None = None,
) -> Cycle:
    """Open the next revision of a period and route set; with a ``purpose`` an off-cycle of these accounts.

    ``kind`` is told only for a run of corrections.

    Raises:
        CycleTaken: a live one exists; the transaction must be rolled back.
    """
    span = {"start": period.start, "until": period.until, "route_set": route_set}
    revision = connection.execute(_Q["next_revision"], span).scalar_one()
    cycle_key = f"{period.word()}~{route_set}~{revision}"
    fields = {
        "cycle_key": cycle_key,
        "revision": revision,
        "issue_date": issue_date,
        "payment_days": payment_days,
        "dry_run": dry_run,
        "chunk_accounts": chunk_accounts,
        "started_by": started_by,
        "started_via": started_via,
        "airflow_run_id": airflow_run_id,
        "purpose": purpose,
    }
    cycle = _inserted(connection, span | fields | {"kind": kind})
    connection.execute(
        _Q["insert_cycle_accounts"],
        {"cycle_id": cycle.cycle_id, "account_ids": list(account_ids), "recorded_by": started_by},
    )
    record(connection, cycle, kind="opened", body=fields | span | {"accounts": len(account_ids)})
    return cycle


def _inserted(connection: Connection, fields: dict[str, Any]) -> Cycle:
    cycle_key = fields["cycle_key"]
    try:
        connection.execute(_Q["insert_cycle"], fields)
    except IntegrityError as error:
        raise CycleTaken(cycle_key) from error
    cycle = find_cycle(connection, cycle_key=cycle_key)
    if cycle is None:
        raise AssertionError(cycle_key)
    return cycle


def move_cycle(connection: Connection, cycle: Cycle, *, source: str, target: str, body: Any) -> bool:
    """Change the state from ``source`` to ``target`` with its evidence; False when it was not in ``source``."""
    moved = connection.execute(
        _Q["move_cycle"], {"cycle_id": cycle.cycle_id, "source": source, "target": target}
    ).rowcount
    if moved:
        record(connection, cycle, kind=target, body=body)
    return bool(moved)


def record(connection: Connection, cycle: Cycle, *, kind: str, body: Any) -> None:
    """Append an event of the cycle to the evidence."""
    append_events(
        connection,
        [Event(event_at=business_now(connection), subject=cycle.subject, kind=kind, body=body)],
    )


def last_body(connection: Connection, cycle: Cycle, *, kind: str) -> str | None:
    """The body (JSON) of the newest event of that kind of the cycle, or None."""
    body: str | None = connection.execute(
        _Q["last_body"], {"subject": cycle.subject, "kind": kind}
    ).scalar_one_or_none()
    return body


def list_cycles(connection: Connection) -> Sequence[Row[Any]]:
    """All cycles in the order in which they were opened."""
    return connection.execute(_Q["list_cycles"]).all()


def store_inputs(connection: Connection, cycle: Cycle, *, files: Sequence[tuple[str, str, str, bytes]]) -> None:
    """Keep the utility's files (sha256, kind, name, content) as they are now and tie them to the cycle."""
    for sha256, kind, name, content in files:
        insert_input(connection, sha256=sha256, kind=kind, name=name, content=content)
        connection.execute(_Q["insert_cycle_input"], {"cycle_id": cycle.cycle_id, "sha256": sha256})


def insert_input(connection: Connection, *, sha256: str, kind: str, name: str, content: bytes) -> None:
    """Keep a file of the utility by its content."""
    connection.execute(_Q["insert_input_file"], {"sha256": sha256, "kind": kind, "name": name, "content": content})


def load_inputs(connection: Connection, cycle: Cycle) -> list[tuple[str, str, str, bytes]]:
    """The files (sha256, kind, name, content) that the cycle froze."""
    rows = connection.execute(_Q["cycle_inputs"], {"cycle_id": cycle.cycle_id})
    return [(row.sha256, row.kind, row.name, bytes(row.content)) for row in rows]


def insert_approval(
    connection: Connection,
    cycle: Cycle,
    *,
    decision: str,
    decided_by: str,
    decided_via: str,
    note: str,
    totals_sha256: str,
) -> None:
    """Record the decision on a cycle; there is one for each cycle."""
    connection.execute(
        _Q["insert_approval"],
        {
            "cycle_id": cycle.cycle_id,
            "decision": decision,
            "decided_by": decided_by,
            "decided_via": decided_via,
            "note": note,
            "totals_sha256": totals_sha256,
        },
    )


def find_approval(connection: Connection, cycle: Cycle) -> Approval | None:
    """The decision on the cycle, or None."""
    row = connection.execute(_Q["find_approval"], {"cycle_id": cycle.cycle_id}).one_or_none()
    return Approval(**row._mapping) if row else None  # noqa: SLF001 - SQLAlchemy's public way to a row's names


def step_runs(connection: Connection, cycle: Cycle) -> Sequence[Row[Any]]:
    """What ran for the cycle, in order."""
    return connection.execute(_Q["step_runs"], {"cycle_id": cycle.cycle_id}).all()
