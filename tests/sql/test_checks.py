"""Every SQL check finds the fault it is there for, and nothing in a sound cycle; a faulty cycle is not approved."""

import dataclasses
import re
import shutil
from datetime import date, datetime

import pytest
from sqlalchemy import text
from test_checks_beside import AUGUST, JULY
from town import EVERYBODY, HEADERS, cycle_order, set_clock, settle, write_readings

from pipeline import approve, check, collect, freeze, import_registry, issue, open_cycle, rate
from pipeline.errors import Inconsistent, OperatorError
from sql.checking import check_names, run_check
from sql.cycles import find_cycle
from sql.engine import make_engine
from sql.statement import figures

EARLIER = """
    insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts,
                       state, started_by, started_via, event_at)
    values ('other', '[2026-06-01,2026-07-01)', 'R1', 1, '2026-07-03', 14, false, 9, 'closed', 'x', 'cli', now());
    insert into invoice_series values ('S', 1);
    insert into snapshot_account select 2, account_id, 0, content, sha256 from snapshot_account where account_id = 1;
    insert into hold select 2, 1, 'KSEF_ROUTE', false, 'rate', '{}', '{}', '';
    insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, charge_id, issue_date, due_date,
                         carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
    values ('S', 1, 'S/1', 2, 1, 'regular', 1, '2026-07-03', '2026-07-20', 'paper', 1, 0, 1, '', '', now());
"""
"""A cycle that invoiced the first account before, as INSERTs to go on from."""

AGREED = """
    insert into cycle_subsidy
    select 1, tariff_sha256, 'G-P', 'water', 'Zdroje', 'net', 1.00, '2026-01-01', null, 'unknown'
    from cycle_group where tariff_group = 'G-P';
    update snapshot_account set content = replace(content, '"point_no"', '"gmina":"Zdroje","point_no"')
    where account_id = (select account_id from charge where charge_id = 1);
    update charge_line set gmina = 'Zdroje', subsidy_mode = 'net', subsidy_zl_m3 = 1.00, subsidy_zl = 3.00,
        subsidy_basis = 'unknown', price_zl = 4.25, net_zl = 12.75
    where charge_id = 1 and service = 'water';
    update charge set (subsidy_net_zl, net_zl, vat_zl, gross_zl) = (3.00, 48.00, 3.84, 51.84) where charge_id = 1;
"""
"""The gmina of the first account's point pays 1.00 zł for 1 m³ of water: as agreed, on the line and in its charge."""

PARTS = """
    insert into charge_line_part (charge_id, line_no, part_no, meter_no, purpose, previous_reading_id,
                                  current_reading_id, previous_index_m3, current_index_m3, volume_m3, percent)
    select charge_id, line_no, 1, meter_no, 'main', previous_reading_id, current_reading_id, previous_index_m3,
           current_index_m3, quantity, 100
    from charge_line where charge_id = 1 and service = 'sewage';
    update charge_line set previous_reading_id = null, current_reading_id = null, meter_no = null
    where charge_id = 1 and service = 'sewage';
"""
"""The sewage of the first account as the one part of its meter."""

SHARED = """
    insert into difference_settled select 1, point_id, '[2026-07-01,2026-08-01)' from point where point_no = 'PP0009';
    insert into difference_share (cycle_id, point_id, contract_id, service, period, of_m3, before_m3, own_m3, all_m3,
                                  volume_m3)
    select 1, d.point_id, k.contract_id, 'water', d.period, 4, 0, 3, 3, 4
    from difference_settled d cross join contract k where k.contract_no = 'C0001';
    update snapshot_account
    set content = replace(content, '"point_no"', '"difference_shares":[{"share_id": 1}],"point_no"')
    where account_id = (select account_id from charge where charge_id = 1);
    insert into charge_line (charge_id, line_no, point_id, service, description, period, quantity, unit, price_zl,
                             net_zl, vat_rate, tariff_group, tariff_sha256, basis, origin, row_no, difference_share_id)
    select charge_id, 9, point_id, service, description, '[2026-07-01,2026-08-01)', 4, unit, price_zl, net_zl, vat_rate,
           tariff_group, tariff_sha256, basis, 'difference', 2, 1
    from charge_line where charge_id = 1 and service = 'water';
"""
"""The first account's share in the difference of a building, all of its 4 m³."""

BY_NORM = """
    insert into contract_quantity (contract_id, service, basis, norm, persons, valid, recorded_by)
    select contract_id, 'water', 'norm', '2002-4-sewer', 3, '[2026-07-01,)', 'x'
    from contract where contract_no = 'C0001';
    update charge_line
    set origin = 'norm', terms_norm = '2002-4-sewer', terms_persons = 3, terms_m3_month = 9, quantity = 9,
        period = '[2026-07-01,2026-08-01)', previous_reading_id = null, current_reading_id = null, meter_no = null
    where charge_id = 1 and service = 'water';
"""
"""The water of the first account in July for three people by a norm of 3 m³ a month."""

FAULTS = [
    ("lines_multiply", "update charge_line set net_zl = net_zl + 0.01 where charge_id = 1 and line_no = 1"),
    ("lines_add_up", "update charge set vat_zl = vat_zl + 0.01, gross_zl = gross_zl + 0.01 where charge_id = 1"),
    ("consumption_from_readings", "update charge_line set quantity = quantity + 1 where charge_id = 1 and line_no = 1"),
    ("nothing_forgotten", "delete from hold where code = 'READING_MISSING'"),
    ("registers_complete", "delete from charge_line where charge_id = 1 and service = 'sewage'"),
    (
        "registers_complete",  # the line names the wrong one of a point's meters
        """
        update charge_line set previous_reading_id = current_reading_id, current_reading_id = previous_reading_id
        where charge_id = 1 and service = 'sewage'
        """,
    ),
    (
        "registers_complete",  # a line twice
        """
        insert into charge_line select charge_id, 9, point_id, service, description, period, meter_no,
            previous_reading_id, current_reading_id, previous_index_m3, current_index_m3, quantity, unit, price_zl,
            net_zl, vat_rate, tariff_group, tariff_sha256, basis
        from charge_line where charge_id = 1 and service = 'water'
        """,
    ),
    (
        "no_day_twice",
        EARLIER
        + """
        insert into billed_period (invoice_id, line_no, account_id, point_id, service, period)
        select 1, 1, 1, point_id, 'water', '[2026-07-30,2026-08-15)' from point where point_no = 'PP0001'
        """,
    ),
    (
        "no_day_twice",
        EARLIER
        + """
        insert into drafted_period (cycle_id, account_id, line_no, service, period)
        select 2, 1, 1, 'abonament', '[2026-07-01,2026-08-01)'
        """,
    ),
    (
        "no_day_twice",  # not a day twice, but the month of one
        EARLIER
        + """
        insert into billed_period (invoice_id, line_no, account_id, service, period)
        select 1, 1, 1, 'abonament', '[2026-07-01,2026-07-02)';
        update charge_line set period = '[2026-07-20,2026-08-01)' where charge_id = 1 and service = 'abonament'
        """,
    ),
    (
        "no_day_twice",
        EARLIER.replace("[2026-06-01,2026-07-01)", "[2026-07-01,2026-08-01)")
        + """
        insert into hold_resolution (cycle_id, account_id, outcome, reason, resolved_by, resolved_via, event_at)
        select 2, 1, 'waived', 'x', 'x', 'cli', now()
        """,
    ),
    (
        "standing_owed",  # the month was waived when the inputs were frozen
        """
        update snapshot_account set content = content::jsonb || '{"waived_months": ["2026-07-01"]}'
        where account_id = (select account_id from charge where charge_id = 1)
        """,
    ),
    (
        "days_follow",
        EARLIER
        + """
        insert into billed_period (invoice_id, line_no, account_id, point_id, service, period)
        select 1, 1, 1, point_id, 'water', '[2026-06-01,2026-06-29)' from point where point_no = 'PP0001';
        update installation set installed_on = '2026-06-01'
        """,
    ),
    (
        "days_follow",  # two lines share days
        """
        insert into charge_line (charge_id, line_no, point_id, service, description, period, quantity, unit, price_zl,
                                 net_zl, vat_rate, tariff_group, tariff_sha256, basis)
        select charge_id, 9, point_id, service, description, '[2026-07-30,2026-08-02)', quantity, unit, price_zl,
               net_zl, vat_rate, tariff_group, tariff_sha256, basis
        from charge_line where charge_id = 1 and service = 'water'
        """,
    ),
    (
        "no_ksef_buyer_charged",
        (
            "update party_details d set nip = '5260250274' from party p"
            " where p.party_id = d.party_id and p.party_no = 'P0001'"
        ),
    ),
    ("standing_months", "update charge_line set quantity = 2, net_zl = 2 * net_zl where charge_id = 1 and line_no = 3"),
    ("standing_owed", "delete from charge_line where charge_id = 1 and service = 'abonament'"),
    ("standing_owed", "update charge_line set service = 'abonament', quantity = 1 where charge_id = 1 and line_no = 1"),
    ("channel_from_consents", "update charge set channel = 'email' where charge_id = 1"),
    ("prices_of_tariff", "update charge_line set price_zl = 5.26 where charge_id = 1 and service = 'water'"),
    ("prices_of_tariff", "update charge_line set price_zl = 8.30 where charge_id = 1 and service = 'abonament'"),
    ("prices_of_tariff", "update charge_line set tariff_group = 'F' where charge_id = 1 and service = 'water'"),
    (
        "prices_of_tariff",
        "update charge_line set period = '[2009-12-31,2026-07-31)' where charge_id = 1 and line_no = 1",
    ),
    ("group_of_class", "update charge_line set tariff_group = 'F' where charge_id = 1 and service = 'sewage'"),
    ("group_of_class", "update charge_line set tariff_group = 'G-E' where charge_id = 1 and service = 'abonament'"),
    (
        "prices_of_tariff",  # with what the gmina pays it is more than the tariff's price
        AGREED + "update charge_line set price_zl = 5.25 where charge_id = 1 and service = 'water'",
    ),
    ("subsidies_multiply", AGREED + "update charge_line set subsidy_zl = 3.01 where charge_id = 1 and line_no = 1"),
    (
        "subsidies_multiply",
        AGREED + "update charge_line set subsidy_mode = 'gross', subsidy_zl_m3 = 0.9983 where subsidy_mode = 'net'",
    ),
    ("subsidies_add_up", AGREED + "update charge set subsidy_net_zl = 2.99 where charge_id = 1"),
    ("subsidies_add_up", AGREED + "update charge set subsidy_gross_zl = 3.00 where charge_id = 1"),
    ("subsidies_add_up", AGREED + "update charge_line set subsidy_mode = 'gross' where subsidy_mode = 'net'"),
    ("subsidies_of_gmina", AGREED + "delete from cycle_subsidy"),
    ("subsidies_of_gmina", AGREED + "update cycle_subsidy set zl_m3 = 0.99"),
    ("subsidies_of_gmina", AGREED + "update cycle_subsidy set mode = 'gross'"),
    ("subsidies_of_gmina", AGREED + "update cycle_subsidy set valid_until = '2026-07-30'"),
    ("subsidies_of_gmina", AGREED + "update cycle_subsidy set service = 'sewage'"),
    ("subsidies_of_gmina", AGREED + "update charge_line set gmina = 'Dolna' where subsidy_mode = 'net'"),
    (
        "subsidies_of_gmina",  # what the gmina pays is left out
        AGREED
        + """
        update charge_line set gmina = null, subsidy_mode = null, subsidy_zl_m3 = null, subsidy_zl = null,
            subsidy_basis = null
        where subsidy_mode = 'net'
        """,
    ),
    ("blocks_of_tariff", "update charge_line set block_from_m3 = 0 where charge_id = 1 and line_no = 1"),
    ("vat_rates", "update charge_line set vat_rate = 0.23 where charge_id = 1 and line_no = 1"),
    (
        "services_of_point",
        """
        update charge_line set point_id = (select point_id from point where point_no = 'PP0010'), service = 'sewage'
        where charge_id = 1 and line_no = 1
        """,
    ),
    (
        "services_of_point",
        """
        update snapshot_account set content = replace(content, '["sewage","water"]', '["water"]')
        where account_id = (select account_id from charge where charge_id = 1)
        """,
    ),
    (
        "readings_of_lines",
        """
        update charge_line set previous_reading_id = null, current_reading_id = null
        where charge_id = 1 and line_no = 1
        """,
    ),
    (
        "consumption_of_parts",
        PARTS + "update charge_line_part set percent = 90",  # a garden meter's share, or none, of the main one's
    ),
    ("consumption_of_parts", PARTS + "update charge_line_part set volume_m3 = volume_m3 + 1"),
    (
        "consumption_of_parts",
        PARTS + "update charge_line set quantity = quantity + 1 where charge_id = 1 and line_no = 2",
    ),
    (
        "registers_complete",  # among the parts of the sewage is none of the meter
        PARTS + "delete from charge_line_part",
    ),
    ("differences_shared", SHARED + "update charge_line set quantity = 3.999 where line_no = 9"),
    ("differences_shared", SHARED + "delete from charge_line where line_no = 9"),
    ("differences_shared", SHARED + "update difference_share set volume_m3 = 3.999"),
    ("quantities_of_contracts", BY_NORM + "update contract_quantity set persons = 4"),
    ("quantities_of_contracts", BY_NORM + "update cycle_norm set m3_person_month = 2.900"),
    (
        "quantities_of_contracts",
        BY_NORM + "update charge_line set quantity = 8.999 where charge_id = 1 and line_no = 1",
    ),
    ("quantities_of_contracts", BY_NORM + "delete from charge_line where charge_id = 1 and line_no = 1"),
    (
        "readings_of_lines",
        """
        update charge_line set (previous_reading_id, current_reading_id, meter_no) =
            (select previous_reading_id, current_reading_id, meter_no from charge_line
             where charge_id = 1 and service = 'water')
        where charge_id = 1 and service = 'abonament'
        """,
    ),
]


BESIDE = (*JULY, *AUGUST)


def plant(database, statements: str) -> None:
    """What no trigger would let happen."""
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        for table in tables:
            connection.execute(text(f"alter table {table} disable trigger user"))
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(text(statement))
    owner.dispose()


@pytest.fixture
def rated(work, tmp_path):
    settle(work, tmp_path)
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    return key


def test_every_check_has_its_fault() -> None:
    assert sorted({name for name, *_ in (*FAULTS, *BESIDE)}) == check_names()


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[f"{name}-{no}" for no, (name, _) in enumerate(FAULTS)])
def test_a_check_finds_its_fault_and_nothing_before(rated, work, database, name, fault) -> None:
    with work.engine.connect() as connection:
        assert run_check(connection, name=name, cycle_id=1) == []

    plant(database, fault)

    with work.engine.connect() as connection:
        problems = run_check(connection, name=name, cycle_id=1)
    assert {problem.account_no for problem in problems} == {"A0012" if name == "nothing_forgotten" else "A0001"}
    with pytest.raises(Inconsistent, match="CHECK_FAILED"):
        check.run(work, cycle_key=rated)
    with pytest.raises(OperatorError, match="CYCLE_STATE"):
        approve.run(work, cycle_key=rated, decision="approved", decided_by="approver", decided_via="cli", note="")


@pytest.mark.parametrize("name", check_names())
def test_no_check_objects_to_a_subsidy_that_is_as_agreed(rated, work, database, name) -> None:
    plant(database, AGREED)

    with work.engine.connect() as connection:
        assert run_check(connection, name=name, cycle_id=1) == []


def exchange_and_extend(work, tmp_path) -> None:
    """In August A0003's meter is exchanged, A0001 gets a second point, and all are read."""
    folder = tmp_path / "august"
    folder.mkdir()
    rows = {
        "points": "PP0101;ul. Łąkowa 1a;00-001;Zdroje",
        "contracts": "C0101;A0001;PP0101;household;water;2026-08-10;",
        "meters": "M0101;PP0101;5;0;2026-08-10;0;;\nM0103;PP0003;5;0;2026-08-15;0;M0003;34",
    }
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text(f"{HEADERS[name]}\n{lines}\n", encoding="utf-8")
    assert import_registry.run(work, folder=folder)["accepted"] == 4
    file = write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31))
    read = [line for line in file.read_text(encoding="utf-8").splitlines() if "M0003" not in line]
    read += [f"{place};2026-08-31T08:00:00;2;m3;handheld;actual" for place in ("PP0101;M0101", "PP0003;M0103")]
    file.write_text("\n".join(read) + "\n", encoding="utf-8")
    assert collect.run(work, file=file)["accepted"] == len(EVERYBODY)


def test_a_sound_cycle_with_an_exchange_and_a_second_point_passes_before_and_after_its_issue(work, tmp_path) -> None:
    settle(work, tmp_path)
    july = bill(work, order=cycle_order(), on=datetime(2026, 8, 3, 7, 0))
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    exchange_and_extend(work, tmp_path)
    order = dataclasses.replace(cycle_order(), period="2026-08", issue_date=date(2026, 9, 2))
    august = bill(work, order=order, on=datetime(2026, 9, 2, 7, 0))

    with work.engine.connect() as connection:
        lines = connection.execute(
            text("""
                select a.account_no, count(*) from charge_line l join charge c using (charge_id)
                join account a using (account_id) join cycle y using (cycle_id)
                where y.cycle_key = :key and a.account_no in ('A0001', 'A0002', 'A0003') group by 1 order by 1
            """),
            {"key": august},
        ).all()
    assert [tuple(line) for line in lines] == [("A0001", 4), ("A0002", 3), ("A0003", 5)]
    for key in (july, august):
        check.run(work, cycle_key=key)


def test_a_new_tariff_in_the_middle_of_the_readings_passes_while_its_prices_are_the_old_ones(
    work, tmp_path, database
) -> None:
    utility = tmp_path / "utility"
    shutil.copytree(work.settings.utility, utility)
    (old,) = utility.glob("tariffs/*.toml")
    words = re.sub(r"(valid_from|on) = \d{4}-\d\d-\d\d", r"\1 = 2026-07-15", old.read_text(encoding="utf-8"))
    old.with_name("2026-zdroje.toml").write_text(words, encoding="utf-8")
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
    settle(work, tmp_path)

    key = bill(work, order=cycle_order(), on=datetime(2026, 8, 3, 7, 0))

    check.run(work, cycle_key=key)
    with work.engine.connect() as connection:
        used = connection.execute(text("select count(distinct tariff_sha256) from charge_line")).scalar_one()
    assert used == 2
    plant(database, "update cycle_price set net_zl = 5.20 where service = 'water' and valid_from = '2010-01-01'")
    with work.engine.connect() as connection:
        assert run_check(connection, name="prices_of_tariff", cycle_id=1)


def bill(work, *, order, on) -> str:
    key = open_cycle.run(work, order=order)["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, on)
    issue.run(work, cycle_key=key)
    return key


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


def test_a_number_lost_from_an_earlier_cycle_of_the_series_is_missed_in_the_statement(rated, work, database) -> None:
    plant(database, EARLIER.replace("values ('S', 1, 'S/1'", "values ('S', 2, 'S/2'"))

    with work.engine.connect() as connection:
        other = find_cycle(connection, cycle_key="other")
        assert figures(connection, cycle=other).series_with_gaps == 1


def test_a_dry_run_is_checked_like_any_other(work, tmp_path, database) -> None:
    settle(work, tmp_path)
    key = open_cycle.run(work, order=dataclasses.replace(cycle_order(), dry_run=True))["cycle_key"]
    freeze.run(work, cycle_key=key)

    with pytest.raises(Inconsistent, match="nothing_forgotten"):
        check.run(work, cycle_key=key)
