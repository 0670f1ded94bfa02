"""Stormwater: the area that rain runs off times the months, at the price of the utility's own list.

The regulation prices no stormwater (Rozp. 2018 par. 5), so quantity and price are those of the contract: m² by month or
by year, or m³ that run off a m² in a year. A month is a twelfth of a year; a part of it counts by its days.
"""

from collections.abc import Collection, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

from billing.accounts import CycleTerms, PointSnapshot, Service
from billing.beside_meters import Surface
from billing.charges import ChargeLine, LineArea, Origin
from billing.holds import HoldCode
from billing.law import charge_basis, vat_class_rate
from billing.money import PRICE, VOLUME, multiply_zl
from billing.periods import Period, next_month
from billing.price_lists import AreaUnit, ListedPrice, PriceBook
from billing.quantities import NotBillable

_YEAR_MONTHS = 12


def stormwater_lines(*, point: PointSnapshot, cycle: CycleTerms, prices: PriceBook) -> list[ChargeLine] | NotBillable:
    """The stormwater of a point up to the end of the cycle that has not been charged yet, none without a surface.

    Days are cut where a surface or a price begins or ends; each part of days has one line a surface.
    """
    if not point.surfaces and Service.STORMWATER not in point.services:
        return []
    surfaces = sorted(point.surfaces, key=lambda one: (one.surface, one.valid_from))
    if Service.STORMWATER in point.services and not surfaces:
        return NotBillable(code=HoldCode.AREA_MISSING, facts={"point_no": point.point_no})
    period = _open_days(point, cycle)
    if period is None:
        return []
    cuts = {day for one in surfaces for day in (one.valid_from, one.valid_until) if day is not None and day in period}
    for one in surfaces:
        cuts |= _price_days(one, period, prices)
    lines: list[ChargeLine] = []
    for part in _parts(period, cuts):
        row_no = 0
        for one in surfaces:
            if not _holds(one, part.start):
                continue
            price = prices.price_on(code=one.item_code, day=part.start)
            if price is None or price.item.service is not Service.STORMWATER:
                return _no_price(point, one, part.start)
            row_no += 1
            lines.append(_line(point, one, part, price, row_no=row_no, issue_date=cycle.issue_date))
    return lines


def area_quantity(*, area_m2: Decimal, period: Period, unit: AreaUnit, m3_per_m2_year: Decimal | None) -> Decimal:
    """What a surface owes for in a period, in the unit of its price, rounded once, half up, to three places."""
    months = months_of(period)
    share = months if unit is AreaUnit.M2_MONTH else months / _YEAR_MONTHS
    whole = area_m2 * (m3_per_m2_year if m3_per_m2_year is not None else Decimal(1))
    return (whole * share.numerator / share.denominator).quantize(VOLUME, rounding=ROUND_HALF_UP)


def months_of(period: Period) -> Fraction:
    """Whole months, and of a part of one its days in those of the month."""
    return sum((Fraction(part.days, _month_days(part.start)) for part in period.months()), Fraction(0))


def _month_days(day: date) -> int:
    return (next_month(day) - day.replace(day=1)).days


def owes_stormwater(point: PointSnapshot, *, cycle: CycleTerms) -> bool:
    """Whether days of a surface under the contract are not charged yet, however long ago it ended."""
    return _open_days(point, cycle) is not None


def _open_days(point: PointSnapshot, cycle: CycleTerms) -> Period | None:
    if not point.surfaces:
        return None
    first = min(one.valid_from for one in point.surfaces)
    start = max(first, point.contract_from, point.stormwater_from or first)
    until = min(cycle.period.until, point.contract_until or cycle.period.until)
    return Period(start=start, until=until) if start < until else None


def _holds(one: Surface, day: date) -> bool:
    return one.valid_from <= day and (one.valid_until is None or day < one.valid_until)


def _price_days(one: Surface, period: Period, prices: PriceBook) -> set[date]:
    found = set()
    price = prices.price_on(code=one.item_code, day=period.start)
    while price is not None and price.until is not None and price.until < period.until:
        found.add(price.until)
        price = prices.price_on(code=one.item_code, day=price.until)
    return found


def _parts(period: Period, cuts: Collection[date]) -> Iterator[Period]:
    inner = sorted(day for day in set(cuts) if period.start < day < period.until)
    for start, until in pairwise((period.start, *inner, period.until)):
        yield Period(start=start, until=until)


def _no_price(point: PointSnapshot, one: Surface, day: date) -> NotBillable:
    facts = {"point_no": point.point_no, "service": Service.STORMWATER.value, "item": one.item_code}
    return NotBillable(code=HoldCode.NO_PRICE, facts=facts | {"on": day.isoformat(), "reason": "not_in_price_list"})


def _line(
    point: PointSnapshot, one: Surface, part: Period, price: ListedPrice, *, row_no: int, issue_date: date
) -> ChargeLine:
    item = price.item
    quantity = area_quantity(
        area_m2=one.area_m2, period=part, unit=AreaUnit(item.unit), m3_per_m2_year=item.m3_per_m2_year
    )
    return ChargeLine(
        point_no=point.point_no,
        service=Service.STORMWATER,
        description=f"{item.name} ({one.surface})",
        period=part,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=quantity,
        unit=item.unit,
        price_zl=item.net_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=quantity, price_zl=item.net_zl),
        vat_rate=vat_class_rate(vat_class=item.vat, on=issue_date),
        tariff_group=item.code,
        tariff_sha256=price.sha256,
        basis=_basis(price),
        origin=Origin.AREA,
        row_no=row_no,
        area=LineArea(surface=one.surface, area_m2=one.area_m2, m3_per_m2_year=item.m3_per_m2_year),
    )


def _basis(price: ListedPrice) -> str:
    return f"{charge_basis(service=Service.STORMWATER)}; {price.title}: {price.item.basis}"
