"""A contract whose end was recorded after a prognoza had charged the days beyond: it is paid back, once, by itself."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal

import pytest
from beside_town import decide, issued_month, lines, rated_month, read_month
from changing import change, close, index, newcomer, open_contract, to_payer
from off_cycles import as_approver, open_holds, order_of, rows, to_close
from registry_rows import read, register
from test_handover import hold_of
from town import set_clock, settle

from billing.beside_meters import ForecastBasis
from pipeline import agreements, explain, waive_hold
from pipeline.agreements import ForecastRow
from pipeline.errors import OperatorError
from pipeline.statement import statement

SEPTEMBER_1 = date(2026, 9, 1)
TAKEN_OFF = [
    ("water", "2026-09-01..2026-10-01", "-2.500", "5.2500", "-13.13", "0.08", "1"),
    ("sewage", "2026-09-01..2026-10-01", "-2.500", "7.7500", "-19.38", "0.08", "1"),
]


def terms(contract_no: str, day: date = date(2026, 7, 1)) -> ForecastRow:
    return ForecastRow(
        contract_no=contract_no,
        entitled="flat",
        basis=ForecastBasis.CONTRACT,
        settle_every_months=2,
        day=day,
        reason="umowa § 6",
        water_m3_month=Decimal("2.5"),
        sewage_m3_month=Decimal("2.5"),
    )


@pytest.fixture
def town(work, tmp_path):
    """A0006 is settled with August's reading and forecast for September; it is October when the office is told."""
    settle(work, tmp_path)
    agreements.set_forecast(work, terms("C0006"))
    issued_month(work, 7)
    read_month(work, tmp_path, 8)
    issued_month(work, 8)
    issued_month(work, 9)
    return work


def documents(work, account_no: str) -> list[tuple[str, Decimal, Decimal, Decimal]]:
    return rows(
        work,
        """select kind, net_zl, vat_zl, gross_zl from invoice join account using (account_id)
           where account_no = :no order by invoice_id""",
        no=account_no,
    )


def number(work, account_no: str) -> str:
    found = rows(
        work,
        "select max(invoice_no) from invoice join account using (account_id) where account_no = :no",
        no=account_no,
    )
    return str(found[0][0])


def taken_off(work) -> list[tuple[str, int]]:
    return rows(
        work,
        """select service, count(*) from forecast_settled join forecast_line using (forecast_line_id)
           where period = '[2026-09-01,2026-10-01)' group by service order by service desc""",
    )


def test_the_next_cycle_pays_the_prognoza_back_and_the_one_after_has_nothing_to_do(town) -> None:
    change(town, close("C0006", SEPTEMBER_1))

    key = issued_month(town, 10)

    # 13,13 + 19,38 = 32,51; VAT 8 % = 2,6008
    assert [kind for kind, *_ in documents(town, "A0006")] == ["forecast", "settlement", "forecast", "settlement"]
    assert documents(town, "A0006")[-1] == ("settlement", Decimal("-32.51"), Decimal("-2.60"), Decimal("-35.11"))
    assert lines(town, "A0006", 10) == TAKEN_OFF
    assert taken_off(town) == [("water", 1), ("sewage", 1)]
    assert statement(town, cycle_key=key).forgotten == 0
    with town.engine.connect() as connection:
        told = explain.run(connection, invoice_no=number(town, "A0006"))
    assert told.change is not None
    assert told.change.now_zl == Decimal("-35.11")
    after = issued_month(town, 11)
    assert hold_of(town, after, "0006") == "CONTRACT_INACTIVE"
    assert "A0006" not in open_holds(town)


def test_a_final_bill_pays_it_back_at_once_and_balances(town) -> None:
    change(town, close("C0006", SEPTEMBER_1))
    order = order_of("final", "A0006", period="2026-09", issue_date=date(2026, 10, 5))

    to_close(town, order)

    assert documents(town, "A0006")[-1] == ("final", Decimal("-32.51"), Decimal("-2.60"), Decimal("-35.11"))
    with pytest.raises(OperatorError, match="NOT_FINAL: nothing is left to bill: A0006"):
        to_close(town, order)
    assert hold_of(town, issued_month(town, 10), "0006") == "CONTRACT_INACTIVE"


def test_a_rejected_cycle_takes_nothing_off_and_the_next_one_does(town) -> None:
    change(town, close("C0006", SEPTEMBER_1))
    set_clock(town, datetime(2026, 11, 1, 12, 0))
    decide(town, rated_month(town, 10), "rejected")
    assert taken_off(town) == []

    issued_month(town, 10)

    assert taken_off(town) == [("water", 1), ("sewage", 1)]


def test_the_next_customer_is_forecast_from_the_month_that_nobody_was_and_settled_from_his_first_day(
    town, tmp_path
) -> None:
    change(town, newcomer(on=SEPTEMBER_1))
    change(town, to_payer("0006", SEPTEMBER_1))
    agreements.set_forecast(town, terms("A99/1", SEPTEMBER_1))

    set_clock(town, datetime(2026, 11, 1, 12, 0))
    read(town, tmp_path, "PP0006;M0006;2026-10-31T08:00:00;72")
    issued_month(town, 10)

    assert lines(town, "A0006", 10) == TAKEN_OFF
    # in force since September, so that October makes the second month: settled at once, from his first day
    assert [line[:3] for line in lines(town, "A99", 10) if line[0] == "water"] == [
        ("water", "2026-08-31..2026-10-31", "6.000")
    ]
    issued_month(town, 11)
    assert [line[1] for line in lines(town, "A99", 11) if line[0] == "water"] == ["2026-11-01..2026-12-01"]


def test_a_month_that_was_forecast_for_another_is_not_forecast_again(town) -> None:
    change(town, newcomer(on=date(2026, 9, 1)))
    change(town, to_payer("0006", date(2026, 9, 1)))
    agreements.set_forecast(town, dataclasses.replace(terms("A99/1", SEPTEMBER_1), settle_every_months=6))

    issued_month(town, 10)

    assert [line[1] for line in lines(town, "A99", 10) if line[0] == "water"] == ["2026-10-01..2026-11-01"]


def test_a_contract_of_the_same_account_that_follows_takes_nothing_off_a_second_time(town, tmp_path) -> None:
    change(town, close("C0006", SEPTEMBER_1))
    change(town, open_contract("A0006", "PP0006", SEPTEMBER_1))
    set_clock(town, datetime(2026, 11, 1, 12, 0))
    read(town, tmp_path, "PP0006;M0006;2026-10-31T08:00:00;72")

    issued_month(town, 10)

    assert [line for line in lines(town, "A0006", 10) if line[2].startswith("-")] == TAKEN_OFF
    assert taken_off(town) == [("water", 1), ("sewage", 1)]
    issued_month(town, 11)
    assert taken_off(town) == [("water", 1), ("sewage", 1)]


def test_prognozy_of_a_contract_that_follows_stay_until_its_own_settlement(town, tmp_path) -> None:
    change(town, close("C0006", SEPTEMBER_1))
    change(town, open_contract("A0006", "PP0006", SEPTEMBER_1))
    agreements.set_forecast(town, terms("A0006/1", date(2026, 10, 1)))
    set_clock(town, datetime(2026, 11, 1, 12, 0))
    read(town, tmp_path, "PP0006;M0006;2026-10-31T08:00:00;72")

    issued_month(town, 10)

    # two months since 1 September: real water and the prognoza off, on one document
    assert documents(town, "A0006")[-1][0] == "settlement"
    assert taken_off(town) == [("water", 1), ("sewage", 1)]
    assert [line for line in lines(town, "A0006", 10) if line[2].startswith("-")] == TAKEN_OFF


def test_a_contract_that_prognozy_charged_did_hold(town) -> None:
    change(town, newcomer(on=date(2026, 10, 1)))
    set_clock(town, datetime(2026, 10, 5, 12, 0))
    change(town, to_payer("0006", date(2026, 10, 1), index("M0006", 69)))
    agreements.set_forecast(town, terms("A99/1", date(2026, 10, 1)))
    issued_month(town, 10)
    assert [line[1] for line in lines(town, "A99", 10) if line[0] == "water"] == ["2026-10-01..2026-11-01"]

    with pytest.raises(OperatorError, match="FORECAST_CHARGED"):
        change(town, close("A99/1", date(2026, 10, 1)))

    change(town, close("A99/1", date(2026, 10, 2), index("M0006", 69)))
    issued_month(town, 11)
    assert documents(town, "A99")[-1][1:] == (Decimal("-32.51"), Decimal("-2.60"), Decimal("-35.11"))


def test_a_manager_under_the_ksef_duty_gets_it_back_by_a_draft(work, tmp_path) -> None:
    settle(work, tmp_path)
    agreements.set_forecast(work, terms("C0011"))
    for month in (7, 8, 9):
        if month == 8:
            read_month(work, tmp_path, month)
        issued_month(work, month)
    change(work, close("C0011", SEPTEMBER_1))

    key = issued_month(work, 10)

    assert hold_of(work, key, "0011") == "KSEF_ROUTE"
    assert taken_off(work) == [("water", 1), ("sewage", 1)]
    assert hold_of(work, issued_month(work, 11), "0011") == "CONTRACT_INACTIVE"


def test_prognozy_of_days_that_were_given_up_are_paid_back(work, tmp_path) -> None:
    settle(work, tmp_path)
    agreements.set_forecast(work, dataclasses.replace(terms("C0006"), settle_every_months=6))
    issued_month(work, 7)
    issued_month(work, 8)
    register(work, tmp_path, contracts=["C0006;A0006;PP0006;household;water+sewage;2026-06-01;2026-08-16"])
    held = issued_month(work, 9)
    assert hold_of(work, held, "0006") == "READING_MISSING"
    waive_hold.run(as_approver(work), cycle_key=held, account_no="A0006", reason="lokal rozebrany")

    issued_month(work, 10)

    # July and August: 2 × 32,51 = 65,02; VAT 5,2016
    assert documents(work, "A0006")[-1] == ("settlement", Decimal("-65.02"), Decimal("-5.20"), Decimal("-70.22"))
