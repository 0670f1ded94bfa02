"""Use between two readings against what is usual: the checks V07 to V12, V20 and V22 of one register.

Pure figures: m³, days, and what the readings before were. Two readings of one day make no use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.models import Models
from billing.reading_checks import (
    EXCHANGE_SOURCES,
    RADIO_SOURCES,
    SELF_SOURCES,
    Finding,
    Owner,
    Severity,
    finding,
)
from billing.reading_rules import DAYS_A_MONTH, CheckRules, SelfAsk

NOTHING = Decimal(0)
_ALL = Decimal(1)
_YEAR = timedelta(days=365)
_SEASON = timedelta(days=45)
_TYPED = (10, 1000)
_PLACES = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Use:
    """What a register counted in ``days`` (one at least) up to a reading; ``estimated``: it or the one before was."""

    until: date
    days: int
    volume_m3: Decimal
    estimated: bool = False

    @property
    def start(self) -> date:
        """The day of the reading before."""
        return self.until - timedelta(days=self.days)

    @property
    def m3_day(self) -> Decimal:
        """m³ a day."""
        return self.volume_m3 / self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """V10: the usual use in m³ a day; ``measure`` is ``own``, ``last_year`` or ``group``.

    ``other_m3_day``: a second measure, of a meter too young for its own; use is unusual only beside both.
    """

    m3_day: Decimal
    measure: str
    other_m3_day: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUse:
    """A reading to be checked: the use that it closes, with what the registry says of the meter.

    ``before`` are the uses before it, oldest first; ``estimates`` how many estimates precede it without a reading,
    ``actual_on`` the day of the last reading that was none. ``index_m3`` and ``previous_m3`` are the two indexes.
    """

    use: Use
    index_m3: Decimal
    previous_m3: Decimal
    source: str
    quality: str
    before: Sequence[Use]
    group_m3_day: Decimal | None
    cap_m3_day: Decimal
    estimates: int
    actual_on: date | None


def base_of(before: Sequence[Use], *, days: int, rules: CheckRules, group_m3_day: Decimal | None) -> Base | None:
    """The usual use for an interval of ``days`` (V10), None when nothing tells it."""
    wanted = rules.intervals(days)
    newest = before[-wanted:]
    if len(newest) == wanted:
        if _actual_share(newest) >= rules.actual_share_min:
            return Base(m3_day=_mean(newest), measure="own")
        season = _last_year(before, until=newest[-1].until + timedelta(days=days))
        if season and _actual_share(season) >= rules.actual_share_min:
            return Base(m3_day=_mean(season), measure="last_year")
    if group_m3_day is None:
        return None
    return Base(m3_day=group_m3_day, measure="group", other_m3_day=_mean(newest) if newest else None)


def unusual(use: Use, *, base_m3_day: Decimal, rules: CheckRules, strict: bool = False) -> str | None:
    """``high``, ``low`` or None: use outside the band around the base, and further from it than the floor."""
    used = use.m3_day
    difference = used - base_m3_day
    if abs(difference) <= rules.floor_m3_day(use.days):
        return None
    if difference > 0:
        ratio = rules.self_high_ratio if strict else rules.high_ratio
        return "high" if used > ratio * base_m3_day else None
    ratio = rules.self_low_ratio if strict else rules.low_ratio
    return "low" if used < ratio * base_m3_day else None


def check_use(new: NewUse, *, rules: CheckRules) -> list[Finding]:
    """What is to be said of a reading by its use."""
    if new.quality == "estimated":
        return [] if new.source in EXCHANGE_SOURCES else _prolonged(new, rules)
    found = []
    if new.use.volume_m3 > new.cap_m3_day * new.use.days:
        found.append(_over_cap(new))
    if not new.before and new.group_m3_day is None:
        return found
    base = base_of(new.before, days=new.use.days, rules=rules, group_m3_day=new.group_m3_day)
    if base is None:
        return found
    side = _side(new, base, rules)
    if side is not None and not found:
        found.append(_unusual(new, base, side, rules))
    if found and new.use.m3_day > base.m3_day:
        found += _typed(new, base, rules)
    if new.use.volume_m3 <= NOTHING:
        found += _still(new, base, rules)
    return found


def used_m3(
    before_m3: Decimal, after_m3: Decimal, *, dials: int, models: Models, cap_m3_day: Decimal, days: int
) -> Decimal | None:
    """m³ from one index to the next; through zero where the register may have turned over (V06); None: neither.

    Jitter counts as nothing. Through zero: the index stood in the last share of the range and stands in the first one,
    and what passed is not above ``cap_m3_day`` for each of the days.
    """
    difference = after_m3 - before_m3
    if difference >= 0:
        return difference
    if -difference <= models.jitter_m3:
        return NOTHING
    whole = Decimal(10**dials)
    near = before_m3 >= models.rollover_share * whole and after_m3 <= (1 - models.rollover_share) * whole
    return difference + whole if near and difference + whole <= cap_m3_day * days else None


def daily_band(
    base_m3_day: Decimal, *, floor_m3_day: Decimal, rules: CheckRules, cap_m3_day: Decimal
) -> tuple[Decimal, Decimal]:
    """The least and the most m³ a day that the wide band lets pass; never below nothing, never above the cap."""
    low = max(min(base_m3_day * rules.low_ratio, base_m3_day - floor_m3_day), NOTHING)
    high = min(max(base_m3_day * rules.high_ratio, base_m3_day + floor_m3_day), cap_m3_day)
    return low, max(high, base_m3_day)


def _side(new: NewUse, base: Base, rules: CheckRules) -> str | None:
    strict = new.source in SELF_SOURCES
    side = unusual(new.use, base_m3_day=base.m3_day, rules=rules, strict=strict)
    if side is None or base.other_m3_day is None:
        return side
    return side if unusual(new.use, base_m3_day=base.other_m3_day, rules=rules, strict=strict) == side else None


def _unusual(new: NewUse, base: Base, side: str, rules: CheckRules) -> Finding:
    """V08 or V09. A customer is asked about his own reading, whichever side it is on."""
    severity, owner = None, None
    if new.source in SELF_SOURCES:
        owner = Owner.CUSTOMER
        wide = unusual(new.use, base_m3_day=base.m3_day, rules=rules) == "high"
        severity = Severity.QUARANTINE if wide or rules.self_ask is SelfAsk.QUARANTINE else Severity.WARN
    return finding(
        "V08" if side == "high" else "V09",
        _figures(new) | {"base_m3_day": _rounded(base.m3_day), "base_from": base.measure},
        severity=severity,
        owner=owner,
    )


def _over_cap(new: NewUse) -> Finding:
    return finding("V07", _figures(new) | {"cap_m3_day": new.cap_m3_day})


def _figures(new: NewUse) -> dict[str, object]:
    return {
        "volume_m3": new.use.volume_m3,
        "days": new.use.days,
        "since": new.use.start,
        "used_m3_day": _rounded(new.use.m3_day),
    }


def _typed(new: NewUse, base: Base, rules: CheckRules) -> list[Finding]:
    """V22: the index without its last one or three digits falls into the expected band."""
    floor = rules.floor_m3_day(new.use.days)
    low, high = daily_band(base.m3_day, floor_m3_day=floor, rules=rules, cap_m3_day=new.cap_m3_day)
    for divisor in _TYPED:
        index_m3 = new.index_m3 / divisor
        if low * new.use.days <= index_m3 - new.previous_m3 <= high * new.use.days:
            owner = Owner.CUSTOMER if new.source in SELF_SOURCES else Owner.SUPPLIER
            facts = {"divisor": divisor, "would_be_m3": index_m3, "previous_m3": new.previous_m3}
            return [finding("V22", facts, owner=owner)]
    return []


def _still(new: NewUse, base: Base, rules: CheckRules) -> list[Finding]:
    """V11 and V12: nothing passed where water was used before."""
    found = []
    least = rules.zero_before_m3_month / DAYS_A_MONTH
    zeros = 1
    for use in reversed(new.before):
        if use.volume_m3 > NOTHING:
            break
        zeros += 1
    earlier = new.before[: len(new.before) - zeros + 1]
    before_m3_day = _mean(earlier[-rules.intervals(new.use.days) :]) if earlier else NOTHING
    if zeros >= rules.zero_intervals and before_m3_day > least:
        found.append(finding("V11", {"intervals": zeros, "before_m3_day": _rounded(before_m3_day)}))
    is_used = base.measure != "group" and base.m3_day > least
    if new.source in RADIO_SOURCES and new.use.days >= rules.stuck_days and is_used:
        facts = {"days": new.use.days, "since": new.use.start, "base_m3_day": _rounded(base.m3_day)}
        found.append(finding("V12", facts))
    return found


def _prolonged(new: NewUse, rules: CheckRules) -> list[Finding]:
    """V20: this estimate would be one too many in a row, or too long after the last reading."""
    if estimate_is_allowed(new.use.until, estimates=new.estimates, actual_on=new.actual_on, rules=rules):
        return []
    return [finding("V20", {"estimates_before": new.estimates, "actual_on": new.actual_on or "none"})]


def estimate_is_allowed(on: date, *, estimates: int, actual_on: date | None, rules: CheckRules) -> bool:
    """Whether one more estimate may stand on a day, ``estimates`` in a row being there since ``actual_on`` (V20)."""
    if estimates >= rules.estimates_max:
        return False
    return actual_on is None or on <= _months_later(actual_on, rules.estimate_months_max)


def _months_later(day: date, months: int) -> date:
    """The same day so many months on, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


def _mean(uses: Sequence[Use]) -> Decimal:
    return sum((use.m3_day for use in uses), NOTHING) / len(uses)


def is_mostly_estimated(uses: Sequence[Use], *, rules: CheckRules) -> bool:
    """Whether too little of these uses was read for them to be a base."""
    return bool(uses) and _actual_share(uses) < rules.actual_share_min


def _actual_share(uses: Sequence[Use]) -> Decimal:
    if not any(use.estimated for use in uses):
        return _ALL
    days = sum(use.days for use in uses)
    return Decimal(sum(use.days for use in uses if not use.estimated)) / days


def _last_year(before: Sequence[Use], *, until: date) -> list[Use]:
    """The uses whose end lies within a season's tolerance of the same end a year before."""
    day = until - _YEAR
    return [use for use in before if abs(use.until - day) <= _SEASON]


def _rounded(m3_day: Decimal) -> Decimal:
    return m3_day.quantize(_PLACES)
