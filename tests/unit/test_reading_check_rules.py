"""The table of the checks beside its documentation, the rules of a utility, and figures worked out by hand."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import DataRefused
from billing.models import Models
from billing.plausibility import estimates_verdict
from billing.reading_checks import CHECKS, Severity
from billing.reading_rules import CheckRules, read_check_rules
from billing.reading_use import NewUse, Use, base_of, check_use, estimate_is_allowed, unusual, used_m3
from billing.toml_fields import read_fields

DOC = (Path(__file__).parents[2] / "docs" / "law" / "checks.md").read_text(encoding="utf-8")
RULES = CheckRules()
DAY = date(2026, 11, 30)


def months(*volumes_m3: int, estimated: tuple[int, ...] = ()) -> list[Use]:
    """Uses of 30 days each, the last one ending 30 days before DAY; ``estimated`` are places from the end."""
    count = len(volumes_m3)
    return [
        Use(DAY - timedelta(days=30 * (count - n)), 30, Decimal(m3), n - count in estimated)
        for n, m3 in enumerate(volumes_m3)
    ]


def codes(volume_m3: str, *before: int, days: int = 30, source: str = "handheld", **more: object) -> list[str]:
    facts = {
        "use": Use(DAY, days, Decimal(volume_m3)),
        "index_m3": Decimal(1000) + Decimal(volume_m3),
        "previous_m3": Decimal(1000),
        "source": source,
        "quality": "actual",
        "before": months(*before),
        "group_m3_day": None,
        "cap_m3_day": Decimal(60),
        "estimates": 0,
        "actual_on": None,
    }
    return [finding.code for finding in check_use(NewUse(**(facts | more)), rules=RULES)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # base 10 m³ in 30 days; more than 25, less than 3, and more than 5 away
        (codes("24.999", 10, 10, 10), []),
        (codes("25.001", 10, 10, 10), ["V08"]),
        (codes("3", 10, 10, 10), []),
        (codes("2.999", 10, 10, 10), ["V09"]),
        # the floor: 1 m³ a month may become 6, not 6.001
        (codes("6", 1, 1, 1), []),
        (codes("6.001", 1, 1, 1), ["V08"]),
        # quarters: 90 days, base of four, 10 m³ a quarter; 12 m³ of usually 3 are not 10 more
        (codes("13", 1, 1, 1, 1, days=90), []),
        (codes("13.01", 1, 1, 1, 1, days=90), ["V08"]),
        (codes("13.01", 1, 1, 1, days=90), []),
        # a customer is measured by 1.5 and 0.5
        (codes("15.001", 10, 10, 10, source="customer_portal"), ["V08"]),
        (codes("14.999", 10, 10, 10, source="customer_portal"), []),
        (codes("4.999", 10, 10, 10, source="customer_mail"), ["V09"]),
        (codes("5", 10, 10, 10, source="customer_mail"), []),
        # the physical cap says it alone
        (codes("1800.001", 10, 10, 10), ["V07"]),
        # nothing used: a month, two months, never used before
        (codes("0", 10, 10, 10), ["V09"]),
        (codes("0", 10, 10, 10, 0), ["V09", "V11"]),
        (codes("0", 0, 0, 0, 0), []),
        (codes("0", 1, 1, 1, 0), []),
        (codes("0", 2, 2, 2, source="radio_fixed"), ["V12"]),
        (codes("0", 2, 2, 2, days=13, source="radio_fixed"), []),
        (codes("0", 0, 0, 1, source="radio_fixed"), []),
        # a young meter: beside its class, and beside its own intervals if it has some
        (codes("40", group_m3_day=Decimal(1) / 3), ["V08"]),
        (codes("40", 35, 35, group_m3_day=Decimal(1) / 3), []),
        (codes("40", 9, group_m3_day=Decimal(1) / 3), ["V08"]),
        (codes("40"), []),
    ],
)  # fmt: skip
def test_use_by_hand(found: list[str], expected: list[str]) -> None:
    assert found == expected


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("10100", ["V08", "V22"]),  # 1010 typed with a red digit: 10 m³
        ("1010000", ["V07", "V22"]),  # with three of them
        ("10500", ["V08"]),  # 50 m³ are as unusual
    ],
)
def test_red_digits_are_seen(index: str, expected: list[str]) -> None:
    used = Decimal(index) - 1000
    cap = Decimal(1000)
    assert codes(str(used), 10, 10, 10, index_m3=Decimal(index), cap_m3_day=cap) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("100", "99.95", "0"),  # V04
        ("100", "99.949", None),  # V05
        ("90000", "10000", "20000"),  # V06, 400 days of 60 m³ would be 24000
        ("89999.999", "10000", None),
        ("90000", "10000.001", None),
        ("90000", "9999", "19999"),
        ("100", "100", "0"),
    ],
)
def test_an_index_that_falls(before: str, after: str, expected: str | None) -> None:
    found = used_m3(Decimal(before), Decimal(after), dials=5, models=Models(), cap_m3_day=Decimal(60), days=400)
    assert found == (None if expected is None else Decimal(expected))


def test_a_fall_through_zero_is_not_above_the_cap() -> None:
    fell = (Decimal(99990), Decimal(10))  # 20 m³
    assert used_m3(*fell, dials=5, models=Models(), cap_m3_day=Decimal(20), days=1) == 20
    assert used_m3(*fell, dials=5, models=Models(), cap_m3_day=Decimal(19), days=1) is None


@pytest.mark.parametrize(
    ("before", "measure", "m3_30"),
    [
        (months(9, 10, 11), "own", 10),
        (months(1, 9, 10, 11), "own", 10),
        (months(9, 10, 11, estimated=(-1,)), "own", 10),
        # mostly estimated: what ended 390, 360 and 330 days before, (21 + 22 + 5) / 3
        (months(20, 21, 22, *[5] * 8, 9, 10, 11, estimated=(-1, -2)), "last_year", 16),
        (months(20, 21, 22, *[5] * 8, 9, 10, 11, estimated=(-1, -2, -13, -14, -12)), "group", 6),
        (months(9, 10), "group", 6),
    ],
)
def test_the_base_by_hand(before: list[Use], measure: str, m3_30: int) -> None:
    base = base_of(before, days=30, rules=RULES, group_m3_day=Decimal("0.2"))
    assert base is not None
    assert (base.measure, round(base.m3_day * 30, 6)) == (measure, m3_30)


def test_without_own_intervals_and_without_a_class_there_is_no_base() -> None:
    assert base_of(months(9, 10), days=30, rules=RULES, group_m3_day=None) is None


@pytest.mark.parametrize(
    ("on", "estimates", "expected"),
    [
        (date(2026, 5, 31), 1, True),
        (date(2026, 5, 31), 2, False),
        (date(2026, 8, 31), 0, False),
        (date(2026, 8, 28), 0, True),  # six months after 28 February
    ],
)
def test_how_long_may_be_estimated(on: date, estimates: int, *, expected: bool) -> None:
    assert estimate_is_allowed(on, estimates=estimates, actual_on=date(2026, 2, 28), rules=RULES) is expected


@pytest.mark.parametrize(
    ("estimated", "expected"),
    [(0, "none"), (20, "none"), (21, "warn"), (50, "warn"), (51, "stop")],
)
def test_the_share_of_estimates(estimated: int, expected: str) -> None:
    assert estimates_verdict(readings=1000, estimated=estimated, rules=RULES) == Severity(expected)


def test_four_estimates_of_a_village_stop_nothing() -> None:
    assert estimates_verdict(readings=10, estimated=4, rules=RULES) is Severity.WARN
    assert estimates_verdict(readings=10, estimated=5, rules=RULES) is Severity.STOP


WRONG = [
    "intervals_month = 0", "interval_days_min = 0", "low_ratio = 0.6", "self_high_ratio = 0.9", "high_ratio = 1.4",
    "sum_share = 1.1", "floor_m3_month = -1", "estimate_share_warn = 0.06", "spike_percentile = 100",
    'self_ask = "perhaps"', "stuck_days = 1.5", "band = 3", 'high_ratio = ""',
]  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_rules_that_make_no_sense_are_refused(line: str) -> None:
    with pytest.raises(DataRefused, match="UTILITY_FIELD_WRONG"):
        read_check_rules(read_fields(f"[checks]\n{line}\n", name="x", kind="UTILITY").within("checks"))


def test_another_utilitys_rules_are_data() -> None:
    text = '[checks]\nhigh_ratio = 4\nself_ask = "warn"\nintervals_month = 2\n'
    rules = read_check_rules(read_fields(text, name="x", kind="UTILITY").within("checks"))
    assert (rules.high_ratio, rules.self_ask, rules.intervals(30), rules.intervals(60)) == (4, "warn", 2, 4)
    assert unusual(Use(DAY, 30, Decimal(40)), base_m3_day=Decimal(1) / 3, rules=rules) is None


def test_the_documentation_is_the_table() -> None:
    lines = [line for line in DOC.splitlines() if line.startswith("| `V")]
    assert lines == [
        f"| `{code}` | {check.title} | {check.severity} | {check.owner} | {check.step} | {check.what_next} |"
        for code, check in CHECKS.items()
    ]
    assert list(CHECKS) == [f"V{number:02}" for number in range(1, 25)]


def test_every_threshold_is_documented_with_its_default() -> None:
    for name in CheckRules.__dataclass_fields__:
        usual = getattr(RULES, name)
        assert f"| `{name}` | {usual} |" in DOC, name


@given(
    st.lists(st.decimals(0, 500, places=3), min_size=4, max_size=6),
    st.decimals(0, 500, places=3),
    st.integers(1, 200),
)
def test_the_strict_band_lies_within_the_wide_one(before: list[Decimal], volume: Decimal, days: int) -> None:
    base = sum(before, Decimal(0)) / 30 / len(before)
    use = Use(DAY, days, volume)
    wide = unusual(use, base_m3_day=base, rules=RULES)
    assert wide is None or unusual(use, base_m3_day=base, rules=RULES, strict=True) == wide
