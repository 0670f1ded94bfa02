"""Load what the old system hands over: positions, balances, history, series and its own totals, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.errors import DataRefused
from pipeline.cutover.files import KIND, Opened, open_file
from pipeline.errors import OperatorError
from pipeline.import_files import Received
from pipeline.import_report import refuse_file, write_missing_report
from pipeline.work import Work, step
from readings.checks import Outcome
from readings.cutover import CONTROL_COLUMNS, LAYOUTS, Layout, read_control, read_values
from readings.table import read_table
from sql import cutover as books
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.intake import accepted_counts, insert_accepted, insert_rows, lock_intake
from sql.locks import take_turn
from sql.statistics import refresh_statistics

_CONTROL = Layout(key=("name",), required=CONTROL_COLUMNS, optional=(), staged=(), read=lambda _row: ())
_NAMES = (*LAYOUTS, "control")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """A file after its load; ``counts`` are empty for one that was loaded before."""

    received: Received
    counts: dict[str, int]
    refusal: DataRefused | None = None


def run(work: Work, *, folder: Path, as_of: date) -> dict[str, Any]:
    """Load ``positions.csv``, ``balances.csv`` and so on from a folder; totals of their rows.

    ``as_of`` is the first day that the old system no longer bills by itself. A file that was loaded before adds
    nothing; a wrong header, or a control file that is not whole, refuses the folder. Reports go to
    ``exports/cutover``. See ``docs/cut-over.md``.

    Raises:
        OperatorError: ``FOLDER_EMPTY``, ``CUTOVER_AS_OF``, ``CUTOVER_TOO_LATE`` or ``CUTOVER_DONE``.
        Unavailable: ``REPORT_UNWRITABLE``; the load itself stands.
    """
    paths = [(name, folder / f"{name}.csv") for name in _NAMES if (folder / f"{name}.csv").is_file()]
    if not paths:
        raise OperatorError("FOLDER_EMPTY", f"{folder} holds none of {', '.join(f'{name}.csv' for name in _NAMES)}")
    opened, refused = _open(paths)
    if refused:
        done = [_Done(received=received, counts={}, refusal=refusal) for received, refusal in refused]
        return _totals(done, refused=[_tell(work, one) for one in done])
    with step(work, "cutover_load") as (connection, record):
        take_turn(connection, "books")
        lock_intake(connection)
        _begin(connection, work, as_of)
        done = [_load(connection, work, one, as_of) for one in opened]
        record.counts = _totals(done, refused=())
    return _totals(done, refused=[_tell(work, one) for one in done])


def _open(paths: Sequence[tuple[str, Path]]) -> tuple[list[Opened], list[tuple[Received, DataRefused]]]:
    opened, refused = [], []
    for name, path in paths:
        received, found = open_file(name, path, layout=LAYOUTS.get(name, _CONTROL))
        if isinstance(found, Opened):
            try:
                if name == "control":
                    _control(found)
                opened.append(found)
            except DataRefused as refusal:
                refused.append((received, refusal))
        else:
            refused.append((received, found))
    return opened, refused


def _begin(connection: Connection, work: Work, as_of: date) -> None:
    begun = books.find_cutover(connection)
    if begun is None:
        cycle_key = books.has_cycle(connection)
        if cycle_key is not None:
            raise OperatorError(
                "CUTOVER_TOO_LATE", f"{cycle_key} bills already; a cut-over comes before the first cycle"
            )
        books.begin_cutover(connection, as_of=as_of, begun_by=work.actor.name, begun_via=work.actor.via)
        _note(connection, "cutover", "cutover_begun", {"as_of": as_of, "by": work.actor.name})
    elif begun.switched_by is not None:
        raise OperatorError("CUTOVER_DONE", f"{begun.switched_by} has switched on; nothing more is taken over")
    elif begun.as_of != as_of:
        raise OperatorError("CUTOVER_AS_OF", f"this cut-over is as of {begun.as_of}, not {as_of}")


def _load(connection: Connection, work: Work, opened: Opened, as_of: date) -> _Done:
    received, facts = opened.received, opened.received.facts
    if accepted_counts(connection, kind=KIND, sha256=facts.sha256) is not None:
        return _Done(received=received, counts={})
    if opened.kind == "control":
        write, counts = _control_writer(work, opened)
    else:
        rows = read_values(opened.layout, columns=opened.columns, lines=opened.lines())
        books.stage(connection, kind=opened.kind, columns=opened.layout.staged, rows=rows)
        found = books.judge(connection, kind=opened.kind, as_of=as_of)
        counts = {"rows": sum(found.values())} | {one.value.lower(): found.get(one.value, 0) for one in Outcome}
        if counts["rows"] and counts["rejected"] == counts["rows"]:
            return _Done(received=received, counts=counts, refusal=_all_rejected(connection, opened, counts["rows"]))

        def write(connection: Connection, file_id: int) -> None:
            books.write_judged(connection, kind=opened.kind, file_id=file_id, recorded_by=work.actor.name)
            books.unstage(connection)

    file_id = insert_accepted(connection, file=facts, counts=counts, recorded_by=work.actor.name)
    write(connection, file_id)
    refresh_statistics(connection, rows=counts["rows"])
    _note(connection, f"import:{file_id}", f"{opened.kind}_loaded", {"sha256": facts.sha256, "counts": counts})
    return _Done(received=received, counts=counts)


def _all_rejected(connection: Connection, opened: Opened, rows: int) -> DataRefused:
    first = ", ".join(f"line {row.line_no} {row.code}" for row in books.judged_sample(connection)[:5])
    books.unstage(connection)
    return DataRefused("FILE_REJECTS", f"{opened.received.path.name}: none of the {rows} rows can be taken: {first}")


def _control_writer(_work: Work, opened: Opened) -> tuple[Callable[[Connection, int], None], dict[str, int]]:
    totals = _control(opened)
    raw = {line_no: line for line_no, line, _ in opened.lines()}

    def write(connection: Connection, file_id: int) -> None:
        kept = ((line_no, line, Outcome.ACCEPTED.value, (), None) for line_no, line in raw.items())
        insert_rows(connection, file_id=file_id, rows=kept)
        books.insert_control(connection, file_id=file_id, totals=totals)

    counts = {"rows": len(raw)} | {one.value.lower(): 0 for one in Outcome}
    return write, counts | {"accepted": len(raw)}


def _control(opened: Opened) -> list[tuple[int, str, Any]]:
    path = opened.received.path
    return read_control(read_table(path.read_bytes(), required=CONTROL_COLUMNS))


def _note(connection: Connection, subject: str, kind: str, body: dict[str, Any]) -> None:
    append_events(connection, [Event(event_at=business_now(connection), subject=subject, kind=kind, body=body)])


def _tell(work: Work, done: _Done) -> str | None:
    """Write the report of a file; the line that refuses it, if it was."""
    reports = work.settings.exports / "cutover"
    if done.refusal is not None:
        return str(refuse_file(work, done.received, done.refusal, folder=reports)["refusal"])
    write_missing_report(work, reports, done.received)
    return None


def _totals(done: Sequence[_Done], *, refused: Sequence[str | None]) -> dict[str, Any]:
    said = [text for text in refused if text]
    taken = [one for one in done if one.refusal is None and one.counts]
    names = ("rows", *(outcome.value.lower() for outcome in Outcome))
    totals: dict[str, Any] = {name: sum(one.counts[name] for one in taken) for name in names}
    already = sum(one.refusal is None and not one.counts for one in done)
    totals |= {"files": len(taken), "already": already, "refused": len(said)}
    return totals | ({"refusal": "; ".join(said)} if said else {})
