"""Preview: what a profile would make of a reading file, raw beside parsed; nothing is written."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.errors import DataRefused
from pipeline.collect import judge_rows, row_result
from pipeline.import_files import Received, count_outcomes, receive, refuse_rejects
from pipeline.profiles import profile_for
from pipeline.utility_files import load_folder
from pipeline.work import Work
from readings.checks import Judged
from readings.files import read_file
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
    with work.engine.connect() as connection:
        judged = judged_file(work, connection, received, layout)
        looks = approvals(connection, profile=layout.name, profile_sha256=layout.sha256)
    return {
        "profile": layout.name,
        "profile_sha256": layout.sha256,
        "approved_by": sorted({look.approved_by for look in looks}),
        "file_sha256": received.facts.sha256,
        "refusal": _refusal(work, judged),
        "counts": count_outcomes([row_result(one) for one in judged]),
        "codes": dict(sorted(Counter(code for one in judged for code in one.codes).items())),
        "first": [_shown(one) for one in judged[:rows]],
    }


def judged_file(work: Work, connection: Connection, received: Received, layout: Profile) -> list[Judged]:
    """What would become of every row, in the order of the file."""
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    rows = read_file(received.content, profile=layout)
    judged = judge_rows(connection, rows, utility=utility, file_name=received.facts.name)
    return sorted(judged, key=lambda one: one.row.line.line_no)


def check_rejects(work: Work, judged: Sequence[Judged]) -> None:
    """Raise what would refuse the file for its rejected rows: ``FILE_REJECTS``."""
    share = load_folder(work.settings.utility, seller_needed=False).utility.reject_share_max
    refuse_rejects([row_result(one) for one in judged], reject_share_max=share)


def _refusal(work: Work, judged: Sequence[Judged]) -> str | None:
    try:
        check_rejects(work, judged)
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
