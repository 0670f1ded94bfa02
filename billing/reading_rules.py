"""The thresholds of the checks of readings: ``[readings.checks]`` of ``utility.toml``. The defaults are ours.

No provision sets them. The ratios and floors were measured on clean readings: with 0.3 to 2.5 and a floor of 5 m³ a
month (10 m³ a quarter) 2.6 % and 4.6 % of the intervals are flagged; the floor matters more than the ratios.
"""

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from billing.toml_fields import Fields

DAYS_A_MONTH = 30
DAYS_A_QUARTER = 90


class SelfAsk(StrEnum):
    """What becomes of a customer's reading outside the strict band: it waits until he confirms it, or is only noted."""

    QUARANTINE = "quarantine"
    WARN = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRules:
    """A utility's thresholds, named with the unit last; ``docs/law/checks.md`` says which check uses which.

    A ratio is of the base, a share of a whole, a floor in m³ a month or quarter by which use must differ as well. A
    ``quarter`` begins at ``quarter_from_days``: a longer interval is measured by the quarterly figures. Readings less
    than ``interval_days_min`` apart make no interval of their own.
    """

    low_ratio: Decimal = Decimal("0.3")
    high_ratio: Decimal = Decimal("2.5")
    self_low_ratio: Decimal = Decimal("0.5")
    self_high_ratio: Decimal = Decimal("1.5")
    self_ask: SelfAsk = SelfAsk.QUARANTINE
    floor_m3_month: Decimal = Decimal(5)
    floor_m3_quarter: Decimal = Decimal(10)
    intervals_month: int = 3
    intervals_quarter: int = 4
    quarter_from_days: int = 60
    interval_days_min: int = 14
    actual_share_min: Decimal = Decimal("0.5")
    group_meters_min: int = 20
    zero_intervals: int = 2
    zero_before_m3_month: Decimal = Decimal(1)
    stuck_days: int = 14
    spike_ratio: Decimal = Decimal(6)
    spike_percentile: int = 95
    spike_days: int = 30
    gap_hours: int = 24
    sub_tolerance_m3: Decimal = Decimal(1)
    sub_days_apart_max: int = 3
    legalisation_notice_days: int = 90
    sum_share: Decimal = Decimal("0.01")
    sum_m3: Decimal = Decimal("0.05")
    series_jump_m3: Decimal = Decimal(1)
    series_jumps: int = 3
    clock_hours: int = 1
    estimates_max: int = 2
    estimate_months_max: int = 6
    leak_nights: int = 3
    self_invoice_max_zl: Decimal = Decimal(3000)
    estimate_share_warn: Decimal = Decimal("0.02")
    estimate_share_stop: Decimal = Decimal("0.05")
    estimates_stop_from: int = 5

    def intervals(self, days: int) -> int:
        """How many of the last intervals make the base of one of ``days``."""
        return self.intervals_quarter if days >= self.quarter_from_days else self.intervals_month

    def floor_m3_day(self, days: int) -> Decimal:
        """The floor that goes with an interval of ``days``, in m³ a day."""
        if days >= self.quarter_from_days:
            return self.floor_m3_quarter / DAYS_A_QUARTER
        return self.floor_m3_month / DAYS_A_MONTH


_AT_LEAST_ONE = (
    "intervals_month", "intervals_quarter", "interval_days_min", "group_meters_min", "zero_intervals", "stuck_days",
    "spike_days", "gap_hours", "series_jumps", "leak_nights",
)  # fmt: skip
_SHARES = ("actual_share_min", "sum_share", "estimate_share_warn", "estimate_share_stop")
_PERCENTILE_MOST = 99


def read_check_rules(table: Fields) -> CheckRules:
    """The rules of ``[readings.checks]``; what the table leaves out is the default.

    Raises:
        DataRefused: ``UTILITY_FIELD_WRONG``, a key is unknown, or a value is outside of its range.
    """
    names = [field.name for field in fields(CheckRules)]
    table.known(*names)
    usual = CheckRules()
    values = {name: _value(table, name, usual=getattr(usual, name)) for name in names}
    rules = CheckRules(**values)
    if table.is_sound():
        for name, wanted in _faults(rules):
            with table.keeping(name):
                raise table.refuse("FIELD_WRONG", f"{name}: {wanted}")
    return rules


def _value(table: Fields, name: str, *, usual: object) -> Any:
    if isinstance(usual, SelfAsk):
        return table.choice(name, SelfAsk, default=usual.value)
    if isinstance(usual, int):
        return table.integer(name, default=usual)
    return table.decimal(name, places=3, default=usual)


def _faults(rules: CheckRules) -> list[tuple[str, str]]:
    found = [(name, "at least 1") for name in _AT_LEAST_ONE if getattr(rules, name) < 1]
    found += [(name, "between 0 and 1") for name in _SHARES if not 0 <= getattr(rules, name) <= 1]
    found += [
        (field.name, "zero or above")
        for field in fields(rules)
        if isinstance(value := getattr(rules, field.name), Decimal) and value < 0
    ]
    if not rules.low_ratio <= rules.self_low_ratio <= 1 <= rules.self_high_ratio <= rules.high_ratio:
        found.append(("low_ratio", "low_ratio <= self_low_ratio <= 1 <= self_high_ratio <= high_ratio"))
    if rules.estimate_share_warn > rules.estimate_share_stop:
        found.append(("estimate_share_warn", "not above estimate_share_stop"))
    if not 1 <= rules.spike_percentile <= _PERCENTILE_MOST:
        found.append(("spike_percentile", f"between 1 and {_PERCENTILE_MOST}"))
    return found
