"""Approve a profile: a person has looked at what it makes of a file, and says so."""

from pathlib import Path
from typing import Any

from billing.errors import DataRefused
from pipeline.errors import OperatorError
from pipeline.import_files import receive
from pipeline.notes import note_words
from pipeline.preview_readings import check_rejects, judged_file
from pipeline.profiles import profile_folder
from pipeline.work import Work, step
from readings.profile import STANDARD, named_profile
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.profiles import Approval, insert_approval


def run(work: Work, *, profile: str, file: Path, note: str) -> dict[str, Any]:
    """Record that ``work.actor`` looked at ``file`` as the profile reads it; its files may then be imported.

    It counts for these bytes of the profile: an edited one needs another look. The same look again adds nothing
    (``already`` is 1).

    Raises:
        OperatorError: ``FILE_MISSING``, ``NOTE_MISSING``, ``NOTE_UNREADABLE``, or ``PROFILE_STANDARD``: the contract
            itself needs no look.
        DataRefused: a code of the profile, or one that would refuse the file as a whole.
    """
    words = note_words(note)
    if profile == STANDARD:
        raise OperatorError("PROFILE_STANDARD", "the contract of docs/import.md needs no look")
    layout = named_profile(profile, folder=profile_folder(work.settings))
    received, refusal = receive(file, kind="readings", profile=layout.name)
    if refusal is not None:
        raise refusal
    with step(work, "approve_profile") as (connection, record):
        results = judged_file(work, connection, received, layout)
        counts = results.counts()
        if not counts["rows"]:
            raise DataRefused("FILE_UNREADABLE", f"{file} holds no row: there is nothing to look at")
        check_rejects(work, results)
        approval = Approval(
            profile=layout.name,
            profile_sha256=layout.sha256,
            content=layout.content,
            file_name=received.facts.name,
            file_sha256=received.facts.sha256,
            approved_by=work.actor.name,
            approved_via=work.actor.via,
            note=words,
        )
        is_new = insert_approval(connection, approval)
        record.counts = counts | {"already": int(not is_new)}
        if is_new:
            body = {"profile_sha256": layout.sha256, "file_sha256": received.facts.sha256, "counts": counts}
            event = Event(
                event_at=business_now(connection), subject=f"profile:{layout.name}", kind="profile_approved", body=body
            )
            append_events(connection, [event])
    return {"profile": layout.name, "profile_sha256": layout.sha256} | record.counts
