"""What is charged beside metered water: frozen with the cycle, and marked as charged when it is issued."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

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
from billing.law import vat_class_rate
from billing.periods import Period
from billing.price_lists import PriceBook
from sql.copying import copy_rows
from sql.cycles import Cycle
from sql.queries import queries

_Q = queries("extras")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Fields of ``PointSnapshot`` by contract id, and orders by account id."""

    points: Mapping[int, Mapping[str, Any]]
    orders: Mapping[int, tuple[ServiceOrder, ...]]


def store_items(connection: Connection, cycle: Cycle, *, prices: PriceBook) -> None:
    """Write down the items of every price list, with the VAT rates of the issue date, for the checks."""
    copy_rows(
        connection,
        table="cycle_item_price",
        columns=(
            *("cycle_id", "list_sha256", "item_code", "service", "unit", "net_zl"),
            *("vat_rate", "m3_per_m2_year", "valid_from"),
        ),
        rows=(
            (
                *(cycle.cycle_id, one.sha256, item.code, item.service.value, item.unit, item.net_zl),
                *(vat_class_rate(vat_class=item.vat, on=cycle.issue_date), item.m3_per_m2_year, item.valid_from),
            )
            for one in prices.lists
            for item in one.items
        ),
    )


def gather_beside(
    connection: Connection, *, contract_ids: Sequence[int], account_ids: Sequence[int], until: date, issue_date: date
) -> Beside:
    """What these contracts and accounts owe beside metered water in a period that ends on ``until``."""
    named = {"contract_ids": list(contract_ids), "until": until}
    points: dict[int, dict[str, Any]] = defaultdict(dict)
    for contract_id, rows in _grouped(connection.execute(_Q["surfaces"], named), "contract_id").items():
        points[contract_id]["surfaces"] = tuple(_surface(row) for row in rows)
        points[contract_id]["stormwater_from"] = rows[0].billed_until
    for contract_id, rows in _grouped(connection.execute(_Q["excesses"], named), "contract_id").items():
        points[contract_id]["excesses"] = tuple(_excess(row) for row in rows)
        points[contract_id]["excess_from"] = rows[0].charged_until
    for contract_id, rows in _grouped(connection.execute(_Q["sewage_billed"], named), "contract_id").items():
        points[contract_id]["sewage_billed"] = tuple(_sewage(row) for row in rows)
    for row in connection.execute(_Q["forecasts"], named):
        points[row.contract_id]["forecast"] = _forecast(row)
    orders = connection.execute(_Q["orders"], {"account_ids": list(account_ids), "issue_date": issue_date})
    return Beside(
        points=points,
        orders={
            account_id: tuple(_order(row) for row in rows)
            for account_id, rows in _grouped(orders, "account_id").items()
        },
    )


def mark_charged(connection: Connection, *, cycle: Cycle) -> None:
    """Write down which services and prognozy the cycle's documents charge for, and which prognozy they take off."""
    for name in ("insert_services_billed", "insert_forecast_lines", "insert_forecasts_settled"):
        connection.execute(_Q[name], {"cycle_id": cycle.cycle_id})


def _grouped(rows: Iterable[Row[Any]], key: str) -> Mapping[int, list[Row[Any]]]:
    groups: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups


def _surface(row: Row[Any]) -> Surface:
    return Surface(
        surface=row.surface,
        area_m2=row.area_m2,
        item_code=row.item_code,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def _excess(row: Row[Any]) -> SewageExcess:
    return SewageExcess(
        indicator=row.indicator,
        measured=row.measured,
        permitted=row.permitted,
        sampled_on=row.sampled_on,
        report_no=row.report_no,
        cleared_on=row.cleared_on,
    )


def _sewage(row: Row[Any]) -> BilledSewage:
    return BilledSewage(
        document=row.document,
        period=Period(start=row.period_start, until=row.period_until),
        quantity_m3=row.quantity,
        price_zl=row.price_zl,
        tariff_group=row.tariff_group,
        tariff_sha256=row.tariff_sha256,
    )


def _order(row: Row[Any]) -> ServiceOrder:
    return ServiceOrder(
        extra_service_id=row.extra_service_id,
        item_code=row.item_code,
        quantity=row.quantity,
        performed_on=row.performed_on,
        point_no=row.point_no,
    )


def _forecast(row: Row[Any]) -> Forecast:
    return Forecast(
        basis=ForecastBasis(row.basis),
        settle_every_months=row.settle_every_months,
        water_m3_month=row.water_m3_month,
        sewage_m3_month=row.sewage_m3_month,
        start=row.start,
        settled_from=row.settled_from,
        payment_day=row.payment_day,
        water_mean=_mean(row.water_m3, row.water_days),
        sewage_mean=_mean(row.sewage_m3, row.sewage_days),
        charged=tuple(ForecastCharge(**charge) for charge in row.charged),
    )


def _mean(volume_m3: Decimal | None, days: int | None) -> Mean | None:
    return Mean(volume_m3=volume_m3, days=days) if volume_m3 is not None and days else None
