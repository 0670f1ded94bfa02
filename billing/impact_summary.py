"""A tariff's impact on everybody: by tariff group before and after, and who it moves most. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from heapq import nsmallest

from billing.impact import Impact
from billing.money import ZERO_ZL

MOVERS = 10
_PERCENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupImpact:
    """The accounts that come from one group and go to another; sums are of a year."""

    group_before: str
    group_after: str
    accounts: int
    pay_more: int
    pay_less: int
    water_m3: Decimal
    sewage_m3: Decimal
    net_before_zl: Decimal
    net_after_zl: Decimal
    gross_before_zl: Decimal
    gross_after_zl: Decimal

    @property
    def difference_zl(self) -> Decimal:
        """What they pay more in a year, gross."""
        return self.gross_after_zl - self.gross_before_zl

    @property
    def percent(self) -> Decimal | None:
        """The difference as a percentage of before, two places; None when nothing was paid before."""
        return percent(part=self.difference_zl, whole=self.gross_before_zl)

    @property
    def percent_more(self) -> Decimal | None:
        """The share of accounts that pay more."""
        return percent(part=Decimal(self.pay_more), whole=Decimal(self.accounts))

    @property
    def percent_less(self) -> Decimal | None:
        """The share of accounts that pay less."""
        return percent(part=Decimal(self.pay_less), whole=Decimal(self.accounts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Movers:
    """The accounts that move most, each list beginning with the largest."""

    up_zl: tuple[Impact, ...]
    down_zl: tuple[Impact, ...]
    up_percent: tuple[Impact, ...]
    down_percent: tuple[Impact, ...]


def percent(*, part: Decimal, whole: Decimal) -> Decimal | None:
    """``part`` of ``whole`` in percent to two places, half up; None when there is no whole."""
    return (part * 100 / whole).quantize(_PERCENT, rounding=ROUND_HALF_UP) if whole else None


def account_percent(found: Impact) -> Decimal | None:
    """What the account pays more, as a percentage of before."""
    return percent(part=found.difference_zl, whole=found.before.gross_zl)


def by_group(impacts: Iterable[Impact]) -> tuple[GroupImpact, ...]:
    """The sums of every pair of groups, in their order; they add up to the sums of the accounts."""
    held: dict[tuple[str, str], list[Impact]] = defaultdict(list)
    for found in impacts:
        held[found.before.groups, found.after.groups].append(found)
    return tuple(_group(before, after, held[before, after]) for before, after in sorted(held))


def movers(impacts: Sequence[Impact], *, most: int = MOVERS) -> Movers:
    """At most so many accounts of each kind; equal ones stand in the order of their numbers."""
    up = [found for found in impacts if found.difference_zl > 0]
    down = [found for found in impacts if found.difference_zl < 0]
    return Movers(
        up_zl=_largest(up, most, lambda found: found.difference_zl),
        down_zl=_largest(down, most, lambda found: -found.difference_zl),
        up_percent=_largest([found for found in up if found.before.gross_zl], most, _percent_of),
        down_percent=_largest(down, most, lambda found: -_percent_of(found)),
    )


def _percent_of(found: Impact) -> Decimal:
    return account_percent(found) or ZERO_ZL


def _largest(impacts: Sequence[Impact], most: int, size: Callable[[Impact], Decimal]) -> tuple[Impact, ...]:
    return tuple(nsmallest(most, impacts, key=lambda found: (-size(found), found.account_no)))


def _group(before: str, after: str, impacts: Sequence[Impact]) -> GroupImpact:
    return GroupImpact(
        group_before=before,
        group_after=after,
        accounts=len(impacts),
        pay_more=sum(found.difference_zl > 0 for found in impacts),
        pay_less=sum(found.difference_zl < 0 for found in impacts),
        water_m3=sum((found.water_m3 for found in impacts), Decimal("0.000")),
        sewage_m3=sum((found.sewage_m3 for found in impacts), Decimal("0.000")),
        net_before_zl=sum((found.before.net_zl for found in impacts), ZERO_ZL),
        net_after_zl=sum((found.after.net_zl for found in impacts), ZERO_ZL),
        gross_before_zl=sum((found.before.gross_zl for found in impacts), ZERO_ZL),
        gross_after_zl=sum((found.after.gross_zl for found in impacts), ZERO_ZL),
    )
