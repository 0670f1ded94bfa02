"""Switch on: an approver who loaded nothing takes over from the old system, once; and rows that nobody misses."""

from typing import Any

from billing.canonical import canonical_json
from pipeline.approvers import require_approver
from pipeline.cutover.check import Findings, findings
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql import cutover as books
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.intake import lock_intake
from sql.locks import take_turn


def run(work: Work, *, note: str) -> dict[str, Any]:
    """Switch on when nothing bars it: cycles may then be opened, and nothing more is loaded.

    Raises:
        OperatorError: ``CUTOVER_UNKNOWN``, ``CUTOVER_DONE``, ``SELF_APPROVAL``, ``NOT_AN_APPROVER``, ``NOTE_MISSING``,
            ``CONTROL_DIFFERS``, or the code of whatever else bars it, see ``docs/cut-over.md``.
        DataRefused: the utility's folder cannot be used.
    """
    said, utility = note_words(note), load_folder(work.settings.utility).utility
    with step(work, "cutover_switch_on") as (connection, record):
        take_turn(connection, "books")
        lock_intake(connection)
        found = findings(connection, utility)
        if found.switched_by is not None:
            raise OperatorError("CUTOVER_DONE", f"{found.switched_by} has switched on already")
        if work.actor.name in books.loaders(connection):
            raise OperatorError("SELF_APPROVAL", f"{work.actor.name} loaded; another approver must switch on")
        require_approver(work.actor.name, approvers=utility.approvers)
        _refuse_bars(found)
        totals = canonical_json({total.name: total.ours for total in found.totals})
        books.insert_switch(
            connection,
            switched_by=work.actor.name,
            switched_via=work.actor.via,
            note=said,
            totals=totals,
            totals_sha256=found.sha256,
        )
        body = {"as_of": found.as_of, "by": work.actor.name, "via": work.actor.via, "totals_sha256": found.sha256}
        moment = business_now(connection)
        append_events(connection, [Event(event_at=moment, subject="cutover", kind="cutover_switched_on", body=body)])
        record.counts = {"switched_on": 1}
        record.sums = {total.name: total.ours for total in found.totals}
        return {"switched_on_by": work.actor.name, "as_of": found.as_of, "totals_sha256": found.sha256}


def _refuse_bars(found: Findings) -> None:
    for bar in found.bars:
        raise OperatorError(bar.code, f"{bar.count} {bar.text}: {', '.join(bar.examples)}; see obieg cutover check")


def dismiss(work: Work, *, file: str, line_no: int, note: str) -> dict[str, Any]:
    """Note that nothing is missing without a row that was rejected or set aside; once.

    Raises:
        OperatorError: ``ROW_UNKNOWN``, ``CUTOVER_DONE`` or ``NOTE_MISSING``.
    """
    said = note_words(note)
    with step(work, "cutover_dismiss") as (connection, record):
        begun = books.find_cutover(connection)
        row = books.find_refused_row(connection, name=file, line_no=line_no)
        if begun is None or row is None:
            raise OperatorError("ROW_UNKNOWN", f"no row {line_no} of {file} was rejected or set aside by a cut-over")
        if begun.switched_by is not None:
            raise OperatorError("CUTOVER_DONE", f"{begun.switched_by} has switched on already")
        if not row.dismissed:
            books.dismiss(
                connection,
                file_id=row.file_id,
                line_no=line_no,
                dismissed_by=work.actor.name,
                dismissed_via=work.actor.via,
                note=said,
            )
            body = {"line_no": line_no, "by": work.actor.name}
            event = Event(
                event_at=business_now(connection), subject=f"import:{row.file_id}", kind="row_dismissed", body=body
            )
            append_events(connection, [event])
        record.counts = {"dismissed": int(not row.dismissed)}
        return {"file": file, "line_no": line_no, **record.counts}
