"""What a new tariff changes for an account: a year of its own use at the prices of two books. Pure.

The year holds 365 days from the new tariff's first day on. Use is what an average billed day of the account used,
times 365, spread evenly over the year: a price that changes inside it, or with the season, counts for its days only,
and each day has its share of thresholds that count by months. Thresholds that count by bills give no figures: nobody
knows how long the bills will be. The abonament is that of the twelve calendar months that begin in the year, by the
named models of the tariff in force on its first day.
VAT is taken on the sums of the year; twelve invoices may differ from it by grosze.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from billing.accounts import Channel, PartyKind, Service
from billing.law import vat_rate
from billing.money import VOLUME, ZERO_ZL, multiply_zl
from billing.periods import Period
from billing.priced_year import YEAR_DAYS, Buying, PointKind, PricedYear, Steps
from billing.vat import vat_sums

HISTORY_DAYS_MIN = 28
"""Fewer billed days than four weeks say nothing about a year."""

_METERED = (Service.WATER, Service.SEWAGE)
_NO_VOLUME = Decimal("0.000")
_Use = tuple[PointKind, Service, Decimal]


class NoImpactReason(StrEnum):
    """Why an account has no figures; only ``NO_PRICE``, of the new tariff, stands against switching it on."""

    NO_PRICE = "no_price"
    NO_PRICE_BEFORE = "no_price_before"
    NO_HISTORY = "no_history"
    NO_BILL_LENGTH = "no_bill_length"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownUse:
    """Cubic metres that were billed, and for how many days."""

    volume_m3: Decimal
    days: int

    def year_m3(self) -> Decimal | None:
        """A year of it to three places, half up; None when too few days are known."""
        if self.days < HISTORY_DAYS_MIN:
            return None
        return (self.volume_m3 * YEAR_DAYS / self.days).quantize(VOLUME, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedPoint:
    """A point under contract on the new tariff's first day, with the known use of each metered service it takes."""

    tariff_class: str
    uses: Mapping[Service, KnownUse]
    diameter_mm: int | None = None

    @property
    def kind(self) -> PointKind:
        """What picks its prices."""
        return PointKind(tariff_class=self.tariff_class, services=frozenset(self.uses), diameter_mm=self.diameter_mm)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsingAccount:
    """An account with its points, the channel agreed now, and the kind of its nabywca (None: unknown)."""

    account_no: str
    channel: Channel
    points: tuple[UsedPoint, ...]
    payer: PartyKind | None = None

    @property
    def buying(self) -> Buying:
        """What picks its prices."""
        return Buying(channel=self.channel, payer=self.payer)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearSum:
    """What a year costs in the groups of one book; several groups (points of several classes) are joined by ``+``."""

    groups: str
    net_zl: Decimal
    gross_zl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """A year of an account under the present book and under the one with the new tariff."""

    account_no: str
    channel: Channel
    water_m3: Decimal
    sewage_m3: Decimal
    before: YearSum
    after: YearSum

    @property
    def difference_zl(self) -> Decimal:
        """What the customer pays more in a year, gross."""
        return self.after.gross_zl - self.before.gross_zl


@dataclass(frozen=True, slots=True, kw_only=True)
class NoImpact:
    """An account without figures; ``lacking`` names class, channel and service, never a person."""

    account_no: str
    channel: Channel
    reason: NoImpactReason
    lacking: str


def impact(account: UsingAccount, *, before: PricedYear, after: PricedYear) -> Impact | NoImpact:
    """A year of the account's own use under both books, or why there are no figures: the new book's prices first.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data has no VAT rate for the first day.
    """
    for year, reason in ((after, NoImpactReason.NO_PRICE), (before, NoImpactReason.NO_PRICE_BEFORE)):
        lacking = _unpriced(account, year)
        if lacking is not None:
            return NoImpact(account_no=account.account_no, channel=account.channel, reason=reason, lacking=lacking)
    year_m3: list[_Use] = []
    for point in account.points:
        for service, use in point.uses.items():
            volume_m3 = use.year_m3()
            if volume_m3 is None:
                lacking = f"{service}: {use.days} of {HISTORY_DAYS_MIN} days"
                reason = NoImpactReason.NO_HISTORY
                return NoImpact(account_no=account.account_no, channel=account.channel, reason=reason, lacking=lacking)
            if any(year.needs_bill_length(point.kind, account.buying, service=service) for year in (after, before)):
                reason = NoImpactReason.NO_BILL_LENGTH
                lacking = f"{service}: the thresholds of {point.tariff_class} count by bills"
                return NoImpact(account_no=account.account_no, channel=account.channel, reason=reason, lacking=lacking)
            year_m3.append((point.kind, service, volume_m3))
    return Impact(
        account_no=account.account_no,
        channel=account.channel,
        water_m3=_total_m3(year_m3, Service.WATER),
        sewage_m3=_total_m3(year_m3, Service.SEWAGE),
        before=_year_sum(account, year_m3, before),
        after=_year_sum(account, year_m3, after),
    )


def _kinds(account: UsingAccount) -> tuple[PointKind, ...]:
    return tuple(sorted((point.kind for point in account.points), key=str))


def _unpriced(account: UsingAccount, year: PricedYear) -> str | None:
    channel = account.channel
    for point in account.points:
        name = point.tariff_class
        if year.group(point.kind, account.buying) is None:
            return f"{name} by {channel}: no group"
        for service in _METERED:
            if service in point.uses and not year.metered(point.kind, account.buying, service=service):
                return f"{name} by {channel}: {service}"
    if year.standing(_kinds(account), account.buying) is None:
        classes = sorted({point.tariff_class for point in account.points})
        return f"{'+'.join(classes)} by {channel}: {Service.STANDING}"
    return None


def _total_m3(year_m3: Sequence[_Use], wanted: Service) -> Decimal:
    return sum((volume_m3 for _, service, volume_m3 in year_m3 if service is wanted), _NO_VOLUME)


def _year_sum(account: UsingAccount, year_m3: Sequence[_Use], year: PricedYear) -> YearSum:
    buying = account.buying
    lines = list(year.standing(_kinds(account), buying) or ())
    for kind, service, volume_m3 in year_m3:
        steps = year.metered(kind, buying, service=service) or ()
        rate = vat_rate(service=service, on=year.start)
        lines += [(rate, net_zl) for net_zl in _stepwise(volume_m3, steps, year.year)]
    models = year.book.models
    sums = vat_sums(lines=lines, model=models.vat, rounding=models.line_rounding)
    groups = {year.group(point.kind, buying) or "" for point in account.points}
    return YearSum(
        groups="+".join(sorted(groups)),
        net_zl=sum((part.net_zl for part in sums), ZERO_ZL),
        gross_zl=sum((part.gross_zl for part in sums), ZERO_ZL),
    )


def _stepwise(volume_m3: Decimal, steps: Steps, year: Period) -> list[Decimal]:
    """Net of the part of the volume at each price; the parts add up to the volume."""
    nets_zl, counted_m3, start = [], _NO_VOLUME, year.start
    for step in steps:
        until = year.start + timedelta(days=step.until_days)
        until_m3 = (volume_m3 * step.until_days / YEAR_DAYS).quantize(VOLUME, rounding=ROUND_HALF_UP)
        days = Period(start=start, until=until)
        nets_zl += [
            multiply_zl(quantity=part_m3, price_zl=price_zl)
            for part_m3, price_zl in step.parts(until_m3 - counted_m3, days=days, year=year)
        ]
        counted_m3, start = until_m3, until
    return nets_zl
