"""Limits for the reader, worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import DataRefused
from billing.periods import Period
from billing.reading_limits import IndexOn, reading_limits
from billing.reading_rules import CheckRules, read_check_rules
from billing.toml_fields import read_fields

TEN_DAYS = Period(start=date(2026, 9, 1), until=date(2026, 9, 11))
CAP = Decimal(60)


def history(*indexes: tuple[str, str]) -> list[IndexOn]:
    return [IndexOn(read_on=date.fromisoformat(day), index_m3=Decimal(index)) for day, index in indexes]


def limits(rows: list[IndexOn], *, rules: CheckRules | None = None, dials: int = 5, decimals: int = 0) -> list[str]:
    found = reading_limits(
        rows, days=TEN_DAYS, rules=rules or CheckRules(), volume_max_m3_day=CAP, dials=dials, decimals=decimals
    )
    return [
        str(found.use_m3_day), *(format(one.normalize(), "f") for one in (
            found.low_index_m3, found.expected_index_m3, found.high_index_m3,
        )),
    ]  # fmt: skip


# Round 1–10 September: low for the 1st, expected for the 6th, high for the 10th.
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # 1 m³ a day; 0.3 a day, 32 days after 31 July: 100 + 0.3 × 32 = 109.6 → 109; expected 100 + 37 = 137;
        # high 2.5 a day: 100 + 2.5 × 41 = 202.5 → 203
        ((("2026-04-30", "8"), ("2026-07-31", "100")), ["1.000", "109", "137", "203"]),
        # 0.1 m³ a day: the floor of 5 m³ a month decides: 0.1 + 1/6 = 0.2667 a day, × 41 = 10.93 → 21
        ((("2026-04-22", "0"), ("2026-07-31", "10")), ["0.100", "10", "14", "21"]),
        # nothing used: from the same index to 5 m³ a month more, 41 × 1/6 = 6.83 → 17
        ((("2026-04-22", "10"), ("2026-07-31", "10")), ["0.000", "10", "10", "17"]),
        # only an opening index: 0 .. cap, 60 × 41 = 2460
        ((("2026-07-31", "10"),), ["None", "10", "10", "2470"]),
        # jitter is no use
        ((("2026-04-22", "10.05"), ("2026-07-31", "10")), ["0.000", "10", "10", "17"]),
        # two indexes of one day are no interval
        ((("2026-07-31", "9"), ("2026-07-31", "10")), ["None", "10", "10", "2470"]),
        # only the last three intervals count: (130 − 100) / 30 = 1 a day, whatever was before
        ((("2020-01-01", "0"), ("2026-07-01", "100"), ("2026-07-11", "110"), ("2026-07-21", "120"),
          ("2026-07-31", "130")), ["1.000", "139", "167", "233"]),
        # never above what the meter can pass: 50 a day × 2.5 is 125, the cap 60 × 41 = 2460
        ((("2026-07-01", "0"), ("2026-07-31", "1500")), ["50.000", "1980", "3350", "3960"]),
        # never more digits than dials
        ((("2026-07-01", "99000"), ("2026-07-31", "99990")), ["33.000", "99999", "99999", "99999"]),
        # no index at all
        ((), ["None", "0", "0", "99999"]),
        # read within the round already
        ((("2026-08-06", "0"), ("2026-09-05", "30")), ["1.000", "30", "31", "43"]),
    ],
)  # fmt: skip
def test_limits_by_hand(rows: tuple[tuple[str, str], ...], expected: list[str]) -> None:
    assert limits(history(*rows)) == expected


def test_limits_have_the_digits_that_the_meter_bills() -> None:
    rows = history(("2026-04-30", "8.125"), ("2026-07-31", "100.125"))
    assert limits(rows, decimals=3) == ["1.000", "109.725", "137.125", "202.625"]


def test_the_floor_also_keeps_the_low_limit_down() -> None:
    # 0.2 m³ a day: 0.3 × 0.2 = 0.06, but 0.2 − 5/30 = 0.0333 is less: 20 + 0.0333 × 32 = 21.0667
    rows = history(("2026-04-22", "0"), ("2026-07-31", "20"))
    assert limits(rows, decimals=3) == ["0.200", "21.066", "27.4", "40.5"]


def test_another_utilitys_ratios_are_data() -> None:
    text = "[checks]\nintervals_month = 1\nlow_ratio = 0.5\nhigh_ratio = 1.5\nfloor_m3_month = 0\n"
    rules = read_check_rules(read_fields(text, name="x", kind="UTILITY").within("checks"))
    rows = history(("2025-04-30", "0"), ("2026-07-01", "70"), ("2026-07-31", "100"))
    assert limits(rows, rules=rules) == ["1.000", "116", "137", "162"]


@pytest.mark.parametrize(
    "line",
    [
        "intervals_month = 0",
        "low_ratio = 1.1",
        "high_ratio = 0.9",
        "floor_m3_month = -1",
        "ratio = 1",
        'low_ratio = ""',
    ],
)
def test_ratios_that_make_no_limits_are_refused(line: str) -> None:
    with pytest.raises(DataRefused, match="UTILITY_FIELD_WRONG"):
        read_check_rules(read_fields(f"[checks]\n{line}\n", name="x", kind="UTILITY").within("checks"))


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 99_999_999)), max_size=6),
    st.integers(0, 3),
    st.integers(1, 60),
)
def test_limits_stand_in_order_between_the_last_index_and_the_last_dial(
    rows: list[tuple[int, int]], decimals: int, length: int
) -> None:
    start = date(2026, 1, 1)
    series = sorted(rows)
    past = [IndexOn(read_on=start + timedelta(days=day), index_m3=Decimal(m) / 1000) for day, m in series]
    days = Period(start=date(2026, 9, 1), until=date(2026, 9, 1) + timedelta(days=length))
    found = reading_limits(past, days=days, rules=CheckRules(), volume_max_m3_day=CAP, dials=5, decimals=decimals)
    assert found.low_index_m3 <= found.expected_index_m3 <= found.high_index_m3 < 10**5
    last = past[-1].index_m3 if past else Decimal(0)
    assert found.low_index_m3 >= last - 1
