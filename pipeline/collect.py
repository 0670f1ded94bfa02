"""Collect: one file of meter readings into the database, every row with what became of it, all or nothing."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.errors import DataRefused
from billing.reading_checks import Finding
from pipeline.collect_files import find_file, put_away, waiting_files
from pipeline.collect_parts import judge_file
from pipeline.collect_results import FileResults
from pipeline.import_files import Received, receive, refuse_rejects
from pipeline.import_report import refuse_file, write_missing_report, write_report
from pipeline.profiles import profile_for, refuse_unseen
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, uncollected
from readings.checks import Judged
from readings.files import ReadingFile, open_file
from readings.places import Place
from readings.profile import STANDARD, Profile
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.intake import accepted_counts, insert_accepted, insert_rows, lock_intake, next_file_id
from sql.readings import NewFinding, NewReading, insert_findings, insert_readings
from sql.statistics import refresh_statistics

__all__ = ["run", "waiting_files"]


def run(work: Work, *, file: Path, profile: str | None = None) -> dict[str, Any]:
    """Import one reading file; totals of its rows. ``profile`` names its layout, else its name does.

    ``already`` is 1 when a file with this content was imported before: nothing is added. ``refused`` is 1 when the
    file is refused as a whole: nothing of it is taken, ``refusal`` says why in one line. A file of the inbox is moved
    to ``done`` or ``refused`` there; the report goes to ``reports``.

    Raises:
        OperatorError: ``FILE_MISSING``, or ``PROFILE_NEW``: nobody has looked yet at what the profile makes of a file.
        DataRefused: the profile itself is wrong; the file stays where it is.
        Unavailable: ``REPORT_UNWRITABLE``, ``INBOX_UNWRITABLE``; the import itself stands.
    """
    layout = profile_for(work.settings, file, name=profile)
    received, refusal = receive(find_file(work.settings, file), kind="readings", profile=layout.name)
    if refusal is None:
        try:
            return _import(work, received, layout)
        except DataRefused as error:
            refusal = error
    answer = refuse_file(work, received, refusal, folder=_reports(work))
    put_away(work.settings, received, folder="refused")
    return answer


def _import(work: Work, received: Received, layout: Profile) -> dict[str, Any]:
    with work.engine.connect() as connection:
        known = accepted_counts(connection, kind="readings", sha256=received.facts.sha256)
        if known is None:
            refuse_unseen(connection, layout)
    results: FileResults | None = None
    if known is None:
        with uncollected():
            known, results = _import_rows(work, received, open_file(received.content, profile=layout))
    headed = layout.width is None
    if results is None:
        write_missing_report(work, _reports(work), received, encoding=layout.encoding, headed=headed)
    else:
        write_report(_reports(work), received, results=results, counts=known, encoding=layout.encoding, headed=headed)
    put_away(work.settings, received, folder="done")
    return known | {"already": int(results is None), "refused": 0}


def _reports(work: Work) -> Path:
    return work.settings.inbox / "reports"


def _import_rows(work: Work, received: Received, file: ReadingFile) -> tuple[dict[str, int], FileResults | None]:
    """Totals and what became of each row; None instead when another process was quicker with the same file."""
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    with step(work, "collect") as (connection, record):
        lock_intake(connection)
        known = accepted_counts(connection, kind="readings", sha256=received.facts.sha256)
        if known is not None:
            record.counts = known | {"already": 1}
            return known, None
        file_id = next_file_id(connection)
        results = judge_file(
            connection,
            file,
            utility=utility,
            file_name=received.facts.name,
            take=partial(write_part, connection, file_id),
        )
        record.counts = results.counts()
        refuse_rejects(results, counts=record.counts, reject_share_max=utility.reject_share_max)
        _record(connection, work, received, file.profile, file_id=file_id, counts=record.counts)
        refresh_statistics(connection, rows=record.counts["rows"])
        return record.counts, results


def write_part(connection: Connection, file_id: int, judged: Sequence[Judged]) -> None:
    """Write what became of a part of a file whose ``import_file`` follows when all are written."""
    rows = ((one.row.line.line_no, one.row.line.raw, one.outcome.value, one.codes, one.note) for one in judged)
    insert_rows(connection, file_id=file_id, rows=rows)
    insert_readings(connection, file_id=file_id, readings=(_new_reading(one, one.place) for one in judged if one.place))
    insert_findings(
        connection,
        findings=[
            _new_finding(one, one.place, finding)
            for one in judged
            if one.place and one.findings
            for finding in one.findings
        ],
    )


def _record(
    connection: Connection,
    work: Work,
    received: Received,
    layout: Profile,
    *,
    file_id: int,
    counts: Mapping[str, int],
) -> None:
    """The file itself with its totals, and its event, once all its rows are written."""
    facts = received.facts
    insert_accepted(connection, file=facts, counts=counts, recorded_by=work.actor.name, file_id=file_id)
    own = {} if layout.name == STANDARD else {"profile": layout.name, "profile_sha256": layout.sha256}
    event = Event(
        event_at=business_now(connection),
        subject=f"import:{file_id}",
        kind="readings_imported",
        body={"sha256": facts.sha256, "counts": dict(counts)} | own,
    )
    append_events(connection, [event])


def _new_reading(one: Judged, place: Place) -> NewReading:
    row = one.row
    return NewReading(
        installation_id=place.installation_id,
        meter_id=place.meter_id,
        register=place.register,
        read_at=row.read_at,
        read_on=row.read_on,
        source=row.source,
        quality=row.quality,
        index_m3=row.index_m3,
        index_received=row.index_received,
        unit_received=row.unit,
        reason_code=row.reason_code,
        state=one.state,
        alarms=row.alarms,
        details=row.details,
        external_id=row.external_id,
        line_no=row.line.line_no,
    )


def _new_finding(one: Judged, place: Place, finding: Finding) -> NewFinding:
    return NewFinding(
        meter_id=place.meter_id,
        register=place.register,
        read_at=one.row.read_at,
        source=one.row.source,
        code=finding.code,
        severity=finding.severity,
        owner=finding.owner,
        facts=finding.facts,
    )
