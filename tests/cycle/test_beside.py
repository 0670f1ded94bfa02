"""Stormwater, excess, ordered services and prognozy through whole cycles: charged once and in full."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal

import pytest
from beside_town import decide, enter, issued_month, lines, order, rated_month, read_month
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import set_clock, settle, write_readings

from billing.beside_meters import ForecastBasis
from billing.canonical import from_json
from billing.invoices import Invoice
from pipeline import agreements, collect, extra_services, issue
from pipeline.agreements import ForecastRow, SurfaceRow
from pipeline.errors import OperatorError
from pipeline.statement import statement
from sql.engine import make_engine


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    enter(work)
    return work


def invoices(work, account_no: str) -> list[Invoice]:
    query = text(
        "select content from invoice join account using (account_id) where account_no = :no order by invoice_id"
    )
    with work.engine.connect() as connection:
        return [from_json(Invoice, content) for content in connection.execute(query, {"no": account_no}).scalars()]


def counted(work, query: str) -> int:
    with work.engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def sums(found: list[Invoice]) -> tuple[Decimal, Decimal]:
    return sum((one.net_zl for one in found), Decimal(0)), sum((one.vat_zl for one in found), Decimal(0))


def test_four_months_of_prognozy_and_their_settlement_charge_what_readings_alone_would_have(town, tmp_path) -> None:
    keys = [issued_month(town, 7)]
    for month in (8, 9, 10):
        read_month(town, tmp_path, month)
        keys.append(issued_month(town, month))

    forecast, by_readings = invoices(town, "A0004"), invoices(town, "A0006")

    assert [one.kind for one in forecast] == ["forecast", "forecast", "forecast", "settlement"]
    assert [one.due_date.day for one in forecast[:3]] == [20, 20, 20]
    assert all(one.kind == "invoice" for one in by_readings)
    assert sums(forecast)[0] == sums(by_readings)[0]
    assert abs(sums(forecast)[1] - sums(by_readings)[1]) <= Decimal("0.04")
    assert counted(town, "select count(*) from forecast_line") == 6
    assert counted(town, "select count(*) from forecast_settled") == 6
    assert all(not statement(town, cycle_key=key).forgotten for key in keys)


def test_a_settlement_below_zero_is_issued_and_forecasting_goes_on_after_it(town, tmp_path) -> None:
    for month in (7, 8, 9):
        issued_month(town, month)
    set_clock(town, datetime(2026, 11, 1, 12, 0))
    file = write_readings(tmp_path / "10.csv", month_end=date(2026, 10, 31), used={"0004": 6})
    assert collect.run(town, file=file)["accepted"] > 0
    issued_month(town, 10)

    *_, settlement = invoices(town, "A0004")

    # 6 m³ for real: 31,50 + 46,50; off come 3 × (13,13 + 19,38) = 97,53; abonament 12,00
    assert (settlement.kind, settlement.net_zl) == ("settlement", Decimal("-7.53"))
    assert (settlement.vat_zl, settlement.payable_zl) == (Decimal("-0.60"), Decimal("-8.13"))
    issued_month(town, 11)
    assert invoices(town, "A0004")[-1].kind == "forecast"
    assert [line[1] for line in lines(town, "A0004", 11) if line[0] == "water"] == ["2026-11-01..2026-12-01"]


def test_days_of_rain_that_no_document_charges_are_missed_in_the_statement(town, database) -> None:
    key = issued_month(town, 7)
    assert statement(town, cycle_key=key).forgotten == 0
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table billed_period disable trigger user"))
        connection.execute(
            text("delete from billed_period where service = 'stormwater' and lower(period) = '2026-07-11'")
        )
    owner.dispose()

    found = statement(town, cycle_key=key)

    assert found.forgotten == 1
    assert any("stormwater, days {[2026-07-11,2026-08-01)}" in difference for difference in found.differences)


def test_services_of_a_rejected_cycle_are_billed_once_by_the_next(town) -> None:
    set_clock(town, datetime(2026, 8, 1, 12, 0))
    rejected = rated_month(town, 7)
    with pytest.raises(OperatorError, match="SERVICE_IN_WORK"):
        extra_services.cancel(town, service_id=1, reason="pomyłka")
    decide(town, rejected, "rejected")
    extra_services.cancel(town, service_id=3, reason="wpisano dwa razy")

    key = issued_month(town, 7)

    (july,) = invoices(town, "A0002")
    assert [(part.vat_rate, part.net_zl) for part in july.vat_sums] == [
        (Decimal("0.23"), Decimal("85.88")),
        (Decimal("0.08"), Decimal("47.30")),
    ]
    assert key != rejected
    assert counted(town, "select count(*) from extra_service_billed") == 2
    with pytest.raises(OperatorError, match="SERVICE_BILLED"):
        extra_services.cancel(town, service_id=1, reason="pomyłka")
    with pytest.raises(OperatorError, match="SERVICE_CANCELLED"):
        extra_services.cancel(town, service_id=3, reason="pomyłka")
    with pytest.raises(OperatorError, match="SERVICE_UNKNOWN"):
        extra_services.cancel(town, service_id=99, reason="pomyłka")
    assert [one["document"] for one in extra_services.listed(town, only_open=False)] == [july.number.text] * 2 + [None]
    assert extra_services.listed(town) == []


def test_an_issued_service_is_not_on_the_next_bill(town, tmp_path) -> None:
    issued_month(town, 7)
    read_month(town, tmp_path, 8)
    order(town, "EKSPERTYZA", "1")
    issued_month(town, 8)

    assert [line[0] for line in lines(town, "A0002", 8)] == ["water", "sewage", "abonament", "extra"]
    assert counted(town, "select count(*) from extra_service_billed") == 4


def test_a_laboratory_that_answers_late_is_made_up_for_and_a_re_test_ends_it(town, tmp_path) -> None:
    issued_month(town, 7)
    agreements.set_excess(
        town,
        point_no="PP0005",
        indicator="azot amonowy",
        measured=Decimal(150),
        permitted=Decimal(100),
        sampled_on=date(2026, 7, 21),
        report_no="L/9",
    )
    agreements.clear_excess(town, point_no="PP0003", indicator="ChZT", day=date(2026, 8, 1), report_no="L/10")
    with pytest.raises(OperatorError, match="DAYS_BILLED"):
        agreements.clear_excess(
            town, point_no="PP0003", indicator="zawiesina ogólna", day=date(2026, 7, 25), report_no="L/10"
        )
    read_month(town, tmp_path, 8)
    issued_month(town, 8)

    late = [line for line in lines(town, "A0005", 8) if line[0] == "excess"]
    # 3 m³ in 31 days; from the 21st on 10 of them: 3 - 2,032 = 0,968; × 7,75 × 0,5
    assert [(line[1], line[2], line[4]) for line in late] == [
        ("2026-07-21..2026-07-31", "0.968", "3.75"),
        ("2026-07-31..2026-08-31", "3.000", "11.63"),
    ]
    assert [line[1] for line in lines(town, "A0003", 8) if line[0] == "excess"] == [
        "2026-07-31..2026-08-01",
        "2026-07-31..2026-08-01",
        "2026-08-01..2026-08-31",
    ]


def test_a_manager_under_the_ksef_duty_is_forecast_and_settled_by_drafts(town, tmp_path) -> None:
    order(town, "PLOMBA", "2", account_no="A0011")
    agreements.set_forecast(
        town,
        ForecastRow(
            contract_no="C0011",
            entitled="manager",
            basis=ForecastBasis.CONTRACT,
            settle_every_months=2,
            day=date(2026, 7, 1),
            reason="umowa",
            water_m3_month=Decimal(5),
            sewage_m3_month=Decimal(5),
        ),
    )
    july = issued_month(town, 7)
    read_month(town, tmp_path, 8)
    issued_month(town, 8)

    query = text("""
        select sum((line ->> 'quantity')::numeric) from hold h join account using (account_id)
        cross join lateral jsonb_array_elements(h.draft::jsonb -> 'lines') as line
        where account_no = 'A0011' and line ->> 'service' = 'water'
    """)
    with town.engine.connect() as connection:
        assert connection.execute(query).scalar_one() == 6
    assert counted(town, "select count(*) from extra_service_billed where invoice_id is null") == 1
    assert counted(town, "select count(*) from forecast_settled where invoice_id is null") == 2
    with town.engine.connect() as connection:
        document = connection.execute(text("select document from forecast_line where invoice_id is null limit 1"))
        assert document.scalar_one() == july


def test_the_mean_of_the_previous_settlement_period_is_forecast(town, tmp_path) -> None:
    issued_month(town, 7)
    agreements.set_forecast(
        town,
        ForecastRow(
            contract_no="C0006",
            entitled="flat",
            basis=ForecastBasis.MEAN,
            settle_every_months=6,
            day=date(2026, 8, 1),
            reason="umowa",
        ),
    )
    issued_month(town, 8)
    issued_month(town, 9)

    # 3 m³ in 31 days; 3 × 30 : 31 = 2,903
    assert [lines(town, "A0006", month)[0][2] for month in (8, 9)] == ["3.000", "2.903"]


def test_the_end_of_the_terms_settles_with_the_next_reading(town, tmp_path) -> None:
    issued_month(town, 7)
    agreements.end_forecast(town, contract_no="C0004", day=date(2026, 8, 1), reason="wypowiedzenie")
    read_month(town, tmp_path, 8)
    issued_month(town, 8)

    assert [one.kind for one in invoices(town, "A0004")] == ["forecast", "settlement"]


def test_what_is_charged_cannot_be_entered_again(town, tmp_path) -> None:
    key = rated_month(town, 7)
    row = SurfaceRow(
        point_no="PP0001",
        surface="dach",
        area_m2=Decimal(200),
        item_code="DESZCZ-M2",
        day=date(2026, 8, 1),
        reason="umowa",
    )
    with pytest.raises(OperatorError, match="ACCOUNT_IN_WORK"):
        agreements.set_surfaces(town, [row])
    decide(town, key, "approved")
    set_clock(town, datetime(2026, 8, 3, 7, 0))
    issue.run(town, cycle_key=key)

    with pytest.raises(OperatorError, match="DAYS_BILLED"):
        agreements.set_surfaces(town, [dataclasses.replace(row, day=date(2026, 7, 31))])
    agreements.set_surfaces(town, [row])
    read_month(town, tmp_path, 8)
    issued_month(town, 8)
    assert ("stormwater", "2026-08-01..2026-09-01", "200.000") in [line[:3] for line in lines(town, "A0001", 8)]
    with pytest.raises(OperatorError, match="DAYS_BILLED"):
        agreements.end_forecast(town, contract_no="C0004", day=date(2026, 8, 1), reason="x")


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("NOTE_MISSING", {"reason": " "}),
        ("POINT_UNKNOWN", {"point_no": "PP9"}),
        ("ITEM_UNKNOWN", {"item_code": "PLOMBA"}),
        ("QUANTITY_WRONG", {"area_m2": Decimal("1.234")}),
    ],
)
def test_a_wrong_surface_is_refused_and_nothing_of_its_file_is_kept(town, code, changed) -> None:
    good = SurfaceRow(
        point_no="PP0002",
        surface="dach",
        area_m2=Decimal(10),
        item_code="DESZCZ-M2",
        day=date(2026, 7, 1),
        reason="umowa",
    )

    with pytest.raises(OperatorError, match=code):
        agreements.set_surfaces(town, [good, dataclasses.replace(good, **changed)])

    assert counted(town, "select count(*) from stormwater_area") == 2


def test_a_contract_for_stormwater_without_a_surface_is_held(town, database) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(
            text("""
                update contract_terms set services = services || 'stormwater'::text
                where contract_id = (select contract_id from contract where contract_no = 'C0007')
            """)
        )
    owner.dispose()
    issued_month(town, 7)

    assert counted(town, "select count(*) from hold where code = 'AREA_MISSING'") == 1


@pytest.mark.parametrize(
    "statement_of_fault",
    [
        "insert into extra_service_billed (extra_service_id, cycle_id, account_id) select 1, 1, 1",
        "insert into extra_service_cancelled select 1, 'x', now(), now(), 'x', 'cli'",
        """
        insert into forecast_line (cycle_id, account_id, line_no, document, point_id, service, row_no, period, content)
        select cycle_id, account_id, 99, 'x', point_id, service, row_no, period, content from forecast_line limit 1
        """,
        "delete from extra_service",
        "update forecast_line set content = ''",
        "update stormwater_area set area_m2 = 1",
        "update stormwater_area set valid = daterange(lower(valid) - 1, null)",
    ],
)
def test_the_database_refuses_what_would_charge_twice_or_rewrite(town, database, statement_of_fault) -> None:
    issued_month(town, 7)

    for url in (database.app_url, database.owner_url):
        engine = make_engine(url)
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement_of_fault))
        engine.dispose()
