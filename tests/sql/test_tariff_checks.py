"""The checks of prices in a town whose tariff has seasons, blocks, a rate of two months and an abonament of sewage."""

import dataclasses
import shutil
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import text
from test_checks import plant
from town import cycle_order, set_clock, settle

from pipeline import approve, check, freeze, issue, open_cycle, rate
from sql.checking import check_names, run_check
from sql.cycles import find_cycle
from sql.engine import make_engine
from sql.statement import figures

TARIFF = """
title = "Taryfa przykładowa"
decision = "made up"
basis = "made up"
valid_from = 2012-01-01
standing_months = "touched"
standing_price = "first_day"
standing_per = "recipient"
block_per = "bill"

[[group]]
code = "H"
class = "household"
channel = "any"
payer = "natural_person"
diameters_mm = [15, 20]
name = "Gospodarstwa domowe, wodomierz do 20 mm"

[[group]]
code = "H25"
class = "household"
channel = "any"
payer = "natural_person"
diameter_from_mm = 25
name = "Gospodarstwa domowe, wodomierz od 25 mm"

[[group]]
code = "B"
class = "business"
channel = "any"
name = "Pozostali"

[[price]]
groups = ["H", "H25"]
item = "water"
unit = "m3"
valid_from = 2012-01-01
basis = "made up"
[[price.block]]
from_m3 = 0
net_zl = 5.00
[[price.block]]
from_m3 = 2
net_zl = 7.00

[[price]]
groups = ["B"]
item = "water"
unit = "m3"
net_zl = 5.75
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "H25", "B"]
item = "sewage"
unit = "m3"
net_zl = 7.0040
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "H25", "B"]
item = "sewage"
unit = "m3"
net_zl = 9.0020
season = "07-15..08-31"
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "B"]
item = "abonament"
unit = "month"
net_zl = 12.008
per_months = 2
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H", "H25", "B"]
item = "abonament_sewage"
unit = "month"
net_zl = 4.00
valid_from = 2012-01-01
basis = "made up"

[[price]]
groups = ["H25"]
item = "abonament"
unit = "month"
net_zl = 30.00
valid_from = 2012-01-01
basis = "made up"

[[example]]
groups = ["H25"]
on = 2012-01-01
abonament = 1
abonament_sewage = 1
gross_zl = 36.72
source = "by hand: 34.00; VAT 2.72"

[[example]]
groups = ["H", "H25"]
on = 2012-01-01
water = 3
gross_zl = 18.36
source = "by hand: 2 × 5.00 + 7.00 = 17.00; VAT 1.36"

[[example]]
groups = ["B"]
on = 2012-01-01
water = 1
gross_zl = 6.21
source = "by hand: VAT 0.46"

[[example]]
groups = ["H", "H25", "B"]
on = 2012-01-01
sewage = 100
gross_zl = 756.43
source = "by hand: 700.40; VAT 56.032"

[[example]]
groups = ["H", "H25", "B"]
on = 2012-07-15
sewage = 100
gross_zl = 972.22
source = "by hand: 900.20; VAT 72.016"

[[example]]
groups = ["H", "B"]
on = 2012-01-01
abonament = 1
abonament_sewage = 1
gross_zl = 17.29
source = "by hand: 16.008, rounded 16.01; VAT 1.2808"
"""
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


def measure(work) -> None:
    """All meters are of 20 mm, but A0003's is of 25 mm, and nobody wrote down A0004's."""
    owner = make_engine(work.settings.database_owner_url)
    with owner.begin() as connection:
        connection.execute(
            text("""
                update installation i set diameter_mm = case m.meter_no when 'M0003' then 25 else 20 end
                from meter m where m.meter_id = i.meter_id and m.meter_no <> 'M0004'
            """)
        )
    owner.dispose()


@pytest.fixture(params=["each_line", "rate_sum"])
def priced(request, work, tmp_path):
    """The town with that tariff, frozen and rated; lines are rounded in either way."""
    utility = tmp_path / "utility"
    shutil.copytree(work.settings.utility, utility)
    (old,) = utility.glob("tariffs/*.toml")
    old.write_text(TARIFF, encoding="utf-8")
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
