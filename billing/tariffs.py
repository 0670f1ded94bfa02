"""Tariffs in memory: groups, prices by day, and the book that answers what a day costs.

The tariff entered latest wins, and its last price slice is open-ended: a successor may start before the printed end
of its predecessor, and a late successor prolongs it (uzzwś art. 24g), so printed end dates are not used.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise, product

from billing.accounts import Channel, Service
from billing.errors import DataRefused
from billing.law import charge_basis
from billing.periods import Period
from billing.vat import VatModel


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
    """A published amount, or a sum done by hand, that the prices must reproduce on a day."""

    group: str
    on: date
    quantities: Mapping[Service, Decimal]
    net_zl: Decimal | None
    gross_zl: Decimal
    source: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSpan:
    """One price for the days from ``start`` up to, not including, ``until`` (None: open-ended).

    ``net_zl`` None says that the group owes no such charge at all; only the abonament may be absent.
    """

    start: date
    until: date | None
    net_zl: Decimal | None
    unit: Unit
    group: str
    tariff_sha256: str
    basis: str


_Key = tuple[str, Channel, Service]


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffBook:
    """Every tariff of a utility, with its VAT model; prices are looked up by class, channel, service and day.

    Raises:
        DataRefused: ``TARIFF_OVERLAP``, two tariffs start on one day.
    """

    tariffs: tuple[Tariff, ...]
    vat_model: VatModel = VatModel.ON_RATE_SUM
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

    def tariff_on(self, day: date) -> Tariff | None:
        """The tariff in force on a day: the one entered latest."""
        position = bisect_right(self.tariffs, day, key=lambda tariff: tariff.valid_from) - 1
        return self.tariffs[position] if position >= 0 else None

    def span_on(self, *, tariff_class: str, channel: Channel, service: Service, day: date) -> PriceSpan | None:
        """The price of a day, or None when no tariff in force prices it."""
        key = (tariff_class, channel, service)
        position = bisect_right(self._starts.get(key, ()), day) - 1
        if position < 0:
            return None
        span = self._timelines[key][position]
        return span if span.until is None or day < span.until else None

    def spans_in(
        self, *, tariff_class: str, channel: Channel, service: Service, period: Period
    ) -> tuple[PriceSpan, ...]:
        """The prices of every day of a period, in order; empty when any of its days has none."""
        spans: list[PriceSpan] = []
        day: date | None = period.start
        while day is not None and day < period.until:
            span = self.span_on(tariff_class=tariff_class, channel=channel, service=service, day=day)
            if span is None:
                return ()
            spans.append(span)
            day = span.until
        return tuple(spans)


def _timelines(ordered: tuple[Tariff, ...]) -> dict[_Key, tuple[PriceSpan, ...]]:
    timelines: dict[_Key, tuple[PriceSpan, ...]] = {}
    for tariff, following in zip(ordered, (*ordered[1:], None), strict=False):
        until = following.valid_from if following else None
        for group, service in product(tariff.groups, Service):
            spans = tuple(_spans(tariff, group, service, until))
            for channel in group.channels:
                key = (group.tariff_class, channel, service)
                timelines[key] = (*timelines.get(key, ()), *spans)
    return timelines


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
