"""What accounts would be billed if an invoice were issued today: rated as a cycle would, and nothing written."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from billing.accounts import AccountSnapshot, CycleTerms, Service
from billing.charges import Bill, ChargeLine, Hold
from billing.money import VOLUME, ZERO_ZL
from billing.periods import Period
from billing.plausibility import too_much
from billing.rating import bill
from pipeline.utility_files import LoadedUtility
from pipeline.work import warsaw_day
from sql.clock import business_now
from sql.cycles import Cycle
from sql.snapshots import gather

METERED = (Service.WATER, Service.SEWAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldBill:
    """A bill that nobody issues: m³ of water, zł gross, or the code of the hold in its place.

    ``meters_m3`` tells the water by meter.
    """

    account_no: str
    volume_m3: Decimal
    gross_zl: Decimal
    hold: str | None
    meters_m3: dict[str, Decimal]


def would_bill(connection: Connection, loaded: LoadedUtility, *, account_ids: Sequence[int]) -> dict[int, WouldBill]:
    """What each account would be billed today, for the months up to the last whole one, by its id.

    Everything counts that this transaction has written so far.
    """
    if not account_ids:
        return {}
    today = warsaw_day(business_now(connection))
    cycle = _nobodys_cycle(today, payment_days=loaded.utility.payment_days)
    window = Period(start=date.min, until=today + timedelta(days=1))
    gathered = gather(
        connection,
        cycle=cycle,
        reading_window=window,
        cut_days=loaded.tariffs.price_days(before=window.until),
        named=sorted(set(account_ids)),
    )
    return {one.account_id: _told(_rated(one.snapshot, loaded, cycle.terms)) for one in gathered}


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """Whatever is written inside is gone afterwards."""
    attempt = connection.begin_nested()
    try:
        yield
    finally:
        attempt.rollback()


def _nobodys_cycle(today: date, *, payment_days: int) -> Cycle:
    last_month = today.replace(day=1) - timedelta(days=1)
    return Cycle(
        cycle_id=0,
        cycle_key="preview",
        kind="off_cycle",
        purpose="on_demand",
        period=Period(start=last_month.replace(day=1), until=today.replace(day=1)),
        route_set="OFF",
        revision=1,
        issue_date=today,
        payment_days=payment_days,
        dry_run=True,
        chunk_accounts=1,
        state="opened",
        started_by="preview",
        started_via="cli",
        airflow_run_id=None,
    )


def _rated(account: AccountSnapshot, loaded: LoadedUtility, terms: CycleTerms) -> Bill | Hold:
    result = bill(account, loaded.tariffs, terms)
    if isinstance(result, Hold):
        return result
    return too_much(result, volume_max_m3_day=loaded.utility.models.volume_max_m3_day) or result


def _told(result: Bill | Hold) -> WouldBill:
    made = result if isinstance(result, Bill) else result.draft
    lines = [line for line in made.lines if line.service in METERED] if made else []
    return WouldBill(
        account_no=result.account_no,
        volume_m3=_water_m3(lines),
        gross_zl=made.gross_zl if made else ZERO_ZL,
        hold=result.code.value if isinstance(result, Hold) else None,
        meters_m3={
            meter_no: _water_m3([line for line in lines if line.meter_no == meter_no])
            for meter_no in sorted({line.meter_no for line in lines if line.meter_no})
        },
    )


def _water_m3(lines: Sequence[ChargeLine]) -> Decimal:
    """Each m³ once: the water, or the sewage where there is no water on the bill."""
    service = Service.WATER if any(line.service is Service.WATER for line in lines) else Service.SEWAGE
    return sum((line.quantity for line in lines if line.service is service), VOLUME * 0)
