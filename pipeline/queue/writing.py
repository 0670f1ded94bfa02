"""Decisions about readings as they are written: the estimates, the decisions, and their evidence."""

from collections.abc import Sequence

from sqlalchemy import Connection

from billing.reading_life import Decision
from pipeline.import_commitment import commit, commitment_key
from pipeline.notes import note_words
from pipeline.queue.estimates import PlannedEstimate, write_estimates
from pipeline.queue.planning import Chosen, Planned
from pipeline.work import Work
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.reading_queue import NewDecision, insert_decisions, insert_request


def reason_words(reason: str) -> str:
    """The reason of a decision on one line.

    Raises:
        OperatorError: ``REASON_MISSING`` or ``REASON_UNREADABLE``.
    """
    return note_words(reason, missing="REASON_MISSING", unreadable="REASON_UNREADABLE")


def write(
    connection: Connection,
    work: Work,
    *,
    planned: Sequence[Planned],
    estimates: Sequence[PlannedEstimate] = (),
    reason: str,
    evident: bool = True,
) -> dict[int, int]:
    """Write what nothing refuses, with its evidence; the ids of new estimates by installation id.

    ``estimates`` belong to decisions that say so, or stand alone. Without ``evident`` (a preview, which is rolled back)
    nothing is appended to the evidence.
    """
    made = [one for one in estimates if one.estimate is not None]
    written = write_estimates(connection, work, planned=made, reason=reason)
    decisions = [_decision(one, written) for one in planned if one.refusal is None]
    if decisions:
        insert_decisions(
            connection, decisions=decisions, reason=reason, decided_by=work.actor.name, decided_via=work.actor.via
        )
    if evident:
        said = _said(work, reason)
        append_events(
            connection,
            [*_estimated(connection, made, written, said), *_decided(connection, decisions, said)],
        )
    return written


def confirm(connection: Connection, work: Work, *, reading_ids: Sequence[int], reason: str) -> None:
    """Write that suspect readings about which nobody has decided are right, with the evidence of it."""
    decisions = [
        NewDecision(reading_id=reading_id, decision_no=1, decision=Decision.CONFIRMED) for reading_id in reading_ids
    ]
    insert_decisions(
        connection, decisions=decisions, reason=reason, decided_by=work.actor.name, decided_via=work.actor.via
    )
    append_events(connection, _decided(connection, decisions, _said(work, reason)))


def ask(connection: Connection, work: Work, *, chosen: Chosen, reason: str) -> None:
    """Write that somebody asks for another index in place of an estimate."""
    if chosen.index_m3 is None:
        raise ValueError("an edit brings an index")
    request_id = insert_request(
        connection,
        reading_id=chosen.reading_id,
        index_m3=chosen.index_m3,
        reason=reason,
        asked_by=work.actor.name,
        asked_via=work.actor.via,
    )
    body = {"request": request_id, "index_m3": chosen.index_m3} | _said(work, reason)
    moment = business_now(connection)
    subject = f"reading:{chosen.reading_id}"
    append_events(connection, [Event(event_at=moment, subject=subject, kind="reading_edit_asked", body=body)])


def _decision(one: Planned, written: dict[int, int]) -> NewDecision:
    reading = one.reading
    if reading is None:
        raise ValueError(f"reading {one.chosen.reading_id} is planned for and not there")
    is_estimated = one.chosen.decision is Decision.ESTIMATED
    return NewDecision(
        reading_id=reading.reading_id,
        decision_no=reading.decisions + 1,
        decision=one.chosen.decision,
        index_m3=one.chosen.index_m3,
        estimate_id=written[reading.installation_id] if is_estimated else None,
        request_id=one.request_id,
    )


def _estimated(
    connection: Connection, made: Sequence[PlannedEstimate], written: dict[int, int], said: dict[str, str]
) -> list[Event]:
    moment = business_now(connection)
    return [
        Event(
            event_at=moment,
            subject=f"reading:{written[one.target.installation_id]}",
            kind="reading_estimated",
            body={
                "why": one.estimate.why,
                "method": one.estimate.method,
                "formula_version": one.estimate.formula_version,
                "index_m3": one.index_m3,
                "volume_m3": one.estimate.volume_m3,
                "since": one.place.previous_id,
            }
            | said,
        )
        for one in made
        if one.estimate is not None
    ]


def _decided(connection: Connection, decisions: Sequence[NewDecision], said: dict[str, str]) -> list[Event]:
    moment = business_now(connection)
    return [
        Event(
            event_at=moment,
            subject=f"reading:{one.reading_id}",
            kind="reading_decided",
            body={
                "decision": one.decision,
                "decision_no": one.decision_no,
                "index_m3": one.index_m3,
                "estimate": one.estimate_id,
                "request": one.request_id,
            }
            | said,
        )
        for one in decisions
    ]


def _said(work: Work, reason: str) -> dict[str, str]:
    """Who said it, and what stands for the words: they may name people."""
    key = commitment_key(home=work.settings.home)
    return {"by": work.actor.name, "via": work.actor.via, "reason_hmac": commit(reason, key=key)}
