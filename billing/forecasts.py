"""Prognozy: what a flat or a building's manager is charged between settlements, and the settlement that takes it off.

Rozp. 2018 par. 16 ust. 4-5 (who, and from what), par. 17 ust. 2-3 (settled at least once a year and at every change of
a price of water or sewage). A prognoza occupies no days: the settlement bills them all from readings and
takes off, line by line, what the prognozy have charged. Where the water of an ended contract is billed to its end, or
was given up, the next bill takes off what prognozy charged beyond it, and pays back without billing any day. VAT is on
the sum of each document, so documents together may differ from one bill of the whole by less than a grosz each
(``vat_on_rate_sum``).
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from billing.accounts import CycleTerms, PointSnapshot, Service
from billing.beside_meters import Forecast, ForecastBasis, ForecastCharge
from billing.canonical import from_json
from billing.charges import ChargeLine, LineSettled, Origin
from billing.holds import HoldCode
from billing.money import VOLUME
from billing.periods import Period
from billing.pricing import Customer, priced_lines
from billing.quantities import NotBillable, Quantity
from billing.stormwater import months_of
from billing.tariffs import TariffBook

_FINAL = "final"
_PLACES = 3
_ONE_DAY = timedelta(days=1)
_SERVICES = (Service.WATER, Service.SEWAGE)


def is_settled_now(customer: Customer, *, cycle: CycleTerms, tariffs: TariffBook) -> bool:
    """Whether readings decide in this cycle: no forecast was agreed, its months are full, or a settlement is forced.

    A change of a price of water or sewage forces one, and so does the end of the contract.
    """
    point, forecast = customer.point, customer.point.forecast
    if forecast is None or point.is_settled:
        return True
    ends = point.contract_until is not None and point.contract_until <= cycle.period.until
    if ends or cycle.purpose == _FINAL:
        return True
    since = forecast.settled_from or forecast.start or cycle.period.start
    months = (cycle.period.until.year - since.year) * 12 + cycle.period.until.month - since.month
    return months >= forecast.settle_every_months or _price_begins(
        customer, tariffs, after=since, until=cycle.period.until
    )


def forecast_lines(customer: Customer, *, cycle: CycleTerms, tariffs: TariffBook) -> list[ChargeLine] | NotBillable:
    """The prognoza of the months up to the end of the cycle that were not forecast yet, at the prices of their days."""
    point, forecast = customer.point, customer.point.forecast
    if forecast is None:
        return []
    start = max(forecast.start or cycle.period.start, point.contract_from)
    if start >= cycle.period.until:
        return []
    period = Period(start=start, until=cycle.period.until)
    wanted: list[Quantity] = []
    for service in (one for one in _SERVICES if one in point.services):
        volume_m3 = forecast_m3(forecast, service=service, period=period)
        if volume_m3 is None:
            facts = {"point_no": point.point_no, "service": service.value, "basis": forecast.basis.value}
            return NotBillable(code=HoldCode.FORECAST_UNKNOWN, facts=facts)
        wanted.append(
            Quantity(service=service, period=period, volume_m3=volume_m3, places=_PLACES, origin=Origin.FORECAST)
        )
    priced = priced_lines(wanted, customer=customer, tariffs=tariffs, issue_date=cycle.issue_date)
    if isinstance(priced, NotBillable):
        return priced
    return [replace(line, description=f"{line.description} (prognoza)") for line in priced]


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


def _price_begins(customer: Customer, tariffs: TariffBook, *, after: date, until: date) -> bool:
    """Whether another price of water or sewage begins after ``after``, and on ``until`` at the latest."""
    days = [after, *(day for day in tariffs.price_days(before=until + _ONE_DAY) if day > after)]
    services = [service for service in _SERVICES if service in customer.point.services]
    return any(len({_terms(customer, service, tariffs, day) for day in days} - {None}) > 1 for service in services)


def _terms(customer: Customer, service: Service, tariffs: TariffBook, day: date) -> object:
    span = tariffs.span_on(
        tariff_class=customer.point.tariff_class,
        channel=customer.channel,
        service=service,
        day=day,
        gmina=customer.point.gmina,
        diameter_mm=customer.point.diameter_mm,
        payer=customer.payer,
    )
    return span.terms if span else None
