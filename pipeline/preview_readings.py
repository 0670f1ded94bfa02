"""Preview: what a profile would make of a reading file, raw beside parsed; nothing is written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.errors import DataRefused
from pipeline.collect_parts import judge_file
from pipeline.collect_results import FileResults
from pipeline.import_files import Received, receive, refuse_rejects
from pipeline.profiles import profile_for
from pipeline.utility_files import load_folder
from pipeline.work import Work
from readings.checks import Judged
from readings.files import open_file
from readings.profile import Profile
from sql.profiles import approvals

FIRST_ROWS = 10


def run(work: Work, *, file: Path, profile: str | None = None, rows: int = FIRST_ROWS) -> dict[str, Any]:
    """The first rows as they would be understood, and the totals of all by outcome and by code.

    ``refusal`` is why the file would be refused as a whole in spite of a right header, None otherwise;
    ``approved_by`` names who looked at this profile before.

    Raises:
        OperatorError: ``FILE_MISSING``.
        DataRefused: a code of the profile or of the file.
    """
    layout = profile_for(work.settings, file, name=profile)
    received, refusal = receive(file, kind="readings", profile=layout.name)
    if refusal is not None:
        raise refusal
    first: list[Judged] = []
    with work.engine.connect() as connection:
        results = judged_file(work, connection, received, layout, first=first, rows=rows)
        looks = approvals(connection, profile=layout.name, profile_sha256=layout.sha256)
    return {
        "profile": layout.name,
        "profile_sha256": layout.sha256,
        "approved_by": sorted({look.approved_by for look in looks}),
        "file_sha256": received.facts.sha256,
        "refusal": _refusal(work, results),
        "counts": results.counts(),
        "codes": results.codes(),
        "first": [_shown(one) for one in sorted(first, key=lambda one: one.row.line.line_no)],
    }


def judged_file(
    work: Work,
    connection: Connection,
    received: Received,
    layout: Profile,
    *,
    first: list[Judged] | None = None,
    rows: int = 0,
) -> FileResults:
    """What would become of every row; so many of its ``first`` rows as they are understood are added to that list."""
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    file = open_file(received.content, profile=layout)
    shown = set(file.lines.line_nos[:rows])

    def take(judged: Sequence[Judged]) -> None:
        if first is not None:
            first.extend(one for one in judged if one.row.line.line_no in shown)

    return judge_file(connection, file, utility=utility, file_name=received.facts.name, take=take)


def check_rejects(work: Work, results: FileResults) -> None:
    """Raise what would refuse the file for its rejected rows: ``FILE_REJECTS``."""
    share = load_folder(work.settings.utility, seller_needed=False).utility.reject_share_max
    refuse_rejects(results, counts=results.counts(), reject_share_max=share)


def _refusal(work: Work, results: FileResults) -> str | None:
    try:
        check_rejects(work, results)
    except DataRefused as refusal:
        return str(refusal)
    return None


def _shown(one: Judged) -> dict[str, Any]:
    row = one.row
    read = "E105" not in row.errors and "E100" not in row.errors
    return {
        "line_no": row.line.line_no,
        "raw": row.line.raw,
        "outcome": one.outcome.value,
        "codes": list(one.codes),
        "service_point": row.service_point,
        "meter_no": row.meter_no,
        "register": row.register,
        "read_at": row.read_at.isoformat() if read else None,
        "index_m3": row.index_m3,
        "unit": row.unit,
        "source": row.source,
        "quality": row.quality,
        "reason_code": row.reason_code,
        "alarms": list(row.alarms),
        "note": one.note,
    }
