"""What an office writes down beside the registry: surfaces for stormwater, excesses of sewage, terms of prognozy.

Each is a dated fact with its reason and its author. None may begin or end within charged days, or while a cycle
is about to bill the account: what is charged is for a correction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import Service
from billing.beside_meters import ForecastBasis
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql.agreements import DaysTaken, Fact, begin, contract_at_work, end, listed, point_at_work
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.locks import take_turn

_MONTHS_MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceRow:
    """A surface as it is entered: it holds from ``day`` on, and ends what held of the same surface before."""

    point_no: str
    surface: str
    area_m2: Decimal
    item_code: str
    day: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow:
    """Terms of prognozy as they are entered, from the first day of a month on; they end those that held before."""

    contract_no: str
    entitled: str
    basis: ForecastBasis
    settle_every_months: int
    day: date
    reason: str
    water_m3_month: Decimal | None = None
    sewage_m3_month: Decimal | None = None
    payment_day: int | None = None


def set_surfaces(work: Work, rows: list[SurfaceRow]) -> dict[str, int]:
    """Write surfaces down, all or none.

    Raises:
        OperatorError: ``NOTE_MISSING``, ``NOTE_UNREADABLE``, ``POINT_UNKNOWN``, ``ITEM_UNKNOWN``, ``QUANTITY_WRONG``,
            ``DAYS_BILLED``, ``DAYS_TAKEN`` or ``ACCOUNT_IN_WORK``.
        DataRefused: the utility's folder cannot be used.
    """
    prices = load_folder(work.settings.utility, seller_needed=False).tariffs.price_book
    with step(work, "set_surfaces") as (connection, record):
        take_turn(connection, "books")
        for row in rows:
            words = note_words(row.reason)
            _require_places("area_m2", row.area_m2, places=2)
            if prices.service_of(row.item_code) is not Service.STORMWATER:
                known = ", ".join(prices.codes(Service.STORMWATER)) or "none"
                raise OperatorError("ITEM_UNKNOWN", f"no price list has {row.item_code} for stormwater; it has {known}")
            point = _point(connection, row.point_no, "stormwater", day=row.day)
            values = _by(work) | {"point_id": point.point_id, "surface": row.surface.strip(), "day": row.day}
            end(connection, "surface", values | {"reason": words})
            values |= {"area_m2": row.area_m2, "item_code": row.item_code, "reason": words}
            _begin(connection, "surface", values, what=f"{row.surface} at {row.point_no}")
            told = {"surface": row.surface, "area_m2": row.area_m2, "item": row.item_code, "from": row.day}
            _append(connection, f"point:{row.point_no}", "surface_set", told | {"by": work.actor.name})
        record.counts = {"surfaces": len(rows)}
        return dict(record.counts)


def end_surface(work: Work, *, point_no: str, surface: str, day: date, reason: str) -> None:
    """A surface is not charged from ``day`` on.

    Raises:
        OperatorError: as ``set_surfaces``; ``NOTHING_OPEN``, no such surface holds.
    """
    words = note_words(reason)
    with step(work, "end_surface") as (connection, record):
        take_turn(connection, "books")
        point = _point(connection, point_no, "stormwater", day=day)
        values = _by(work) | {"point_id": point.point_id, "surface": surface, "day": day, "reason": words}
        _end(connection, "surface", values, what=f"{surface} at {point_no}")
        _append(
            connection, f"point:{point_no}", "surface_ended", {"surface": surface, "on": day, "by": work.actor.name}
        )
        record.counts = {"surfaces": 1}


def set_excess(
    work: Work,
    *,
    point_no: str,
    indicator: str,
    measured: Decimal,
    permitted: Decimal,
    sampled_on: date,
    report_no: str,
) -> None:
    """An indicator was found above what is permitted; it is charged from the day of the sampling on.

    Raises:
        OperatorError: ``NOTE_MISSING``, ``NOTE_UNREADABLE``, ``POINT_UNKNOWN``, ``QUANTITY_WRONG``, ``DAY_WRONG``,
            ``DAYS_BILLED``, ``DAYS_TAKEN`` or ``ACCOUNT_IN_WORK``.
    """
    words, name = note_words(report_no), note_words(indicator)
    for label, value in (("measured", measured), ("permitted", permitted)):
        _require_places(label, value, places=4)
    if measured <= permitted:
        raise OperatorError("QUANTITY_WRONG", f"{measured} does not exceed what is permitted, {permitted}")
    with step(work, "set_excess") as (connection, record):
        take_turn(connection, "books")
        _require_past(connection, sampled_on)
        point = _point(connection, point_no, "excess", day=sampled_on)
        values = _by(work) | {"point_id": point.point_id, "indicator": name, "day": sampled_on, "report_no": words}
        _begin(
            connection, "excess", values | {"measured": measured, "permitted": permitted}, what=f"{name} at {point_no}"
        )
        told = {"indicator": name, "measured": measured, "permitted": permitted, "sampled_on": sampled_on}
        _append(connection, f"point:{point_no}", "excess_set", told | {"report": words, "by": work.actor.name})
        record.counts = {"excesses": 1}


def clear_excess(work: Work, *, point_no: str, indicator: str, day: date, report_no: str) -> None:
    """A re-test of ``day`` has proved the fault gone: that day is not charged any more.

    Raises:
        OperatorError: as ``set_excess``; ``NOTHING_OPEN``, no such excess holds.
    """
    words = note_words(report_no)
    with step(work, "clear_excess") as (connection, record):
        take_turn(connection, "books")
        _require_past(connection, day)
        point = _point(connection, point_no, "excess", day=day)
        values = _by(work) | {"point_id": point.point_id, "indicator": indicator, "day": day, "report_no": words}
        _end(connection, "excess", values, what=f"{indicator} at {point_no}")
        told = {"indicator": indicator, "cleared_on": day, "report": words, "by": work.actor.name}
        _append(connection, f"point:{point_no}", "excess_cleared", told)
        record.counts = {"excesses": 1}


def set_forecast(work: Work, row: ForecastRow) -> None:
    """A contract is charged by prognozy from the first day of a month on (Rozp. 2018 par. 16 ust. 4-5).

    Raises:
        OperatorError: ``NOTE_MISSING``, ``NOTE_UNREADABLE``, ``CONTRACT_UNKNOWN``, ``QUANTITY_WRONG``, ``DAY_WRONG``,
            ``DAYS_BILLED``, ``DAYS_TAKEN`` or ``ACCOUNT_IN_WORK``.
    """
    words = note_words(row.reason)
    _require_first_day(row.day)
    if not 1 < row.settle_every_months <= _MONTHS_MOST:
        raise OperatorError("QUANTITY_WRONG", "a prognoza is settled every 2 to 12 months (Rozp. 2018 § 17 ust. 3)")
    with step(work, "set_forecast") as (connection, record):
        take_turn(connection, "books")
        contract = _contract(connection, row.contract_no, day=row.day)
        _require_quantities(row, contract.services)
        values = _by(work) | {"contract_id": contract.contract_id, "day": row.day, "reason": words}
        end(connection, "forecast", values)
        terms = {
            "entitled": row.entitled,
            "basis": row.basis.value,
            "settle_every_months": row.settle_every_months,
            "water_m3_month": row.water_m3_month,
            "sewage_m3_month": row.sewage_m3_month,
            "payment_day": row.payment_day,
        }
        _begin(connection, "forecast", values | terms, what=f"prognozy of {row.contract_no}")
        told = terms | {"from": row.day, "by": work.actor.name}
        _append(connection, f"contract:{row.contract_no}", "forecast_set", told)
        record.counts = {"forecasts": 1}


def end_forecast(work: Work, *, contract_no: str, day: date, reason: str) -> None:
    """A contract is charged from readings from the first day of a month on; its next bill settles its prognozy.

    Raises:
        OperatorError: as ``set_forecast``; ``NOTHING_OPEN``, the contract has no prognozy.
    """
    words = note_words(reason)
    _require_first_day(day)
    with step(work, "end_forecast") as (connection, record):
        take_turn(connection, "books")
        contract = _contract(connection, contract_no, day=day)
        values = _by(work) | {"contract_id": contract.contract_id, "day": day, "reason": words}
        _end(connection, "forecast", values, what=f"prognozy of {contract_no}")
        _append(connection, f"contract:{contract_no}", "forecast_ended", {"on": day, "by": work.actor.name})
        record.counts = {"forecasts": 1}


def known(work: Work, fact: Fact, *, of: str | None) -> list[dict[str, Any]]:
    """The facts of a point (of a contract for forecasts), or all."""
    with work.engine.connect() as connection:
        rows = listed(connection, fact, of=of)
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public way to a row's names


def _by(work: Work) -> dict[str, Any]:
    return {"by": work.actor.name, "via": work.actor.via}


def _point(connection: Connection, point_no: str, service: str, *, day: date) -> Row[Any]:
    point = point_at_work(connection, point_no=point_no, service=service)
    if point is None:
        raise OperatorError("POINT_UNKNOWN", f"there is no point {point_no}")
    if point.cycle_key:
        raise OperatorError("ACCOUNT_IN_WORK", f"{point.cycle_key} is about to bill {point_no}; end or reject it first")
    if point.billed_until and day < point.billed_until:
        text = f"{service} of {point_no} is charged up to {point.billed_until}; earlier days are for a correction"
        raise OperatorError("DAYS_BILLED", text)
    return point


def _contract(connection: Connection, contract_no: str, *, day: date) -> Row[Any]:
    contract = contract_at_work(connection, contract_no=contract_no, day=day)
    if contract is None:
        raise OperatorError("CONTRACT_UNKNOWN", f"there is no contract {contract_no}")
    if contract.cycle_key:
        raise OperatorError("ACCOUNT_IN_WORK", f"{contract.cycle_key} is about to bill {contract_no}; end it first")
    if contract.forecast_until and day < contract.forecast_until:
        text = f"{contract_no} is forecast up to {contract.forecast_until}; the settlement comes after that"
        raise OperatorError("DAYS_BILLED", text)
    return contract


def _begin(connection: Connection, fact: Fact, values: Mapping[str, Any], *, what: str) -> None:
    try:
        begin(connection, fact, values)
    except DaysTaken:
        raise OperatorError("DAYS_TAKEN", f"{what}: another entry holds on some days from {values['day']} on") from None


def _end(connection: Connection, fact: Fact, values: Mapping[str, Any], *, what: str) -> None:
    if not end(connection, fact, values):
        raise OperatorError("NOTHING_OPEN", f"{what}: nothing holds that could end")


def _require_places(label: str, value: Decimal, *, places: int) -> None:
    if value <= 0 or value != round(value, places):
        raise OperatorError("QUANTITY_WRONG", f"{label} {value}: above zero, with {places} places at most")


def _require_quantities(row: ForecastRow, services: list[str]) -> None:
    given = {"water": row.water_m3_month, "sewage": row.sewage_m3_month}
    for service, quantity in given.items():
        if quantity is not None and (quantity < 0 or quantity != round(quantity, 3)):
            raise OperatorError("QUANTITY_WRONG", f"{quantity} m³ of {service}: zero or above, three places at most")
        if quantity is None and service in services and row.basis is not ForecastBasis.MEAN:
            raise OperatorError("QUANTITY_WRONG", f"{row.contract_no} has {service}: say how many m³ a month")


def _require_past(connection: Connection, day: date) -> None:
    if day > warsaw_day(business_now(connection)):
        raise OperatorError("DAY_WRONG", f"{day} is still to come")


def _require_first_day(day: date) -> None:
    if day.day != 1:
        raise OperatorError("DAY_WRONG", f"{day}: prognozy begin and end with the first day of a month")


def _append(connection: Connection, subject: str, kind: str, body: dict[str, Any]) -> None:
    append_events(connection, [Event(event_at=business_now(connection), subject=subject, kind=kind, body=body)])
