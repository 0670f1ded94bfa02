"""What the small town is charged beside metered water: entered as an office would, and billed month by month."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text
from town import cycle_order, set_clock, write_readings

from billing.beside_meters import ForecastBasis
from pipeline import approve, check, collect, extra_services, freeze, issue, open_cycle, rate
from pipeline.agreements import ForecastRow, SurfaceRow, set_excess, set_forecast, set_surfaces
from pipeline.work import Work

MONTH_ENDS = {7: date(2026, 7, 31), 8: date(2026, 8, 31), 9: date(2026, 9, 30), 10: date(2026, 10, 31)}


def enter(work: Work) -> None:
    """A0001 has two surfaces, A0002 ordered three services, A0003's sewage is at fault, A0004 gets prognozy."""
    set_surfaces(
        work,
        [
            SurfaceRow(
                point_no="PP0001",
                surface=surface,
                area_m2=Decimal(area),
                item_code=item,
                day=begins,
                reason="umowa D/1",
            )
            for surface, area, item, begins in (
                ("dach", "120.5", "DESZCZ-M2", date(2026, 7, 1)),
                ("parking", "100", "DESZCZ-M3", date(2026, 7, 11)),
            )
        ],
    )
    for item, quantity in (("PLOMBA", "1"), ("RURA-PE32", "2.5"), ("PLOMBA", "1")):
        order(work, item, quantity)
    for indicator, measured, permitted, sampled in (
        ("ChZT", "1500", "1000", date(2026, 7, 10)),
        ("zawiesina ogólna", "700", "500", date(2026, 7, 20)),
    ):
        set_excess(
            work,
            point_no="PP0003",
            indicator=indicator,
            measured=Decimal(measured),
            permitted=Decimal(permitted),
            sampled_on=sampled,
            report_no="L/7/2026",
        )
    set_forecast(work, forecast_from(date(2026, 7, 1)))


def forecast_from(day: date) -> ForecastRow:
    """Terms of A0004's prognozy: 2.5 m³ a month of both services, settled every four months."""
    return ForecastRow(
        contract_no="C0004",
        entitled="flat",
        basis=ForecastBasis.CONTRACT,
        settle_every_months=4,
        day=day,
        reason="umowa U/4 § 6",
        water_m3_month=Decimal("2.5"),
        sewage_m3_month=Decimal("2.5"),
        payment_day=20,
    )


def order(work: Work, item: str, quantity: str, *, account_no: str = "A0002") -> int:
    """A service done on the 15th of July; its number."""
    done = extra_services.add(
        work,
        account_no=account_no,
        item_code=item,
        quantity=Decimal(quantity),
        performed_on=date(2026, 7, 15),
        ordered_by="zlecenie Z/1",
        note="protokół",
    )
    return int(done["service"])


def rated_month(work: Work, month: int) -> str:
    """Open, freeze, rate and check the cycle of a month; its key."""
    order = dataclasses.replace(cycle_order(), period=f"2026-{month:02}", issue_date=date(2026, month + 1, 3))
    key = str(open_cycle.run(work, order=order)["cycle_key"])
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    return key


def decide(work: Work, key: str, decision: str) -> None:
    """Approve or reject a cycle."""
    approve.run(work, cycle_key=key, decision=decision, decided_by="approver", decided_via="cli", note="x")


def issued_month(work: Work, month: int) -> str:
    """The month billed to its invoices; its key."""
    set_clock(work, datetime(2026, month + 1, 1, 12, 0))
    key = rated_month(work, month)
    decide(work, key, "approved")
    set_clock(work, datetime(2026, month + 1, 3, 7, 0))
    issue.run(work, cycle_key=key)
    return key


def read_month(work: Work, folder: Path, month: int) -> None:
    """The month's readings of everybody."""
    set_clock(work, datetime(2026, month + 1, 1, 12, 0))
    file = write_readings(folder / f"{month}.csv", month_end=MONTH_ENDS[month])
    assert collect.run(work, file=file)["accepted"] > 0


def lines(work: Work, account_no: str, month: int) -> list[tuple[str, ...]]:
    """Service, quantity, price, net and rate of an account's lines of a month, as text."""
    query = text("""
        select l.service, l.period, l.quantity, l.price_zl, l.net_zl, l.vat_rate, l.row_no
        from charge_line l
        join charge c using (charge_id) join account a using (account_id) join cycle y using (cycle_id)
        where a.account_no = :account_no and lower(y.period) = :first and y.state <> 'rejected'
        order by l.line_no
    """)
    with work.engine.connect() as connection:
        rows = connection.execute(query, {"account_no": account_no, "first": date(2026, month, 1)}).all()
    return [
        (
            row.service,
            f"{row.period.lower}..{row.period.upper}",
            *(f"{value:f}" for value in (row.quantity, row.price_zl, row.net_zl, row.vat_rate)),
            str(row.row_no),
        )
        for row in rows
    ]
