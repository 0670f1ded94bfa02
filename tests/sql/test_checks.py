"""Every SQL check finds the fault it is there for, and nothing in a sound cycle; a faulty cycle is not approved."""

import dataclasses

import pytest
from sqlalchemy import text
from town import cycle_order, settle

from pipeline import approve, check, freeze, open_cycle, rate
from pipeline.errors import Inconsistent, OperatorError
from sql.checking import check_names, run_check
from sql.engine import make_engine

FAULTS = {
    "lines_multiply": "update charge_line set net_zl = net_zl + 0.01 where charge_id = 1 and line_no = 1",
    "lines_add_up": "update charge set vat_zl = vat_zl + 0.01, gross_zl = gross_zl + 0.01 where charge_id = 1",
    "consumption_from_readings": "update charge_line set quantity = quantity + 1 where charge_id = 1 and line_no = 1",
    "nothing_forgotten": "delete from hold where code = 'READING_MISSING'",
    "services_complete": "delete from charge_line where charge_id = 1 and service = 'sewage'",
    "no_day_twice": """
        insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts,
                           state, started_by, started_via, event_at)
        values ('other', '[2026-06-01,2026-07-01)', 'R1', 1, '2026-07-03', 14, false, 9, 'closed', 'x', 'cli', now());
        insert into invoice_series values ('S', 1);
        insert into snapshot_account
            select 2, account_id, 0, content, sha256 from snapshot_account where account_id = 1;
        insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, charge_id, issue_date, due_date,
                             carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
        values ('S', 1, 'S/1', 2, 1, 'regular', 1, '2026-07-03', '2026-07-20', 'paper', 1, 0, 1, '', '', now());
        insert into billed_period (invoice_id, line_no, account_id, point_id, service, period)
        select 1, 1, 1, point_id, 'water', '[2026-07-30,2026-08-15)' from point where point_no = 'PP0001'
    """,
    "no_ksef_buyer_charged": "update party set nip = '5260250274' where party_no = 'P0001'",
    "standing_months": "update charge_line set quantity = 2, net_zl = 2 * net_zl where charge_id = 1 and line_no = 3",
    "channel_from_consents": "update charge set channel = 'email' where charge_id = 1",
}


@pytest.fixture
def rated(work, tmp_path):
    settle(work, tmp_path)
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    return key


def test_every_check_has_its_fault() -> None:
    assert sorted(FAULTS) == check_names()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_check_finds_its_fault_and_nothing_before(rated, work, database, name) -> None:
    with work.engine.connect() as connection:
        assert run_check(connection, name=name, cycle_id=1) == []

    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        for table in tables:
            connection.execute(text(f"alter table {table} disable trigger user"))
        for statement in FAULTS[name].split(";"):
            connection.execute(text(statement))
    owner.dispose()

    with work.engine.connect() as connection:
        (problem,) = run_check(connection, name=name, cycle_id=1)
    assert problem.account_no in {"A0001", "A0012"}
    with pytest.raises(Inconsistent, match="CHECK_FAILED"):
        check.run(work, cycle_key=rated)
    with pytest.raises(OperatorError, match="CYCLE_STATE"):
        approve.run(work, cycle_key=rated, decision="approved", decided_by="approver", decided_via="cli", note="")


def test_two_lines_with_swapped_readings_are_found(rated, work, database) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table charge_line disable trigger user"))
        connection.execute(
            text("""
                update charge_line set current_reading_id =
                    (select current_reading_id from charge_line where charge_id = 2 and line_no = 1)
                where charge_id = 1 and line_no = 1
            """)
        )
    owner.dispose()

    with work.engine.connect() as connection:
        problems = run_check(connection, name="consumption_from_readings", cycle_id=1)

    assert [problem.account_no for problem in problems] == ["A0001"]


def test_a_dry_run_is_checked_like_any_other(work, tmp_path, database) -> None:
    settle(work, tmp_path)
    key = open_cycle.run(work, order=dataclasses.replace(cycle_order(), dry_run=True))["cycle_key"]
    freeze.run(work, cycle_key=key)

    with pytest.raises(Inconsistent, match="nothing_forgotten"):
        check.run(work, cycle_key=key)
