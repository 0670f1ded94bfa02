"""A whole cycle in-process: it balances, and whatever is run again adds nothing."""

import dataclasses
from datetime import date, datetime

import pytest
from sqlalchemy import text
from town import HOUSEHOLDS, PAPERLESS, cycle_order, read_august, set_clock, settle

from delivery.mailbox import Mailbox
from pipeline import approve, check, deliver, freeze, issue, open_cycle, rate, reconcile, render
from pipeline.errors import Inconsistent, OperatorError
from pipeline.statement import statement
from pipeline.work import AirflowRun
from sql.engine import make_engine
from sql.evidence import verify_chain

JOURNAL = ("step_run",)


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def to_approval(work) -> str:
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    return key


def decide(work, key, decision="approved", by="approver"):
    return approve.run(work, cycle_key=key, decision=decision, decided_by=by, decided_via="cli", note="")


def to_issue(work) -> str:
    key = to_approval(work)
    decide(work, key)
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    return key


def to_the_end(work, key) -> None:
    for chunk_no in range(issue.run(work, cycle_key=key)["chunks"]):
        render.run(work, cycle_key=key, chunk_no=chunk_no)
    deliver.run(work, cycle_key=key)
    reconcile.run(work, cycle_key=key)


def row_counts(work) -> dict[str, int]:
    with work.engine.connect() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars()
        return {
            table: connection.execute(text(f"select count(*) from {table}")).scalar_one()
            for table in sorted(tables)
            if table not in JOURNAL
        }


def test_a_cycle_ends_balanced_with_every_account_in_exactly_one_place(town) -> None:
    key = to_issue(town)

    to_the_end(town, key)

    made = statement(town, cycle_key=key)
    assert made.balanced, made.text()
    assert made.state == "closed"
    assert (made.figures["eligible"], made.figures["invoices"], made.figures["held"]) == (12, len(HOUSEHOLDS), 2)
    assert made.holds == {"KSEF_ROUTE": 1, "READING_MISSING": 1}
    assert made.deliveries == {"email accepted": len(PAPERLESS), "paper packaged": len(HOUSEHOLDS) - len(PAPERLESS)}


def test_every_step_run_again_adds_nothing(town) -> None:
    key = to_issue(town)
    to_the_end(town, key)
    before = row_counts(town)
    messages = Mailbox(path=town.settings.mailbox).count()

    for chunk_no in range(freeze.run(town, cycle_key=key)["chunks"]):
        rate.run(town, cycle_key=key, chunk_no=chunk_no)
    check.run(town, cycle_key=key)
    decide(town, key)
    to_the_end(town, key)
    deliver.run(town, cycle_key=None)

    assert row_counts(town) == before
    assert Mailbox(path=town.settings.mailbox).count() == messages == len(PAPERLESS)


@pytest.mark.parametrize(("first", "again"), [(5, 1000), (1000, 5)])
def test_a_chunk_rated_a_few_accounts_at_a_time_comes_to_what_it_comes_to_at_once(
    town, monkeypatch, first, again
) -> None:
    key = open_cycle.run(town, order=cycle_order())["cycle_key"]
    assert freeze.run(town, cycle_key=key)["chunks"] == 1
    monkeypatch.setattr("pipeline.rate._AT_ONCE", first)
    assert rate.run(town, cycle_key=key, chunk_no=0)["written"] == 12

    monkeypatch.setattr("pipeline.rate._AT_ONCE", again)
    assert rate.run(town, cycle_key=key, chunk_no=0)["written"] == 0

    with town.engine.connect() as connection:
        told = connection.execute(text("select counts, sums from step_run where step = 'rate'")).all()
    assert told[0] == told[1]
    assert {"accounts": 12, "charged": 10, "held": 2}.items() <= told[0].counts.items()


def test_each_e_mail_goes_once_to_the_address_of_its_own_account_with_the_archived_document(town) -> None:
    key = to_issue(town)

    to_the_end(town, key)

    receipts = list(Mailbox(path=town.settings.mailbox).receipts())
    assert sorted(receipt.recipient for receipt in receipts) == [f"klient{no}@example.com" for no in PAPERLESS]
    with town.engine.connect() as connection:
        sent = connection.execute(
            text("""
                select d.address, d.message_id, a.account_no, t.mime_sha256
                from delivery d join account a using (account_id) join attempt t using (delivery_id)
            """)
        ).all()
    by_message = {receipt.message_id: receipt for receipt in receipts}
    for row in sent:
        assert by_message[row.message_id].recipient == row.address == f"klient{row.account_no[1:]}@example.com"
        assert by_message[row.message_id].sha256 == row.mime_sha256


def test_from_an_e_mail_back_to_the_line_of_the_readings_file_by_foreign_keys(town) -> None:
    key = to_issue(town)
    to_the_end(town, key)
    mail = next(
        each for each in Mailbox(path=town.settings.mailbox).receipts() if each.recipient == "klient0002@example.com"
    )

    with town.engine.connect() as connection:
        row = connection.execute(
            text("""
                select f.name, w.line_no, w.raw, i.invoice_no
                from delivery d
                join invoice i using (invoice_id)
                join charge c using (charge_id)
                join charge_line l using (charge_id)
                join reading r on r.reading_id = l.current_reading_id
                join import_row w on (w.file_id, w.line_no) = (r.file_id, r.line_no)
                join import_file f on f.file_id = w.file_id
                where d.message_id = :message_id and l.service = 'water'
            """),
            {"message_id": mail.message_id},
        ).one()

    assert row.name == "july.csv"
    assert row.raw.startswith("PP0002;M0002;2026-07-31T08:00:00;23;")


def test_the_whole_evidence_is_one_chain_that_holds(town) -> None:
    to_the_end(town, to_issue(town))

    with town.engine.connect() as connection:
        assert verify_chain(connection) is None
        kinds = set(connection.execute(text("select distinct kind from evidence")).scalars())
    assert {"opened", "frozen", "checked", "approved", "issued", "closed"} <= kinds
    assert {"archived", "ready", "leased", "sending", "accepted", "packaged"} <= kinds


def test_the_next_month_bills_from_the_last_billed_reading(town, tmp_path) -> None:
    to_the_end(town, to_issue(town))
    read_august(town, tmp_path)

    key = open_cycle.run(town, order=dataclasses.replace(cycle_order(), period="2026-08", issue_date=date(2026, 9, 2)))[
        "cycle_key"
    ]
    freeze.run(town, cycle_key=key)
    rate.run(town, cycle_key=key, chunk_no=0)

    with town.engine.connect() as connection:
        rows = connection.execute(
            text("""
                select distinct lower(l.period) as start, upper(l.period) as until, l.quantity
                from charge_line l join charge c using (charge_id) join cycle y using (cycle_id)
                where y.cycle_key = :key and l.service = 'water'
            """),
            {"key": key},
        ).all()
    assert [tuple(row) for row in rows] == [(date(2026, 7, 31), date(2026, 8, 31), 3)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"period": "2026-08"}, "PERIOD_NOT_OVER"),
        ({"period": "2026-13"}, "PERIOD_WRONG"),
        ({"issue_date": date(2026, 7, 31)}, "ISSUE_DATE_PAST"),
        ({"route_set": "R9"}, "ROUTES_UNKNOWN"),
        ({"route_set": "r1;drop"}, "ROUTES_WRONG"),
        ({"payment_days": 13}, "PAYMENT_DAYS_SHORT"),
    ],
)
def test_impossible_orders_are_refused_in_one_line_and_write_nothing(town, change, code) -> None:
    before = row_counts(town)

    with pytest.raises(OperatorError) as refusal:
        open_cycle.run(town, order=dataclasses.replace(cycle_order(), **change))

    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)
    assert row_counts(town) == before


def test_a_second_cycle_of_the_same_key_is_refused_until_the_first_is_rejected(town) -> None:
    key = to_approval(town)

    with pytest.raises(OperatorError, match="CYCLE_EXISTS"):
        open_cycle.run(town, order=cycle_order())
    decide(town, key, decision="rejected", by="operator")

    assert open_cycle.run(town, order=cycle_order())["cycle_key"] == "2026-07~ALL~2"


def test_a_cleared_open_task_finds_its_own_cycle_again(town) -> None:
    run = dataclasses.replace(town, airflow_run=AirflowRun(dag_id="billing_cycle", run_id="manual__1", try_number=1))

    first = open_cycle.run(run, order=cycle_order())
    second = open_cycle.run(run, order=cycle_order())

    assert first == second


def test_a_dry_run_stops_after_the_checks_and_leaves_its_key_free(town) -> None:
    dry = open_cycle.run(town, order=dataclasses.replace(cycle_order(), dry_run=True))["cycle_key"]
    freeze.run(town, cycle_key=dry)
    rate.run(town, cycle_key=dry, chunk_no=0)
    check.run(town, cycle_key=dry)

    with pytest.raises(OperatorError, match="CYCLE_STATE"):
        decide(town, dry)
    to_the_end(town, to_issue(town))


def test_the_starter_cannot_approve_his_own_cycle(town) -> None:
    key = to_approval(town)

    with pytest.raises(OperatorError, match="SELF_APPROVAL"):
        decide(town, key, by="operator")
    with pytest.raises(OperatorError, match="NOT_AN_APPROVER"):
        decide(town, key, by="somebody")

    assert decide(town, key)["decision"] == "approved"


def test_nothing_is_issued_before_its_morning_nor_after_its_day(town) -> None:
    key = to_approval(town)
    decide(town, key)

    set_clock(town, datetime(2026, 8, 3, 5, 59))
    with pytest.raises(OperatorError, match="NOT_DUE"):
        issue.run(town, cycle_key=key)
    set_clock(town, datetime(2026, 8, 4, 0, 0))
    with pytest.raises(OperatorError, match="ISSUE_DATE_PAST"):
        issue.run(town, cycle_key=key)


def test_two_cycles_over_overlapping_routes_never_bill_an_account_twice(town) -> None:
    everybody = to_issue(town)
    set_clock(town, datetime(2026, 8, 1, 12, 0))
    part = open_cycle.run(town, order=dataclasses.replace(cycle_order(), route_set="R1"))["cycle_key"]
    freeze.run(town, cycle_key=part)
    rate.run(town, cycle_key=part, chunk_no=0)
    check.run(town, cycle_key=part)
    set_clock(town, datetime(2026, 8, 3, 7, 0))
    to_the_end(town, everybody)

    made = statement(town, cycle_key=part)

    assert made.holds == {"IN_OTHER_CYCLE": 6}


def test_a_figure_changed_behind_the_triggers_is_not_issued(town, database) -> None:
    key = to_issue(town)
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table charge_line disable trigger append_only"))
        connection.execute(text("update charge_line set description = 'Inna usługa' where line_no = 1"))
    owner.dispose()

    with pytest.raises(Inconsistent, match="CHARGE_DIFFERS"):
        issue.run(town, cycle_key=key)

    assert row_counts(town)["invoice"] == 0
