"""A hold ends once: with a bill, with a draft, or on an approver's word; and what was given up is never billed."""

import csv
import threading
from datetime import date, datetime

import pytest
from off_cycles import as_approver, open_holds, order_of, resolutions, rows, to_check, to_close
from registry_rows import read, register
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import decide, to_approval
from test_handover import bill_august, bill_july, bill_september, hold_of, lines
from town import COMPANY, LATECOMER, read_august, set_clock, settle

from billing.holds import HoldCode
from pipeline import issue, waive_hold
from pipeline.cli import main
from pipeline.errors import OperatorError
from sql.evidence import verify_chain

LATE = f"A{LATECOMER}"
WHY = "Punkt nieczynny, umowa w wyjaśnieniu"


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def waive(work, key: str, account_no: str = LATE, reason: str = WHY) -> dict[str, str | int]:
    return waive_hold.run(as_approver(work), cycle_key=key, account_no=account_no, reason=reason)


def read_latecomer(work, tmp_path, *, on: date, index: int) -> None:
    assert read(work, tmp_path, f"PP{LATECOMER};M{LATECOMER};{on}T09:00:00;{index}")["rejected"] == 0


def end_latecomer(work, tmp_path, *, on: str) -> None:
    contract = f"C{LATECOMER};{LATE};PP{LATECOMER};household;water+sewage;2026-06-01;{on}"
    register(work, tmp_path, contracts=[contract])


def test_the_next_regular_bill_ends_the_hold_and_the_database_knows_with_which_invoice(town, tmp_path) -> None:
    july = bill_july(town)
    read_august(town, tmp_path)
    read_latecomer(town, tmp_path, on=date(2026, 8, 31), index=126)

    august = bill_august(town)

    assert resolutions(town) == {
        (july, f"A{COMPANY}"): "drafted",
        (august, f"A{COMPANY}"): "drafted",
        (july, LATE): "billed",
    }
    ended = rows(
        town,
        """select c.cycle_key, r.resolved_by from hold_resolution r join invoice i using (invoice_id)
           join cycle c on c.cycle_id = i.cycle_id where outcome = 'billed'""",
    )
    assert ended == [(august, "operator")]
    assert rows(town, "select count(*) from evidence where subject like 'hold:%'") == [(3,)]


def test_months_of_a_waived_hold_are_never_billed_but_the_water_is(town, tmp_path) -> None:
    july = bill_july(town)

    assert waive(town, july)["contracts_given_up"] == 0
    read_august(town, tmp_path)
    read_latecomer(town, tmp_path, on=date(2026, 8, 31), index=126)
    bill_august(town)

    assert lines(town, no=LATECOMER) == [("2026-06-30", "2026-08-31", 6)]
    assert lines(town, no=LATECOMER, service="abonament") == [("2026-08-01", "2026-09-01", 1)]
    assert open_holds(town) == {}


def test_a_month_waived_between_two_held_ones_is_left_out_of_the_bill_that_makes_up_for_them(town, tmp_path) -> None:
    bill_july(town)
    read_august(town, tmp_path)
    august = bill_august(town)
    waive(town, august)
    set_clock(town, datetime(2026, 10, 1, 9, 0))
    read_latecomer(town, tmp_path, on=date(2026, 9, 30), index=129)

    bill_september(town, tmp_path)

    assert lines(town, no=LATECOMER) == [("2026-06-30", "2026-09-30", 9)]
    months = [("2026-07-01", "2026-08-01", 1), ("2026-09-01", "2026-10-01", 1)]
    assert lines(town, no=LATECOMER, service="abonament") == months


def test_days_of_a_contract_that_ended_in_the_waived_months_are_given_up(town, tmp_path) -> None:
    end_latecomer(town, tmp_path, on="2026-07-20")
    july = bill_july(town)

    assert waive(town, july)["contracts_given_up"] == 1
    contract = f"C9012;{LATE};PP{LATECOMER};household;water+sewage;2026-08-05;"
    register(town, tmp_path, contracts=[contract])
    set_clock(town, datetime(2026, 9, 1, 9, 0))
    read_latecomer(town, tmp_path, on=date(2026, 7, 20), index=121)
    read_latecomer(town, tmp_path, on=date(2026, 8, 5), index=122)
    read_latecomer(town, tmp_path, on=date(2026, 8, 31), index=126)
    read_august(town, tmp_path)
    bill_august(town)

    assert rows(town, "select days::text from waived_days") == [("[2026-06-01,2026-07-20)",)]
    assert lines(town, no=LATECOMER) == [("2026-08-05", "2026-08-31", 4)]
    assert lines(town, no=LATECOMER, service="abonament") == [("2026-08-05", "2026-09-01", 1)]


def test_an_account_whose_contract_was_given_up_needs_nobody_any_more(town, tmp_path) -> None:
    end_latecomer(town, tmp_path, on="2026-07-20")
    waive(town, bill_july(town))
    read_august(town, tmp_path)

    assert hold_of(town, bill_august(town), LATECOMER) == HoldCode.CONTRACT_INACTIVE
    with pytest.raises(OperatorError, match="NOT_FINAL: nothing is left"):
        to_check(town, order_of("final", LATE, period="2026-08", issue_date=date(2026, 9, 3)))


def test_a_month_held_before_the_given_up_one_can_still_be_billed(town, tmp_path) -> None:
    july = bill_july(town)
    end_latecomer(town, tmp_path, on="2026-08-10")
    read_august(town, tmp_path)
    august = bill_august(town)
    assert waive(town, august)["contracts_given_up"] == 1

    key = to_close(town, order_of("released_hold", LATE, period="2026-07", issue_date=date(2026, 9, 4)))

    assert lines(town, no=LATECOMER, key=key) == []
    assert lines(town, no=LATECOMER, key=key, service="abonament") == [("2026-07-01", "2026-08-01", 1)]
    assert resolutions(town)[july, LATE] == "billed"


def test_what_may_not_be_waived_is_refused(town, tmp_path) -> None:
    waiting = to_approval(town)
    with pytest.raises(OperatorError, match=r"HOLD_NOT_OPEN: .* the cycle is checked"):
        waive(town, waiting)
    decide(town, waiting)
    set_clock(town, datetime(2026, 8, 3, 7, 0))
    issue.run(town, cycle_key=waiting)

    for refusal, attempt in {
        "REASON_MISSING": lambda: waive(town, waiting, reason=" \n "),
        "REASON_UNREADABLE": lambda: waive(town, waiting, reason="\udcff"),
        "NOT_AN_APPROVER": lambda: waive_hold.run(town, cycle_key=waiting, account_no=LATE, reason=WHY),
        "HOLD_UNKNOWN": lambda: waive(town, waiting, "A0001"),
        "HOLD_NOT_OPEN: .* was drafted": lambda: waive(town, waiting, f"A{COMPANY}"),
    }.items():
        with pytest.raises(OperatorError, match=refusal):
            attempt()
    assert set(resolutions(town).values()) == {"drafted"}


def test_an_account_in_work_is_not_waived(town, tmp_path) -> None:
    july = bill_july(town)
    key = to_check(town, order_of("released_hold", LATE, period="2026-07", issue_date=date(2026, 8, 4)))

    with pytest.raises(OperatorError, match=f"ACCOUNT_IN_WORK: {key}"):
        waive(town, july)

    decide(town, key, decision="rejected")
    assert waive(town, july)["code"] == HoldCode.READING_MISSING


def test_a_hold_waived_is_not_waived_or_released_again(town) -> None:
    july = bill_july(town)
    waive(town, july)

    with pytest.raises(OperatorError, match=r"HOLD_NOT_OPEN: .* was waived on 2026-08-03"):
        waive(town, july)
    with pytest.raises(OperatorError, match="NO_OPEN_HOLD"):
        to_check(town, order_of("released_hold", LATE, period="2026-07", issue_date=date(2026, 8, 4)))
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


def test_of_two_who_waive_at_the_same_time_one_wins(town) -> None:
    july = bill_july(town)
    together, answers = threading.Barrier(4), []

    def try_it() -> None:
        together.wait()
        try:
            answers.append(str(waive(town, july)["code"]))
        except OperatorError as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["HOLD_NOT_OPEN"] * 3 + ["READING_MISSING"]
    assert resolutions(town)[july, LATE] == "waived"


RESOLUTION = """
    insert into hold_resolution (cycle_id, account_id, outcome, invoice_id, reason, resolved_by, resolved_via, event_at)
    select h.cycle_id, h.account_id, '{outcome}', {invoice}, {reason}, 'x', 'cli', now()
    from hold h join account a using (account_id) where a.account_no = '{account}'
"""


def test_of_two_connections_that_end_one_hold_the_second_is_refused(town) -> None:
    bill_july(town)
    insert = text(RESOLUTION.format(outcome="waived", invoice="null", reason="'x'", account=LATE))
    with town.engine.connect() as first, town.engine.connect() as second:
        first.execute(insert)
        second.execute(text("set local lock_timeout = '100ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            second.execute(insert)
        second.rollback()
        first.commit()
        with pytest.raises(DBAPIError, match="hold_resolution_once"):
            second.execute(insert)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"outcome": "billed", "invoice": "1", "reason": "null"}, "billed_to_the_same_account"),
        ({"outcome": "billed", "invoice": "null", "reason": "null"}, "billed_names_its_invoice"),
        ({"outcome": "waived", "invoice": "null", "reason": "null"}, "waived_says_why"),
        ({"outcome": "waived", "invoice": "null", "reason": "''"}, "hold_resolution_reason_check"),
        ({"outcome": "waived", "invoice": "1", "reason": "'x'"}, "billed_names_its_invoice"),
        ({"outcome": "drafted", "invoice": "null", "reason": "null"}, "drafted_names_its_draft"),
        ({"outcome": "lost", "invoice": "null", "reason": "null"}, "hold_resolution_outcome_check"),
    ],
)
def test_the_database_refuses_an_end_that_is_none(town, fields, refusal) -> None:
    bill_july(town)

    with pytest.raises(DBAPIError, match=refusal), town.engine.begin() as connection:
        connection.execute(text(RESOLUTION.format(account=LATE, **fields)))


def test_the_database_ends_no_hold_before_its_cycle_is_issued(town) -> None:
    to_approval(town)
    insert = text(RESOLUTION.format(outcome="waived", invoice="null", reason="'x'", account=LATE))

    with pytest.raises(DBAPIError, match="is not held by an issued cycle"), town.engine.begin() as connection:
        connection.execute(insert)


def test_the_database_bills_no_month_that_was_waived(town, tmp_path) -> None:
    july = bill_july(town)
    waive(town, july)
    insert = text("""
        insert into billed_period (invoice_id, line_no, account_id, service, period)
        select 1, 99, account_id, 'abonament', daterange(:start, :until) from account where account_no = :no
    """)

    for start, until in (("2026-07-01", "2026-08-01"), ("2026-07-31", "2026-09-01")):
        with pytest.raises(DBAPIError, match="was waived"), town.engine.begin() as connection:
            connection.execute(insert, {"no": LATE, "start": start, "until": until})
    with town.engine.begin() as connection:
        connection.execute(insert, {"no": LATE, "start": "2026-08-01", "until": "2026-09-01"})


@pytest.fixture
def at_the_keyboard(town, monkeypatch):
    """The commands on the test's database, given by an approver."""
    monkeypatch.setenv("OBIEG_HOME", str(town.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(town.settings.database_url))
    monkeypatch.setattr("pipeline.cli.acting", lambda *_: as_approver(town).actor)
    return town


def test_the_commands_tell_of_holds_and_end_them(at_the_keyboard, tmp_path, capsys) -> None:
    july = bill_july(at_the_keyboard)
    file = tmp_path / "holds.csv"
    set_clock(at_the_keyboard, datetime(2026, 8, 23, 9, 0))

    assert main(["hold", "list", "--csv", str(file)]) == 0
    assert "20 days" in capsys.readouterr().out
    (row,) = csv.DictReader(file.open(encoding="utf-8"), delimiter=";")
    assert (row["account_no"], row["code"], row["period"], row["age_days"]) == (
        LATE,
        "READING_MISSING",
        "2026-07",
        "20",
    )
    assert row["what_next"].startswith("no reading arrived")
    assert main(["hold", "list", "--csv", str(file / "below")]) == 2
    assert capsys.readouterr().err.startswith("FILE_UNWRITABLE")
    assert main(["hold", "list", "--code", "NO_METER"]) == 0
    assert "no account is held" in capsys.readouterr().out
    assert main(["hold", "waive", july, LATE, "--reason", WHY]) == 0
    assert f"{LATE} in {july}: READING_MISSING is waived by approver" in capsys.readouterr().out
    assert main(["hold", "show", july, LATE]) == 0
    assert f"waived by approver (cli) on 2026-08-23: {WHY}" in capsys.readouterr().out
    assert main(["hold", "show", july, f"A{COMPANY}"]) == 0
    assert f"drafted for KSeF with {july}" in capsys.readouterr().out
    assert main(["hold", "waive", july, LATE, "--reason", WHY]) == 2
    assert capsys.readouterr().err.startswith("HOLD_NOT_OPEN")
    assert main(["hold", "show", july, "A0001"]) == 2


def test_the_commands_bill_single_accounts_from_a_list(at_the_keyboard, tmp_path, capsys) -> None:
    file = tmp_path / "accounts.txt"
    file.write_text("A0001\n\nA0002 \n", encoding="utf-8")
    asked = ["--period", "2026-07", "--issue-date", "2026-08-03"]

    assert main(["bill", "on-demand", "--accounts", str(file), *asked]) == 0
    assert "obieg cycle approve 2026-07~OFF~1" in capsys.readouterr().out
    assert main(["bill", "first", "--account", "A0003", "--account", "A0004", *asked, "--dry-run"]) == 0
    assert "2026-07~OFF~2 is dry" in capsys.readouterr().out
    assert main(["cycle", "list"]) == 0
    assert "on_demand" in capsys.readouterr().out
    assert main(["cycle", "show", "2026-07~OFF~1"]) == 0
    assert "2026-07~OFF~1 · on_demand · checked" in capsys.readouterr().out
    assert main(["bill", "final", "--account", "A0003", *asked]) == 2
    assert capsys.readouterr().err.startswith("NOT_FINAL: still under contract")
    assert main(["bill", "final", "--accounts", str(tmp_path / "none"), *asked]) == 2
    assert capsys.readouterr().err.startswith("FILE_UNREADABLE")
