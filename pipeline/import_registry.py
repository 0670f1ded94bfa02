"""Import the registry: the files of a folder, in an order in which each may name what the ones before it bring."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from billing.errors import DataRefused
from pipeline.errors import OperatorError
from pipeline.import_files import (
    Received,
    RowResult,
    TooManyRejects,
    count_outcomes,
    read_facts,
    receive,
    refuse_rejects,
)
from pipeline.import_report import refuse_file, write_missing_report, write_report
from pipeline.registry.meters_write import plan_meters
from pipeline.registry.points import plan_connections, plan_points
from pipeline.registry.quantities import plan_quantities
from pipeline.registry.stops import plan_route_stops
from pipeline.registry.write import (
    Plan,
    Rows,
    plan_account_parties,
    plan_accounts,
    plan_contracts,
    plan_emails,
    plan_parties,
)
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from readings.checks import Outcome
from readings.registry import LAYOUTS
from readings.table import Table, read_table
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.intake import accepted_counts, insert_accepted, insert_rows, lock_intake
from sql.registry import Source
from sql.statistics import refresh_statistics

_PROFILE = "standard"
_Planner = Callable[[Connection, Rows, datetime], Plan]
_PLANS: Final[Mapping[str, _Planner]] = {
    "parties": plan_parties,
    "account_parties": plan_account_parties,
    "connections": plan_connections,
    "points": plan_points,
    "contracts": plan_contracts,
    "meters": plan_meters,
    "quantities": plan_quantities,
    "emails": plan_emails,
    "route_stops": plan_route_stops,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A registry file that has the right header."""

    kind: str
    received: Received
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A file after its import: totals, results (none when it was imported before), its refusal if there is one."""

    opened: _Opened
    counts: dict[str, int]
    results: Sequence[RowResult] | None
    refusal: TooManyRejects | None = None


class _NotWritten(Exception):  # noqa: N818 - ends a transaction whose work is taken back
    """The import was tried and is taken back; ``done`` is what it would have done."""

    def __init__(self, done: Sequence["_Done"]) -> None:
        super().__init__()
        self.done = done


def preview(work: Work, *, folder: Path) -> dict[str, Any]:
    """What ``run`` would do, with nothing written: its totals, and ``differences`` from what the registry has.

    Raises:
        OperatorError: ``FOLDER_EMPTY``.
    """
    opened, refusals = _open(_files(folder))
    done: Sequence[_Done] = ()
    if not refusals:
        try:
            with work.engine.begin() as connection:
                _import_all(connection, work, opened, write=lambda _done: False)
        except _NotWritten as found:
            done = found.done
    refused = [str(refusal) for _, refusal in refusals] + [str(one.refusal) for one in done if one.refusal]
    return _totals(done, refused=refused) | {"differences": _differences(done)}


@contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of rows that all stay until the end: looking for garbage among them finds none and takes time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _import_all(
    connection: Connection, work: Work, opened: Sequence[_Opened], *, write: Callable[[Sequence[_Done]], bool]
) -> list[_Done]:
    """Import the files; ``write`` looks at what was done and says whether it stays."""
    lock_intake(connection)
    now = business_now(connection)
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    accounts: _Planner = partial(plan_accounts, own=utility.bank_account, individual=utility.individual_accounts)
    plans: Mapping[str, _Planner] = {**_PLANS, "accounts": accounts}
    with _uncollected():
        done = [_import(connection, work, one, now, plan=plans[one.kind]) for one in opened]
    refresh_statistics(connection, rows=max((one.counts.get("accepted", 0) for one in done), default=0))
    if not write(done):
        raise _NotWritten(done)
    return done


def _differences(done: Sequence[_Done]) -> list[dict[str, Any]]:
    """Rows that say other than the registry, in the order of files and lines."""
    return [
        {"file": f"{one.opened.kind}.csv", "line_no": result.line_no, "difference": result.note}
        for one in done
        for result in one.results or ()
        if result.outcome is Outcome.QUARANTINED
    ]


def run(work: Work, *, folder: Path, set_aside: bool = True) -> dict[str, Any]:
    """Import ``parties.csv``, ``accounts.csv`` and so on from a folder, all in one transaction; totals of their rows.

    A wrong row is rejected with a code (``docs/import.md``) and the others go on. ``already`` counts files that were
    imported before: they add nothing, and their rows are not counted again. A file with a wrong header refuses the
    whole folder; a file of which no row can be taken is refused alone, so that it may come again. Reports go to
    ``exports/registry``. Rows that say other than the registry are set aside; without ``set_aside`` they stop the
    import with nothing written, and ``differences`` tells them.

    Raises:
        OperatorError: ``FOLDER_EMPTY``, the folder holds no registry file.
        Unavailable: ``REPORT_UNWRITABLE``; the import itself stands.
    """
    opened, refusals = _open(_files(folder))
    if refusals:
        for received, refusal in refusals:
            refuse_file(work, received, refusal, folder=_reports(work))
        return _totals([], refused=[str(refusal) for _, refusal in refusals])
    if _all_known(work, opened):
        done = [_Done(opened=one, counts={}, results=None) for one in opened]
        return _totals(done, refused=[_tell(work, one) for one in done])
    try:
        with step(work, "import_registry") as (connection, record):
            done = _import_all(connection, work, opened, write=lambda made: set_aside or not _differences(made))
            record.counts = _totals(done, refused=())
    except _NotWritten as found:
        return _totals(found.done, refused=()) | {"differences": _differences(found.done)}
    return _totals(done, refused=[_tell(work, one) for one in done])


def _files(folder: Path) -> list[tuple[str, Path]]:
    files = [(kind, folder / f"{kind}.csv") for kind in LAYOUTS if (folder / f"{kind}.csv").is_file()]
    if not files:
        names = ", ".join(f"{kind}.csv" for kind in LAYOUTS)
        raise OperatorError("FOLDER_EMPTY", f"{folder} holds none of {names}")
    return files


def _open(files: Sequence[tuple[str, Path]]) -> tuple[list[_Opened], list[tuple[Received, DataRefused]]]:
    opened, refusals = [], []
    for kind, path in files:
        received, refusal = receive(path, kind="registry", profile=_PROFILE)
        layout = LAYOUTS[kind]
        if refusal is None:
            try:
                table = read_table(received.content, required=layout.required, optional=layout.optional)
                opened.append(_Opened(kind=kind, received=received, table=table))
            except DataRefused as error:
                refusal = error
        if refusal is not None:
            refusals.append((received, DataRefused(refusal.code, f"{path.name}: {_said(refusal)}")))
    return opened, refusals


def _all_known(work: Work, opened: Sequence[_Opened]) -> bool:
    hashes = (one.received.facts.sha256 for one in opened)
    with work.engine.connect() as connection:
        return all(accepted_counts(connection, kind="registry", sha256=sha256) for sha256 in hashes)


def _import(connection: Connection, work: Work, opened: _Opened, now: datetime, *, plan: _Planner) -> _Done:
    facts = opened.received.facts
    known = accepted_counts(connection, kind="registry", sha256=facts.sha256)
    if known is not None:
        return _Done(opened=opened, counts=known, results=None)
    layout = LAYOUTS[opened.kind]
    rows, refused = read_facts(opened.table, optional=layout.optional, read=layout.read, prefix="R")
    decisions, write = plan(connection, rows, now)
    results = sorted([*refused, *(one.result() for one in decisions)], key=lambda result: result.line_no)
    counts = count_outcomes(results)
    try:
        refuse_rejects(results, counts=counts, reject_share_max=None)
    except TooManyRejects as refusal:
        return _Done(opened=opened, counts=counts, results=results, refusal=refusal)
    file_id = insert_accepted(connection, file=facts, counts=counts, recorded_by=work.actor.name)
    lines = ((one.line_no, one.raw, one.outcome.value, one.codes, one.note) for one in results)
    insert_rows(connection, file_id=file_id, rows=lines)
    write(connection, Source(file_id=file_id, recorded_by=work.actor.name))
    body = {"sha256": facts.sha256, "counts": counts}
    event = Event(event_at=now, subject=f"import:{file_id}", kind=f"{opened.kind}_imported", body=body)
    append_events(connection, [event])
    return _Done(opened=opened, counts=counts, results=results)


def _tell(work: Work, done: _Done) -> str | None:
    """Write the report of a file; the line that refuses it, if it was."""
    received = done.opened.received
    if done.refusal is not None:
        refusal = TooManyRejects(done.refusal.results, counts=done.counts, reject_share_max=None)
        return str(refuse_file(work, received, refusal, folder=_reports(work))["refusal"])
    if done.results is None:
        write_missing_report(work, _reports(work), received)
    else:
        write_report(_reports(work), received, results=done.results, counts=done.counts)
    return None


def _totals(done: Sequence[_Done], *, refused: Sequence[str | None]) -> dict[str, Any]:
    said = [text for text in refused if text]
    taken = [one for one in done if one.refusal is None and one.results is not None]
    names = ("rows", *(outcome.value.lower() for outcome in Outcome))
    totals: dict[str, Any] = {name: sum(one.counts[name] for one in taken) for name in names}
    totals |= {"files": len(taken), "already": sum(one.results is None for one in done), "refused": len(said)}
    return totals | ({"refusal": "; ".join(said)} if said else {})


def _reports(work: Work) -> Path:
    return work.settings.exports / "registry"


def _said(error: DataRefused) -> str:
    return str(error).removeprefix(f"{error.code}: ")
