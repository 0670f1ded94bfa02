"""Tariffs in memory: groups, prices by day, and the book that answers what a day costs.

The tariff entered latest wins, and its last price slice is open-ended: a successor may start before the printed end
of its predecessor, and a late successor prolongs it (uzzwś art. 24g), so printed end dates are not used.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise, product

from billing.accounts import Channel, Service
from billing.errors import DataRefused
from billing.law import charge_basis
from billing.models import Models
from billing.periods import Period
from billing.price_lists import PriceBook
from billing.subsidies import SubsidyMode, TariffSubsidy, divide


class Unit(StrEnum):
    """What a price is for one of."""

    CUBIC_METRE = "m3"
    MONTH = "month"


class StandingMonths(StrEnum):
    """Which months owe the abonament. ``touched``: each calendar month with a day under contract owes a whole one."""

    TOUCHED = "touched"


class StandingPrice(StrEnum):
    """Which day's price a month owes. ``first_day``: the month's first day under contract."""

    FIRST_DAY = "first_day"


class StandingPer(StrEnum):
    """Who owes the abonament: the ``recipient`` once (Rozp. 2018 par. 2 pkt 6), or each ``point``."""

    RECIPIENT = "recipient"
    POINT = "point"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffGroup:
    """A grupa taryfowa; two channels mean that the manner of invoicing does not change the price."""

    code: str
    tariff_class: str
    channels: frozenset[Channel]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPrice:
    """Net price of one unit of a service in a group, from ``valid_from`` until the next price of both."""

    group: str
    service: Service
    unit: Unit
    net_zl: Decimal
    valid_from: date
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffExample:
    """A published amount, or a sum done by hand, that the prices must reproduce on a day, in a gmina if it says so."""

    group: str
    on: date
    quantities: Mapping[Service, Decimal]
    net_zl: Decimal | None
    gross_zl: Decimal
    source: str
    gmina: str | None = None
    payable_zl: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One approved taryfa, read from one file; ``sha256`` is of the file's bytes.

    ``decided_on`` and ``published_on`` (in BIP) are None where the file does not tell them.
    """

    name: str
    title: str
    decision: str
    basis: str
    valid_from: date
    sha256: str
    standing_months: StandingMonths
    standing_price: StandingPrice
    standing_per: StandingPer
    groups: tuple[TariffGroup, ...]
    prices: tuple[TariffPrice, ...]
    examples: tuple[TariffExample, ...]
    decided_on: date | None = None
    published_on: date | None = None
    subsidies: tuple[TariffSubsidy, ...] = ()

    def group_for(self, *, tariff_class: str, channel: Channel) -> TariffGroup | None:
        """The group that prices a class of customers invoiced in that manner."""
        found = (group for group in self.groups if group.tariff_class == tariff_class and channel in group.channels)
        return next(found, None)

    def price_on(self, *, group: str, service: Service, day: date) -> TariffPrice | None:
        """The price of a service in a group on a day, as far as this tariff alone says."""
        begun = [
            price
            for price in self.prices
            if price.group == group and price.service is service and price.valid_from <= day
        ]
        return max(begun, key=lambda price: price.valid_from, default=None)

    def subsidy_on(self, *, gmina: str | None, group: str, service: Service, day: date) -> TariffSubsidy | None:
        """What the gmina pays on a day for a service in a group."""
        found = self.subsidies_of(gmina=gmina, group=group, service=service)
        return next((one for one in found if one.holds_on(day)), None)

    def subsidies_of(self, *, gmina: str | None, group: str, service: Service) -> tuple[TariffSubsidy, ...]:
        """What the gmina pays for a service in a group, in whatever days."""
        key = (gmina, group, service)
        return tuple(one for one in self.subsidies if (one.gmina, one.group, one.service) == key)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSpan:
    """One price for the days from ``start`` up to, not including, ``until`` (None: open-ended).

    ``net_zl`` is the tariff's, before any ``subsidy`` of the gmina that was asked for. None says that the group owes no
    such charge at all; only the abonament may be absent.
    """

    start: date
    until: date | None
    net_zl: Decimal | None
    unit: Unit
    group: str
    tariff_sha256: str
    basis: str
    subsidy: TariffSubsidy | None = None

    @property
    def terms(self) -> tuple[Decimal | None, SubsidyMode | None, Decimal | None]:
        """Price, mode and rate of the subsidy: another of these is another price."""
        paid = self.subsidy
        return (self.net_zl, paid.mode, paid.zl_m3) if paid else (self.net_zl, None, None)

    def begun_on(self, day: date) -> "PriceSpan":
        """The same price from an earlier day on."""
        return replace(self, start=day)


_Key = tuple[str, Channel, Service, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffBook:
    """Every tariff of a utility, with its named models; prices are looked up by class, channel, service, gmina and day.

    ``price_book`` holds the prices of what no tariff prices.

    Raises:
        DataRefused: ``TARIFF_OVERLAP``, two tariffs start on one day.
    """

    tariffs: tuple[Tariff, ...]
    models: Models = field(default_factory=Models)
    price_book: PriceBook = field(default_factory=PriceBook)
    _timelines: Mapping[_Key, tuple[PriceSpan, ...]] = field(init=False, repr=False, compare=False)
    _starts: Mapping[_Key, tuple[date, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.tariffs, key=lambda tariff: tariff.valid_from))
        for earlier, later in pairwise(ordered):
            if earlier.valid_from == later.valid_from:
                raise DataRefused("TARIFF_OVERLAP", f"{earlier.name} and {later.name} both start on {later.valid_from}")
        timelines = _timelines(ordered)
        object.__setattr__(self, "tariffs", ordered)
        object.__setattr__(self, "_timelines", timelines)
        object.__setattr__(self, "_starts", {key: tuple(s.start for s in spans) for key, spans in timelines.items()})

    def price_days(self) -> list[date]:
        """Every day with which a price of any group begins."""
        return sorted({start for starts in self._starts.values() for start in starts})

    def tariff_on(self, day: date) -> Tariff | None:
        """The tariff in force on a day: the one entered latest."""
        position = bisect_right(self.tariffs, day, key=lambda tariff: tariff.valid_from) - 1
        return self.tariffs[position] if position >= 0 else None

    def span_on(
        self, *, tariff_class: str, channel: Channel, service: Service, day: date, gmina: str | None = None
    ) -> PriceSpan | None:
        """The price of a day, or None when no tariff in force prices it. Most gminas pay no subsidy."""
        key: _Key = (tariff_class, channel, service, gmina)
        if key not in self._starts:
            key = (tariff_class, channel, service, None)
        position = bisect_right(self._starts.get(key, ()), day) - 1
        if position < 0:
            return None
        span = self._timelines[key][position]
        return span if span.until is None or day < span.until else None

    def spans_in(
        self, *, tariff_class: str, channel: Channel, service: Service, period: Period, gmina: str | None = None
    ) -> tuple[PriceSpan, ...]:
        """The prices of every day of a period, in order; empty when any of its days has none."""
        spans: list[PriceSpan] = []
        day: date | None = period.start
        while day is not None and day < period.until:
            span = self.span_on(tariff_class=tariff_class, channel=channel, service=service, day=day, gmina=gmina)
            if span is None:
                return ()
            spans.append(span)
            day = span.until
        return tuple(spans)


def _timelines(ordered: tuple[Tariff, ...]) -> dict[_Key, tuple[PriceSpan, ...]]:
    timelines: dict[_Key, tuple[PriceSpan, ...]] = {}
    gminas = (None, *sorted({one.gmina for tariff in ordered for one in tariff.subsidies}))
    for tariff, following in zip(ordered, (*ordered[1:], None), strict=False):
        until = following.valid_from if following else None
        for group, service in product(tariff.groups, Service):
            spans = tuple(_spans(tariff, group, service, until))
            for gmina in gminas:
                subsidies = tariff.subsidies_of(gmina=gmina, group=group.code, service=service)
                parts = [part for span in spans for part in _divided(span, subsidies)]
                for channel in group.channels:
                    key = (group.tariff_class, channel, service, gmina)
                    timelines[key] = (*timelines.get(key, ()), *parts)
    return timelines


def _divided(span: PriceSpan, subsidies: Sequence[TariffSubsidy]) -> Iterator[PriceSpan]:
    for start, until, subsidy in divide(start=span.start, until=span.until, subsidies=subsidies):
        yield replace(span, start=start, until=until, subsidy=subsidy)


def _spans(tariff: Tariff, group: TariffGroup, service: Service, until: date | None) -> Iterator[PriceSpan]:
    prices = sorted(
        (price for price in tariff.prices if price.group == group.code and price.service is service),
        key=lambda price: price.valid_from,
    )
    if not prices and service is Service.STANDING:
        yield PriceSpan(
            start=tariff.valid_from,
            until=until,
            net_zl=None,
            unit=Unit.MONTH,
            group=group.code,
            tariff_sha256=tariff.sha256,
            basis="",
        )
    for price, following in zip(prices, (*prices[1:], None), strict=False):
        ends = [day for day in (following.valid_from if following else None, until) if day is not None]
        end = min(ends, default=None)
        if end is None or price.valid_from < end:
            yield PriceSpan(
                start=price.valid_from,
                until=end,
                net_zl=price.net_zl,
                unit=price.unit,
                group=group.code,
                tariff_sha256=tariff.sha256,
                basis=f"{charge_basis(service=service)}; {tariff.title}, grupa {group.code}",
            )
