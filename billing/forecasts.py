"""Prognozy: what a flat or a building's manager is charged between settlements, and the settlement that takes it off.

Rozp. 2018 par. 16 ust. 4-5 (who, and from what), par. 17 ust. 2-3 (settled at least once a year and at every change of
a price of water or sewage). A prognoza occupies no days: the settlement bills them all from readings and
takes off, line by line, what the prognozy have charged. VAT is on the sum of each document, so documents together may
differ from one bill of the whole by less than a grosz each (``vat_on_rate_sum``).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from billing.accounts import Channel, CycleTerms, PointSnapshot, Service
from billing.beside_meters import Forecast, ForecastBasis, ForecastCharge
from billing.canonical import from_json
from billing.charges import ChargeLine, LineSettled, Origin
from billing.holds import HoldCode
from billing.money import VOLUME
from billing.periods import Period
from billing.pricing import priced_lines
from billing.quantities import NotBillable, Quantity
from billing.stormwater import months_of
from billing.tariffs import TariffBook

_FINAL = "final"
_PLACES = 3
_SERVICES = (Service.WATER, Service.SEWAGE)


def is_settled_now(point: PointSnapshot, *, channel: Channel, cycle: CycleTerms, tariffs: TariffBook) -> bool:
    """Whether readings decide in this cycle: no forecast was agreed, its months are full, or a settlement is forced.

    A change of a price of water or sewage forces one, and so does the end of the contract.
    """
    forecast = point.forecast
    if forecast is None or point.is_settled:
        return True
    ends = point.contract_until is not None and point.contract_until <= cycle.period.until
    if ends or cycle.purpose == _FINAL:
        return True
    since = forecast.settled_from or forecast.start or cycle.period.start
    months = (cycle.period.until.year - since.year) * 12 + cycle.period.until.month - since.month
    return months >= forecast.settle_every_months or _price_begins(
        point, channel, tariffs, after=since, until=cycle.period.until
    )


def forecast_lines(
    point: PointSnapshot, *, channel: Channel, cycle: CycleTerms, tariffs: TariffBook
) -> list[ChargeLine] | NotBillable:
    """The prognoza of the months up to the end of the cycle that were not forecast yet, at the prices of their days."""
    forecast = point.forecast
    if forecast is None:
        return []
    start = max(forecast.start or cycle.period.start, point.contract_from)
    if start >= cycle.period.until:
        return []
    period = Period(start=start, until=cycle.period.until)
    lines: list[ChargeLine] = []
    for service in (one for one in _SERVICES if one in point.services):
        volume_m3 = forecast_m3(forecast, service=service, period=period)
        if volume_m3 is None:
            facts = {"point_no": point.point_no, "service": service.value, "basis": forecast.basis.value}
            return NotBillable(code=HoldCode.FORECAST_UNKNOWN, facts=facts)
        quantity = Quantity(service=service, period=period, volume_m3=volume_m3, places=_PLACES, origin=Origin.FORECAST)
        priced = priced_lines(quantity, point=point, channel=channel, tariffs=tariffs, issue_date=cycle.issue_date)
        if isinstance(priced, NotBillable):
            return priced
        lines += [replace(line, description=f"{line.description} (prognoza)") for line in priced]
    return lines


def forecast_m3(forecast: Forecast, *, service: Service, period: Period) -> Decimal | None:
    """The m³ of a prognoza, rounded once to three places; None when nothing says how many.

    A month's quantity times the months (a part of one by its days), or the mean of a day of the previous settlement
    times the days; without a settlement before, the mean is the month's quantity of the contract.
    """
    is_water = service is Service.WATER
    mean = forecast.water_mean if is_water else forecast.sewage_mean
    if forecast.basis is ForecastBasis.MEAN and mean is not None:
        return (mean.volume_m3 * period.days / mean.days).quantize(VOLUME, rounding=ROUND_HALF_UP)
    month_m3 = forecast.water_m3_month if is_water else forecast.sewage_m3_month
    if month_m3 is None:
        return None
    months = months_of(period)
    return (month_m3 * months.numerator / months.denominator).quantize(VOLUME, rounding=ROUND_HALF_UP)


def settled_lines(point: PointSnapshot) -> list[ChargeLine]:
    """What prognozy have charged at a point, taken off: the same prices, rates and amounts below zero."""
    if point.forecast is None:
        return []
    charged = sorted(point.forecast.charged, key=lambda one: one.forecast_line_id)
    return [_taken_off(one) for one in charged]


def _taken_off(charge: ForecastCharge) -> ChargeLine:
    line = from_json(ChargeLine, charge.content)
    subsidy = line.subsidy and replace(line.subsidy, subsidy_zl=-line.subsidy.subsidy_zl)
    return replace(
        line,
        description=f"Rozliczenie prognozy: {line.description.removesuffix(' (prognoza)')} ({charge.document})",
        quantity=-line.quantity,
        net_zl=-line.net_zl,
        subsidy=subsidy,
        origin=Origin.SETTLED_FORECAST,
        settles=LineSettled(forecast_line_id=charge.forecast_line_id, document=charge.document),
    )


def _price_begins(point: PointSnapshot, channel: Channel, tariffs: TariffBook, *, after: date, until: date) -> bool:
    """Whether another price of water or sewage begins after ``after``, and on ``until`` at the latest."""
    return any(
        True
        for service in _SERVICES
        if service in point.services
        for _ in _changes(point, channel, service, tariffs, after=after, until=until)
    )


def _changes(
    point: PointSnapshot, channel: Channel, service: Service, tariffs: TariffBook, *, after: date, until: date
) -> Iterator[date]:
    before = None
    for day in (after, *(one for one in tariffs.price_days() if after < one <= until)):
        span = tariffs.span_on(
            tariff_class=point.tariff_class, channel=channel, service=service, day=day, gmina=point.gmina
        )
        terms = span.terms if span else None
        if before is not None and terms is not None and terms != before:
            yield day
        before = terms or before
