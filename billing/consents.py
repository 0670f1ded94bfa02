"""From acceptances and withdrawals of e-invoices to the channel of each day.

An acceptance agrees the manner of invoicing (VAT act art. 106gc ust. 1). The law sets neither a form nor a notice
period, so the rules are the utility's data. A statement counts from its arrival, except a click in the portal, which
arrives as it is made. Events are taken in order of arrival, then of number: each later one replaces whatever the
earlier ones had planned from its own effective day on, so that a new acceptance cancels a withdrawal still running
its notice. The same events in any order, or twice, give the same days.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from billing.accounts import Channel, PartyKind, Service
from billing.errors import DataRefused
from billing.law import vat_rate
from billing.money import ZERO_ZL, multiply_zl, round_zl
from billing.prices import OWED_FOR
from billing.tariffs import TariffBook
from billing.vat import vat_sums

WARSAW = ZoneInfo("Europe/Warsaw")
_MONTHS_A_YEAR = 12


class ConsentKind(StrEnum):
    """What the customer stated."""

    ACCEPT = "accept"
    WITHDRAW = "withdraw"


class ConsentMethod(StrEnum):
    """How the statement came."""

    PORTAL_CLICK = "portal_click"
    PAPER_FORM = "paper_form"
    PHONE_RECORDED = "phone_recorded"
    STAFF_IMPORT = "staff_import"


class EffectiveRule(StrEnum):
    """From which Warsaw day a statement counts.

    ``next_day``: the first day that begins after it. ``next_issue``: the first invoice issued after it; as the
    channel is read on issue days only, these are the same days. ``days_7``, ``days_14``, ``days_30``: so many whole
    days later.
    """

    NEXT_DAY = "next_day"
    NEXT_ISSUE = "next_issue"
    DAYS_7 = "days_7"
    DAYS_14 = "days_14"
    DAYS_30 = "days_30"


_NOTICE_DAYS = {
    EffectiveRule.NEXT_DAY: 0,
    EffectiveRule.NEXT_ISSUE: 0,
    EffectiveRule.DAYS_7: 7,
    EffectiveRule.DAYS_14: 14,
    EffectiveRule.DAYS_30: 30,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """A statement as recorded; ``requested_from`` is a later start that the customer named.

    ``occurred_at`` is the click or the date of signature, ``received_at`` the arrival at the utility.

    Raises:
        ValueError: a time has no time zone.
    """

    consent_id: int
    kind: ConsentKind
    method: ConsentMethod
    occurred_at: datetime
    received_at: datetime
    terms_version: str
    terms_sha256: str
    requested_from: date | None = None

    def __post_init__(self) -> None:
        if self.occurred_at.tzinfo is None or self.received_at.tzinfo is None:
            raise ValueError(f"the times of consent event {self.consent_id} need a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRule:
    """The utility's rules: when an acceptance starts to count, and when a withdrawal does."""

    paper_form_start: EffectiveRule
    withdraw: EffectiveRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """The agreed channel from ``valid_from`` up to, not including, ``valid_until`` (None: open-ended)."""

    channel: Channel
    valid_from: date
    valid_until: date | None
    consent_id: int
    terms_sha256: str


def effective_from(*, event: ConsentEvent, rule: ConsentRule) -> date:
    """The first Warsaw day on which an event counts."""
    if event.kind is ConsentKind.WITHDRAW:
        counted_from, notice = event.received_at, rule.withdraw
    elif event.method is ConsentMethod.PORTAL_CLICK:
        counted_from, notice = event.occurred_at, EffectiveRule.NEXT_DAY
    else:
        counted_from, notice = event.received_at, rule.paper_form_start
    earliest = _first_day_at_or_after(counted_from) + timedelta(days=_NOTICE_DAYS[notice])
    return max(earliest, event.requested_from or earliest)


def preference(*, events: Iterable[ConsentEvent], rule: ConsentRule) -> tuple[Preference, ...]:
    """The agreed channels by day, in order and without overlap; before the first one the channel is paper.

    Raises:
        ValueError: two different events bear one number.
    """
    spans: list[Preference] = []
    for event in _ordered(events):
        start = effective_from(event=event, rule=rule)
        spans = [_cut(span, start) for span in spans if span.valid_from < start]
        stated = Preference(
            channel=Channel.EMAIL if event.kind is ConsentKind.ACCEPT else Channel.PAPER,
            valid_from=start,
            valid_until=None,
            consent_id=event.consent_id,
            terms_sha256=event.terms_sha256,
        )
        last = spans[-1] if spans else None
        if last and last.valid_until == start and _says_the_same(last, stated):
            spans[-1] = replace(last, valid_until=None)
        elif last or stated.channel is Channel.EMAIL:
            spans.append(stated)
    return tuple(spans)


def preference_on(*, preferences: Iterable[Preference], day: date) -> Preference | None:
    """The preference that counts on a day (an issue date), None meaning paper without any statement."""
    for span in preferences:
        if span.valid_from <= day and (span.valid_until is None or day < span.valid_until):
            return span
    return None


def price_effect_zl_year(
    *,
    tariffs: TariffBook,
    tariff_class: str,
    on: date,
    services: Collection[Service] = (Service.WATER, Service.SEWAGE),
    payer: PartyKind | None = None,
) -> Decimal:
    """What the e-faktura saves in a year, gross: invoices of the abonament alone, paper less e-mail.

    As many of them as the year has billing periods of the rate, and of each abonament that is owed for ``services``. On
    an invoice with other lines VAT is taken on their sum, so that one may differ by a grosz.

    Raises:
        DataRefused: ``TARIFF_NO_PRICE``, the tariff in force has no group of this class and nabywca for both channels,
            or it takes the diameter of the meter to tell.
    """
    parted = tariffs.parts_standing(on)
    owed = [service for service, of in OWED_FOR.items() if not parted or of in services]
    paper_zl, email_zl = (
        sum((_year_gross_zl(tariffs, tariff_class, channel, payer, service=one, on=on) for one in owed), ZERO_ZL)
        for channel in Channel
    )
    return paper_zl - email_zl


def _year_gross_zl(
    tariffs: TariffBook, tariff_class: str, channel: Channel, payer: PartyKind | None, *, service: Service, on: date
) -> Decimal:
    span = tariffs.span_on(tariff_class=tariff_class, channel=channel, service=service, day=on, payer=payer)
    if span is None:
        raise DataRefused("TARIFF_NO_PRICE", f"no {service} of class {tariff_class!r} by {channel} on {on}")
    if span.net_zl is None:
        return ZERO_ZL
    line = (vat_rate(service=service, on=on), multiply_zl(quantity=Decimal(1), price_zl=span.net_zl))
    gross_zl = sum((part.gross_zl for part in vat_sums(lines=[line], model=tariffs.models.vat)), ZERO_ZL)
    return round_zl(gross_zl * _MONTHS_A_YEAR / span.per_months)


def _ordered(events: Iterable[ConsentEvent]) -> list[ConsentEvent]:
    known: dict[int, ConsentEvent] = {}
    for event in events:
        if known.setdefault(event.consent_id, event) != event:
            raise ValueError(f"two different consent events bear the number {event.consent_id}")
    return sorted(known.values(), key=lambda event: (event.received_at, event.consent_id))


def _first_day_at_or_after(moment: datetime) -> date:
    local = moment.astimezone(WARSAW)
    return local.date() if local.time() == time() else local.date() + timedelta(days=1)


def _cut(span: Preference, day: date) -> Preference:
    ends_later = span.valid_until is None or span.valid_until > day
    return replace(span, valid_until=day) if ends_later else span


def _says_the_same(earlier: Preference, later: Preference) -> bool:
    if earlier.channel is not later.channel:
        return False
    return later.channel is Channel.PAPER or earlier.terms_sha256 == later.terms_sha256
