"""Estimates: each method with figures worked out by hand, their order, and the limits in a row."""

from datetime import date
from decimal import Decimal

import pytest

from billing.estimation import (
    ClassUse,
    Estimate,
    EstimateInputs,
    EstimateRefusal,
    Norm,
    NotEstimated,
    Used,
    estimate,
    months_after,
)
from billing.estimation_rules import EstimateWhy, EstimationRules, Method
from billing.periods import Period

RULES = EstimationRules()
AUGUST = Period(start=date(2026, 7, 31), until=date(2026, 8, 31))
THREE_MONTHS = (
    ("2026-04-30", "2026-05-31", "12"),  # 31 days
    ("2026-05-31", "2026-06-30", "9"),  # 30 days
    ("2026-06-30", "2026-07-31", "10"),  # 31 days: 31 m³ in 92 days
)
LAST_AUGUST = (("2025-07-31", "2025-08-31", "18"),)
LAST_YEAR = (("2024-12-31", "2025-06-30", "181"),)  # 181 days: 1 m³ a day, but nothing of August


def used(*intervals: tuple[str, str, str]) -> tuple[Used, ...]:
    return tuple(
        Used(
            period=Period(start=date.fromisoformat(start), until=date.fromisoformat(until)),
            volume_m3=Decimal(volume_m3).quantize(Decimal("0.001")),
            source=f"readings of {until}",
        )
        for start, until, volume_m3 in intervals
    )


def given(*intervals: tuple[str, str, str], **values: object) -> EstimateInputs:
    known = {"period": AUGUST, "history": used(*intervals), "read_on": date(2026, 7, 31), "in_row": 0, "decimals": 3}
    return EstimateInputs(**(known | values))  # type: ignore[arg-type]


def made(inputs: EstimateInputs, why: EstimateWhy = EstimateWhy.NO_ACCESS, rules: EstimationRules = RULES) -> Estimate:
    result = estimate(inputs, why=why, rules=rules)
    assert isinstance(result, Estimate), result
    return result


CLASS = ClassUse(tariff_class="household", points=40, days=14_600, volume_m3=Decimal("3650.000"))
NORM = Norm(persons=3, m3_month=Decimal("3.0"), basis="Rozp. 2002, table 1, row 4")


@pytest.mark.parametrize(
    ("inputs", "method", "volume_m3"),
    [
        # 31 m³ × 31 days / 92 days = 10.44565…
        (given(*THREE_MONTHS), Method.MEAN_3_MONTHS, "10.446"),
        # the same to whole m³, as a meter of black digits bills
        (given(*THREE_MONTHS, decimals=0), Method.MEAN_3_MONTHS, "10.000"),
        # a quarter read once: 31 m³ in 92 days
        (given(("2026-04-30", "2026-07-31", "31")), Method.MEAN_3_MONTHS, "10.446"),
        # two months are no three: 18 m³ in the 31 days of last August
        (given(*THREE_MONTHS[1:], *LAST_AUGUST), Method.SAME_PERIOD_LAST_YEAR, "18.000"),
        # last August lies in two intervals: 15 days of 1 m³ (from 31 July to 15 August) and 16 of 2 m³ = 47
        (
            given(("2025-07-15", "2025-08-15", "31"), ("2025-08-15", "2025-09-15", "62")),
            Method.SAME_PERIOD_LAST_YEAR,
            "47.000",
        ),
        # a part of last August alone does not do; 181 m³ in 181 days of last year × 31
        (given(*LAST_YEAR), Method.MONTHLY_MEAN_LAST_YEAR, "31.000"),
        # 3 650 m³ in 14 600 days of points = 0.25 a day × 31
        (given(class_use=CLASS), Method.CLASS_MEAN, "7.750"),
        # 3 persons × 3.0 m³ a month of 30 days × 31 / 30
        (given(norm=NORM, read_on=None), Method.NORM, "9.300"),
    ],
)
def test_every_method_recomputes_by_hand(inputs: EstimateInputs, method: Method, volume_m3: str) -> None:
    result = made(inputs)

    assert (result.method, result.volume_m3) == (method, Decimal(volume_m3))
    assert (result.inputs["from"], result.inputs["until"], result.inputs["days"]) == (AUGUST.start, AUGUST.until, 31)
    assert result.formula_version == 1


def test_the_order_is_the_lawful_one_and_each_method_is_left_when_it_knows_too_little() -> None:
    everything = (*THREE_MONTHS, *LAST_AUGUST, *LAST_YEAR)
    known = {"class_use": CLASS, "norm": NORM}

    tried = [
        made(given(*everything, **known)).method,
        made(given(*LAST_AUGUST, *LAST_YEAR, **known)).method,
        made(given(*LAST_YEAR, **known)).method,
        made(given(**known)).method,
        made(given(norm=NORM)).method,
    ]

    assert tried == list(Method)


def test_the_order_of_each_reason_is_the_utilitys_own() -> None:
    rules = EstimationRules(no_access=(Method.CLASS_MEAN,), faulty_meter=(Method.SAME_PERIOD_LAST_YEAR,))
    inputs = given(*THREE_MONTHS, *LAST_AUGUST, class_use=CLASS)

    assert made(inputs, EstimateWhy.NO_ACCESS, rules).method is Method.CLASS_MEAN
    assert made(inputs, EstimateWhy.FAULTY_METER, rules).method is Method.SAME_PERIOD_LAST_YEAR


def test_the_newest_three_months_count_and_those_after_the_last_reading_or_too_old_do_not() -> None:
    older = ("2026-03-31", "2026-04-30", "900")
    later = ("2026-07-31", "2026-08-15", "900")
    ancient = (("2024-04-30", "2024-07-31", "27"),)

    assert made(given(older, *THREE_MONTHS, later)).volume_m3 == Decimal("10.446")
    assert isinstance(estimate(given(*ancient), why=EstimateWhy.NO_ACCESS, rules=RULES), NotEstimated)


def test_the_inputs_name_every_interval_and_the_days_taken_of_it() -> None:
    told = made(given(("2025-07-15", "2025-08-15", "31"), ("2025-08-15", "2025-09-15", "62"))).inputs

    assert [(one["source"], one.get("days")) for one in told["intervals"]] == [
        ("readings of 2025-08-15", 15),
        ("readings of 2025-09-15", 16),
    ]
    assert (told["known_m3"], told["known_days"]) == (Decimal("47.000"), 31)


@pytest.mark.parametrize(
    ("in_row", "read_on", "is_refused"),
    [
        (0, "2026-07-31", False),
        (1, "2026-06-30", False),
        (2, "2026-05-31", True),  # two in a row: a third needs a visit
        (1, "2026-02-28", True),  # 31 August is more than six months after 28 February
        (0, "2026-02-28", True),
        (1, "2026-03-01", False),
    ],
)
def test_estimates_in_a_row_are_limited(in_row: int, read_on: str, *, is_refused: bool) -> None:
    result = estimate(
        given(*THREE_MONTHS, in_row=in_row, read_on=date.fromisoformat(read_on)), why=EstimateWhy.NO_ACCESS, rules=RULES
    )

    assert isinstance(result, NotEstimated) == is_refused
    if isinstance(result, NotEstimated):
        assert result.code == EstimateRefusal.PROLONGED == "ESTIMATE_PROLONGED"
        assert result.facts == {"estimates_in_row": str(in_row), "read_on": read_on}


def test_without_any_use_there_is_no_estimate() -> None:
    result = estimate(given(), why=EstimateWhy.FAULTY_METER, rules=RULES)

    assert isinstance(result, NotEstimated)
    assert result.code == EstimateRefusal.IMPOSSIBLE == "ESTIMATE_IMPOSSIBLE"


def test_the_29th_of_february_is_the_28th_of_the_year_before() -> None:
    assert months_after(date(2028, 2, 29), -12) == date(2027, 2, 28)
    assert months_after(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert months_after(date(2026, 12, 31), -1) == date(2026, 11, 30)
    one_day = Period(start=date(2028, 2, 28), until=date(2028, 2, 29))
    history = (("2027-01-31", "2027-06-30", "150"),)

    assert made(given(*history, period=one_day, read_on=date(2028, 2, 28))).method is Method.MONTHLY_MEAN_LAST_YEAR
