"""The abonament: whole months, owed whether or not water was drawn (Rozp. 2018 par. 16 ust. 2).

The tariff decides whether it exists; who owes it, for which months and at which day's price are named models in the
tariff file (``standing_per``, ``standing_months``, ``standing_price``, ``standing_part``). Where sewage has an
abonament of its own, each is owed for points with that service; a single one is owed for every point.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owing:
    """Who owes an abonament: the points that owe it together, and what picks their tariff group."""

    service: Service
    points: Sequence[PointSnapshot]
    channel: Channel
    payer: PartyKind | None


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
    by_point: dict[str | None, list[PointSnapshot]] = defaultdict(list)
    for point in points:
        by_point[None if per is StandingPer.RECIPIENT else point.point_no].append(point)
    buyer = account.parties.get(Role.BUYER)
    lines: list[ChargeLine] = []
    for point_no, owing in by_point.items():
        own = owing[0].standing_from if point_no else None
        start = own or account.standing_from or cycle.period.start
        if start >= cycle.period.until:
            continue
        period = Period(start=start, until=cycle.period.until)
        for service in tariffs.standing_services:
            who = _Owing(service=service, points=owing, channel=account.channel, payer=buyer.kind if buyer else None)
            steps = _steps(who, period, account.waived_months, tariffs)
            if isinstance(steps, NotBillable):
                return steps
            lines += [_line(step, service, point_no, cycle.issue_date) for step in steps]
    return lines


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


def _steps(
    who: _Owing, period: Period, waived_months: Collection[date], tariffs: TariffBook
) -> list[_Step] | NotBillable:
    steps: list[_Step] = []
    for month, points in _owed_months(who, period, waived_months, tariffs):
        span = _price(who, points, month.start, tariffs)
        if isinstance(span, NotBillable):
            return span
        if span.net_zl is not None:
            _append(steps, month, span, parted=tariffs.parts_standing(month.start))
    return steps


def _price(who: _Owing, points: Iterable[PointSnapshot], day: date, tariffs: TariffBook) -> PriceSpan | NotBillable:
    """The one rate of a month, whichever of the points is asked."""
    kinds = sorted({(point.tariff_class, point.diameter_mm or 0) for point in points})
    spans = [
        tariffs.span_on(
            tariff_class=tariff_class,
            channel=who.channel,
            service=who.service,
            day=day,
            diameter_mm=diameter_mm or None,
            payer=who.payer,
        )
        for tariff_class, diameter_mm in kinds
    ]
    found = [span for span in spans if span is not None]
    if len(found) < len(spans):
        return _no_price(who, day, kinds, "no_price")
    if len({(span.net_zl, span.per_months) for span in found}) > 1:
        return _no_price(who, day, kinds, "tariff_classes_differ")
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


def _owed_months(
    who: _Owing, period: Period, waived_months: Collection[date], tariffs: TariffBook
) -> Iterator[tuple[Period, list[PointSnapshot]]]:
    """Each month with its days under contract, and the points in force on the first of them that owe the charge.

    Where the tariff of that day tells water and sewage apart these are the points with the service; else the one
    abonament is owed for every point.
    """
    is_parted = len(tariffs.standing_services) > 1
    taking = [point for point in who.points if is_parted and OWED_FOR[who.service] in point.services]
    for month in period.months():
        if month.start.replace(day=1) in waived_months:
            continue
        owing, days = taking, _contract_days(taking, month)
        if days is None or not tariffs.parts_standing(days.start):
            if who.service is not Service.STANDING:
                continue
            owing, days = list(who.points), _contract_days(who.points, month)
            if days is None or tariffs.parts_standing(days.start):
                continue
        yield days, [point for point in owing if _in_force(point, days.start)]


def _contract_days(points: Iterable[PointSnapshot], month: Period) -> Period | None:
    """From the first day of the month under contract to the last."""
    ends = [
        (max(point.contract_from, month.start), min(point.contract_until or month.until, month.until))
        for point in points
    ]
    held = [(start, until) for start, until in ends if start < until]
    if not held:
        return None
    return Period(start=min(start for start, _ in held), until=max(until for _, until in held))


def _in_force(point: PointSnapshot, day: date) -> bool:
    return point.contract_from <= day and (point.contract_until is None or day < point.contract_until)


def _no_price(who: _Owing, day: date, kinds: Iterable[tuple[str, int]], reason: str) -> NotBillable:
    names = ",".join(f"{name} {diameter_mm} mm" if diameter_mm else name for name, diameter_mm in kinds)
    facts = {"service": who.service.value, "on": day.isoformat(), "tariff_class": names}
    return NotBillable(code=HoldCode.NO_PRICE, facts=facts | {"reason": reason})


def _line(step: _Step, service: Service, point_no: str | None, issue_date: date) -> ChargeLine:
    per_months = step.span.per_months
    quantity = periods_in(months=step.period, per_months=per_months)
    return ChargeLine(
        point_no=point_no,
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
