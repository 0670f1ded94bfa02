"""What a described account is charged beside metered water: ``[[service]]`` and tables of a ``[[point]]``.

``[[service]]``: item, quantity, performed_on, point_no. Of a point: ``[[point.surface]]`` (surface, area_m2, item,
valid_from, valid_until) with ``stormwater_from``; ``[[point.excess]]`` (indicator, measured, permitted, sampled_on,
cleared_on, report_no) with ``excess_from`` and ``[[point.sewage_billed]]`` (document, from, until, quantity_m3,
price_zl, tariff_group); ``[point.forecast]`` (basis, settle_every_months, water_m3_month, sewage_m3_month, start,
settled_from, payment_day, water_mean and sewage_mean with volume_m3 and days) with ``[[point.forecast.charged]]``
(document, service, from, until, quantity, price_zl, net_zl, tariff_group).
"""

from datetime import date
from decimal import Decimal

from billing.accounts import Service
from billing.beside_meters import (
    BilledSewage,
    Forecast,
    ForecastBasis,
    ForecastCharge,
    Mean,
    ServiceOrder,
    SewageExcess,
    Surface,
)
from billing.canonical import canonical_json
from billing.charges import ChargeLine, Origin
from billing.law import charge_basis, vat_rate
from billing.money import PRICE, VOLUME
from billing.periods import Period, months_period
from billing.toml_fields import Fields

_UNKNOWN = "unknown"
_ANY_PERIOD = months_period("2015-01")
"""Stands for a refused one until all faults are known."""


def read_order(fields: Fields, number: int) -> ServiceOrder:
    """A service that was ordered and done."""
    fields.known("item", "quantity", "performed_on", "point_no")
    return ServiceOrder(
        extra_service_id=number,
        item_code=fields.text("item"),
        quantity=fields.decimal("quantity", places=3),
        performed_on=fields.day("performed_on"),
        point_no=fields.text("point_no") if "point_no" in fields.table else None,
    )


def read_surface(fields: Fields) -> Surface:
    """A surface that rain runs off."""
    fields.known("surface", "area_m2", "item", "valid_from", "valid_until")
    return Surface(
        surface=fields.text("surface"),
        area_m2=fields.decimal("area_m2", places=2),
        item_code=fields.text("item"),
        valid_from=fields.day("valid_from"),
        valid_until=fields.day("valid_until") if "valid_until" in fields.table else None,
    )


def read_excess(fields: Fields) -> SewageExcess:
    """An indicator above what is permitted."""
    fields.known("indicator", "measured", "permitted", "sampled_on", "cleared_on", "report_no")
    permitted = fields.decimal("permitted", places=4)
    with fields.keeping("permitted"):
        if permitted <= 0:
            raise fields.refuse("FIELD_WRONG", f"permitted = {permitted}, it must be above zero")
    return SewageExcess(
        indicator=fields.text("indicator"),
        measured=fields.decimal("measured", places=4),
        permitted=permitted,
        sampled_on=fields.day("sampled_on"),
        cleared_on=fields.day("cleared_on") if "cleared_on" in fields.table else None,
        report_no=fields.text("report_no"),
    )


def read_sewage(fields: Fields) -> BilledSewage:
    """Sewage that was charged before its excess was known."""
    fields.known("document", "from", "until", "quantity_m3", "price_zl", "tariff_group")
    return BilledSewage(
        document=fields.text("document"),
        period=_period(fields),
        quantity_m3=fields.decimal("quantity_m3", places=3),
        price_zl=fields.decimal("price_zl", places=4),
        tariff_group=fields.text("tariff_group"),
        tariff_sha256=_UNKNOWN,
    )


def read_forecast(fields: Fields, *, point_no: str) -> Forecast:
    """Terms of prognozy, and what they have charged since the last settlement."""
    fields.known(
        *("basis", "settle_every_months", "water_m3_month", "sewage_m3_month", "start", "settled_from"),
        *("payment_day", "water_mean", "sewage_mean", "charged"),
    )
    return Forecast(
        basis=fields.choice("basis", ForecastBasis),
        settle_every_months=fields.integer("settle_every_months"),
        water_m3_month=_volume(fields, "water_m3_month"),
        sewage_m3_month=_volume(fields, "sewage_m3_month"),
        start=fields.day("start") if "start" in fields.table else None,
        settled_from=fields.day("settled_from") if "settled_from" in fields.table else None,
        payment_day=fields.integer("payment_day") if "payment_day" in fields.table else None,
        water_mean=_mean(fields, "water_mean"),
        sewage_mean=_mean(fields, "sewage_mean"),
        charged=tuple(
            _charged(table, number, point_no) for number, table in enumerate(fields.each("charged"), start=1)
        ),
    )


def _volume(fields: Fields, name: str) -> Decimal | None:
    return fields.decimal(name, places=3) if name in fields.table else None


def _mean(fields: Fields, name: str) -> Mean | None:
    if name not in fields.table:
        return None
    mean = fields.within(name)
    mean.known("volume_m3", "days")
    return Mean(volume_m3=mean.decimal("volume_m3", places=3), days=mean.integer("days"))


def _charged(fields: Fields, number: int, point_no: str) -> ForecastCharge:
    fields.known("document", "service", "from", "until", "quantity", "price_zl", "net_zl", "tariff_group")
    service, period = fields.choice("service", Service), _period(fields)
    what = {Service.WATER: "Dostarczanie wody", Service.SEWAGE: "Odprowadzanie ścieków"}.get(service, service.value)
    line = ChargeLine(
        point_no=point_no,
        service=service,
        description=f"{what} (prognoza)",
        period=period,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=fields.decimal("quantity", places=3).quantize(VOLUME),
        unit="m3",
        price_zl=fields.decimal("price_zl", places=4).quantize(PRICE),
        net_zl=fields.decimal("net_zl", places=2),
        vat_rate=vat_rate(service=service, on=period.last_day),
        tariff_group=fields.text("tariff_group"),
        tariff_sha256=_UNKNOWN,
        basis=charge_basis(service=service),
        origin=Origin.FORECAST,
    )
    return ForecastCharge(forecast_line_id=number, document=fields.text("document"), content=canonical_json(line))


def _period(fields: Fields) -> Period:
    return read_period(fields, fields.day("from"), fields.day("until"))


def read_period(fields: Fields, start: date, until: date) -> Period:
    """The days from ``start`` up to ``until``, or a refusal of ``until``."""
    with fields.keeping("until"):
        if until <= start:
            raise fields.refuse("FIELD_WRONG", f"until = {until}, it must be after from = {start}")
        return Period(start=start, until=until)
    return _ANY_PERIOD
