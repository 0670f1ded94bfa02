"""What a book of tariffs charges in the 365 days from a day on, looked up once for all accounts. Pure."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from billing.accounts import AccountSnapshot, Address, Channel, CycleTerms, PointSnapshot, Service
from billing.money import ZERO_ZL
from billing.periods import Period, next_month
from billing.quantities import NotBillable
from billing.standing import standing_lines
from billing.tariffs import TariffBook

YEAR_DAYS = 365
Steps = tuple[tuple[int, Decimal], ...]
"""Net prices in order, each with the number of days of the year that have passed when it ends."""

_NOWHERE = Address(street="", postcode="", city="")
_Line = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedYear:
    """The prices of a book in the year that begins on ``start``; what many accounts share is looked up once."""

    book: TariffBook
    start: date
    _metered: dict[tuple[str, Channel, Service], Steps | None] = field(default_factory=dict, init=False, repr=False)
    _standing: dict[tuple[tuple[str, ...], Channel], tuple[_Line, ...] | None] = field(
        default_factory=dict, init=False, repr=False
    )

    def group(self, *, tariff_class: str, channel: Channel) -> str | None:
        """The code of the group on the first day, None when there is none."""
        tariff = self.book.tariff_on(self.start)
        found = tariff.group_for(tariff_class=tariff_class, channel=channel) if tariff else None
        return found.code if found else None

    def metered(self, *, tariff_class: str, channel: Channel, service: Service) -> Steps | None:
        """The net prices of a m³; None when a day of the year has none."""
        key = (tariff_class, channel, service)
        if key not in self._metered:
            self._metered[key] = self._steps(*key)
        return self._metered[key]

    def standing(self, *, tariff_classes: tuple[str, ...], channel: Channel) -> tuple[_Line, ...] | None:
        """VAT rate and net of the lines of a year's abonament; None when it has no price, or several at once."""
        key = (tariff_classes, channel)
        if key not in self._standing:
            self._standing[key] = self._standing_lines(*key)
        return self._standing[key]

    def _steps(self, tariff_class: str, channel: Channel, service: Service) -> Steps | None:
        year = Period(start=self.start, until=self.start + timedelta(days=YEAR_DAYS))
        steps: list[tuple[int, Decimal]] = []
        for span in self.book.spans_in(tariff_class=tariff_class, channel=channel, service=service, period=year):
            price_zl = span.net_zl or ZERO_ZL
            until = min(span.until or year.until, year.until)
            if steps and steps[-1][1] == price_zl:
                steps.pop()
            steps.append(((until - year.start).days, price_zl))
        return tuple(steps) or None

    def _standing_lines(self, tariff_classes: tuple[str, ...], channel: Channel) -> tuple[_Line, ...] | None:
        tariff = self.book.tariff_on(self.start)
        if tariff is None:
            return None
        first = self.start if self.start.day == 1 else next_month(self.start)
        account = _lasting_account(tariff_classes, channel)
        year = Period(start=first, until=first.replace(year=first.year + 1))
        lines = standing_lines(
            account=account,
            points=account.points,
            cycle=CycleTerms(cycle_key="", period=year, issue_date=self.start, payment_days=0),
            per=tariff.standing_per,
            tariffs=self.book,
        )
        return None if isinstance(lines, NotBillable) else tuple((line.vat_rate, line.net_zl) for line in lines)


def _lasting_account(tariff_classes: tuple[str, ...], channel: Channel) -> AccountSnapshot:
    return AccountSnapshot(
        account_no="",
        parties={},
        bank_account="",
        channel=channel,
        carrier=channel,
        email=None,
        consent_id=None,
        channel_reason="",
        points=tuple(_lasting_point(number, name) for number, name in enumerate(tariff_classes)),
    )


def _lasting_point(number: int, tariff_class: str) -> PointSnapshot:
    return PointSnapshot(
        point_no=str(number),
        address=_NOWHERE,
        contract_no="",
        contract_from=date.min,
        contract_until=None,
        tariff_class=tariff_class,
        services=frozenset(),
        registers=(),
    )
