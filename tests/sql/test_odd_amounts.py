"""Amounts that rating makes rightly and no check may object to, for one false alarm stops a whole cycle."""

import dataclasses
import shutil
from datetime import date, datetime
from decimal import Decimal

import pytest
from metered_town import FLATS, customer, joined, load, meter
from priced_town import TARIFF
from registry_rows import read
from sqlalchemy import text
from town import cycle_order, set_clock, settle, write_readings

from pipeline import approve, check, collect, freeze, issue, open_cycle, rate
from pipeline.agreements import SurfaceRow, set_surfaces
from pipeline.work import Work

SEWAGE = """
[[price.block]]
from_m3 = 0
net_zl = {0}
[[price.block]]
from_m3 = 5
net_zl = {1}
"""


def in_blocks(per: str) -> str:
    """The tariff of the priced town for every meter, sewage in blocks too."""
    plain = TARIFF.replace("diameters_mm = [15, 20]\n", "").replace('block_per = "bill"', f'block_per = "{per}"')
    before, _, rest = plain.partition('[[group]]\ncode = "H25"')
    plain = before + rest[rest.index("[[group]]") :]
    for groups in ('["H", "H25", "B"]', '["H", "H25"]'):
        plain = plain.replace(groups, '["H", "B"]' if "B" in groups else '["H"]')
    head, _, tail = plain.partition('[[price]]\ngroups = ["H25"]')
    plain = head + tail[tail.index("[[example]]") :]
    kept = [
        part for part in plain.split("[[example]]") if 'groups = ["H25"]' not in part and "sewage = 100" not in part
    ]
    plain = "[[example]]".join(kept)
    plain = plain.replace("net_zl = 7.0040\nvalid_from = 2012-01-01\n", "valid_from = 2012-01-01\n", 1)
    plain = plain.replace(
        'net_zl = 9.0020\nseason = "07-15..08-31"\nvalid_from = 2012-01-01\n',
        'season = "07-15..08-31"\nvalid_from = 2012-01-01\n',
        1,
    )
    first, second, third = plain.split('item = "sewage"')
    second = second.replace('basis = "made up"\n', 'basis = "made up"\n' + SEWAGE.format("7.0040", "8.00"), 1)
    third = third.replace('basis = "made up"\n', 'basis = "made up"\n' + SEWAGE.format("9.0020", "10.00"), 1)
    return (
        f'{first}item = "sewage"{second}item = "sewage"{third}'
        """
[[example]]
groups = ["H", "B"]
on = 2012-01-01
sewage = 6
gross_zl = 46.46
source = "by hand: 35.02 + 8.00 = 43.02; VAT 3.4416"

[[example]]
groups = ["H", "B"]
on = 2012-07-15
sewage = 6
gross_zl = 59.41
source = "by hand: 45.01 + 10.00 = 55.01; VAT 4.4008"
"""
    )


@pytest.fixture(params=["bill", "month"])
def town(request, work, tmp_path) -> Work:
    utility = tmp_path / "utility"
    shutil.copytree(work.settings.utility, utility)
    (old,) = utility.glob("tariffs/*.toml")
    old.write_text(in_blocks(request.param), encoding="utf-8")
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
    settle(work, tmp_path)
    return work


def checked(work: Work, month: int, issue_on: date) -> str:
    order = dataclasses.replace(cycle_order(), period=f"2026-{month:02}", issue_date=issue_on)
    key = str(open_cycle.run(work, order=order)["cycle_key"])
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    return key


def lines_of(work: Work, account_no: str, service: str) -> list[tuple[str, Decimal, Decimal]]:
    """First day, m³ and net of an account's lines of a service."""
    query = text("""
        select lower(l.period)::text, l.quantity, l.net_zl
        from charge_line l join charge c using (charge_id) join account a using (account_id)
        where a.account_no = :account_no and l.service = :service order by c.charge_id, l.line_no
    """)
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"account_no": account_no, "service": service})]


def test_sewage_in_blocks_less_the_garden_with_a_price_that_begins_between_the_readings(town, tmp_path) -> None:
    garden = joined(
        customer("0102"), meter("0102", 200), {"meters": ["G0102;PP0102;5;0;2026-06-30;40;garden;2030-08-15"]}
    )
    load(town, tmp_path, garden)
    read(town, tmp_path, "PP0102;M0102;2026-07-31T08:00:00;220", "PP0102;G0102;2026-07-31T08:00:00;47")

    checked(town, 7, date(2026, 8, 3))

    # 13 m³ by days, 15 of 31: 6 and 7; the threshold of 5 reaches 2 (2.4) by then, and of 30 days 3 (2.5)
    assert [(start, m3) for start, m3, _ in lines_of(town, "A0102", "sewage")] in (
        [("2026-06-30", 2), ("2026-06-30", 4), ("2026-07-15", 3), ("2026-07-15", 4)],
        [("2026-06-30", 3), ("2026-06-30", 3), ("2026-07-15", 2), ("2026-07-15", 5)],
    )


def test_an_estimate_settled_below_zero_in_blocks_that_the_abonament_can_take(town, tmp_path) -> None:
    read(town, tmp_path, "PP0010;M0010;2026-07-31T18:00:00;104;m3;handheld;estimated")
    first = checked(town, 7, date(2026, 8, 3))
    approve.run(town, cycle_key=first, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(town, datetime(2026, 8, 3, 7, 0))
    issue.run(town, cycle_key=first)
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    collect.run(town, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31), used={"0010": 3}))

    checked(town, 8, date(2026, 9, 3))

    # the m³ too many comes off at the price of the first block; the abonament of water is 6.00
    assert [line[1:] for line in lines_of(town, "A0010", "water")] == [(2, 10), (2, 14), (-1, -5)]


def test_flats_with_their_share_of_a_difference_in_blocks_with_a_price_that_begins_between(town, tmp_path) -> None:
    flats = [joined(customer(no, parent="PP0101"), meter(no, 10)) for no in FLATS]
    load(town, tmp_path, joined(customer("0101", difference="flats"), meter("0101", 1000), *flats))
    rows = [f"PP{no};M{no};2026-07-31T08:00:00;{at}" for no, at in zip(FLATS, (15, 18, 25), strict=True)]
    read(town, tmp_path, "PP0101;M0101;2026-07-31T08:00:00;1033", *rows)

    checked(town, 7, date(2026, 8, 3))

    taken = [sum(m3 for _, m3, _ in lines_of(town, f"A{no}", "sewage")) for no in FLATS]
    assert taken == [5 + Decimal("0.893"), 8 + Decimal("1.428"), 15 + Decimal("2.679")]  # 5 m³ beyond 5 + 8 + 15


def test_a_norm_contract_that_ended_before_the_period_and_is_billed_late_owes_its_abonament(work, tmp_path) -> None:
    settle(work, tmp_path)
    first = checked(work, 7, date(2026, 8, 3))
    approve.run(work, cycle_key=first, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=first)
    ended = customer("0103", since="2026-07-05")
    ended["contracts"] = ["C0103;A0103;PP0103;household;water;2026-07-05;2026-08-01;"]
    load(work, tmp_path, joined(ended, {"quantities": ["C0103;water;norm;2002-4-sewer;3;;2026-07-05"]}))
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    collect.run(work, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))

    checked(work, 8, date(2026, 9, 3))

    # 9.0 m³ a month, 27 of July's 31 days; the abonament of July
    assert [line[:2] for line in lines_of(work, "A0103", "water")] == [("2026-07-05", Decimal("7.839"))]
    assert [line[:2] for line in lines_of(work, "A0103", "abonament")] == [("2026-07-05", 1)]


def test_stormwater_of_a_contract_that_ended_while_its_account_was_held_is_billed_with_its_abonament(
    work, tmp_path
) -> None:
    settle(work, tmp_path)
    rain = customer("0104", services="stormwater", since="2026-07-01")
    rain["account_parties"] = rain["account_parties"][:1]  # nobody knows yet whom to invoice
    rain["contracts"] = ["C0104;A0104;PP0104;household;stormwater;2026-07-01;2026-07-21;"]
    load(work, tmp_path, rain)
    roof = SurfaceRow(
        point_no="PP0104",
        surface="dach",
        area_m2=Decimal(310),
        item_code="DESZCZ-M2",
        day=date(2026, 7, 1),
        reason="umowa",
    )
    set_surfaces(work, [roof])
    first = checked(work, 7, date(2026, 8, 3))
    approve.run(work, cycle_key=first, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=first)
    load(work, tmp_path, {"account_parties": ["A0104;nabywca;P0104;2026-07-01;"]})
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    collect.run(work, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))

    checked(work, 8, date(2026, 9, 3))

    assert [line[:2] for line in lines_of(work, "A0104", "stormwater")] == [("2026-07-01", 200)]  # 310 × 20/31
    assert [line[:2] for line in lines_of(work, "A0104", "abonament")] == [("2026-07-01", 1)]


def test_a_difference_that_settles_an_estimate_below_zero_holds_the_flats_and_not_the_cycle(work, tmp_path) -> None:
    settle(work, tmp_path)
    flats = [joined(customer(no, parent="PP0101"), meter(no, 10)) for no in FLATS]
    load(work, tmp_path, joined(customer("0101", difference="flats"), meter("0101", 1000), *flats))
    rows = [f"PP{no};M{no};2026-07-31T08:00:00;15" for no in FLATS]
    read(work, tmp_path, "PP0101;M0101;2026-07-31T08:00:00;1040;m3;handheld;estimated", *rows)
    first = checked(work, 7, date(2026, 8, 3))
    approve.run(work, cycle_key=first, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=first)
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    collect.run(work, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))
    rows = [f"PP{no};M{no};2026-08-31T08:00:00;16" for no in FLATS]
    read(work, tmp_path, "PP0101;M0101;2026-08-31T08:00:00;1038", *rows)

    second = checked(work, 8, date(2026, 9, 3))

    query = text("""
        select a.account_no from hold h join cycle y using (cycle_id) join account a using (account_id)
        where y.cycle_key = :key and h.code = 'DIFFERENCE_NEGATIVE' order by 1
    """)
    with work.engine.connect() as connection:
        assert connection.execute(query, {"key": second}).scalars().all() == ["A0101", "A0111", "A0112", "A0113"]
