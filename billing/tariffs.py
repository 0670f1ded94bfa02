"""Tariffs in memory: groups, prices by day, and the book that answers what a day costs.

The tariff entered latest wins, and its last price slice is open-ended: a successor may start before the printed end
of its predecessor, and a late successor prolongs it (uzzwś art. 24g), so printed end dates are not used.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise, product

from billing.accounts import Channel, PartyKind, Service
from billing.errors import DataRefused
from billing.models import Models
from billing.periods import Period
from billing.price_lists import PriceBook
from billing.prices import STANDING, BlockPer, PricedBy, PriceSpan, PriceStep, TariffPrice, in_force, steps_of
from billing.subsidies import TariffSubsidy
from billing.tariff_groups import (
    StandingMonths,
    StandingPart,
    StandingPer,
    StandingPrice,
    TariffGroup,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffExample:
    """A published amount, or a sum done by hand, that the prices must reproduce on a day, in a gmina if it says so.

    ``days`` are those of the m³, for thresholds that count by months.
    """

    group: str
    on: date
    quantities: Mapping[Service, Decimal]
    net_zl: Decimal | None
    gross_zl: Decimal
    source: str
    gmina: str | None = None
    payable_zl: Decimal | None = None
    days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One approved taryfa, read from one file; ``sha256`` is of the file's bytes.

    ``decided_on`` and ``published_on`` (in BIP) are None where the file does not tell them. ``valid_until`` is the
    first day after its printed end: it ends nothing (uzzwś art. 24g), but from it on the tariff is prolonged.
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
    block_per: BlockPer = BlockPer.BILL
    valid_until: date | None = None
    standing_part: StandingPart = StandingPart.BY_MONTHS

    @property
    def parts_standing(self) -> bool:
        """Whether sewage has an abonament of its own; the other one is then owed for water alone."""
        return any(price.service is Service.STANDING_SEWAGE for price in self.prices)

    def group_for(
        self,
        *,
        tariff_class: str,
        channel: Channel,
        diameter_mm: int | None = None,
        payer: PartyKind | None = None,
    ) -> TariffGroup | None:
        """The group that prices a class of customers invoiced in that manner, by their meter and kind."""
        for group in self.groups:
            if group.takes(tariff_class=tariff_class, channel=channel, diameter_mm=diameter_mm, payer=payer):
                return group
        return None

    def price_on(self, *, group: str, service: Service, day: date) -> TariffPrice | None:
        """The price of a service in a group on a day, as far as this tariff alone says."""
        return in_force(self.prices_of(group=group, service=service), day=day)

    def prices_of(self, *, group: str, service: Service) -> tuple[TariffPrice, ...]:
        """The prices of a service in a group, of whatever days and seasons."""
        return tuple(price for price in self.prices if price.group == group and price.service is service)

    def subsidy_on(self, *, gmina: str | None, group: str, service: Service, day: date) -> TariffSubsidy | None:
        """What the gmina pays on a day for a service in a group."""
        found = self.subsidies_of(gmina=gmina, group=group, service=service)
        return next((one for one in found if one.holds_on(day)), None)

    def subsidies_of(self, *, gmina: str | None, group: str, service: Service) -> tuple[TariffSubsidy, ...]:
        """What the gmina pays for a service in a group, in whatever days."""
        key = (gmina, group, service)
        return tuple(one for one in self.subsidies if (one.gmina, one.group, one.service) == key)


_Key = tuple[str, Channel, Service, str | None, PartyKind | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TariffBook:
    """Every tariff of a utility, with its named models; equal to itself alone, so that answers may be remembered.

    Prices are looked up by class, channel, service and day and, where a tariff tells these apart, by gmina, diameter of
    the meter and kind of the nabywca. What is unknown (None) finds only what does not depend on it.

    ``price_book`` holds the prices of what no tariff prices.

    Raises:
        DataRefused: ``TARIFF_OVERLAP``, two tariffs start on one day.
    """

    tariffs: tuple[Tariff, ...]
    models: Models = field(default_factory=Models)
    price_book: PriceBook = field(default_factory=PriceBook)
    _timelines: Mapping[_Key, tuple[PriceStep, ...]] = field(init=False, repr=False, compare=False)
    _starts: Mapping[_Key, tuple[date, ...]] = field(init=False, repr=False, compare=False)
    _bounds_mm: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    _by_payer: frozenset[str] = field(init=False, repr=False, compare=False)
    _parted: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.tariffs, key=lambda tariff: tariff.valid_from))
        for earlier, later in pairwise(ordered):
            if earlier.valid_from == later.valid_from:
                raise DataRefused("TARIFF_OVERLAP", f"{earlier.name} and {later.name} both start on {later.valid_from}")
        groups = [group for tariff in ordered for group in tariff.groups]
        bounds_mm = _bounds_mm(groups)
        by_payer = frozenset(group.tariff_class for group in groups if group.payer is not None)
        timelines = _timelines(ordered, bounds_mm, by_payer)
        object.__setattr__(self, "tariffs", ordered)
        object.__setattr__(self, "_timelines", timelines)
        object.__setattr__(self, "_starts", {key: tuple(s.start for s in steps) for key, steps in timelines.items()})
        object.__setattr__(self, "_bounds_mm", bounds_mm)
        object.__setattr__(self, "_by_payer", by_payer)
        object.__setattr__(self, "_parted", frozenset(one.sha256 for one in ordered if one.parts_standing))

    def price_days(self, *, before: date) -> list[date]:
        """Every day before ``before`` with which a price of any group begins; seasons begin anew each year."""
        return sorted(
            {day for steps in self._timelines.values() for step in steps for day in step.begins(before=before)}
        )

    def tariff_on(self, day: date) -> Tariff | None:
        """The tariff in force on a day: the one entered latest."""
        position = bisect_right(self.tariffs, day, key=lambda tariff: tariff.valid_from) - 1
        return self.tariffs[position] if position >= 0 else None

    @property
    def standing_services(self) -> tuple[Service, ...]:
        """The standing charges that there are on some day: sewage has one of its own only where a tariff says so."""
        return STANDING if self._parted else (Service.STANDING,)

    def parts_standing(self, day: date) -> bool:
        """Whether sewage has an abonament of its own on a day."""
        tariff = self.tariff_on(day) if self._parted else None
        return tariff is not None and tariff.sha256 in self._parted

    def span_on(
        self,
        *,
        tariff_class: str,
        channel: Channel,
        service: Service,
        day: date,
        gmina: str | None = None,
        diameter_mm: int | None = None,
        payer: PartyKind | None = None,
    ) -> PriceSpan | None:
        """The price of a day, or None when no tariff in force prices it. Most gminas pay no subsidy."""
        bounds_mm = self._bounds_mm.get(tariff_class)
        band = None if bounds_mm is None or diameter_mm is None else bisect_right(bounds_mm, diameter_mm)
        kind = payer if tariff_class in self._by_payer else None
        key: _Key = (tariff_class, channel, service, gmina, kind, band)
        if key not in self._starts:
            key = (tariff_class, channel, service, None, kind, band)
        position = bisect_right(self._starts.get(key, ()), day) - 1
        if position < 0:
            return None
        step = self._timelines[key][position]
        return step.on(day) if step.until is None or day < step.until else None

    def spans_in(
        self,
        *,
        tariff_class: str,
        channel: Channel,
        service: Service,
        period: Period,
        gmina: str | None = None,
        diameter_mm: int | None = None,
        payer: PartyKind | None = None,
    ) -> tuple[PriceSpan, ...]:
        """The prices of every day of a period, in order; empty when any of its days has none."""
        spans: list[PriceSpan] = []
        day: date | None = period.start
        while day is not None and day < period.until:
            span = self.span_on(
                tariff_class=tariff_class,
                channel=channel,
                service=service,
                day=day,
                gmina=gmina,
                diameter_mm=diameter_mm,
                payer=payer,
            )
            if span is None:
                return ()
            spans.append(span)
            day = span.until
        return tuple(spans)


def _bounds_mm(groups: Collection[TariffGroup]) -> dict[str, tuple[int, ...]]:
    """By class: the diameters with which the group may change."""
    bounds: dict[str, set[int]] = {}
    for group in groups:
        for diameters in group.diameters:
            ends = {diameters.from_mm} | ({diameters.until_mm} if diameters.until_mm is not None else set())
            bounds.setdefault(group.tariff_class, set()).update(ends)
    return {tariff_class: tuple(sorted(ends)) for tariff_class, ends in bounds.items()}


def _timelines(
    ordered: Sequence[Tariff], bounds_mm: Mapping[str, tuple[int, ...]], by_payer: frozenset[str]
) -> dict[_Key, tuple[PriceStep, ...]]:
    timelines: dict[_Key, tuple[PriceStep, ...]] = {}
    gminas = (None, *sorted({one.gmina for tariff in ordered for one in tariff.subsidies}))
    for tariff, following in zip(ordered, (*ordered[1:], None), strict=False):
        until = following.valid_from if following else None
        by = PricedBy(
            title=tariff.title,
            sha256=tariff.sha256,
            block_per=tariff.block_per,
            start=tariff.valid_from,
            until=until,
        )
        for group, service, gmina in product(tariff.groups, Service, gminas):
            steps = tuple(
                steps_of(
                    prices=tariff.prices_of(group=group.code, service=service),
                    group=group.code,
                    service=service,
                    by=by,
                    subsidies=tariff.subsidies_of(gmina=gmina, group=group.code, service=service),
                )
            )
            for channel, payer, band in product(group.channels, _payers(group, by_payer), _bands(group, bounds_mm)):
                key = (group.tariff_class, channel, service, gmina, payer, band)
                timelines[key] = (*timelines.get(key, ()), *steps)
    return timelines


def _payers(group: TariffGroup, by_payer: frozenset[str]) -> tuple[PartyKind | None, ...]:
    """The kinds of nabywca that it prices; None stands for one whose kind is unknown, or makes no difference."""
    if group.payer is not None:
        return (group.payer,)
    return (None, *PartyKind) if group.tariff_class in by_payer else (None,)


def _bands(group: TariffGroup, bounds_mm: Mapping[str, tuple[int, ...]]) -> Iterator[int | None]:
    """Which stretches between the bounds it prices; None stands for an unknown diameter, or one of no matter."""
    if not group.diameters:
        yield None
    bounds = bounds_mm.get(group.tariff_class, ())
    if bounds:
        lowest = (0, *bounds)
        yield from (number for number, diameter_mm in enumerate(lowest) if group.measures(diameter_mm))
