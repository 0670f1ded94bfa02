"""The abonament: whole months, owed whether or not water was drawn (Rozp. 2018 par. 16 ust. 2).

The tariff decides whether it exists; who owes it, for which months and at which day's price are named models in the
tariff file (``standing_per``, ``standing_months``, ``standing_price``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.accounts import AccountSnapshot, Channel, CycleTerms, PointSnapshot, Service
from billing.charges import ChargeLine
from billing.holds import HoldCode
from billing.law import vat_rate
from billing.money import PRICE, VOLUME, multiply_zl
from billing.periods import Period
from billing.quantities import NotBillable
from billing.tariffs import PriceSpan, StandingPer, TariffBook

DESCRIPTION = "Opłata abonamentowa"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Consecutive months at one price."""

    period: Period
    months: int
    span: PriceSpan
    net_zl: Decimal


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
    account that owes it once, with points of several tariff classes, must find one price in all of them.
    """
    by_point: dict[str | None, list[PointSnapshot]] = defaultdict(list)
    for point in points:
        by_point[None if per is StandingPer.RECIPIENT else point.point_no].append(point)
    lines: list[ChargeLine] = []
    for point_no, owing in by_point.items():
        own = owing[0].standing_from if point_no else None
        start = own or account.standing_from or cycle.period.start
        if start >= cycle.period.until:
            continue
        months = _contract_months(owing, Period(start=start, until=cycle.period.until), account.waived_months)
        steps = _steps(owing, account.channel, months, tariffs)
        if isinstance(steps, NotBillable):
            return steps
        lines += [_line(step, point_no, cycle.issue_date) for step in steps]
    return lines


def _steps(
    points: Sequence[PointSnapshot], channel: Channel, months: Iterable[Period], tariffs: TariffBook
) -> list[_Step] | NotBillable:
    steps: list[_Step] = []
    for month in months:
        classes = sorted({point.tariff_class for point in points if _in_force(point, month.start)})
        spans = [
            tariffs.span_on(tariff_class=name, channel=channel, service=Service.STANDING, day=month.start)
            for name in classes
        ]
        span = spans[0]
        if span is None or None in spans:
            return _no_price(month.start, classes, "no_price")
        if len({found.net_zl for found in spans if found}) > 1:
            return _no_price(month.start, classes, "tariff_classes_differ")
        if span.net_zl is not None:
            _append(steps, month, span, span.net_zl)
    return steps


def _in_force(point: PointSnapshot, day: date) -> bool:
    return point.contract_from <= day and (point.contract_until is None or day < point.contract_until)


def _append(steps: list[_Step], month: Period, span: PriceSpan, net_zl: Decimal) -> None:
    last = steps[-1] if steps else None
    if last and last.period.until == month.start and last.net_zl == net_zl and last.span.group == span.group:
        whole = Period(start=last.period.start, until=month.until)
        steps[-1] = _Step(period=whole, months=last.months + 1, span=span, net_zl=net_zl)
    else:
        steps.append(_Step(period=month, months=1, span=span, net_zl=net_zl))


def _contract_months(
    points: Sequence[PointSnapshot], period: Period, waived_months: Collection[date]
) -> Iterator[Period]:
    for month in period.months():
        if month.start.replace(day=1) in waived_months:
            continue
        starts = [max(point.contract_from, month.start) for point in points]
        untils = [min(point.contract_until or month.until, month.until) for point in points]
        held = [(start, until) for start, until in zip(starts, untils, strict=True) if start < until]
        if held:
            yield Period(start=min(start for start, _ in held), until=max(until for _, until in held))


def _no_price(day: date, classes: list[str], reason: str) -> NotBillable:
    facts = {"service": Service.STANDING.value, "on": day.isoformat(), "tariff_class": ",".join(classes)}
    return NotBillable(code=HoldCode.NO_PRICE, facts=facts | {"reason": reason})


def _line(step: _Step, point_no: str | None, issue_date: date) -> ChargeLine:
    quantity = Decimal(step.months)
    return ChargeLine(
        point_no=point_no,
        service=Service.STANDING,
        description=DESCRIPTION,
        period=step.period,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=quantity.quantize(VOLUME),
        unit=step.span.unit.value,
        price_zl=step.net_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=quantity, price_zl=step.net_zl),
        vat_rate=vat_rate(service=Service.STANDING, on=issue_date),
        tariff_group=step.span.group,
        tariff_sha256=step.span.tariff_sha256,
        basis=step.span.basis,
    )
