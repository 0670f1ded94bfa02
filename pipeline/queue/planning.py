"""What a decision about readings would do, or why it cannot be made; nothing is written here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, Row

from billing.estimation_rules import EstimateWhy, EstimationRules
from billing.reading_life import WITH_INDEX, Decision, ReadingState, Standing, may_follow
from pipeline.queue.estimates import PlannedEstimate, Target, plan_estimates
from sql.reading_queue import find_readings

ESTIMATE = "estimate"
"""The source of a reading that nobody took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What somebody wants of a reading; ``index_m3`` (m³) for a decision that brings one, ``why`` for an estimate."""

    reading_id: int
    decision: Decision
    index_m3: Decimal | None = None
    why: EstimateWhy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A decision that can be made (``refusal`` is None), or the code and the words that refuse it.

    ``reading`` is the reading as it stands, None when there is no such one. ``request_id``: another person has asked
    for the same index in place of the estimate; ``needs_second``: nobody has yet.
    """

    chosen: Chosen
    reading: Row[Any] | None
    refusal: str | None = None
    words: str = ""
    needs_second: bool = False
    request_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Wishes beside what would become of them, in the order given, and the estimates that go with them."""

    planned: tuple[Planned, ...]
    estimates: tuple[PlannedEstimate, ...] = ()


def prepare(connection: Connection, *, chosen: Sequence[Chosen], by: str, rules: EstimationRules) -> Prepared:
    """Each wish beside its reading, with its estimate where it wants one; nothing is written."""
    planned = beside_readings(connection, chosen=chosen, by=by, two_persons=rules.override_two_persons)
    wanted = [
        Target(
            installation_id=one.reading.installation_id,
            on=one.reading.read_on,
            why=one.chosen.why or EstimateWhy.NO_ACCESS,
            reading_id=one.reading.reading_id,
        )
        for one in planned
        if one.reading is not None and one.refusal is None and one.chosen.decision is Decision.ESTIMATED
    ]
    estimates = plan_estimates(connection, targets=wanted, rules=rules)
    refused = {one.target.reading_id: one for one in estimates if one.refusal}
    return Prepared(
        planned=tuple(_unless_refused(one, refused.get(one.chosen.reading_id)) for one in planned),
        estimates=tuple(one for one in estimates if not one.refusal),
    )


def beside_readings(connection: Connection, *, chosen: Sequence[Chosen], by: str, two_persons: bool) -> list[Planned]:
    """Each wish beside its reading, without estimates."""
    found = find_readings(connection, reading_ids=(one.reading_id for one in chosen))
    return _each_once([_planned(one, found.get(one.reading_id), by=by, two_persons=two_persons) for one in chosen])


def _each_once(planned: Sequence[Planned]) -> list[Planned]:
    """A reading is decided about once at a time, and a register estimated once."""
    readings: set[int] = set()
    registers: set[int] = set()
    kept = []
    for one in planned:
        if one.reading is None or one.refusal is not None:
            kept.append(one)
            continue
        wants_estimate = one.chosen.decision is Decision.ESTIMATED
        twice = one.reading.reading_id in readings or (wants_estimate and one.reading.installation_id in registers)
        readings.add(one.reading.reading_id)
        registers |= {one.reading.installation_id} if wants_estimate else set()
        words = f"reading {one.reading.reading_id}, or an estimate of its meter, is chosen twice"
        kept.append(replace(one, refusal="CHOSEN_TWICE", words=words) if twice else one)
    return kept


def _unless_refused(one: Planned, estimate: PlannedEstimate | None) -> Planned:
    if estimate is None:
        return one
    return replace(one, refusal=estimate.refusal, words=estimate.words)


def _planned(chosen: Chosen, reading: Row[Any] | None, *, by: str, two_persons: bool) -> Planned:
    if reading is None:
        return Planned(chosen=chosen, reading=None, refusal="READING_UNKNOWN", words=f"no reading {chosen.reading_id}")
    refused = _refusal(chosen, reading)
    if refused is not None:
        code, words = refused
        return Planned(chosen=chosen, reading=reading, refusal=code, words=words)
    if reading.source != ESTIMATE or chosen.decision is not Decision.EDITED or not two_persons:
        return Planned(chosen=chosen, reading=reading)
    if reading.asked_m3 != chosen.index_m3:
        return Planned(chosen=chosen, reading=reading, needs_second=True)
    if reading.asked_by == by:
        words = f"{by} asked for {chosen.index_m3} in place of estimate {chosen.reading_id}; another person must decide"
        return Planned(chosen=chosen, reading=reading, refusal="SELF_APPROVAL", words=words)
    return Planned(chosen=chosen, reading=reading, request_id=reading.request_id)


def is_index(index_m3: Decimal) -> bool:
    """Whether it is a number of m³, not below zero, with at most three places."""
    try:
        return index_m3 >= 0 and index_m3 == index_m3.quantize(Decimal("0.001"))
    except InvalidOperation:  # what is no number, or has no end
        return False


def _refusal(chosen: Chosen, reading: Row[Any]) -> tuple[str, str] | None:
    named = f"reading {reading.reading_id} of meter {reading.meter_no} on {reading.read_on}"
    if reading.billed_by is not None:
        return "READING_BILLED", f"{named} is billed ({reading.billed_by}); only a correction of the invoice changes it"
    now = Standing(state=ReadingState(reading.state), index_m3=reading.index_m3)
    if chosen.decision is Decision.CORRECTED or not may_follow(now, chosen.decision):
        what = "a visit without a reading" if reading.index_m3 is None else reading.state
        again = "; import its row again with the source staff" if now.state is ReadingState.VOID else ""
        return "DECISION_NOT_ALLOWED", f"{named} is {what}, it cannot be {chosen.decision}{again}"
    if chosen.decision in WITH_INDEX:
        return _index_refusal(chosen.index_m3, reading, named)
    return None


def _index_refusal(index_m3: Decimal | None, reading: Row[Any], named: str) -> tuple[str, str] | None:
    if index_m3 is None:
        return "INDEX_MISSING", f"{named}: say which index counts"
    if not is_index(index_m3):
        return "E108", f"{named}: {index_m3} is no index in m³ with at most three places"
    if index_m3 >= 10**reading.dials:
        return "E109", f"{named}: {index_m3} has more digits than its {reading.dials} dials"
    if index_m3 == reading.index_m3 and reading.is_usable:
        return "NOTHING_CHANGES", f"{named} counts with {index_m3} already"
    return None
