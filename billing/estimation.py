"""How much a meter counted that nobody could read, by the first method that the known use allows.

A faulty main meter: mean of the last three months, else the same period of last year, else last year's monthly mean
(Rozp. 2018 par. 18 ust. 1). No access to the meter: the regulamin of the utility, by default the same order. Then the
mean of the tariff class and, where there is no meter at all, the norm. Every method is a volume known for some days,
times the days wanted, divided by the days known: multiplied first, rounded once, half up, to the meter's billed digits.

Only use between readings that somebody took is known: an interval over an estimate counts as a whole. Days within an
interval are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from billing.estimation_rules import EstimateWhy, EstimationRules, Method
from billing.money import VOLUME
from billing.periods import Period

FORMULA_VERSION = 1
THREE_MONTHS_DAYS = 84
"""Three months as readers walk: twelve weeks are enough, so that an early reading does not cost a month."""
HISTORY_MONTHS = 6
"""Older use says nothing about the months before."""
NORM_MONTH_DAYS = 30
"""A month of the norms (Rozp. 2002, table 1)."""


class EstimateRefusal(StrEnum):
    """Why there is no estimate. ``ESTIMATE_PROLONGED``: too many or too long in a row, somebody has to go there."""

    PROLONGED = "ESTIMATE_PROLONGED"
    IMPOSSIBLE = "ESTIMATE_IMPOSSIBLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """m³ between two readings that somebody took; ``source`` names them, or the old system's invoice."""

    period: Period
    volume_m3: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassUse:
    """What all points of a tariff class used together: m³ in so many days of points."""

    tariff_class: str
    points: int
    days: int
    volume_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """A norm of consumption for a point without a meter: m³ a person and month, and the provision."""

    persons: int
    m3_month: Decimal
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateInputs:
    """What is known when nobody could read a register.

    ``period`` runs from its last usable reading to the day of the estimate; ``read_on`` is the last day on which
    somebody read it (None: never), ``in_row`` how many estimates there are since. ``history`` may have any order.
    ``decimals`` are the digits that the register bills.
    """

    period: Period
    history: Sequence[Used]
    read_on: date | None
    in_row: int
    decimals: int
    class_use: ClassUse | None = None
    norm: Norm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """m³ of the period to three places; ``inputs`` tell everything that they were reckoned from, as JSON knows it."""

    why: EstimateWhy
    method: Method
    volume_m3: Decimal
    inputs: dict[str, Any]
    formula_version: int = FORMULA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEstimated:
    """A refusal with its facts, none of them personal."""

    code: EstimateRefusal
    facts: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Basis:
    """m³ known for so many days, and where from."""

    volume_m3: Decimal
    days: int
    told: dict[str, Any]


def estimate(inputs: EstimateInputs, *, why: EstimateWhy, rules: EstimationRules) -> Estimate | NotEstimated:
    """The estimate by the first of the utility's methods that the known use allows, or why there is none."""
    prolonged = prolonged_by(inputs, rules=rules)
    if prolonged is not None:
        return prolonged
    for method in rules.methods(why):
        basis = _basis(method, inputs)
        if basis is not None and basis.days > 0:
            volume_m3 = basis.volume_m3 * inputs.period.days / basis.days
            places = Decimal(1).scaleb(-inputs.decimals)
            told = {"from": inputs.period.start, "until": inputs.period.until, "days": inputs.period.days}
            told |= {"known_m3": basis.volume_m3, "known_days": basis.days} | basis.told
            return Estimate(
                why=why,
                method=method,
                volume_m3=volume_m3.quantize(places, rounding=ROUND_HALF_UP).quantize(VOLUME),
                inputs=told,
            )
    facts = {"reason": "no_history", "methods": ",".join(rules.methods(why))}
    return NotEstimated(code=EstimateRefusal.IMPOSSIBLE, facts=facts)


def prolonged_by(inputs: EstimateInputs, *, rules: EstimationRules) -> NotEstimated | None:
    """The refusal of one estimate more: too many periods, or too many months, since somebody read the register."""
    too_many = inputs.in_row >= rules.periods_max
    too_long = inputs.read_on is not None and inputs.period.until > months_after(inputs.read_on, rules.months_max)
    if not (too_many or too_long):
        return None
    facts = {"estimates_in_row": str(inputs.in_row), "read_on": str(inputs.read_on or "never")}
    return NotEstimated(code=EstimateRefusal.PROLONGED, facts=facts)


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last one of that month where it has none."""
    years, month = divmod(day.month - 1 + months, 12)
    for number in range(day.day, 27, -1):
        try:
            return date(day.year + years, month + 1, number)
        except ValueError:
            continue
    return date(day.year + years, month + 1, day.day)


def _basis(method: Method, inputs: EstimateInputs) -> _Basis | None:
    match method:
        case Method.MEAN_3_MONTHS:
            return _mean_3_months(inputs)
        case Method.SAME_PERIOD_LAST_YEAR:
            return _same_period_last_year(inputs)
        case Method.MONTHLY_MEAN_LAST_YEAR:
            return _monthly_mean_last_year(inputs)
        case Method.CLASS_MEAN:
            return _class_mean(inputs)
        case Method.NORM:
            return _norm(inputs)


def _mean_3_months(inputs: EstimateInputs) -> _Basis | None:
    """The newest intervals that reach three months together, none of which ended more than half a year before."""
    oldest = months_after(inputs.period.start, -HISTORY_MONTHS)
    before = [one for one in inputs.history if oldest < one.period.until <= inputs.period.start]
    taken: list[Used] = []
    for one in sorted(before, key=lambda used: used.period.until, reverse=True):
        taken.append(one)
        if sum(each.period.days for each in taken) >= THREE_MONTHS_DAYS:
            return _of_intervals(taken)
    return None


def _same_period_last_year(inputs: EstimateInputs) -> _Basis | None:
    """The same days of the year before, if all of them lie between readings."""
    start, until = (months_after(day, -12) for day in (inputs.period.start, inputs.period.until))
    if start >= until:  # nothing but 29 February
        return None
    shifted = Period(start=start, until=until)
    found = _within(shifted, inputs.history)
    return found if found is not None and found.days == shifted.days else None


def _monthly_mean_last_year(inputs: EstimateInputs) -> _Basis | None:
    """The days of the calendar year before that lie between readings, at least three months of them."""
    year = inputs.period.start.year - 1
    found = _within(Period(start=date(year, 1, 1), until=date(year + 1, 1, 1)), inputs.history)
    return found if found is not None and found.days >= THREE_MONTHS_DAYS else None


def _class_mean(inputs: EstimateInputs) -> _Basis | None:
    use = inputs.class_use
    if use is None:
        return None
    return _Basis(volume_m3=use.volume_m3, days=use.days, told={"class": use.tariff_class, "points": use.points})


def _norm(inputs: EstimateInputs) -> _Basis | None:
    norm = inputs.norm
    if norm is None:
        return None
    told = {"persons": norm.persons, "m3_month": norm.m3_month, "basis": norm.basis}
    return _Basis(volume_m3=norm.persons * norm.m3_month, days=NORM_MONTH_DAYS, told=told)


def _of_intervals(taken: Sequence[Used]) -> _Basis:
    ordered = sorted(taken, key=lambda one: one.period.start)
    return _Basis(
        volume_m3=sum((one.volume_m3 for one in ordered), VOLUME * 0),
        days=sum(one.period.days for one in ordered),
        told={"intervals": [_told(one, one.period.days) for one in ordered]},
    )


def _within(wanted: Period, history: Sequence[Used]) -> _Basis | None:
    """What lies within days, each interval spread evenly over its own; None when nothing does."""
    shares = [
        (one, overlap.days)
        for one in sorted(history, key=lambda used: used.period.start)
        if (overlap := one.period.overlap(wanted)) is not None
    ]
    if not shares:
        return None
    return _Basis(
        volume_m3=sum((one.volume_m3 * days / one.period.days for one, days in shares), VOLUME * 0),
        days=sum(days for _, days in shares),
        told={"intervals": [_told(one, days) for one, days in shares]},
    )


def _told(one: Used, days: int) -> dict[str, Any]:
    told = {"from": one.period.start, "until": one.period.until, "m3": one.volume_m3, "source": one.source}
    return told if days == one.period.days else told | {"days": days}
