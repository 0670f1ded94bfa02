"""The checks of what is charged beside metered water find their faults, and nothing in a sound cycle."""

from datetime import date, datetime

import pytest
from beside_town import enter, forecast_from, issued_month, rated_month, read_month
from changing import change, close
from sqlalchemy import text
from town import set_clock, settle

from pipeline import agreements
from sql.checking import check_names, run_check
from sql.engine import make_engine

RAIN = "service = 'stormwater' and surface = 'dach' and lower(period) = '2026-07-11'"
ENDED = 4
"""The cycle in which the contract of A0004 has ended, as somebody recorded after September's prognoza."""
TAKEN = "origin = 'settled_forecast' and service = 'water'"

JULY = [
    ("items_of_price_list", "A0001", f"update charge_line set price_zl = 0.26 where {RAIN}"),
    ("items_of_price_list", "A0001", f"update charge_line set unit = 'm2_year' where {RAIN}"),
    ("items_of_price_list", "A0002", "update charge_line set vat_rate = 0.08 where extra_service_id = 1"),
    ("items_of_price_list", "A0002", "update charge_line set tariff_group = 'EKSPERTYZA' where extra_service_id = 1"),
    (
        "items_of_price_list",
        "A0002",
        "update cycle_item_price set valid_from = '2026-07-16' where item_code = 'PLOMBA'",
    ),
    ("stormwater_of_area", "A0001", f"update charge_line set quantity = quantity + 0.001 where {RAIN}"),
    ("stormwater_of_area", "A0001", f"update charge_line set area_m2 = 121 where {RAIN}"),
    ("stormwater_of_area", "A0001", f"delete from charge_line where {RAIN}"),
    ("stormwater_of_area", "A0001", f"update charge_line set period = '[2026-07-11,2026-07-31)' where {RAIN}"),
    ("stormwater_of_area", "A0001", f"update charge_line set period = '[2026-07-10,2026-08-01)' where {RAIN}"),
    ("stormwater_of_area", "A0001", f"update charge_line set row_no = 2 where {RAIN}"),
    ("stormwater_of_area", "A0001", f"update charge_line set surface = 'plac' where {RAIN}"),
    (
        "stormwater_of_area",  # a surface was forgotten
        "A0005",
        r"""
        update snapshot_account a set content = replace(a.content, '"services"', '"surfaces" '
            || (select substring(b.content from '"surfaces"(.\[[^]]*\],)') from snapshot_account b
                where b.content like '%"surfaces"%') || '"services"')
        where account_id = (select account_id from account where account_no = 'A0005')
        """,
    ),
    (
        "lines_multiply",  # an excess without its part
        "A0003",
        "update charge_line set net_zl = round(quantity * price_zl, 2) where service = 'excess' and indicator = 'ChZT'",
    ),
    ("excess_of_sewage", "A0003", "update charge_line set quantity = quantity + 0.001 where indicator = 'ChZT'"),
    ("excess_of_sewage", "A0003", "update charge_line set price_zl = 5.25 where indicator = 'ChZT'"),
    ("excess_of_sewage", "A0003", "update charge_line set indicator_permitted = 500 where indicator = 'ChZT'"),
    ("excess_of_sewage", "A0003", "delete from charge_line where indicator like 'zawiesina%'"),
    (
        "excess_of_sewage",  # charged from the first reading on, not from the sampling
        "A0003",
        """
        update charge_line set period = '[2026-06-30,2026-07-20)'
        where service = 'excess' and upper(period) = '2026-07-20'
        """,
    ),
    ("orders_once", "A0002", "delete from charge_line where extra_service_id = 1"),
    ("orders_once", "A0002", "update charge_line set quantity = 2 where extra_service_id = 1"),
    ("orders_once", "A0002", "update charge_line set extra_service_id = 1 where extra_service_id = 3"),
    ("orders_once", "A0002", "update charge_line set period = '[2026-07-16,2026-07-17)' where extra_service_id = 1"),
    ("orders_once", "A0002", "update extra_service set account_id = 1 where extra_service_id = 1"),
    (
        "orders_once",
        "A0002",
        "insert into extra_service_cancelled select 1, 'x', now(), now(), 'x', 'cli'",
    ),
    (
        "orders_once",
        "A0002",
        """
        insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts,
                           state, started_by, started_via, event_at)
        values ('other', '[2026-06-01,2026-07-01)', 'R1', 1, '2026-07-03', 14, false, 9, 'closed', 'x', 'cli', now());
        insert into extra_service_billed (extra_service_id, cycle_id, account_id) select 1, 2, 2
        """,
    ),
    (
        "forecasts_agreed",
        "A0004",
        "update charge_line set quantity = 2.4 where origin = 'forecast' and service = 'water'",
    ),
    (
        "forecasts_agreed",
        "A0004",
        "update charge_line set period = '[2026-07-01,2026-07-31)' where origin = 'forecast' and service = 'water'",
    ),
    (
        "forecasts_agreed",  # a prognoza beside what was read
        "A0004",
        """
        insert into charge_line (charge_id, line_no, point_id, service, description, period, quantity, unit, price_zl,
                                 net_zl, vat_rate, tariff_group, tariff_sha256, basis)
        select charge_id, 9, point_id, service, description, period, quantity, unit, price_zl, net_zl, vat_rate,
               tariff_group, tariff_sha256, basis from charge_line where origin = 'forecast' and service = 'water'
        """,
    ),
    ("forecasts_agreed", "A0001", "update charge_line set origin = 'forecast' where charge_id = 1 and line_no = 1"),
    ("services_of_point", "A0001", "update snapshot_account set content = replace(content, 'surfaces', 'spaces')"),
    ("services_of_point", "A0003", "update snapshot_account set content = replace(content, 'excesses', 'excused')"),
    ("vat_rates", "A0003", "update charge_line set vat_rate = 0.23 where indicator = 'ChZT'"),
]

AUGUST = [
    ("forecasts_settled", "A0004", f"update charge_line set net_zl = net_zl - 0.01 where {TAKEN}"),
    ("forecasts_settled", "A0004", f"update charge_line set quantity = -2.4 where {TAKEN}"),
    ("forecasts_settled", "A0004", f"update charge_line set vat_rate = 0.23 where {TAKEN}"),
    ("forecasts_settled", "A0004", f"delete from charge_line where {TAKEN}"),
    ("forecasts_settled", "A0004", f"update charge_line set forecast_line_id = 2 where {TAKEN}"),
    ("forecasts_settled", "A0004", "insert into forecast_settled select 1, 1, account_id, 1 from account limit 1"),
]

OCTOBER = [
    ("forecasts_settled", f"update charge_line set net_zl = net_zl - 0.01 where {TAKEN}"),
    ("forecasts_settled", f"delete from charge_line where {TAKEN}"),
    (
        "forecasts_settled",  # taken off a second time on the same document
        f"""
        insert into charge_line (charge_id, line_no, point_id, service, description, period, quantity, unit, price_zl,
                                 net_zl, vat_rate, tariff_group, tariff_sha256, basis, origin, forecast_line_id,
                                 forecast_document)
        select charge_id, 9, point_id, service, description, period, quantity, unit, price_zl, net_zl, vat_rate,
               tariff_group, tariff_sha256, basis, origin, forecast_line_id, forecast_document
        from charge_line where {TAKEN}
        """,
    ),
    (
        "forecasts_settled",  # by another document before
        """
        insert into forecast_settled select forecast_line_id, 1, account_id, 1 from forecast_line
        where service = 'water' and lower(period) = '2026-09-01'
        """,
    ),
    (
        "forecasts_settled",  # the freeze forgot that prognozy were charged
        f"""
        delete from charge_line where origin = 'settled_forecast';
        update snapshot_account set content = replace(content, '"forecast":', '"forgotten":') where cycle_id = {ENDED}
        """,
    ),
    (
        "forecasts_settled",  # the freeze left the contract out, and the account was passed over
        f"""
        delete from charge_line where origin = 'settled_forecast';
        delete from charge where cycle_id = {ENDED} and account_id = (select account_id from account
                                                                      where account_no = 'A0004');
        insert into hold (cycle_id, account_id, code, excluded, stage, facts, sha256)
        select {ENDED}, account_id, 'CONTRACT_INACTIVE', true, 'rate', '{{}}', 'x' from account
        where account_no = 'A0004'
        """,
    ),
]


def problems(work, name: str, cycle_id: int) -> set[str]:
    with work.engine.connect() as connection:
        return {problem.account_no for problem in run_check(connection, name=name, cycle_id=cycle_id)}


def plant(database, statements: str) -> None:
    """What neither a trigger nor a constraint would let happen."""
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        for table in connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars():
            connection.execute(text(f"alter table {table} disable trigger user"))
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(text(statement))
    owner.dispose()


@pytest.fixture
def july(work, tmp_path):
    settle(work, tmp_path)
    enter(work)
    rated_month(work, 7)
    return work


@pytest.fixture
def august(work, tmp_path):
    settle(work, tmp_path)
    enter(work)
    issued_month(work, 7)
    agreements.end_forecast(work, contract_no="C0004", day=date(2026, 8, 1), reason="x")
    read_month(work, tmp_path, 8)
    rated_month(work, 8)
    return work


@pytest.fixture
def october(work, tmp_path):
    settle(work, tmp_path)
    enter(work)
    issued_month(work, 7)
    agreements.end_forecast(work, contract_no="C0004", day=date(2026, 8, 1), reason="x")
    read_month(work, tmp_path, 8)
    issued_month(work, 8)
    agreements.set_forecast(work, forecast_from(date(2026, 9, 1)))
    issued_month(work, 9)
    change(work, close("C0004", date(2026, 9, 1)))
    set_clock(work, datetime(2026, 11, 1, 12, 0))
    rated_month(work, 10)
    return work


@pytest.mark.parametrize(
    ("name", "account_no", "fault"), JULY, ids=[f"{name}-{no}" for no, (name, *_) in enumerate(JULY)]
)
def test_a_check_finds_what_is_wrong_in_the_month_of_the_agreements(july, database, name, account_no, fault) -> None:
    assert problems(july, name, 1) == set()

    plant(database, fault)

    assert problems(july, name, 1) == {account_no}


@pytest.mark.parametrize(
    ("name", "account_no", "fault"), AUGUST, ids=[f"{name}-{no}" for no, (name, *_) in enumerate(AUGUST)]
)
def test_a_check_finds_what_is_wrong_in_a_settlement(august, database, name, account_no, fault) -> None:
    assert all(problems(august, one, 2) == set() for one in check_names())

    plant(database, fault)

    assert account_no in problems(august, name, 2)


@pytest.mark.parametrize(("name", "fault"), OCTOBER)
def test_a_check_finds_that_a_prognoza_beyond_the_end_is_not_taken_off_once(october, database, name, fault) -> None:
    assert all(problems(october, one, ENDED) == set() for one in check_names())

    plant(database, fault)

    assert problems(october, name, ENDED) == {"A0004"}
