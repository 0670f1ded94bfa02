"""tariff switch-on: a second person puts a planned tariff in force, upon its decision and its computed impact.

The decision commits first, with the bytes; then the file is put where cycles read it. Cut short in between, the same
command finishes from the bytes that were kept.
"""

from pathlib import Path

from sqlalchemy import Connection

from billing.tariff_decision import decision_problems
from delivery.durable import write_once
from pipeline.approvers import require_approver
from pipeline.errors import OperatorError, Unavailable
from pipeline.notes import note_words
from pipeline.settings import Settings
from pipeline.tariff_folder import Candidate, candidate_of, planned_folder, tariffs_folder
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.locks import take_turn
from sql.tariffs import (
    cycle_in_work,
    find_switch,
    insert_switch,
    issued_cycles,
    newest_billed_day,
    newest_impact,
    same_impacts,
)

FILE_MODE = 0o644


def run(work: Work, *, file: Path, note: str) -> dict[str, str]:
    """Switch a planned tariff on, or finish what an earlier try began; ``file`` is a name in the planned folder.

    Raises:
        OperatorError: ``FILE_MISSING``, ``NOTE_MISSING``, ``TARIFF_NOT_PLANNED``, ``TARIFF_NAME_TAKEN``,
            ``TARIFF_UNDECIDED``, ``TARIFF_DATES``, ``TARIFF_TOO_LATE``, ``IMPACT_MISSING``, ``IMPACT_GAPS``,
            ``IMPACT_OLD``, ``SELF_APPROVAL`` or ``NOT_AN_APPROVER``.
        DataRefused: the file is unsound, or the utility's folder cannot be used.
        Unavailable: ``TARIFF_UNWRITABLE``; it is switched on, and the same command finishes.
    """
    words, name = note_words(note), _planned_name(work.settings, file)
    content = _read(planned_folder(work.settings) / name)
    with step(work, "switch_on_tariff") as (connection, record):
        take_turn(connection, "books")  # neither freezes nor issues a cycle meanwhile
        candidate = None if content is None else candidate_of(work.settings, content=content, name=name)
        sha256 = candidate.tariff.sha256 if candidate else None
        switched = find_switch(connection, name=name, sha256=sha256)
        record.counts = {"switched_on": int(switched is None)}
        if switched is None:
            if candidate is None:
                raise OperatorError("FILE_MISSING", f"there is no file {planned_folder(work.settings) / name}")
            _switch_on(connection, work, candidate, note=words)
            switched = find_switch(connection, name=name, sha256=sha256)
        if switched is None:
            raise AssertionError(name)
        record.tariff_sha256s = (switched.tariff_sha256,)
    _put_in_force(work.settings, name=name, content=bytes(switched.content))
    return {
        "file": str(tariffs_folder(work.settings) / name),
        "tariff_sha256": switched.tariff_sha256,
        "valid_from": switched.valid_from.isoformat(),
        "switched_by": switched.switched_by,
        "done": "switched_on" if record.counts["switched_on"] else "already",
    }


def _planned_name(settings: Settings, file: Path) -> str:
    folder = planned_folder(settings)
    if file.suffix != ".toml" or (file.parent != Path() and file.resolve().parent != folder.resolve()):
        raise OperatorError("TARIFF_NOT_PLANNED", f"only a NAME.toml in {folder} is switched on, not {file}")
    return file.name


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{path}: {error.strerror}") from None


def _switch_on(connection: Connection, work: Work, candidate: Candidate, *, note: str) -> None:
    _refuse_undecided(connection, work, candidate)
    _refuse_late(connection, candidate)
    impact_id = _fit_impact(connection, work, candidate)
    require_approver(work.actor.name, approvers=candidate.loaded.utility.approvers)
    tariff = candidate.tariff
    insert_switch(
        connection,
        tariff=tariff,
        impact_id=impact_id,
        switched_by=work.actor.name,
        switched_via=work.actor.via,
        note=note,
    )
    body = {
        "impact_id": impact_id,
        "by": work.actor.name,
        "via": work.actor.via,
        "decided_on": tariff.decided_on,
        "published_on": tariff.published_on,
        "valid_from": tariff.valid_from,
    }
    subject = f"tariff:{tariff.sha256}"
    append_events(
        connection, [Event(event_at=business_now(connection), subject=subject, kind="tariff_switched_on", body=body)]
    )


def _refuse_undecided(connection: Connection, work: Work, candidate: Candidate) -> None:
    problems = decision_problems(tariff=candidate.tariff, today=warsaw_day(business_now(connection)))
    if problems:
        raise OperatorError(problems[0].code, problems[0].text)
    name = candidate.tariff.name
    if (tariffs_folder(work.settings) / name).exists():
        raise OperatorError("TARIFF_NAME_TAKEN", f"tariffs/{name} is in force already; give the new file another name")


def _refuse_late(connection: Connection, candidate: Candidate) -> None:
    starts = candidate.tariff.valid_from
    newest = newest_billed_day(connection)
    if newest is not None and newest >= starts:
        text = f"it starts on {starts}, and {newest} is billed already by the prices in force"
        raise OperatorError("TARIFF_TOO_LATE", f"{text}; what was billed is put right by corrections")
    in_work = cycle_in_work(connection, valid_from=starts)
    if in_work is not None:
        text = f"it starts on {starts}, and {in_work} is in work with the prices in force"
        raise OperatorError("TARIFF_TOO_LATE", f"{text}; issue or reject that cycle first")


def _fit_impact(connection: Connection, work: Work, candidate: Candidate) -> int:
    """The impact to decide upon: the newest of these bytes, as computed by somebody else."""
    tariff = candidate.tariff
    newest = newest_impact(connection, tariff_sha256=tariff.sha256)
    if newest is None:
        text = f"no impact was computed for {tariff.name} as it is now"
        raise OperatorError("IMPACT_MISSING", f"{text}: obieg tariff impact {tariff.name}")
    if newest.without_price:
        text = f"{newest.without_price} accounts would have no price; see obieg tariff check {tariff.name}"
        raise OperatorError("IMPACT_GAPS", text)
    if newest.issued_cycles != issued_cycles(connection) or tuple(newest.book_sha256s) != candidate.book_sha256s:
        text = "since the impact was computed a cycle was issued or a tariff in force has changed; compute it again"
        raise OperatorError("IMPACT_OLD", f"{text}: obieg tariff impact {tariff.name}")
    same = same_impacts(
        connection, tariff_sha256=tariff.sha256, sha256=newest.sha256, issued_cycles=newest.issued_cycles
    )
    others = [row.impact_id for row in same if row.recorded_by != work.actor.name]
    if not others:
        text = f"{work.actor.name} computed the impact; another approver must switch {tariff.name} on"
        raise OperatorError("SELF_APPROVAL", text)
    return int(others[-1])


def _put_in_force(settings: Settings, *, name: str, content: bytes) -> None:
    target, planned = tariffs_folder(settings) / name, planned_folder(settings) / name
    try:
        write_once(target=target, scratch=planned.parent, write=lambda draft: draft.write(content), mode=FILE_MODE)
        there = target.read_bytes()
        if there == content:
            planned.unlink(missing_ok=True)
    except OSError as error:
        text = f"{error.filename or target}: {error.strerror}; {name} is switched on; the same command puts it there"
        raise Unavailable("TARIFF_UNWRITABLE", text) from error
    if there != content:
        text = f"tariffs/{name} is not what was switched on; move it away and give the same command again"
        raise OperatorError("TARIFF_NAME_TAKEN", text)
