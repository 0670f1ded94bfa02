"""decide: a person says of a reading that it counts, with which index, or not at all."""

from decimal import Decimal
from typing import Any

from billing.estimation_rules import EstimateWhy
from billing.reading_life import Decision
from pipeline.approvers import require_approver
from pipeline.errors import OperatorError
from pipeline.queue.planning import Chosen, prepare
from pipeline.queue.writing import ask, reason_words, write
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql.locks import take_turn


def run(
    work: Work,
    *,
    reading_id: int,
    decision: Decision,
    reason: str,
    index_m3: Decimal | None = None,
    why: EstimateWhy | None = None,
) -> dict[str, Any]:
    """Decide about one reading, on the word of ``work.actor``; ``why`` for an estimate.

    Another index in place of an estimate takes two people where the utility says so: the first one asks, and an
    approver who decides the same makes it stand.

    Raises:
        OperatorError: one of the codes of ``docs/runbook/readings.md``.
    """
    words = reason_words(reason)
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    chosen = Chosen(reading_id=reading_id, decision=decision, index_m3=index_m3, why=why)
    done: dict[str, Any] = {"reading_id": reading_id, "state": decision.value, "index_m3": index_m3}
    with step(work, "decide_reading") as (connection, record):
        take_turn(connection, "books")  # no cycle freezes or issues the reading meanwhile
        prepared = prepare(connection, chosen=[chosen], by=work.actor.name, rules=utility.estimation)
        (planned,) = prepared.planned
        if planned.refusal:
            raise OperatorError(planned.refusal, planned.words)
        if planned.needs_second:
            ask(connection, work, chosen=chosen, reason=words)
            record.counts = {"asked": 1}
            return done | {"state": "asked"}
        if planned.request_id is not None:
            require_approver(work.actor.name, approvers=utility.approvers)
        written = write(connection, work, planned=prepared.planned, estimates=prepared.estimates, reason=words)
        record.counts = {decision.value: 1}
    for estimate in prepared.estimates:
        done |= {"estimate_id": written[estimate.target.installation_id], "index_m3": estimate.index_m3}
        done |= {"method": estimate.estimate.method.value if estimate.estimate else None}
    return done
