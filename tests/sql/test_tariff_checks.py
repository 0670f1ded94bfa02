"""The checks of prices in a town whose tariff has seasons, blocks, a rate of two months and an abonament of sewage."""

import dataclasses
import shutil
from datetime import datetime
from decimal import Decimal

import pytest
from priced_town import measure, write_tariff
from sqlalchemy import text
from test_checks import plant
from town import cycle_order, set_clock, settle

from pipeline import approve, check, freeze, issue, open_cycle, rate
from sql.checking import check_names, run_check
from sql.cycles import find_cycle
from sql.statement import figures

WATER = "charge_id = 1 and service = 'water'"
SEWAGE = "charge_id = 1 and service = 'sewage'"
ACCOUNT = "account_id = (select account_id from charge where charge_id = 1)"
SNAPSHOT = f"update snapshot_account set content = replace(content, '{{}}', '{{}}') where {ACCOUNT}"
FAULTS = [
    ("blocks_of_tariff", f"update charge_line set quantity = 3 - quantity where {WATER}"),
    ("blocks_of_tariff", f"update charge_line set block_until_m3 = 3 where {WATER} and row_no = 1"),
    ("blocks_of_tariff", f"update charge_line set block_from_m3 = null where {WATER} and row_no = 2"),
    ("consumption_from_readings", f"delete from charge_line where {WATER} and row_no = 2"),
    ("consumption_from_readings", f"update charge_line set quantity = quantity + 1 where {WATER} and row_no = 2"),
    ("lines_multiply", f"update charge_line set net_zl = net_zl + 0.01 where {WATER} and row_no = 2"),
    ("prices_of_tariff", f"update charge_line set price_zl = 5.00 where {WATER} and row_no = 2"),
    ("prices_of_tariff", f"update charge_line set price_zl = 12 - price_zl where {WATER}"),
    (
        "prices_of_tariff",  # the season begins a day late
        f"""
        update charge_line set period = daterange(lower(period), '2026-07-16')
        where {SEWAGE} and period @> date '2026-07-14'
        """,
    ),
    ("prices_of_tariff", "update charge_line set unit = 'month' where charge_id = 1 and service = 'abonament'"),
    ("standing_months", "update charge_line set quantity = 1 where charge_id = 1 and service = 'abonament'"),
    ("standing_months", "update charge_line set quantity = 0.5 where charge_id = 1 and service = 'abonament_sewage'"),
    ("standing_owed", "delete from charge_line where charge_id = 1 and service = 'abonament_sewage'"),
    ("standing_owed", SNAPSHOT.format('["sewage","water"]', '["sewage"]')),  # an abonament of water for sewage alone
    ("group_of_class", SNAPSHOT.format('"natural_person"', '"organisation"')),  # the group is not for such a nabywca
    ("group_of_class", SNAPSHOT.format(r'"diameter_mm"\:20', r'"diameter_mm"\:25')),  # nor for such a meter
    ("prices_of_tariff", SNAPSHOT.format(r'"diameter_mm"\:20', r'"diameter_mm"\:25')),
    ("standing_owed", SNAPSHOT.format(r'"diameter_mm"\:20', r'"diameter_mm"\:22')),
    ("registers_complete", f"delete from charge_line where {SEWAGE} and period @> date '2026-07-20'"),
    ("lines_add_up", "update charge set net_zl = net_zl - 0.01, vat_zl = vat_zl + 0.01 where charge_id = 1"),
]


@pytest.fixture(params=["each_line", "rate_sum"])
def priced(request, work, tmp_path):
    """The town with that tariff, frozen and rated; lines are rounded in either way."""
    utility = tmp_path / "utility"
    shutil.copytree(work.settings.utility, utility)
    write_tariff(utility)
    terms = utility / "utility.toml"
    words = terms.read_text(encoding="utf-8").replace(
        'line_rounding = "each_line"', f'line_rounding = "{request.param}"'
    )
    terms.write_text(words, encoding="utf-8")
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
    settle(work, tmp_path)
    measure(work)
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    return work, key, request.param


def test_a_town_of_all_kinds_of_prices_passes_its_checks_and_adds_up(priced) -> None:
    work, key, rounding = priced

    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=key)

    with work.engine.connect() as connection:
        lines = connection.execute(
            text("""
                select service, row_no, quantity, unit, price_zl, l.net_zl, c.net_zl as total_zl
                from charge_line l join charge c using (charge_id) where charge_id = 1 order by line_no
            """)
        ).all()
        ledger = figures(connection, cycle=find_cycle(connection, cycle_key=key))
        dry = connection.execute(
            text("""
                select array_agg(distinct service order by service) from charge_line join charge using (charge_id)
                join account using (account_id) where account_no = 'A0010'
            """)
        ).scalar_one()
        wide = connection.execute(
            text("""
                select max(tariff_group), sum(l.net_zl) from charge_line l join charge c using (charge_id)
                join account using (account_id) where account_no = 'A0003' and is_standing(service)
            """)
        ).one()
        unknown = connection.execute(
            text("""
                select code, facts ->> 'diameter_mm' from hold join account using (account_id)
                where account_no = 'A0004' and code <> 'KSEF_ROUTE'
            """)
        ).one()
    assert [tuple(line)[:6] for line in lines] == [
        ("water", 1, Decimal("2.000"), "m3", Decimal("5.0000"), Decimal("10.00")),
        ("water", 2, Decimal("1.000"), "m3", Decimal("7.0000"), Decimal("7.00")),
        ("sewage", 1, Decimal("1.000"), "m3", Decimal("7.0040"), Decimal("7.00")),
        ("sewage", 1, Decimal("2.000"), "m3", Decimal("9.0020"), Decimal("18.00")),
        ("abonament", 1, Decimal("0.500"), "2_months", Decimal("12.0080"), Decimal("6.00")),
        ("abonament_sewage", 1, Decimal("1.000"), "month", Decimal("4.0000"), Decimal("4.00")),
    ]
    # 10 + 7 + 7.0040 + 18.0040 + 6.0040 + 4 = 52.012; rounded line by line it is 52.00
    assert (tuple(wide), tuple(unknown)) == (("H25", Decimal("34.00")), ("NO_PRICE", "unknown"))
    assert lines[0].total_zl == Decimal({"each_line": "52.00", "rate_sum": "52.01"}[rounding])
    assert dry == ["abonament", "water"]
    assert ledger.lines_net_zl == ledger.invoices_net_zl


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[f"{name}-{no}" for no, (name, _) in enumerate(FAULTS)])
@pytest.mark.parametrize("priced", ["rate_sum"], indirect=True)
def test_a_check_finds_its_fault_in_such_a_town(priced, database, name, fault) -> None:
    work, _, _ = priced
    with work.engine.connect() as connection:
        assert run_check(connection, name=name, cycle_id=1) == []

    plant(database, fault)

    with work.engine.connect() as connection:
        problems = run_check(connection, name=name, cycle_id=1)
    assert {problem.account_no for problem in problems} == {"A0001"}


@pytest.mark.parametrize("priced", ["rate_sum"], indirect=True)
def test_no_check_objects_to_such_a_town(priced) -> None:
    work, _, _ = priced

    with work.engine.connect() as connection:
        assert [problem for name in check_names() for problem in run_check(connection, name=name, cycle_id=1)] == []


@pytest.mark.parametrize(
    ("season", "within", "days"),
    [
        ("05-01..09-30", "[2024-01-01,2025-06-01)", "{[2024-05-01,2024-10-01),[2025-05-01,2025-06-01)}"),
        ("11-01..02-28", "[2024-01-01,2024-12-01)", "{[2024-01-01,2024-02-29),[2024-11-01,2024-12-01)}"),
        ("12-01..02-29", "[2024-01-01,2025-04-01)", "{[2024-01-01,2024-03-01),[2024-12-01,2025-03-01)}"),
        ("02-29..03-01", "[2024-01-01,2026-01-01)", "{[2024-02-29,2024-03-02),[2025-03-01,2025-03-02)}"),
    ],
)
def test_seasons_are_the_same_in_sql(work, season, within, days) -> None:
    with work.engine.connect() as connection:
        found = connection.execute(
            text("select season_days(:season, cast(:within as daterange))::text"), {"season": season, "within": within}
        ).scalar_one()

    assert found == days
