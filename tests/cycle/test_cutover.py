"""Taking over from an old system: totals that must be equal, and a first cycle that goes on where it stopped."""

import csv
import dataclasses
from datetime import date, datetime
from decimal import Decimal

import pytest
from old_system import (
    AS_OF,
    CONSENTING,
    HEADERS,
    LAST_NUMBER,
    control_rows,
    index_m3,
    rows,
    take_over,
    totals,
    write,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import EVERYBODY, HOUSEHOLDS, LATECOMER, cycle_order, set_clock, settle, write_readings

from pipeline import (
    approve,
    check,
    collect,
    deliver,
    freeze,
    import_registry,
    issue,
    open_cycle,
    rate,
    reconcile,
    render,
)
from pipeline.cutover import check as checking
from pipeline.cutover import load, switch_on
from pipeline.errors import OperatorError
from pipeline.open_cycle import CycleOrder
from pipeline.statement import statement
from pipeline.work import Actor
from readings.cutover import TOTALS
from sql.engine import make_engine
from sql.evidence import verify_chain

AUGUST = CycleOrder(period="2026-08", route_set="ALL", issue_date=date(2026, 9, 2), payment_days=14, dry_run=False)
CODES = {
    "positions": [
        ("K100", "PP0001;M0001"),
        ("K101", "PP 0001;M0001;2026-07-31;13;actual"),
        ("K102", "PP0001;M0001;2026-07-31;13;guessed"),
        ("K106", "PP0001;M0001;31.07.2026;13;actual"),
        ("K107", "PP0001;M0001;2026-07-31;-3;actual"),
        ("K109", "PP0001;M9999;2026-07-31;13;actual"),
        ("K110", "PP9999;M0001;2026-07-31;13;actual"),
        ("K111", "PP0002;M0001;2026-07-31;13;actual"),
        ("K111", "PP0001;M0001;2026-06-29;13;actual"),
        ("K114", "PP0001;M0001;2026-08-02;13;actual"),
        ("K115", "PP0001;M0001;2026-07-31;100000;actual"),
        ("K201", "PP0012;M0012;2026-07-31;124;actual"),
        ("K302", "PP0001;M0001;2026-07-31;9;actual"),
    ],
    "balances": [
        ("K107", "A0001;1,234;2026-08-01"),
        ("K108", "A9999;1.00;2026-08-01"),
        ("K114", "A0001;1.00;2027-09-06"),
        ("K201", "A0012;7.50;2026-08-01"),
    ],
    "history": [
        ("K101", f"PP0001;M0001;2026-07-01;2026-07-02;1;actual;{'9' * 41};"),
        ("K102", "PP0001;M0001;2026-07-01;2026-07-02;1;not_read;;"),
        ("K106", "PP0001;M0001;2026-07-02;2026-07-02;1;actual;;"),
        ("K107", "PP0001;M0001;2026-07-01;2026-07-02;1.2345;actual;;"),
        ("K109", "PP0001;M9999;2026-07-01;2026-07-02;1;actual;;"),
        ("K110", "PP9999;M0001;2026-07-01;2026-07-02;1;actual;;"),
        ("K111", "PP0001;M0001;2026-06-29;2026-07-02;1;actual;;"),
        ("K112", "PP0012;M0012;2026-07-30;2026-08-01;1;actual;;"),
        ("K114", "PP0001;M0001;2026-07-31;2026-08-02;1;actual;;"),
        ("K201", "PP0012;M0012;2026-06-30;2026-07-31;9;actual;;"),
        ("K303", "PP0001;M0001;2026-07-01;2026-07-02;-1;actual;;"),
    ],
    "series": [("K101", ";9"), ("K107", "X/2026;1.5"), ("K201", f"FV/2026/09;{LAST_NUMBER + 1}")],
}


def as_approver(work):
    return dataclasses.replace(work, actor=Actor(name="approver", via="cli"))


def only(kind: str, *lines: str) -> dict[str, list[str]]:
    """A file whose good row is that of the latecomer, with others below it."""
    return {kind: [next(row for row in rows()[kind] if LATECOMER in row or kind == "series"), *lines]}


def report(work, name: str) -> list[tuple[str, str]]:
    with (work.settings.exports / "cutover" / f"{name}.report.csv").open(encoding="utf-8", newline="") as file:
        return [(row[1], row[2]) for row in list(csv.reader(file, delimiter=";"))[2:] if row[1] != "TOTAL"]


def count(work, table: str) -> int:
    with work.engine.connect() as connection:
        return connection.execute(text(f"select count(*) from {table}")).scalar_one()


def bars(work) -> dict[str, int]:
    return {bar.code: bar.count for bar in checking.run(work).bars}


def to_the_end(work, order: CycleOrder = AUGUST) -> str:
    key = open_cycle.run(work, order=order)["cycle_key"]
    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime.combine(order.issue_date, datetime.min.time()).replace(hour=7))
    for chunk_no in range(issue.run(work, cycle_key=key)["chunks"]):
        render.run(work, cycle_key=key, chunk_no=chunk_no)
    deliver.run(work, cycle_key=key)
    reconcile.run(work, cycle_key=key)
    return key


@pytest.fixture
def taken(work, tmp_path):
    take_over(work, tmp_path)
    return work


@pytest.fixture
def switched(taken):
    switch_on.run(as_approver(taken), note="totals compared with the old system")
    return taken


def test_nothing_bars_a_cut_over_whose_totals_are_equal(taken) -> None:
    found = checking.run(taken)

    assert found.bars == ()
    assert {total.name for total in found.totals if total.difference == 0} == set(TOTALS)
    assert {one.code for one in found.advice} == {"PARALLEL_MISSING", "SERIES_MISSING"}


def test_each_total_that_is_off_by_one_bars_the_switch_on(taken, tmp_path) -> None:
    for name in TOTALS:
        off = totals(**{name: totals()[name] + 1})
        load.run(taken, folder=write(tmp_path / name, {"control": control_rows(off)}), as_of=AS_OF)

        with pytest.raises(OperatorError, match=rf"^CONTROL_DIFFERS: 1 .*{name} -1"):
            switch_on.run(as_approver(taken), note="x")

    assert count(taken, "cutover_switch") == 0
    right = [*control_rows(totals()), ""]
    load.run(taken, folder=write(tmp_path / "right", {"control": right}), as_of=AS_OF)
    assert switch_on.run(as_approver(taken), note="x")["switched_on_by"] == "approver"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (control_rows(totals())[1:], "missing: parties"),
        ([*control_rows(totals()), "tariffs;1"], "'tariffs' is no total"),
        ([*control_rows(totals()), "parties;12"], "parties stands twice"),
        (control_rows(totals(balance_zl="1.234")), "balance_zl '1.234' is not złoty"),
        (control_rows(totals(parties="12.5")), "parties '12.5' is not a whole number"),
    ],
)
def test_a_control_file_is_taken_as_a_whole_or_not_at_all(work, tmp_path, lines, said) -> None:
    set_clock(work, datetime(2026, 8, 1, 12, 0))

    done = load.run(work, folder=write(tmp_path / "old", {"control": lines}), as_of=AS_OF)

    assert str(done["refusal"]).startswith("FILE_CONTROL: ")
    assert said in str(done["refusal"])
    assert (count(work, "cutover"), count(work, "cutover_control")) == (0, 0)


def test_the_first_cycle_bills_from_the_last_day_and_index_of_the_old_system(switched, tmp_path) -> None:
    set_clock(switched, datetime(2026, 9, 1, 12, 0))
    collect.run(switched, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))

    key = to_the_end(switched)

    made = statement(switched, cycle_key=key)
    assert made.balanced, made.text()
    assert made.holds == {"KSEF_ROUTE": 1, "READING_MISSING": 1}
    with switched.engine.connect() as connection:
        lines = connection.execute(
            text("""
            select a.account_no, i.sequence, i.invoice_no, l.service, lower(l.period) as start,
                   upper(l.period) as until,
                   l.previous_index_m3, l.quantity, r.source, w.raw
            from invoice i join account a using (account_id) join charge_line l using (charge_id)
            left join reading r on r.reading_id = l.previous_reading_id
            left join import_row w on w.file_id = r.file_id and w.line_no = r.line_no
            order by i.sequence, l.line_no""")
        ).all()
    metered = [line for line in lines if line.service != "abonament"]
    assert {(line.start, line.until, line.source) for line in metered} == {
        (date(2026, 7, 31), date(2026, 8, 31), "cutover")
    }
    assert [line.previous_index_m3 for line in metered if line.account_no == "A0002"] == [Decimal(23), Decimal(23)]
    assert {line.quantity for line in metered} == {Decimal(3)}  # 3.25 was cut to 3 and billed as that
    assert all(line.raw.startswith(f"PP{line.account_no[1:]};M{line.account_no[1:]};2026-07-31;") for line in metered)
    standing = {(line.start, line.until, line.quantity) for line in lines if line.service == "abonament"}
    assert standing == {(date(2026, 8, 1), date(2026, 9, 1), Decimal(1))}
    numbers = sorted({line.sequence for line in lines})
    assert numbers == list(range(LAST_NUMBER + 1, LAST_NUMBER + 1 + len(HOUSEHOLDS)))
    assert lines[0].invoice_no == "FV/2026/09/000042"


def test_what_was_taken_over_as_consent_makes_the_channel_and_the_evidence(switched, tmp_path) -> None:
    with switched.engine.connect() as connection:
        kept = connection.execute(text("select evidence from consent_event order by consent_id")).scalars().all()
        bodies = connection.execute(text("select body from evidence where kind = 'consent_accept'")).scalars().all()
        channels = connection.execute(
            text("select a.account_no from agreed_delivery('2026-09-02') d join account a using (account_id)"
                 " where d.channel = 'email' order by 1")
        ).scalars().all()  # fmt: skip

    assert kept == [f"E-BOK log 2026-07-04 10:22, IP commitment 9f2c{no}, scan 12/2026" for no in CONSENTING]
    assert channels == [f"A{no}" for no in CONSENTING]
    assert all("evidence_hmac" in body and "E-BOK" not in body for body in bodies)


def test_the_database_refuses_days_and_months_that_the_old_system_billed(switched, database) -> None:
    engine = make_engine(database.owner_url)
    attempts = {
        "a day before the last billed one": ("point_id", "'water'", "[2026-07-15,2026-08-31)"),
        "the last day of the old system's": ("point_id", "'sewage'", "[2026-07-30,2026-07-31)"),
        "a day long before": ("point_id", "'water'", "[2020-01-01,2020-02-01)"),
        "a month of abonament": ("null", "'abonament'", "[2026-07-01,2026-09-01)"),
    }
    insert = """
        insert into drafted_period (cycle_id, account_id, line_no, point_id, service, period)
        select 1, a.account_id, 1, {}, {}, '{}' from account a join contract c using (account_id)
        where a.account_no = 'A0001'"""
    with engine.begin() as connection:
        connection.execute(
            text("insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run,"
                 " chunk_accounts, state, started_by, started_via, event_at) values ('k', '[2026-08-01,2026-09-01)',"
                 " 'ALL', 1, '2026-09-02', 14, false, 9, 'opened', 'x', 'cli', now())")
        )  # fmt: skip
        connection.execute(
            text("insert into hold (cycle_id, account_id, code, excluded, stage, facts, sha256)"
                 " select 1, account_id, 'X', false, 'rate', '{}', '' from account where account_no = 'A0001'")
        )  # fmt: skip
    for name, values in attempts.items():
        with pytest.raises(DBAPIError, match="the old system has billed it") as refusal, engine.begin() as connection:
            connection.execute(text(insert.format(*values)))
        assert refusal.value.orig.pgcode == "OB002", name
    with engine.begin() as connection:
        connection.execute(text(insert.format("point_id", "'water'", "[2026-07-31,2026-08-31)")))
    engine.dispose()


def test_a_second_load_of_the_same_rows_adds_nothing(taken, tmp_path) -> None:
    tables = ("opening_position", "opening_balance", "opening_series", "consumption_history", "reading", "import_row")
    before = [count(taken, table) for table in tables]

    again = load.run(taken, folder=tmp_path / "old", as_of=AS_OF)

    assert (again["already"], again["rows"], again["files"]) == (5, 0, 0)
    assert [count(taken, table) for table in tables] == before
    copied = write(tmp_path / "copy", {name: [*lines, ""] for name, lines in rows().items()})
    other = load.run(taken, folder=copied, as_of=AS_OF)
    assert (other["duplicate"], other["rows"]) == (3 * len(EVERYBODY) + 1,) * 2
    assert [count(taken, table) for table in tables[:5]] == before[:5]


def test_rows_get_their_codes_and_the_others_go_in(work, tmp_path) -> None:
    files: dict[str, list[str]] = {}
    for kind, table in CODES.items():
        files |= only(kind, *(row for _, row in table))

    loaded = take_over(work, tmp_path, **files)

    for kind, table in CODES.items():
        told = report(work, kind)
        assert told[0] == ("ACCEPTED", ""), kind
        outcomes = {"1": "REJECTED", "2": "QUARANTINED", "3": "ACCEPTED_WARN"}
        assert told[1:] == [(outcomes[code[1]], code) for code, _ in table], kind
        again = work.settings.exports / "cutover" / f"{kind}.rejected.csv"
        wrong = [row for code, row in table if code[1] == "1"]
        assert again.read_text(encoding="utf-8").splitlines() == [HEADERS[kind], *wrong]
    assert loaded["rejected"] == sum(code[1] == "1" for table in CODES.values() for code, _ in table)


def test_a_row_that_was_not_taken_bars_until_it_is_mended_or_dismissed(work, tmp_path) -> None:
    wrong = [row.replace("PP0001;M0001;2026-07-31", "PP0001;M0001;31.07.2026") for row in rows()["positions"]]
    take_over(work, tmp_path, positions=[*wrong, "PP0001;M7777;2026-07-31;1;actual"])
    assert bars(work) == {"CONTROL_DIFFERS": 2, "ROW_OPEN": 2, "CONTRACT_WITHOUT_POSITION": 1}

    load.run(work, folder=write(tmp_path / "mended", {"positions": rows()["positions"][:1]}), as_of=AS_OF)
    assert bars(work) == {"ROW_OPEN": 1}

    switch_on.dismiss(work, file="positions.csv", line_no=len(EVERYBODY) + 2, note="a meter that was scrapped in 2019")
    assert bars(work) == {}
    again = switch_on.dismiss(work, file="positions.csv", line_no=len(EVERYBODY) + 2, note="again")
    assert again["dismissed"] == 0
    with pytest.raises(OperatorError, match=r"^ROW_UNKNOWN"):
        switch_on.dismiss(work, file="positions.csv", line_no=3, note="it was taken")


def test_a_later_file_corrects_a_row_until_the_switch_on(taken, tmp_path) -> None:
    mended = {
        "positions": ["PP0001;M0001;2026-07-30;12;estimated"],
        "balances": ["A0001;-5.25;2026-09-01"],
        "history": ["PP0001;M0001;2026-06-30;2026-07-30;2;estimated;;"],
        "series": ["FV/2026/09;77"],
    }

    done = load.run(taken, folder=write(tmp_path / "mended", mended), as_of=AS_OF)

    assert (done["accepted_warn"], done["rows"]) == (4, 4)
    assert [report(taken, kind) for kind in mended] == [[("ACCEPTED_WARN", "K301")]] * 4
    ours = {total.name: total.difference for total in checking.run(taken).totals if total.difference}
    assert ours == {
        "sum_of_last_indices_m3": 12 - index_m3("0001"),
        "balance_zl": Decimal("-5.25") - Decimal("-5.50"),
        "history_m3": Decimal("-1.25"),
        "history_zl": Decimal("-55.10"),
        "sum_of_last_numbers": 77 - LAST_NUMBER,
    }
    corrected = totals(**{name: totals()[name] + difference for name, difference in ours.items()})
    load.run(taken, folder=write(tmp_path / "control", {"control": control_rows(corrected)}), as_of=AS_OF)
    switch_on.run(as_approver(taken), note="x")
    set_clock(taken, datetime(2026, 9, 1, 12, 0))
    collect.run(taken, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))
    to_the_end(taken)
    with taken.engine.connect() as connection:
        billed = connection.execute(
            text("select l.service, lower(l.period), l.previous_index_m3, l.description from charge_line l"
                 " join charge c using (charge_id) join account a using (account_id)"
                 " where a.account_no = 'A0001' order by l.line_no")
        ).all()  # fmt: skip
        first = connection.execute(text("select min(sequence) from invoice")).scalar_one()
    assert [(row[0], row[1], row[2]) for row in billed] == [
        ("water", date(2026, 7, 30), Decimal(12)),
        ("sewage", date(2026, 7, 30), Decimal(12)),
    ]  # and no abonament: it was billed to the first of September
    assert billed[0].description.endswith("(rozliczenie odczytu szacowanego)")
    assert first == 78


def test_what_is_missing_bars_by_its_name(work, tmp_path) -> None:
    take_over(work, tmp_path, positions=rows()["positions"][1:], balances=rows()["balances"][2:])
    found = bars(work)

    assert {code: found[code] for code in ("CONTRACT_WITHOUT_POSITION", "BALANCE_MISSING")} == {
        "CONTRACT_WITHOUT_POSITION": 1,
        "BALANCE_MISSING": 2,
    }


def test_an_exchange_that_the_old_system_did_not_bill_is_billed_from_both_meters(work, tmp_path) -> None:
    """M0001 was billed to July 15, exchanged on July 20, and its successor never billed; OLD1 went before all that."""
    exchange = tmp_path / "registry-2"
    exchange.mkdir()
    header = "meter_no;point_no;dials;decimals;installed_on;opening_index;replaces_meter_no;removal_index"
    lines = ["NEW1;PP0001;5;0;2026-07-20;0;M0001;18"]
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    positions = ["PP0001;M0001;2026-07-15;15;actual", *rows()["positions"][1:]]
    take_over(work, tmp_path, positions=positions)
    (exchange / "meters.csv").write_text("\n".join((header, *lines, "")), encoding="utf-8")
    assert import_registry.run(work, folder=exchange)["accepted"] == 1
    assert bars(work) == {"CONTROL_DIFFERS": 2, "METER_WITHOUT_POSITION": 1}
    new = ["PP0001;NEW1;2026-07-20;0;actual"]
    control = totals(
        meters=14, positions=13, sum_of_last_indices_m3=totals()["sum_of_last_indices_m3"] + 15 - index_m3("0001")
    )
    more = write(tmp_path / "more", {"positions": new, "control": control_rows(control)})
    load.run(work, folder=more, as_of=AS_OF)
    assert bars(work) == {}
    switch_on.run(as_approver(work), note="x")
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    readings = write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31))
    body = readings.read_text(encoding="utf-8").replace("PP0001;M0001", "PP0001;NEW1")
    readings.write_text(body.replace(";NEW1;2026-08-31T08:00:00;16;", ";NEW1;2026-08-31T08:00:00;7;"), encoding="utf-8")
    collect.run(work, file=readings)

    key = to_the_end(work)

    assert statement(work, cycle_key=key).balanced
    with work.engine.connect() as connection:
        billed = connection.execute(
            text("select l.meter_no, l.period::text, l.quantity from charge_line l join charge c using (charge_id)"
                 " join account a using (account_id) where a.account_no = 'A0001' and l.service = 'water'"
                 " order by l.line_no")
        ).all()  # fmt: skip
    assert [tuple(row) for row in billed] == [
        ("M0001", "[2026-07-15,2026-07-20)", Decimal(3)),
        ("NEW1", "[2026-07-20,2026-08-31)", Decimal(7)),
    ]


def test_no_cycle_but_a_dry_run_opens_between_the_load_and_the_switch_on(taken, database) -> None:
    with pytest.raises(OperatorError, match=r"^NOT_SWITCHED_ON"):
        open_cycle.run(taken, order=cycle_order())
    dry = dataclasses.replace(cycle_order(), dry_run=True)
    assert open_cycle.run(taken, order=dry)["cycle_key"] == "2026-07~ALL~1"
    engine = make_engine(database.app_url)
    with pytest.raises(DBAPIError, match="has not been switched on"), engine.begin() as connection:
        connection.execute(
            text("insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run,"
                 " chunk_accounts, state, started_by, started_via, event_at) values ('k', '[2026-08-01,2026-09-01)',"
                 " 'ALL', 1, '2026-09-02', 14, false, 9, 'opened', 'x', 'cli', now())")
        )  # fmt: skip
    engine.dispose()


def test_who_loaded_does_not_switch_on_and_nobody_does_it_twice(taken, tmp_path) -> None:
    with pytest.raises(OperatorError, match=r"^SELF_APPROVAL"):
        switch_on.run(taken, note="x")
    with pytest.raises(OperatorError, match=r"^NOT_AN_APPROVER"):
        switch_on.run(dataclasses.replace(taken, actor=Actor(name="auditor", via="cli")), note="x")
    with pytest.raises(OperatorError, match=r"^NOTE_MISSING"):
        switch_on.run(as_approver(taken), note=" ")
    assert count(taken, "cutover_switch") == 0

    switch_on.run(as_approver(taken), note="all equal")

    with pytest.raises(OperatorError, match=r"^CUTOVER_DONE"):
        switch_on.run(as_approver(taken), note="again")
    with pytest.raises(OperatorError, match=r"^CUTOVER_DONE"):
        load.run(taken, folder=tmp_path / "old", as_of=AS_OF)
    with taken.engine.connect() as connection:
        assert verify_chain(connection) is None
        kinds = connection.execute(text("select kind from evidence where subject = 'cutover' order by seq")).scalars()
        assert list(kinds) == ["cutover_begun", "cutover_switched_on"]


def test_a_cut_over_has_one_day_and_comes_before_the_first_cycle(work, tmp_path) -> None:
    take_over(work, tmp_path)
    with pytest.raises(OperatorError, match=r"^CUTOVER_AS_OF"):
        load.run(work, folder=tmp_path / "old", as_of=date(2026, 7, 1))


def test_an_installation_that_bills_already_takes_nothing_over(work, tmp_path) -> None:
    settle(work, tmp_path)
    open_cycle.run(work, order=cycle_order())

    with pytest.raises(OperatorError, match=r"^CUTOVER_TOO_LATE"):
        load.run(work, folder=write(tmp_path / "old", rows()), as_of=AS_OF)


GUARDED = {
    "a balance after the switch-on": "insert into opening_balance"
    " (account_id, balance_zl, file_id, line_no, recorded_by)"
    " select account_id, 0, file_id, line_no, 'x' from opening_balance where replaced_at is null limit 1",
    "a balance replaced after the switch-on": "update opening_balance set replaced_at = now()",
    "another balance": "update opening_balance set balance_zl = 0",
    "a balance gone": "delete from opening_balance",
    "history gone": "delete from consumption_history",
    "history emptied": "truncate consumption_history cascade",
    "a switch-on taken back": "delete from cutover_switch",
    "another day": "update cutover set as_of = as_of + 1",
    "a series that begins elsewhere": "insert into invoice_series values ('FV/2026/09', 40)",
    "a series that begins anew": "insert into invoice_series values ('FV/2026/09', 0)",
    "a series that nobody opened": "insert into invoice_series values ('FV/2026/10', 5)",
    "another result": "update parallel_result set difference_zl = 0",
}


@pytest.mark.parametrize("name", GUARDED)
def test_what_was_taken_over_is_closed_to_the_application(switched, database, name) -> None:
    engine = make_engine(database.app_url)
    with pytest.raises(DBAPIError) as refusal, engine.begin() as connection:
        connection.execute(text(GUARDED[name]))
    engine.dispose()
    assert refusal.value.orig.pgcode in {"OB001", "OB002", "42501"}


def test_history_and_our_own_bills_make_one_consumption(switched, tmp_path) -> None:
    set_clock(switched, datetime(2026, 9, 1, 12, 0))
    collect.run(switched, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))
    to_the_end(switched)

    with switched.engine.connect() as connection:
        periods = connection.execute(
            text("select p.point_no, c.period::text, c.volume_m3, c.billed_by from point_consumption c"
                 " join point p using (point_id) where p.point_no in ('PP0001', 'PP0010') order by 1, 2")
        ).all()  # fmt: skip
        months = connection.execute(
            text("select m.* from point p cross join lateral"
                 " consumption_by_month(p.point_id, '2026-07-01', '2026-09-01') m where p.point_no = 'PP0001'")
        ).all()  # fmt: skip
    both = [
        ("[2026-06-30,2026-07-31)", Decimal("3.25"), "old_system"),
        ("[2026-07-31,2026-08-31)", Decimal(3), "obieg"),
    ]
    assert [tuple(row) for row in periods] == [(no, *each) for no in ("PP0001", "PP0010") for each in both]
    july = Decimal("3.25") * 30 / 31 + Decimal(3) / 31
    assert [(row.month, row.volume_m3, row.days) for row in months] == [
        (date(2026, 7, 1), july.quantize(Decimal("0.001")), 31),
        (date(2026, 8, 1), (Decimal(3) * 30 / 31).quantize(Decimal("0.001")), 30),
    ]
