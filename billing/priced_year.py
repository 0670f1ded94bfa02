"""What a book of tariffs charges in the 365 days from a day on, looked up once for all accounts. Pure."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    CycleTerms,
    Party,
    PartyKind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
)
from billing.blocks import in_blocks, thresholds_of
from billing.money import VOLUME, ZERO_ZL
from billing.periods import Period, days_from, next_month
from billing.prices import BlockPer, PriceSpan
from billing.quantities import NotBillable
from billing.standing import standing_lines
from billing.tariffs import TariffBook

YEAR_DAYS = 365
_NOWHERE = Address(street="", postcode="", city="")
_PLACES = 3
_Line = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointKind:
    """What picks the prices of a point: its class, what it takes, and the diameter of its meter."""

    tariff_class: str
    services: frozenset[Service] = frozenset()
    diameter_mm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Buying:
    """What picks the prices of an account: the agreed channel, and the kind of its nabywca."""

    channel: Channel
    payer: PartyKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class YearStep:
    """Days of the year at one price, up to so many days after its first one."""

    until_days: int
    span: PriceSpan

    def parts(self, volume_m3: Decimal, *, days: Period, year: Period) -> list[tuple[Decimal, Decimal]]:
        """Volumes and net prices of what is used in the step: one, or one for each block that it reaches."""
        span = self.span
        if not span.blocks:
            return [(volume_m3, span.net_zl or ZERO_ZL)]
        limits = thresholds_of(blocks=span.blocks, per=span.block_per, part=days, whole=year, places=_PLACES)
        parts = in_blocks(volume_m3, before_m3=VOLUME * 0, blocks=span.blocks, thresholds=limits)
        return [(part.volume_m3, part.net_zl) for part in parts]


Steps = tuple[YearStep, ...]
"""Prices in order; the last one ends with the year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedYear:
    """The prices of a book in the year that begins on ``start``; what many accounts share is looked up once."""

    book: TariffBook
    start: date
    _metered: dict[Any, Steps | None] = field(default_factory=dict, init=False, repr=False)
    _standing: dict[Any, tuple[_Line, ...] | None] = field(default_factory=dict, init=False, repr=False)

    @property
    def year(self) -> Period:
        """Its days."""
        return days_from(self.start, days=YEAR_DAYS)

    def group(self, kind: PointKind, buying: Buying) -> str | None:
        """The code of the group on the first day, None when there is none."""
        tariff = self.book.tariff_on(self.start)
        if tariff is None:
            return None
        found = tariff.group_for(
            tariff_class=kind.tariff_class,
            channel=buying.channel,
            diameter_mm=kind.diameter_mm,
            payer=buying.payer,
        )
        return found.code if found else None

    def metered(self, kind: PointKind, buying: Buying, *, service: Service) -> Steps | None:
        """The net prices of a m³; None when a day of the year has none."""
        key = (kind, buying, service)
        if key not in self._metered:
            self._metered[key] = self._steps(kind, buying, service)
        return self._metered[key]

    def needs_bill_length(self, kind: PointKind, buying: Buying, *, service: Service) -> bool:
        """Whether what a m³ costs depends on how long the bills are: thresholds count the m³ of a bill."""
        steps = self.metered(kind, buying, service=service) or ()
        return any(step.span.blocks and step.span.block_per is BlockPer.BILL for step in steps)

    def standing(self, kinds: tuple[PointKind, ...], buying: Buying) -> tuple[_Line, ...] | None:
        """VAT rate and net of the lines of a year's abonament; None when it has no price, or several at once."""
        key = (kinds, buying)
        if key not in self._standing:
            self._standing[key] = self._standing_lines(kinds, buying)
        return self._standing[key]

    def _steps(self, kind: PointKind, buying: Buying, service: Service) -> Steps | None:
        year = self.year
        steps: list[YearStep] = []
        for span in self.book.spans_in(
            tariff_class=kind.tariff_class,
            channel=buying.channel,
            service=service,
            period=year,
            diameter_mm=kind.diameter_mm,
            payer=buying.payer,
        ):
            until = min(span.until or year.until, year.until)
            if steps and steps[-1].span.terms == span.terms:
                steps.pop()
            steps.append(YearStep(until_days=(until - year.start).days, span=span))
        return tuple(steps) or None

    def _standing_lines(self, kinds: tuple[PointKind, ...], buying: Buying) -> tuple[_Line, ...] | None:
        tariff = self.book.tariff_on(self.start)
        if tariff is None:
            return None
        first = self.start if self.start.day == 1 else next_month(self.start)
        account = _lasting_account(kinds, buying)
        year = Period(start=first, until=first.replace(year=first.year + 1))
        lines = standing_lines(
            account=account,
            points=account.points,
            cycle=CycleTerms(cycle_key="", period=year, issue_date=self.start, payment_days=0),
            per=tariff.standing_per,
            tariffs=self.book,
        )
        return None if isinstance(lines, NotBillable) else tuple((line.vat_rate, line.net_zl) for line in lines)


def _lasting_account(kinds: tuple[PointKind, ...], buying: Buying) -> AccountSnapshot:
    return AccountSnapshot(
        account_no="",
        parties={Role.BUYER: _somebody(buying.payer)} if buying.payer else {},
        bank_account="",
        channel=buying.channel,
        carrier=buying.channel,
        email=None,
        consent_id=None,
        channel_reason="",
        points=tuple(_lasting_point(number, kind) for number, kind in enumerate(kinds)),
    )


def _somebody(kind: PartyKind) -> Party:
    return Party(party_no="", kind=kind, name="", nip=None, address=_NOWHERE)


def _lasting_point(number: int, kind: PointKind) -> PointSnapshot:
    return PointSnapshot(
        point_no=str(number),
        address=_NOWHERE,
        contract_no="",
        contract_from=date.min,
        contract_until=None,
        tariff_class=kind.tariff_class,
        services=kind.services,
        registers=() if kind.diameter_mm is None else (_meter(kind.diameter_mm),),
    )


def _meter(diameter_mm: int) -> RegisterSnapshot:
    return RegisterSnapshot(
        meter_no="",
        register=0,
        dials=5,
        decimals=0,
        installed_on=date.min,
        removed_on=None,
        previous=Reading(reading_id=0, read_on=date.min, index_m3=VOLUME * 0, source="", quality=""),
        current=None,
        missing_reason=None,
        diameter_mm=diameter_mm,
    )
