"""Buildings with flats, garden meters, norms and contracts that share by days: billed in cycles, and checked by SQL."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from metered_town import FLATS, customer, joined, load, meter, settle_metered
from registry_rows import read
from sqlalchemy import text
from test_cycle import to_approval
from test_handover import bill_august, bill_july, bill_september, hold_of, lines
from town import read_august, set_clock, settle

from billing.holds import HoldCode
from pipeline import check
from pipeline.work import Work


@pytest.fixture
def town(work, tmp_path):
    settle_metered(work, tmp_path)
    return work


@pytest.fixture
def shared_town(work, tmp_path):
    """The town with a building whose flats share the difference: a person's, a firm's, and one without a buyer."""
    settle(work, tmp_path)
    flats = [joined(customer(no, parent="PP0101"), meter(no, 10)) for no in FLATS]
    firm = flats[1]["parties"][0].replace("natural_person", "organisation").replace(";;", ";5260250274;", 1)
    flats[1]["parties"] = [firm]
    flats[2]["account_parties"] = ["A0113;payer;P0113;2026-01-01;"]  # nobody knows yet whom to invoice
    load(work, tmp_path, joined(customer("0101", difference="flats"), meter("0101", 1000), *flats))
    return work


def read_building(work: Work, tmp_path: Path, day: str, main: int, *flats: int | None) -> None:
    rows = [f"PP0101;M0101;{day}T08:00:00;{main}"]
    rows += [f"PP{no};M{no};{day}T08:00:00;{at}" for no, at in zip(FLATS, flats, strict=True) if at is not None]
    assert read(work, tmp_path, *rows)["accepted"] == len(rows)


def shares(work: Work) -> list[tuple[str, Decimal]]:
    """Account and m³ of water of every share that was invoiced or drafted, by cycle and account."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            text("""select a.account_no, s.volume_m3 from difference_share s join contract k using (contract_id)
                    join account a using (account_id) where s.service = 'water' and s.volume_m3 > 0
                      and not exists (select 1 from difference_open o where o.share_id = s.share_id)
                    order by s.cycle_id, 1""")
        )
        return [tuple(row) for row in rows]


def test_flats_share_what_their_building_took_beyond_them_and_one_who_was_held_bills_his_share_later(
    shared_town, tmp_path
) -> None:
    town = shared_town
    read_building(town, tmp_path, "2026-07-31", 1030, 15, 17, 22)
    july = bill_july(town)

    # 30 − (5 + 7 + 12) = 6 by 5 : 7 : 12 of 24; the third flat is held, its 3 m³ wait
    assert shares(town) == [("A0111", Decimal("1.250")), ("A0112", Decimal("1.750"))]
    assert hold_of(town, july, "0113") == HoldCode.NO_PARTY
    assert quantities(town, no="0101") == []
    assert quantities(town, no="0111") == [
        ("water", 5),
        ("water", Decimal("1.25")),
        ("sewage", 5),
        ("sewage", Decimal("1.25")),
    ]
    check.run(town, cycle_key=july)

    load(town, tmp_path, {"account_parties": ["A0113;nabywca;P0113;2026-01-01;"]})
    read_august(town, tmp_path)
    read_building(town, tmp_path, "2026-08-31", 1060, 23, 26, None)
    august = bill_august(town)
    # the third flat was not read: the building cannot be settled, the others pay their own use
    assert hold_of(town, august, "0101") == hold_of(town, august, "0113") == HoldCode.READING_MISSING
    assert len(shares(town)) == 2

    set_clock(town, datetime(2026, 10, 1, 12, 0))
    read_building(town, tmp_path, "2026-09-30", 1100, 33, 36, 42)
    september = bill_september(town, tmp_path)
    # two months: 70 − (18 + 19 + 20) = 13 by 18 : 19 : 20 of 57
    paid = [Decimal(m3) for m3 in ("1.250", "1.750", "3.000", "4.105", "4.334", "4.561")]
    assert [m3 for _, m3 in shares(town)] == paid
    check.run(town, cycle_key=september)
    assert sum(paid) + sum([33 - 10, 36 - 10, 42 - 10]) == 1100 - 1000


def test_flats_that_used_more_than_their_building_are_all_held_with_it(shared_town, tmp_path) -> None:
    read_building(shared_town, tmp_path, "2026-07-31", 1020, 15, 17, 22)

    key = to_approval(shared_town)

    held = {hold_of(shared_town, key, no) for no in ("0101", "0111", "0112")}
    assert held == {HoldCode.READING_SUSPECT}  # the check of readings comes before the sums


def read_in_august(work: Work, tmp_path: Path, *, flat: int = 19) -> None:
    read_august(work, tmp_path)
    counts = read(
        work,
        tmp_path,
        *("PP0101;M0101;2026-08-31T08:00:00;1060", "PP0102;M0102;2026-08-31T08:00:00;236"),
        *("PP0102;G0102;2026-08-31T08:00:00;51", "PP0111;M0111;2026-08-31T08:00:00;23"),
        *("PP0112;M0112;2026-08-31T08:00:00;26", f"PP0113;M0113;2026-08-31T08:00:00;{22 + flat - 7}"),
    )
    assert counts["accepted"] == 6


def quantities(work: Work, *, no: str) -> list[tuple[str, Decimal]]:
    """Service and quantity of every line of water and sewage of an account, in order."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            text("""select l.service, l.quantity from charge_line l join charge c using (charge_id)
                    join account a using (account_id)
                    where a.account_no = :no and l.service <> 'abonament' order by c.charge_id, l.line_no"""),
            {"no": f"A{no}"},
        )
        return [(row.service, row.quantity) for row in rows]


def test_two_months_of_a_building_a_garden_and_a_norm_pass_the_checks_and_every_m3_is_billed_once(
    town, tmp_path
) -> None:
    july = bill_july(town)
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    load(town, tmp_path, {"quantities": [f"C0103;{s};norm;2002-4-sewer;4;;2026-08-17" for s in ("water", "sewage")]})
    read_in_august(town, tmp_path)
    august = bill_august(town)

    # July: 30 − (5 + 7 + 12) = 6; August: 30 − (8 + 9 + 12) = 1
    assert quantities(town, no="0101") == [("water", 6), ("sewage", 6), ("water", 1), ("sewage", 1)]
    flats = [quantity for no in FLATS for service, quantity in quantities(town, no=no) if service == "water"]
    assert sum(flats) + 6 + 1 == 1060 - 1000
    # July: 18 − 5; in August the garden meter's legalisation has lapsed: nothing comes off
    assert quantities(town, no="0102") == [("water", 18), ("sewage", 13), ("water", 18), ("sewage", 18)]
    # 3 × 3 m³ in July; in August 9 × 16 / 31 and 12 × 15 / 31
    thirds = [("water", Decimal("4.645")), ("water", Decimal("5.806"))]
    assert quantities(town, no="0103")[2:4] == thirds
    assert lines(town, no="0103")[0] == ("2026-07-01", "2026-08-01", 9)
    for key in (july, august):
        check.run(town, cycle_key=key)


def test_a_flat_that_nobody_read_holds_its_building_and_both_are_billed_when_the_reading_comes(town, tmp_path) -> None:
    bill_july(town)
    read_august(town, tmp_path)
    read(
        town,
        tmp_path,
        *("PP0101;M0101;2026-08-31T08:00:00;1060", "PP0111;M0111;2026-08-31T08:00:00;23"),
        "PP0112;M0112;2026-08-31T08:00:00;26",
    )
    august = bill_august(town)

    assert hold_of(town, august, "0101") == hold_of(town, august, "0113") == HoldCode.READING_MISSING
    assert hold_of(town, august, "0111") is None

    set_clock(town, datetime(2026, 10, 1, 12, 0))
    read(
        town,
        tmp_path,
        *("PP0101;M0101;2026-09-30T08:00:00;1100", "PP0111;M0111;2026-09-30T08:00:00;33"),
        *("PP0112;M0112;2026-09-30T08:00:00;36", "PP0113;M0113;2026-09-30T08:00:00;42"),
    )
    september = bill_september(town, tmp_path)

    # two months of the building: 70 − (18 + 19 + 20); the flats paid what it does not
    assert quantities(town, no="0101")[2:] == [("water", 13), ("sewage", 13)]
    flats = [quantity for no in FLATS for service, quantity in quantities(town, no=no) if service == "water"]
    assert sum(flats) + 6 + 13 == 1100 - 1000
    check.run(town, cycle_key=september)


def hand_over(work: Work, tmp_path: Path, *days: date) -> None:
    """The point of A0001 goes from contract to contract on these days, and nobody reads its meter."""
    ends = [*(day.isoformat() for day in days), ""]
    begins = ["2026-06-01", *ends]
    rows = joined(
        *(
            joined(
                {
                    name: customer(f"{98 - at:04}", since=day)[name]
                    for name in ("parties", "accounts", "account_parties")
                },
            )
            for at, day in enumerate(ends[:-1])
        ),
        {
            "contracts": [
                f"C0001;A0001;PP0001;household;water+sewage;2026-06-01;{ends[0]};",
                *(
                    f"C{98 - at:04};A{98 - at:04};PP0001;household;water+sewage;{begins[at + 1]};{ends[at + 1]};"
                    for at in range(len(days))
                ),
            ]
        },
    )
    load(work, tmp_path, rows)


@pytest.mark.parametrize(
    "days", [(date(2026, 8, 11),), (date(2026, 8, 11), date(2026, 8, 20))], ids=["two contracts", "three contracts"]
)
def test_contracts_of_one_meter_share_by_days_what_lies_between_its_readings(town, tmp_path, days) -> None:
    bill_july(town)
    hand_over(town, tmp_path, *days)
    read_in_august(town, tmp_path)

    august = bill_august(town)

    accounts = ["0001", *(f"{98 - at:04}" for at in range(len(days)))]
    shared = [line for no in accounts for line in lines(town, no=no, key=august)]
    assert [line[:2] for line in shared] == list(
        zip(["2026-07-31", *map(str, days)], [*map(str, days), "2026-08-31"], strict=True)
    )
    assert sum(line[2] for line in shared) == 3
    check.run(town, cycle_key=august)

    bill_september(town, tmp_path)
    assert lines(town, no=accounts[-1])[-1] == ("2026-08-31", "2026-09-30", 3)
    assert len(lines(town, no="0001")) == 2
