"""Estimates of registers that nobody could read: planned from what is known, written as readings with their method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.estimation import (
    ClassUse,
    Estimate,
    EstimateInputs,
    EstimateRefusal,
    NotEstimated,
    Used,
    estimate,
    months_after,
)
from billing.estimation_rules import EstimateWhy, EstimationRules, Method
from billing.periods import Period
from pipeline.work import Work, warsaw_day
from readings.rows import noon
from sql.clock import business_now
from sql.estimates import (
    NewEstimate,
    estimate_reading,
    insert_estimates,
    registers_to_estimate,
    use_between_readings,
    use_of_classes,
)

MAIN = "main"
_NO_EARLIER = date(1900, 1, 1)
_HISTORY_MONTHS = 26
"""Last year, the year's beginning before it, and a quarter: all that a method looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A register (by its installation) to be estimated on a day, in place of a reading where ``reading_id`` says so."""

    installation_id: int
    on: date
    why: EstimateWhy
    reading_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEstimate:
    """An estimate that can be made, with its index, or the code and words that refuse it; ``place`` is the register."""

    target: Target
    place: Row[Any]
    estimate: Estimate | None = None
    index_m3: Decimal | None = None
    refusal: str | None = None
    words: str = ""


def plan_estimates(
    connection: Connection, *, targets: Sequence[Target], rules: EstimationRules
) -> list[PlannedEstimate]:
    """Each register with its estimate, in the order given; nothing is written."""
    if not targets:
        return []
    places = registers_to_estimate(
        connection, wanted=[(target.installation_id, target.on, target.reading_id) for target in targets]
    )
    oldest = months_after(max(_NO_EARLIER, min(target.on for target in targets)), -_HISTORY_MONTHS)
    history = use_between_readings(
        connection, installation_ids=(target.installation_id for target in targets), since=oldest
    )
    today = warsaw_day(business_now(connection))
    jobs = [
        (target, place, history.get(target.installation_id, [])) for target, place in zip(targets, places, strict=True)
    ]
    planned = [_planned(*job, {}, rules=rules, today=today) for job in jobs]
    if not (_classes_come_early(rules) or any(one.refusal == EstimateRefusal.IMPOSSIBLE for one in planned)):
        return planned
    classes = use_of_classes(connection, year=Period(start=months_after(today, -12), until=today))
    return [_planned(*job, classes, rules=rules, today=today) for job in jobs]


def write_estimates(
    connection: Connection, work: Work, *, planned: Sequence[PlannedEstimate], reason: str
) -> dict[int, int]:
    """Write estimates that nothing refuses; the new readings' ids by installation id."""
    now = business_now(connection)
    fresh = [
        NewEstimate(
            reading=estimate_reading(
                one.place, read_at=_moment(one, now), read_on=one.target.on, index_m3=one.index_m3
            ),
            since_reading_id=one.place.previous_id,
            estimate=one.estimate,
        )
        for one in planned
        if one.estimate is not None
    ]
    if not fresh:
        return {}
    return insert_estimates(connection, estimates=fresh, note=reason, by=work.actor.name, via=work.actor.via)


def _moment(one: PlannedEstimate, now: datetime) -> datetime:
    """Noon, or now when noon is still to come; each further estimate of a day a second later."""
    moment = min(noon(one.target.on), now)
    return moment + timedelta(seconds=one.place.on_the_day)


def _classes_come_early(rules: EstimationRules) -> bool:
    """Whether a utility would take the mean of the class although a register has use of its own."""
    own = {Method.MEAN_3_MONTHS, Method.SAME_PERIOD_LAST_YEAR, Method.MONTHLY_MEAN_LAST_YEAR}
    orders = (rules.methods(why) for why in EstimateWhy)
    return any(
        own.intersection(order[order.index(Method.CLASS_MEAN) :]) for order in orders if Method.CLASS_MEAN in order
    )


def _planned(
    target: Target,
    place: Row[Any],
    history: Sequence[Used],
    classes: Mapping[str, ClassUse],
    *,
    rules: EstimationRules,
    today: date,
) -> PlannedEstimate:
    named = f"meter {place.meter_no} at point {place.point_no} on {target.on}"
    refusal = _refusal(target, place, today)
    if refusal is not None:
        code, words = refusal
        return PlannedEstimate(target=target, place=place, refusal=code, words=f"{named}: {words}")
    inputs = EstimateInputs(
        period=Period(start=place.previous_on, until=target.on),
        history=history,
        read_on=place.actual_on,
        in_row=place.in_row,
        decimals=place.decimals,
        # what a household uses says nothing about its garden
        class_use=classes.get(place.tariff_class) if place.purpose == MAIN else None,
    )
    return _made(target, place, estimate(inputs, why=target.why, rules=rules), named)


def _refusal(target: Target, place: Row[Any], today: date) -> tuple[str, str] | None:
    if target.on > today:
        return "E106", "the day lies in the future"
    if place.removed_on is not None and place.removed_on <= target.on:
        return "E107", f"the meter was taken away on {place.removed_on}"
    if target.why is EstimateWhy.FAULTY_METER and place.purpose != MAIN:
        words = f"it is a {place.purpose} meter; the provision on faulty meters (Rozp. 2018 § 18) is for main ones"
        return "ESTIMATE_NOT_MAIN", words
    if place.account_id is None:
        return "NO_CONTRACT", "nobody has a contract that day; a final reading is taken, not estimated"
    if place.has_later:
        return "READING_THERE", "a reading of that day, or a later one, counts already"
    if place.previous_id is None:
        return "READING_MISSING", "there is no reading to go on from"
    return None


def _made(target: Target, place: Row[Any], made: Estimate | NotEstimated, named: str) -> PlannedEstimate:
    if isinstance(made, NotEstimated):
        if made.code is EstimateRefusal.IMPOSSIBLE and place.purpose != MAIN:
            words = f"{named}: no use of its own is known, and a tariff class is no measure of a {place.purpose} meter"
            return PlannedEstimate(target=target, place=place, refusal=made.code.value, words=words)
        words = ", ".join(f"{name} {value}" for name, value in made.facts.items())
        return PlannedEstimate(target=target, place=place, refusal=made.code.value, words=f"{named}: {words}")
    index_m3: Decimal = place.previous_m3 + made.volume_m3
    if index_m3 >= 10**place.dials:
        words = f"{named}: {index_m3} has more digits than its {place.dials} dials"
        return PlannedEstimate(target=target, place=place, refusal="E109", words=words)
    return PlannedEstimate(target=target, place=place, estimate=made, index_m3=index_m3)
