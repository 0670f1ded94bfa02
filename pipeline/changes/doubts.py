"""Doubts: indexes that come with a change meet the checks of a file's readings, by the utility's thresholds.

What the order of indexes forbids is refused. What else a file's reading is set aside for (V07, V08) is refused until
the person who asks says for that meter that the index is right; then it stands as a suspect reading, confirmed at once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from billing.reading_checks import CHECKS, Finding
from pipeline.changes.applying import Applying
from pipeline.collect_measures import before_file, gather
from pipeline.errors import OperatorError
from pipeline.queue.writing import confirm
from pipeline.utility_files import load_folder
from readings.history import Known, Measures
from readings.places import Place
from readings.row_checks import is_doubted, order_findings, use_findings
from readings.rows import WARSAW, ReadingRow
from readings.table import Line
from sql.changes import doubted_readings, reason_of
from sql.readings import NewFinding, NewReading, insert_findings, stored_readings
from sql.validation import doubt

_A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An index of a change before it is written: ``at`` is the register's row of ``meters_at``."""

    at: Any
    reading: NewReading


def findings_of(at: Applying, told: Sequence[Told], *, confirmed: Collection[str]) -> list[NewFinding]:
    """What the checks say of these indexes beside those that are stored; nothing is written.

    Raises:
        OperatorError: ``V05``, an index is below an earlier one or above a later one; ``READING_DOUBTED``, a file's
            reading would be set aside for it, and the meter is not among those ``confirmed``.
        DataRefused: the utility's folder cannot be used.
    """
    if not told:
        return []
    utility = load_folder(at.work.settings.utility, seller_needed=False).utility
    placed = [(one, _row(one), _place(one.at)) for one in told]
    located = [(row, place) for _, row, place in placed]
    before = before_file(at.connection, utility=utility, on_day=max(row.read_on for row, _ in located))
    measures = gather(at.connection, located, utility=utility, sent_at=None, before=before)
    found = []
    for one, row, place in placed:
        findings = _findings(at, one, row, place, measures)
        _refuse(one, findings, confirmed=confirmed)
        found += [_new_finding(one.reading, finding) for finding in findings]
    return found


def note(at: Applying, findings: Sequence[NewFinding]) -> None:
    """Keep the findings of readings that are written by now; those in doubt were confirmed with the change."""
    insert_findings(at.connection, findings=findings)
    doubted = doubted_readings(at.connection, change_id=at.change_id)
    if doubted:
        doubt(at.connection, reading_ids=doubted)
        confirm(at.connection, at.work, reading_ids=doubted, reason=reason_of(at.connection, change_id=at.change_id))


def _findings(at: Applying, one: Told, row: ReadingRow, place: Place, measures: Measures) -> list[Finding]:
    new = one.reading
    stored = stored_readings(
        at.connection,
        wanted=[(place.installation_id, place.meter_id, place.register, new.read_at)],
        external_ids=(),
    )
    indexes = sorted(
        (each.read_at, each.counts_m3)
        for each in stored
        if each.installation_id == place.installation_id and each.counts_m3 is not None
    )
    known = _known(new)
    that_day = [
        moment for moment, _ in indexes if moment >= new.read_at and moment.astimezone(WARSAW).date() == new.read_on
    ]
    if that_day:
        # noon stands for a day whose hour nobody told, and what a change brings is the last that was seen of it
        known = replace(known, read_at=that_day[-1] + _A_MOMENT)
    found = order_findings(known, place, indexes, measures=measures)
    return found if is_doubted(found) else found + use_findings(row, place, measures=measures)


def _refuse(one: Told, findings: Sequence[Finding], *, confirmed: Collection[str]) -> None:
    if not is_doubted(findings):
        return
    meter_no = one.at.meter_no
    text = f"index {one.reading.index_m3} of meter {meter_no} on {one.reading.read_on}: {_told_of(findings)}"
    if any(finding.code == "V05" for finding in findings):
        raise OperatorError("V05", text)
    if meter_no not in confirmed:
        raise OperatorError("READING_DOUBTED", f"{text}; if it is right, say so: --confirm-reading {meter_no}")


def _told_of(findings: Sequence[Finding]) -> str:
    """Findings on one line: code, what it looks for, and the figures."""
    return "; ".join(
        f"{one.code} {CHECKS[one.code].title} ({', '.join(f'{name} {value}' for name, value in one.facts.items())})"
        for one in findings
    )


def _row(told: Told) -> ReadingRow:
    """The index as the row of a file that it could have been."""
    new, place = told.reading, told.at
    return ReadingRow(
        line=Line(line_no=0, raw="", fields=()),
        service_point=place.point_no,
        meter_no=place.meter_no,
        module_no="",
        register=new.register,
        read_at=new.read_at,
        visited_at=new.read_at,
        read_on=new.read_on,
        index_m3=new.index_m3,
        index_received=new.index_received,
        unit=new.unit_received,
        source=new.source,
        quality=new.quality,
        reason_code=None,
        alarms=(),
        external_id=None,
        details={},
        interval_m3=None,
        errors=(),
        warnings=(),
    )


def _place(row: Any) -> Place:
    return Place(
        installation_id=row.installation_id,
        meter_id=row.meter_id,
        point_no=row.point_no,
        meter_no=row.meter_no,
        module_no=None,
        register=row.register,
        dials=row.dials,
        decimals=row.decimals,
        installed_on=row.installed_on,
        removed_on=row.removed_on,
        last_billed_on=None,
        q3_m3h=row.q3_m3h,
    )


def _known(new: NewReading) -> Known:
    return Known(
        installation_id=new.installation_id,
        meter_id=new.meter_id,
        register=new.register,
        read_at=new.read_at,
        source=new.source,
        index_m3=new.index_m3,
        quality=new.quality,
        reason_code=None,
        state="VALID",
        external_id=None,
        counts_m3=new.index_m3,
    )


def _new_finding(new: NewReading, finding: Finding) -> NewFinding:
    return NewFinding(
        meter_id=new.meter_id,
        register=new.register,
        read_at=new.read_at,
        source=new.source,
        code=finding.code,
        severity=finding.severity,
        owner=finding.owner,
        facts=finding.facts,
    )
