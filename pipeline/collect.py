"""Collect: one file of meter readings into the database, every row with what became of it, all or nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from billing.errors import DataRefused
from billing.reading_checks import EXCHANGE_SOURCES, Finding
from billing.utility import Utility
from pipeline.collect_files import find_file, put_away, waiting_files
from pipeline.collect_measures import file_time, gather
from pipeline.import_files import Received, RowResult, count_outcomes, receive, refuse_rejects
from pipeline.import_report import refuse_file, write_missing_report, write_report
from pipeline.profiles import profile_for, refuse_unseen
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, uncollected
from readings.checks import Judged, judge
from readings.files import read_file
from readings.history import Known
from readings.places import Place, Registry, locate, registry_of
from readings.profile import STANDARD, Profile
from readings.rows import ReadingRow
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.intake import accepted_counts, insert_accepted, insert_rows, lock_intake
from sql.readings import (
    NewFinding,
    NewReading,
    insert_findings,
    insert_readings,
    known_points,
    places,
    stored_readings,
)
from sql.statistics import refresh_statistics

__all__ = ["run", "waiting_files"]

T = TypeVar("T")


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
    results: list[RowResult] | None = None
    if known is None:
        with uncollected():
            known, results = _import_rows(work, received, read_file(received.content, profile=layout), layout)
    headed = layout.width is None
    if results is None:
        write_missing_report(work, _reports(work), received, encoding=layout.encoding, headed=headed)
    else:
        write_report(_reports(work), received, results=results, counts=known, encoding=layout.encoding, headed=headed)
    put_away(work.settings, received, folder="done")
    return known | {"already": int(results is None), "refused": 0}


def _reports(work: Work) -> Path:
    return work.settings.inbox / "reports"


def _import_rows(
    work: Work, received: Received, rows: Sequence[ReadingRow], layout: Profile
) -> tuple[dict[str, int], list[RowResult] | None]:
    """Totals and what became of each row; None instead when another process was quicker with the same file."""
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    with step(work, "collect") as (connection, record):
        lock_intake(connection)
        known = accepted_counts(connection, kind="readings", sha256=received.facts.sha256)
        if known is not None:
            record.counts = known | {"already": 1}
            return known, None
        judged = judge_rows(connection, rows, utility=utility, file_name=received.facts.name)
        results = [row_result(one) for one in judged]
        refuse_rejects(results, reject_share_max=utility.reject_share_max)
        record.counts = count_outcomes(results)
        _write(connection, work, received, layout, judged=judged, results=results, counts=record.counts)
        refresh_statistics(connection, rows=record.counts["rows"])
        return record.counts, results


def judge_rows(connection: Connection, rows: Sequence[ReadingRow], *, utility: Utility, file_name: str) -> list[Judged]:
    """What becomes of rows beside what the database has; nothing is written."""
    registry = _registry(connection, rows)
    located = [(row, locate(row, registry=registry)) for row in rows]
    known = _known(connection, located)
    measures = gather(connection, located, utility=utility, sent_at=file_time(file_name))
    return judge(located, known=known, now=business_now(connection), measures=measures)


def _registry(connection: Connection, rows: Sequence[ReadingRow]) -> Registry:
    meter_nos = {row.meter_no for row in rows if row.meter_no}
    point_nos = {row.service_point for row in rows if row.service_point}
    found = places(connection, meter_nos=meter_nos, point_nos=point_nos)
    return registry_of(_of_rows(Place, found), points=known_points(connection, point_nos=point_nos))


def _known(connection: Connection, located: Sequence[tuple[ReadingRow, Place | str]]) -> Iterator[Known]:
    stored = stored_readings(
        connection,
        wanted=[(*register, since) for register, since in _earliest(located).items()],
        external_ids={row.external_id for row, _ in located if row.external_id},
        exchanged={
            place.installation_id
            for row, place in located
            if isinstance(place, Place) and row.source in EXCHANGE_SOURCES
        },
    )
    return _of_rows(Known, stored)


def _of_rows(kind: Callable[..., T], rows: Sequence[Row[Any]]) -> Iterator[T]:
    """Rows as what they are columns of; their names are asked for once, which takes longer than to read one."""
    names = rows[0]._fields if rows else ()  # SQLAlchemy's documented way to a row's names
    return (kind(**dict(zip(names, row, strict=True))) for row in rows)


def _earliest(located: Sequence[tuple[ReadingRow, Place | str]]) -> dict[tuple[int, int, int], datetime]:
    """The first reading time of each register in the file, by installation, meter and register."""
    earliest: dict[tuple[int, int, int], datetime] = {}
    for row, place in located:
        if isinstance(place, Place):
            register = (place.installation_id, place.meter_id, place.register)
            earliest[register] = min(row.read_at, earliest.get(register, row.read_at))
    return earliest


def _write(
    connection: Connection,
    work: Work,
    received: Received,
    layout: Profile,
    *,
    judged: Sequence[Judged],
    results: Sequence[RowResult],
    counts: Mapping[str, int],
) -> None:
    facts = received.facts
    file_id = insert_accepted(connection, file=facts, counts=counts, recorded_by=work.actor.name)
    rows = ((one.line_no, one.raw, one.outcome.value, one.codes, one.note) for one in results)
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


def row_result(one: Judged) -> RowResult:
    """A judged row as the report shows it."""
    line = one.row.line
    return RowResult(line_no=line.line_no, raw=line.raw, outcome=one.outcome, codes=one.codes, note=one.note)
