"""Bills between the regular cycles: each purpose from the order to the closing statement, and what is refused."""

import dataclasses
import shutil
from datetime import date, datetime

import pypdfium2
import pytest
from archived import content_of
from off_cycles import open_holds, order_of, resolutions, rows, to_check, to_close
from registry_rows import read, register
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import decide, to_the_end
from test_handover import bill_august, bill_july, bill_september, hold_of, lines
from town import COMPANY, LATECOMER, bank_account, cycle_order, read_august, set_clock, settle

from billing.holds import HoldCode
from pipeline import approve, freeze, open_cycle
from pipeline.errors import OperatorError
from pipeline.work import AirflowRun

NEWCOMER = "A0099"


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def end_contract(work, tmp_path, *, no: str, on: str) -> None:
    services = "water" if no == "0010" else "water+sewage"
    register(work, tmp_path, contracts=[f"C{no};A{no};PP{no};household;{services};2026-06-01;{on}"])


def move_in(work, tmp_path, *, on: str) -> None:
    """A new customer at a new point, with an own meter."""
    register(
        work,
        tmp_path,
        parties=["P99;natural_person;Nowy Nabywca;;ul. Nowa 9;00-001;Zdroje"],
        accounts=[f"{NEWCOMER};R1;{bank_account('0099')}"],
        account_parties=[f"{NEWCOMER};{role};P99;2026-01-01;" for role in ("payer", "nabywca")],
        points=["PP0099;ul. Nowa 9;00-001;Zdroje"],
        contracts=[f"C0099;{NEWCOMER};PP0099;household;water+sewage;{on};"],
        meters=[f"M0099;PP0099;5;0;{on};0;;"],
    )


def document_text(work, key: str) -> str:
    ((number,),) = rows(
        work, "select invoice_no from invoice join cycle using (cycle_id) where cycle_key = :key", key=key
    )
    with pypdfium2.PdfDocument(content_of(work, invoice_no=number)) as pdf:
        return pdf[0].get_textpage().get_text_range()


def test_a_first_bill_takes_the_newest_reading_and_the_next_cycle_goes_on_from_there(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 12, 9, 0))
    move_in(town, tmp_path, on="2026-08-10")
    read_august(town, tmp_path)
    set_clock(town, datetime(2026, 9, 14, 9, 0))
    read(town, tmp_path, "PP0099;M0099;2026-08-31T09:00:00;3", "PP0099;M0099;2026-09-14T08:00:00;5")

    key = to_close(town, order_of("first", NEWCOMER, period="2026-08", issue_date=date(2026, 9, 15)))

    assert key == "2026-08~OFF~1"
    assert lines(town, no="0099", key=key) == [("2026-08-10", "2026-09-14", 5)]
    assert lines(town, no="0099", key=key, service="abonament") == [("2026-08-10", "2026-09-01", 1)]
    assert "końcowe" not in document_text(town, key)

    set_clock(town, datetime(2026, 9, 16, 9, 0))
    august = to_close(town, dataclasses.replace(cycle_order(), period="2026-08", issue_date=date(2026, 9, 16)))
    assert hold_of(town, august, "0099") == HoldCode.IN_OTHER_CYCLE
    set_clock(town, datetime(2026, 10, 1, 9, 0))
    read(town, tmp_path, "PP0099;M0099;2026-09-30T08:00:00;6")
    september = bill_september(town, tmp_path)
    assert lines(town, no="0099", key=september) == [("2026-09-14", "2026-09-30", 1)]
    assert lines(town, no="0099", key=september, service="abonament") == [("2026-09-01", "2026-10-01", 1)]


def test_a_bill_on_demand_between_two_cycles_charges_water_but_no_month_again(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 15, 9, 0))
    read(town, tmp_path, "PP0001;M0001;2026-08-15T08:00:00;14", "PP0002;M0002;2026-08-15T08:00:00;24")

    key = to_close(town, order_of("on_demand", "A0001", "A0002", period="2026-07", issue_date=date(2026, 8, 17)))
    read_august(town, tmp_path)
    august = bill_august(town)

    assert lines(town, no="0001", key=key) == [("2026-07-31", "2026-08-15", 1)]
    assert lines(town, no="0001", key=key, service="abonament") == []
    assert lines(town, no="0001", key=august) == [("2026-08-15", "2026-08-31", 2)]
    assert lines(town, no="0001", key=august, service="abonament") == [("2026-08-01", "2026-09-01", 1)]
    moved = rows(town, "select count(*) from invoice join cycle using (cycle_id) where purpose = 'on_demand'")
    assert moved == [(2,)]


def test_a_bill_on_demand_before_the_quarter_leaves_the_rest_of_it_to_the_quarter(town, tmp_path) -> None:
    key = to_close(town, order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3)))
    read_august(town, tmp_path)
    order = dataclasses.replace(cycle_order(), period="2026-07..2026-08", issue_date=date(2026, 9, 2))

    quarter = to_close(town, order)

    assert lines(town, no="0001", key=key, service="abonament") == [("2026-07-01", "2026-08-01", 1)]
    assert lines(town, no="0001", key=quarter, service="abonament") == [("2026-08-01", "2026-09-01", 1)]
    assert lines(town, no="0001", key=quarter) == [("2026-07-31", "2026-08-31", 3)]
    assert lines(town, no="0003", key=quarter, service="abonament") == [("2026-07-01", "2026-09-01", 2)]


def test_a_final_bill_ends_a_contract_in_the_middle_of_a_month(town, tmp_path) -> None:
    bill_july(town)
    end_contract(town, tmp_path, no="0001", on="2026-08-10")
    set_clock(town, datetime(2026, 8, 12, 9, 0))
    read(town, tmp_path, "PP0001;M0001;2026-08-10T10:00:00;14")

    key = to_close(town, order_of("final", "A0001", period="2026-08", issue_date=date(2026, 8, 13)))

    assert lines(town, no="0001", key=key) == [("2026-07-31", "2026-08-10", 1)]
    assert lines(town, no="0001", key=key, service="abonament") == [("2026-08-01", "2026-08-10", 1)]
    assert rows(town, "select i.kind from invoice i join cycle using (cycle_id) where cycle_key = :key", key=key) == [
        ("final",)
    ]
    printed = document_text(town, key)
    assert "Rozliczenie końcowe" in printed
    assert "09.08.2026" in printed
    assert "31.08.2026" not in printed
    with pytest.raises(OperatorError, match="NOT_FINAL: nothing is left to bill: A0001"):
        open_cycle.run(town, order=order_of("final", "A0001", period="2026-08", issue_date=date(2026, 8, 14)))

    read_august(town, tmp_path)
    assert hold_of(town, bill_august(town), "0001") == HoldCode.CONTRACT_INACTIVE


def test_a_new_contract_after_a_final_bill_in_the_same_month_pays_no_second_abonament(town, tmp_path) -> None:
    bill_july(town)
    end_contract(town, tmp_path, no="0001", on="2026-08-10")
    set_clock(town, datetime(2026, 8, 12, 9, 0))
    read(town, tmp_path, "PP0001;M0001;2026-08-10T10:00:00;14")
    to_close(town, order_of("final", "A0001", period="2026-08", issue_date=date(2026, 8, 13)))
    register(town, tmp_path, contracts=["C0101;A0001;PP0001;household;water+sewage;2026-08-20;"])
    set_clock(town, datetime(2026, 8, 21, 9, 0))
    read(town, tmp_path, "PP0001;M0001;2026-08-20T10:00:00;15")
    read_august(town, tmp_path)

    bill_august(town)
    bill_september(town, tmp_path)

    assert lines(town, no="0001")[1:] == [
        ("2026-07-31", "2026-08-10", 1), ("2026-08-20", "2026-08-31", 1), ("2026-08-31", "2026-09-30", 3),
    ]  # fmt: skip
    assert lines(town, no="0001", service="abonament") == [
        ("2026-07-01", "2026-08-01", 1), ("2026-08-01", "2026-08-10", 1), ("2026-09-01", "2026-10-01", 1),
    ]  # fmt: skip


def test_where_each_point_owes_an_abonament_a_new_point_pays_its_own_for_the_month(town, tmp_path) -> None:
    utility = tmp_path / "utility"
    shutil.copytree(town.settings.utility, utility)
    (tariff,) = utility.glob("tariffs/*.toml")
    words = tariff.read_text(encoding="utf-8").replace('standing_per = "recipient"', 'standing_per = "point"')
    tariff.write_text(words, encoding="utf-8")
    town = dataclasses.replace(town, settings=dataclasses.replace(town.settings, utility=utility))
    bill_july(town)
    for no in ("0001", "0002"):
        end_contract(town, tmp_path, no=no, on="2026-08-10")
    set_clock(town, datetime(2026, 8, 12, 9, 0))
    read(town, tmp_path, "PP0001;M0001;2026-08-10T10:00:00;14", "PP0002;M0002;2026-08-10T10:00:00;24")
    to_close(town, order_of("final", "A0001", "A0002", period="2026-08", issue_date=date(2026, 8, 13)))
    register(
        town,
        tmp_path,
        points=["PP0101;ul. Łąkowa 1a;00-001;Zdroje"],
        contracts=[
            "C0101;A0001;PP0101;household;water;2026-08-20;",
            "C0102;A0002;PP0002;household;water+sewage;2026-08-20;",
        ],
        meters=["M0101;PP0101;5;0;2026-08-20;0;;"],
    )
    set_clock(town, datetime(2026, 8, 21, 9, 0))
    read(town, tmp_path, "PP0002;M0002;2026-08-20T10:00:00;25")
    read_august(town, tmp_path)
    read(town, tmp_path, "PP0101;M0101;2026-08-31T10:00:00;4")

    august = bill_august(town)

    assert lines(town, no="0001", key=august, service="abonament") == [("2026-08-20", "2026-09-01", 1)]
    assert lines(town, no="0002", key=august, service="abonament") == []
    assert lines(town, no="0002", key=august) == [("2026-08-20", "2026-08-31", 1)]


def test_the_month_of_a_contract_whose_last_days_were_billed_before_it_is_charged_all_the_same(town, tmp_path) -> None:
    end_contract(town, tmp_path, no="0001", on="2026-08-01")
    end_contract(town, tmp_path, no="0002", on="2026-08-03")
    set_clock(town, datetime(2026, 8, 3, 5, 0))
    read(town, tmp_path, "PP0002;M0002;2026-08-03T04:00:00;24")

    july = bill_july(town)
    read_august(town, tmp_path)
    august = bill_august(town)

    assert lines(town, no="0002", key=july) == [("2026-06-30", "2026-08-03", 4)]
    assert lines(town, no="0002", key=august) == []
    assert lines(town, no="0002", service="abonament") == [
        ("2026-07-01", "2026-08-01", 1),
        ("2026-08-01", "2026-08-03", 1),
    ]
    assert hold_of(town, august, "0001") == HoldCode.CONTRACT_INACTIVE


def test_a_released_hold_is_billed_once_and_the_next_cycle_goes_on(town, tmp_path) -> None:
    july = bill_july(town)
    assert open_holds(town) == {f"A{LATECOMER}": [HoldCode.READING_MISSING]}
    set_clock(town, datetime(2026, 8, 12, 9, 0))
    read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-08-12T08:00:00;124")
    order = order_of("released_hold", f"A{LATECOMER}", period="2026-07", issue_date=date(2026, 8, 13))

    key = to_check(town, order)
    page = approve.summary(town, cycle_key=key)
    assert "bills of accounts that were held" in page
    assert "Ends 1 open holds" in page
    decide(town, key)
    set_clock(town, datetime(2026, 8, 13, 12, 0))
    to_the_end(town, key)

    assert resolutions(town) == {(july, f"A{COMPANY}"): "drafted", (july, f"A{LATECOMER}"): "billed"}
    assert open_holds(town) == {}
    assert lines(town, no=LATECOMER, key=key) == [("2026-06-30", "2026-08-12", 4)]
    assert lines(town, no=LATECOMER, key=key, service="abonament") == [("2026-07-01", "2026-08-01", 1)]
    with pytest.raises(OperatorError, match=f"NO_OPEN_HOLD: .*: A{LATECOMER}"):
        open_cycle.run(town, order=dataclasses.replace(order, issue_date=date(2026, 8, 14)))
    read_august(town, tmp_path)
    read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-08-31T09:00:00;126")
    august = bill_august(town)
    assert lines(town, no=LATECOMER, key=august) == [("2026-08-12", "2026-08-31", 2)]
    assert lines(town, no=LATECOMER, key=august, service="abonament") == [("2026-08-01", "2026-09-01", 1)]


def test_a_company_gets_its_off_cycle_bill_as_a_draft(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 15, 9, 0))
    read(town, tmp_path, f"PP{COMPANY};M{COMPANY};2026-08-15T08:00:00;115")

    key = to_close(town, order_of("on_demand", f"A{COMPANY}", period="2026-07", issue_date=date(2026, 8, 17)))

    assert resolutions(town)[key, f"A{COMPANY}"] == "drafted"
    (draft,) = (town.settings.exports / "ksef" / f"drafts-{key}.jsonl").read_text(encoding="utf-8").splitlines()
    assert '"purpose": "on_demand"' in draft


def test_several_off_cycles_of_a_period_live_beside_each_other_but_never_with_the_same_account(town) -> None:
    one = to_check(town, order_of("on_demand", "A0001", "A0002", period="2026-07", issue_date=date(2026, 8, 3)))
    other = to_check(town, order_of("on_demand", "A0002", "A0003", period="2026-07", issue_date=date(2026, 8, 3)))
    regular = open_cycle.run(town, order=cycle_order())["cycle_key"]
    freeze.run(town, cycle_key=regular)

    assert (one, other) == ("2026-07~OFF~1", "2026-07~OFF~2")
    assert hold_of(town, one, "0002") is None
    assert hold_of(town, other, "0002") == HoldCode.IN_OTHER_CYCLE
    assert {no for no in ("0001", "0002", "0003", "0004") if hold_of(town, regular, no)} == {"0001", "0002", "0003"}


def test_a_month_missed_because_a_rejected_off_cycle_had_the_account_is_made_up_for(town, tmp_path) -> None:
    off = to_check(town, order_of("first", "A0001", period="2026-07", issue_date=date(2026, 8, 3)))
    july = bill_july(town)
    decide(town, off, decision="rejected")
    read_august(town, tmp_path)

    august = bill_august(town)

    assert hold_of(town, july, "0001") == HoldCode.IN_OTHER_CYCLE
    assert lines(town, no="0001", key=august, service="abonament") == [("2026-07-01", "2026-09-01", 2)]
    assert lines(town, no="0001", key=august) == [("2026-06-30", "2026-08-31", 6)]


def test_an_account_that_a_cycle_left_out_is_free_for_a_third(town) -> None:
    first = to_check(town, order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3)))
    to_check(town, order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3)))
    decide(town, first, decision="rejected")

    third = to_check(town, order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3)))

    assert hold_of(town, third, "0001") is None


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (("on_demand",), "ACCOUNTS_EMPTY"),
        (("on_demand", " ", ""), "ACCOUNTS_EMPTY"),
        (("on_demand", "A0001", "A7777", "A8888"), "ACCOUNT_UNKNOWN: .*: A7777, A8888$"),
        (("birthday", "A0001"), "PURPOSE_WRONG"),
        (("first", "A0001", f"A{COMPANY}", f"A{LATECOMER}"), f"NOT_FIRST: .*: A0001, A{COMPANY}$"),
        (("released_hold", "A0001", f"A{LATECOMER}"), "NO_OPEN_HOLD: .*: A0001$"),
        (("final", "A0001", "A0002"), "NOT_FINAL: still under contract on 2026-08-17: A0001$"),
        (("final", "A0003"), "NOT_FINAL: under contract after 2026-07-31.*: A0003$"),
    ],
)
def test_what_a_purpose_does_not_fit_is_refused_by_name(town, tmp_path, order, refusal) -> None:
    bill_july(town)
    end_contract(town, tmp_path, no="0002", on="2026-08-01")
    end_contract(town, tmp_path, no="0003", on="2026-08-10")
    set_clock(town, datetime(2026, 8, 12, 9, 0))

    with pytest.raises(OperatorError, match=refusal):
        open_cycle.run(town, order=order_of(*order, period="2026-07", issue_date=date(2026, 8, 17)))

    assert rows(town, "select count(*) from cycle") == [(1,)]
    assert rows(town, "select count(*) from cycle_account") == [(0,)]


def test_a_period_that_still_runs_is_only_for_contracts_that_have_ended(town, tmp_path) -> None:
    bill_july(town)
    end_contract(town, tmp_path, no="0002", on="2026-08-14")
    set_clock(town, datetime(2026, 8, 12, 9, 0))
    for purpose, no in (("on_demand", "A0001"), ("final", "A0002")):
        with pytest.raises(OperatorError, match="PERIOD_NOT_OVER"):
            open_cycle.run(town, order=order_of(purpose, no, period="2026-08", issue_date=date(2026, 8, 17)))

    set_clock(town, datetime(2026, 8, 14, 0, 0))
    assert open_cycle.run(town, order=order_of("final", "A0002", period="2026-08", issue_date=date(2026, 8, 17)))
    with pytest.raises(OperatorError, match="PERIOD_NOT_OVER"):
        open_cycle.run(town, order=order_of("final", "A0002", period="2026-09", issue_date=date(2026, 8, 17)))


def test_accounts_without_a_purpose_start_no_cycle_of_everybody(town) -> None:
    with pytest.raises(OperatorError, match="PURPOSE_MISSING"):
        open_cycle.run(town, order=dataclasses.replace(cycle_order(), accounts=("A0001",)))
    with pytest.raises(OperatorError, match="ROUTES_WRONG"):
        open_cycle.run(town, order=dataclasses.replace(cycle_order(), route_set="OFF"))


def test_a_dry_run_of_single_accounts_holds_nobody(town) -> None:
    key = to_check(town, order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3), dry_run=True))

    assert rows(town, "select state from cycle where cycle_key = :key", key=key) == [("dry",)]
    assert hold_of(town, to_check(town, cycle_order()), "0001") is None


def test_the_same_airflow_run_opens_one_off_cycle(town) -> None:
    run = AirflowRun(dag_id="billing_cycle", run_id="2026-07~OFF~1", try_number=1)
    task = dataclasses.replace(town, airflow_run=run)
    order = order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3))

    assert open_cycle.run(task, order=order) == open_cycle.run(task, order=order)
    assert rows(town, "select count(*) from cycle_account") == [(1,)]


def test_the_database_adds_no_account_to_a_regular_cycle_or_after_the_freeze(town) -> None:
    regular = open_cycle.run(town, order=cycle_order())["cycle_key"]
    off = to_check(town, order_of("on_demand", "A0001", period="2026-07", issue_date=date(2026, 8, 3)))
    insert = text("""insert into cycle_account (cycle_id, account_id, event_at, recorded_by)
                     select cycle_id, 2, now(), 'x' from cycle where cycle_key = :key""")

    for key, refusal in ((regular, "only_off_cycles_name_accounts"), (off, "takes no more accounts")):
        with pytest.raises(DBAPIError, match=refusal), town.engine.begin() as connection:
            connection.execute(insert, {"key": key})
