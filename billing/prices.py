"""A price of a tariff: of a m³ or of a billing period, the same all year or by season, flat or rising in blocks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Service
from billing.law import charge_basis
from billing.seasons import Season, window
from billing.subsidies import SubsidyMode, TariffSubsidy, divide

STANDING = (Service.STANDING, Service.STANDING_SEWAGE)
"""What is owed by the month: the abonament (of water, or of both) and, where there is one, that of sewage alone."""

OWED_FOR = {Service.STANDING: Service.WATER, Service.STANDING_SEWAGE: Service.SEWAGE}
"""For which service each is owed, where a tariff tells the two apart."""

MONTHS_MAX = 12
"""No rate of abonament is for more months."""


class Unit(StrEnum):
    """What a price is for one of."""

    CUBIC_METRE = "m3"
    MONTH = "month"


def unit_word(unit: Unit, *, per_months: int = 1) -> str:
    """What a line's quantity counts: ``m3``, ``month``, or ``2_months`` for rates of two months."""
    return unit.value if per_months == 1 else f"{per_months}_months"


UNITS = (*Unit, *(unit_word(Unit.MONTH, per_months=months) for months in range(2, MONTHS_MAX + 1)))
"""Every such word."""


class BlockPer(StrEnum):
    """Of what the thresholds of progressive prices (Rozp. 2018 par. 14) count the m³.

    ``bill``: of a point's bill, however long it is. ``month``: of 30 days, so that a threshold grows with the days.
    """

    BILL = "bill"
    MONTH = "month"


class Component(StrEnum):
    """What a rate of abonament pays for (Rozp. 2018 par. 2 pkt 6)."""

    READINESS = "readiness"
    READING = "reading"
    SETTLEMENT = "settlement"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBlock:
    """The net price of each m³ above ``from_m3``, up to and including the next block's."""

    from_m3: Decimal
    net_zl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffPrice:
    """Net price of one unit of a service in a group, from ``valid_from`` until the next price of both.

    ``season`` limits it to days of each year. With ``blocks`` the price rises with the m³, and ``net_zl`` is that of
    the first block. A rate of abonament is for ``per_months`` months; its ``components`` add up to it.
    """

    group: str
    service: Service
    unit: Unit
    net_zl: Decimal
    valid_from: date
    basis: str
    season: Season | None = None
    blocks: tuple[PriceBlock, ...] = ()
    per_months: int = 1
    components: tuple[tuple[Component, Decimal], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSpan:
    """One price for the days from ``start`` up to, not including, ``until`` (None: open-ended).

    ``net_zl`` is the tariff's, before any ``subsidy`` of the gmina that was asked for. None says that the group owes no
    such charge at all; only the abonament may be absent. With ``blocks`` it is the price of the first of them.
    """

    start: date
    until: date | None
    net_zl: Decimal | None
    unit: Unit
    group: str
    tariff_sha256: str
    basis: str
    subsidy: TariffSubsidy | None = None
    blocks: tuple[PriceBlock, ...] = ()
    block_per: BlockPer = BlockPer.BILL
    per_months: int = 1

    @property
    def terms(self) -> tuple[object, ...]:
        """Price, blocks, mode and rate of the subsidy: another of these is another price."""
        paid = self.subsidy
        agreed: tuple[SubsidyMode | None, Decimal | None] = (paid.mode, paid.zl_m3) if paid else (None, None)
        return (self.net_zl, self.blocks, self.block_per if self.blocks else None, self.per_months, *agreed)

    def begun_on(self, day: date) -> "PriceSpan":
        """The same price from an earlier day on."""
        return replace(self, start=day)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """The days from ``start`` up to ``until`` in which the prices of one step of a tariff hold, each in its season.

    Exactly one of ``spans`` holds on each day; a span without a season holds where no season does.
    """

    start: date
    until: date | None
    spans: tuple[tuple[Season | None, PriceSpan], ...]

    def on(self, day: date) -> PriceSpan | None:
        """The price of a day of this step, with the days about it that cost the same."""
        if len(self.spans) == 1:
            return self.spans[0][1]
        span = next((span for season, span in self.spans if season and season.holds(day)), None)
        if span is None:
            span = next((span for season, span in self.spans if season is None), None)
        if span is None:
            return None
        since, until = window(self._seasons, day)
        return replace(span, start=max(since, self.start), until=min(until, self.until or until))

    def begins(self, *, before: date) -> Iterator[date]:
        """The days before ``before`` with which a price of it begins."""
        day, last = self.start, min(before, self.until or before)
        while day < last:
            yield day
            if len(self.spans) == 1:
                return
            _, day = window(self._seasons, day)

    @property
    def _seasons(self) -> tuple[Season, ...]:
        return tuple(season for season, _ in self.spans if season)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedBy:
    """Which tariff a price stands in, and until when (None: for ever) that tariff is in force."""

    title: str
    sha256: str
    block_per: BlockPer
    start: date
    until: date | None


def steps_of(
    *, prices: Sequence[TariffPrice], group: str, service: Service, by: PricedBy, subsidies: Sequence[TariffSubsidy]
) -> Iterator[PriceStep]:
    """The steps of one group's prices of a service, cut where a subsidy begins or ends; no price, no step.

    A group without a rate of abonament owes none: that is a step too.
    """
    if not prices and service in STANDING:
        yield PriceStep(start=by.start, until=by.until, spans=((None, _no_charge(group, by)),))
    starts = sorted({price.valid_from for price in prices})
    for start, following in zip(starts, (*starts[1:], None), strict=False):
        until = min((day for day in (following, by.until) if day is not None), default=None)
        if until is not None and until <= start:
            continue
        found = [price for price in prices if price.valid_from == start]
        for since, end, subsidy in divide(start=start, until=until, subsidies=subsidies):
            spans = tuple((price.season, _span(price, by, since, end, subsidy)) for price in found)
            yield PriceStep(start=since, until=end, spans=spans)


def in_force(prices: Sequence[TariffPrice], *, day: date) -> TariffPrice | None:
    """Which of the prices of one service in one group a day has: of the newest step, that of its season."""
    start = max((price.valid_from for price in prices if price.valid_from <= day), default=None)
    step = [price for price in prices if price.valid_from == start]
    seasonal = next((price for price in step if price.season and price.season.holds(day)), None)
    return seasonal or next((price for price in step if price.season is None), None)


def components_of(amounts_zl: Mapping[Component, Decimal]) -> tuple[tuple[Component, Decimal], ...]:
    """The components in the order of the regulation."""
    return tuple((component, amounts_zl[component]) for component in Component if component in amounts_zl)


def _span(
    price: TariffPrice, by: PricedBy, start: date, until: date | None, subsidy: TariffSubsidy | None
) -> PriceSpan:
    return PriceSpan(
        start=start,
        until=until,
        net_zl=price.net_zl,
        unit=price.unit,
        group=price.group,
        tariff_sha256=by.sha256,
        basis=f"{charge_basis(service=price.service)}; {by.title}, grupa {price.group}",
        subsidy=subsidy,
        blocks=price.blocks,
        block_per=by.block_per,
        per_months=price.per_months,
    )


def _no_charge(group: str, by: PricedBy) -> PriceSpan:
    return PriceSpan(
        start=by.start,
        until=by.until,
        net_zl=None,
        unit=Unit.MONTH,
        group=group,
        tariff_sha256=by.sha256,
        basis="",
    )
