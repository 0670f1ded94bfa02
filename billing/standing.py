"""The abonament: whole months, owed whether or not water was drawn (Rozp. 2018 par. 16 ust. 2).

The tariff decides whether it exists; who owes it, for which months and at which day's price are named models in the
tariff file (``standing_per``, ``standing_months``, ``standing_price``, ``standing_part``). Where sewage has an
abonament of its own, each is owed for points with that service; a single one is owed for every point.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

from billing.accounts import AccountSnapshot, Channel, CycleTerms, PartyKind, PointSnapshot, Role, Service
from billing.charges import ChargeLine
from billing.holds import HoldCode
from billing.law import vat_rate
from billing.money import PRICE, VOLUME, multiply_zl
from billing.periods import Period
from billing.prices import OWED_FOR, PriceSpan, unit_word
from billing.quantities import NotBillable
from billing.tariff_groups import StandingPer
from billing.tariffs import TariffBook

DESCRIPTION = "Opłata abonamentowa"
_PARTED = {Service.STANDING: " – woda", Service.STANDING_SEWAGE: " – ścieki"}
_MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Consecutive months at one price."""

    period: Period
    span: PriceSpan
    net_zl: Decimal
    parted: bool


class _Point(NamedTuple):
    """What matters of a point: its days under contract within the period, and what picks its tariff group."""

    start: date
    until: date
    tariff_class: str
    diameter_mm: int | None
    services: frozenset[Service]


class _Owing(NamedTuple):
    """Who owes an abonament, for which days: the points that owe it together; the same for most customers."""

    points: tuple[_Point, ...]
    channel: Channel
    payer: PartyKind | None
    start: date
    until: date
    waived_months: tuple[date, ...]
    issue_date: date


def standing_lines(
    *,
    account: AccountSnapshot,
    points: Sequence[PointSnapshot],
    cycle: CycleTerms,
    per: StandingPer,
    tariffs: TariffBook,
) -> list[ChargeLine] | NotBillable:
    """The abonament that an account owes up to the end of a cycle, for its active points, and has not been billed.

    One line per step of price, none if the tariff has none; months that were given up with a hold are left out. An
    account that owes it once, with points of several tariff groups, must find one price in all of them.
    """
    if per is StandingPer.RECIPIENT:
        made = _owed_together(account, points, account.standing_from, cycle, tariffs)
        return made if isinstance(made, NotBillable) else list(made)
    by_point: dict[str, list[PointSnapshot]] = defaultdict(list)
    for point in points:
        by_point[point.point_no].append(point)
    lines: list[ChargeLine] = []
    for point_no, owing in by_point.items():
        made = _owed_together(account, owing, owing[0].standing_from or account.standing_from, cycle, tariffs)
        if isinstance(made, NotBillable):
            return made
        lines += [replace(line, point_no=point_no) for line in made]
    return lines


def _owed_together(
    account: AccountSnapshot,
    points: Sequence[PointSnapshot],
    since: date | None,
    cycle: CycleTerms,
    tariffs: TariffBook,
) -> tuple[ChargeLine, ...] | NotBillable:
    """What is owed once for all of the points, from ``since`` on (None: from the cycle's first day)."""
    start, until = since or cycle.period.start, cycle.period.until
    if start >= until:
        return ()
    buyer = account.parties.get(Role.BUYER)
    who = _Owing(
        points=tuple([_clipped(point, start, until) for point in points]),
        channel=account.channel,
        payer=buyer.kind if buyer else None,
        start=start,
        until=until,
        waived_months=account.waived_months,
        issue_date=cycle.issue_date,
    )
    return _lines(tariffs, who)


def _clipped(point: PointSnapshot, start: date, until: date) -> _Point:
    ends = point.contract_until
    return _Point(
        start=max(point.contract_from, start),
        until=until if ends is None else min(ends, until),
        tariff_class=point.tariff_class,
        diameter_mm=point.diameter_mm,
        services=point.services,
    )


@lru_cache(maxsize=1024)
def _lines(tariffs: TariffBook, who: _Owing) -> tuple[ChargeLine, ...] | NotBillable:
    """Asked once for all customers who owe the same: most of a town do."""
    lines: list[ChargeLine] = []
    for service in tariffs.standing_services:
        steps = _steps(who, service, tariffs)
        if isinstance(steps, NotBillable):
            return steps
        lines += [_line(step, service, who.issue_date) for step in steps]
    return tuple(lines)


def periods_in(*, months: Period, per_months: int) -> Decimal:
    """How many billing periods of ``per_months`` months the calendar months that ``months`` touches make.

    To three places: by each month the periods reached are reckoned and rounded, and a part is the difference of two of
    these; so any ``per_months`` months in a row make exactly one, whoever bills them and in however many bills.
    """
    first = _month_number(months.start)
    return _reached(_month_number(months.last_day) + 1, per_months) - _reached(first, per_months)


def _month_number(day: date) -> int:
    return day.year * _MONTHS_A_YEAR + day.month


def _reached(months: int, per_months: int) -> Decimal:
    return (Decimal(months) / per_months).quantize(VOLUME, rounding=ROUND_HALF_UP)


def _steps(who: _Owing, service: Service, tariffs: TariffBook) -> list[_Step] | NotBillable:
    steps: list[_Step] = []
    for month, points in _owed_months(who, service, tariffs):
        span = _price(who, service, points, month.start, tariffs)
        if isinstance(span, NotBillable):
            return span
        if span.net_zl is not None:
            _append(steps, month, span, parted=tariffs.parts_standing(month.start))
    return steps


def _price(
    who: _Owing, service: Service, points: Iterable[_Point], day: date, tariffs: TariffBook
) -> PriceSpan | NotBillable:
    """The one rate of a month, whichever of the points is asked."""
    kinds = sorted({(point.tariff_class, point.diameter_mm or 0) for point in points})
    spans = [
        tariffs.span_on(
            tariff_class=tariff_class,
            channel=who.channel,
            service=service,
            day=day,
            diameter_mm=diameter_mm or None,
            payer=who.payer,
        )
        for tariff_class, diameter_mm in kinds
    ]
    found = [span for span in spans if span is not None]
    if len(found) < len(spans):
        return _no_price(service, day, kinds, "no_price")
    if len({(span.net_zl, span.per_months) for span in found}) > 1:
        return _no_price(service, day, kinds, "tariff_classes_differ")
    return found[0]


def _append(steps: list[_Step], month: Period, span: PriceSpan, *, parted: bool) -> None:
    last = steps[-1] if steps else None
    if (
        last
        and last.period.until == month.start
        and (last.net_zl, last.span.per_months) == (span.net_zl, span.per_months)
        and last.span.group == span.group
        and last.parted is parted
    ):
        month = Period(start=last.period.start, until=month.until)
        steps.pop()
    steps.append(_Step(period=month, span=span, net_zl=span.net_zl or Decimal(0), parted=parted))


def _owed_months(who: _Owing, service: Service, tariffs: TariffBook) -> Iterator[tuple[Period, list[_Point]]]:
    """Each month with its days under contract, and the points in force on the first of them that owe the charge.

    Where the tariff of that day tells water and sewage apart these are the points with the service; else the one
    abonament is owed for every point.
    """
    is_parted = len(tariffs.standing_services) > 1
    taking = [point for point in who.points if is_parted and OWED_FOR[service] in point.services]
    for month in Period(start=who.start, until=who.until).months():
        if month.start.replace(day=1) in who.waived_months:
            continue
        owing, days = taking, _contract_days(taking, month)
        if days is None or not tariffs.parts_standing(days.start):
            if service is not Service.STANDING:
                continue
            owing, days = list(who.points), _contract_days(who.points, month)
            if days is None or tariffs.parts_standing(days.start):
                continue
        yield days, [point for point in owing if point.start <= days.start < point.until]


def _contract_days(points: Iterable[_Point], month: Period) -> Period | None:
    """From the first day of the month under contract to the last."""
    ends = [(max(point.start, month.start), min(point.until, month.until)) for point in points]
    held = [(start, until) for start, until in ends if start < until]
    if not held:
        return None
    return Period(start=min(start for start, _ in held), until=max(until for _, until in held))


def _no_price(service: Service, day: date, kinds: Iterable[tuple[str, int]], reason: str) -> NotBillable:
    names = ",".join(f"{name} {diameter_mm} mm" if diameter_mm else name for name, diameter_mm in kinds)
    facts = {"service": service.value, "on": day.isoformat(), "tariff_class": names}
    return NotBillable(code=HoldCode.NO_PRICE, facts=facts | {"reason": reason})


def _line(step: _Step, service: Service, issue_date: date) -> ChargeLine:
    per_months = step.span.per_months
    quantity = periods_in(months=step.period, per_months=per_months)
    return ChargeLine(
        point_no=None,
        service=service,
        description=DESCRIPTION + (_PARTED[service] if step.parted else ""),
        period=step.period,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=quantity.quantize(VOLUME),
        unit=unit_word(step.span.unit, per_months=per_months),
        price_zl=step.net_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=quantity, price_zl=step.net_zl),
        vat_rate=vat_rate(service=service, on=issue_date),
        tariff_group=step.span.group,
        tariff_sha256=step.span.tariff_sha256,
        basis=step.span.basis,
    )
