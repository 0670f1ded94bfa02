"""Where changes, cycles, holds and the cut-over meet: nobody is lost between them, and nobody pays for another."""

import dataclasses
from datetime import date, datetime

import pytest
from changing import change, close, index, newcomer, open_contract, to_payer
from off_cycles import open_holds, order_of, rows, to_close
from registry_rows import read, register
from test_cutover import switched, taken  # noqa: F401 - fixtures
from test_cycle import decide, to_the_end
from test_handover import bill_august, bill_july, bill_september, hold_of, lines, rated
from town import bank_account, cycle_order, read_august, set_clock, settle

from billing.changes import RouteChange
from pipeline import check, freeze, import_registry, open_cycle, rate
from pipeline.errors import OperatorError
from pipeline.statement import statement

AUGUST_ISSUED = date(2026, 9, 2)


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    bill_july(work)
    return work


def approved_august(town, tmp_path) -> str:
    read_august(town, tmp_path)
    key = rated(town, period="2026-08", issue_date=AUGUST_ISSUED)
    decide(town, key)
    return key


def closed(town, key) -> bool:
    set_clock(town, datetime.combine(AUGUST_ISSUED, datetime.min.time()).replace(hour=12))
    to_the_end(town, key)
    return statement(town, cycle_key=key).balanced


def test_a_payer_who_is_recorded_after_the_approval_is_the_next_cycles(town, tmp_path) -> None:
    key = approved_august(town, tmp_path)
    change(town, newcomer(on=date(2026, 8, 1)))
    change(town, to_payer("0001", date(2026, 8, 10), index("M0001", 14)))

    assert closed(town, key)
    assert hold_of(town, key, "0001") == "REGISTRY_CHANGED"

    september = bill_september(town, tmp_path)
    assert statement(town, cycle_key=september).balanced
    assert lines(town, no="99")


def test_a_closed_cycle_stays_balanced_whatever_is_recorded_later(town, tmp_path) -> None:
    key = approved_august(town, tmp_path)
    assert closed(town, key)
    change(town, newcomer(on=date(2026, 8, 1)))
    change(town, to_payer("0001", date(2026, 8, 31), index("M0001", 16)))

    assert statement(town, cycle_key=key).balanced


def test_a_contract_that_is_taken_back_after_the_freeze_is_not_invoiced(town, tmp_path) -> None:
    set_clock(town, datetime(2026, 8, 12, 12))
    change(town, close("C0001", date(2026, 8, 10), index("M0001", 14)))
    change(town, newcomer(on=date(2026, 8, 1)))
    new = {"party_no": "P99", "bank_account": bank_account("0099"), "route": "R1"}
    change(town, open_contract("A99", "PP0001", date(2026, 8, 10), **new))
    key = approved_august(town, tmp_path)
    change(town, close("A99/1", date(2026, 8, 10)))

    assert closed(town, key)
    assert hold_of(town, key, "99") == "REGISTRY_CHANGED"
    invoiced = "select account_no from invoice join account using (account_id) where account_no = 'A99'"
    assert rows(town, invoiced) == []


def test_no_account_falls_between_two_routes(town, tmp_path) -> None:
    read_august(town, tmp_path)
    order = dataclasses.replace(cycle_order(), period="2026-08", issue_date=AUGUST_ISSUED, route_set="R2")
    key = open_cycle.run(town, order=order)["cycle_key"]
    freeze.run(town, cycle_key=key)
    rate.run(town, cycle_key=key, chunk_no=0)
    check.run(town, cycle_key=key)

    with pytest.raises(OperatorError, match="ROUTE_BILLED"):
        change(town, RouteChange(on=date(2026, 9, 1), account_no="A0001", route="R2"))
    change(town, RouteChange(on=date(2026, 9, 3), account_no="A0001", route="R2"))


def test_a_household_that_becomes_a_business_owes_the_month_once_at_the_price_of_its_first_day(town, tmp_path) -> None:
    set_clock(town, datetime(2026, 8, 12, 12))
    change(town, close("C0002", date(2026, 8, 10), index("M0002", 24)))
    change(town, open_contract("A0002", "PP0002", date(2026, 8, 10), tariff_class="business"))
    read_august(town, tmp_path)
    key = bill_august(town)

    assert hold_of(town, key, "0002") is None
    assert len(lines(town, no="0002", service="abonament")) == 2  # July and August


def test_an_index_of_the_day_that_the_old_system_billed_is_not_told_anew(switched) -> None:  # noqa: F811
    set_clock(switched, datetime(2026, 8, 12, 12))
    with pytest.raises(OperatorError, match="BILLED_ALREADY"):
        change(switched, close("C0003", date(2026, 7, 31), index("M0003", 35)))


def test_a_final_bill_ends_every_hold_of_its_account(town, tmp_path) -> None:
    register(town, tmp_path, contracts=["C0012;A0012;PP0012;household;water+sewage;2026-06-01;2026-08-01"])
    read_august(town, tmp_path)
    bill_august(town)
    assert len(open_holds(town)["A0012"]) == 2
    set_clock(town, datetime(2026, 9, 3, 9))
    read(town, tmp_path, "PP0012;M0012;2026-08-01T08:00:00;124")
    to_close(town, order_of("final", "A0012", period="2026-07", issue_date=date(2026, 9, 3)))

    assert "A0012" not in open_holds(town)


def test_a_meter_of_before_the_cut_over_comes_in_with_its_position_or_not_at_all(switched, tmp_path) -> None:  # noqa: F811
    folder = tmp_path / "late"
    folder.mkdir()
    header = "meter_no;point_no;dials;decimals;installed_on;opening_index"
    points = "point_no;street;postcode;city\nPP0077;ul. Nowa 7;00-001;Zdroje\n"
    (folder / "points.csv").write_text(points, encoding="utf-8")
    meters = f"{header}\nM0077;PP0077;5;0;2026-01-10;0\nM0078;PP0077;5;0;2026-08-01;0\n"
    (folder / "meters.csv").write_text(meters, encoding="utf-8")

    counts = import_registry.run(switched, folder=folder)

    assert (counts["accepted"], counts["rejected"]) == (2, 1)
    report = (switched.settings.exports / "registry" / "meters.report.csv").read_text(encoding="utf-8")
    assert "2;REJECTED;R119" in report
