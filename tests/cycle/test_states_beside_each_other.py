"""States that meet: decisions about readings while a cycle is at work, and cycles taken back under later ones."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from correcting import order_of, reading_of, to_close
from metered_town import FLATS, customer, joined, load, meter, settle_metered
from off_cycles import order_of as off_cycle_order
from off_cycles import rows
from off_cycles import to_check as off_cycle_to_check
from registry_rows import read
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import decide as approve
from test_cycle import to_approval, to_issue, to_the_end
from test_handover import bill, bill_august, bill_july, hold_of, lines
from test_quantities import quantities, read_building, read_in_august, shares
from town import cycle_order, read_august, set_clock, settle

from billing.periods import months_period
from billing.reading_life import Decision
from pipeline import check, duplicate, freeze, issue, open_cycle, rate
from pipeline.corrections import open as opening
from pipeline.errors import OperatorError
from pipeline.queue import bulk, decide
from pipeline.queue.chosen_file import read_chosen
from pipeline.queue.missing import choose_missing

AUGUST_3 = date(2026, 8, 3)
JULY_31 = "2026-07-31"


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


@pytest.fixture
def metered(work, tmp_path):
    settle_metered(work, tmp_path)
    return work


@pytest.fixture
def shared(town, tmp_path):
    """A building whose flats share 30 − (5 + 7 + 12) = 6 m³ of July."""
    flats = [joined(customer(no, parent="PP0101"), meter(no, 10)) for no in FLATS]
    load(town, tmp_path, joined(customer("0101", difference="flats"), meter("0101", 1000), *flats))
    read_building(town, tmp_path, JULY_31, 1030, 15, 17, 22)
    return town


def decided(work, no: str, decision: Decision, index: str | None = None) -> None:
    index_m3 = None if index is None else Decimal(index)
    decide.run(work, reading_id=reading_of(work, no, JULY_31), decision=decision, reason="inkasent", index_m3=index_m3)


def reversal(key: str):
    return order_of(AUGUST_3, reverse=key, reason="Faktury naliczono z błędnych danych.")


def test_a_flat_edited_after_the_freeze_holds_its_building_too(metered) -> None:
    key = to_issue(metered)
    decided(metered, "0111", Decision.EDITED, "14")

    issue.run(metered, cycle_key=key)

    assert hold_of(metered, key, "0111") == hold_of(metered, key, "0101") == "READING_EDITED"
    assert hold_of(metered, key, "0112") is None


def test_a_reading_doubted_by_another_cycle_is_not_billed_by_the_one_at_work(metered, tmp_path) -> None:
    off = off_cycle_to_check(metered, off_cycle_order("on_demand", "A0111", period="2026-07", issue_date=AUGUST_3))
    approve(metered, off)
    decided(metered, "0101", Decision.EDITED, "1010")  # below what its flats used: the freeze doubts them all
    july = to_approval(metered)
    set_clock(metered, datetime(2026, 8, 3, 7, 0))

    issue.run(metered, cycle_key=off)

    assert hold_of(metered, off, "0111") == "READING_EDITED"
    assert rows(metered, "select invoice_no from invoice") == []
    approve(metered, july)
    to_the_end(metered, july)
    read_in_august(metered, tmp_path)
    august = bill_august(metered)
    assert lines(metered, no="0111", key=august) == [("2026-06-30", "2026-08-31", 13)]


def test_a_reading_that_becomes_a_draft_is_not_decided_about_between_freeze_and_rating(town) -> None:
    key = open_cycle.run(town, order=cycle_order())["cycle_key"]
    freeze.run(town, cycle_key=key)

    with pytest.raises(OperatorError, match=r"READING_BILLED: .* \(draft_in_work\)"):
        decided(town, "0011", Decision.VOID)

    decided(town, "0001", Decision.EDITED, "12")
    rate.run(town, cycle_key=key, chunk_no=0)
    approve(town, key, "rejected")
    decided(town, "0011", Decision.VOID)


def test_a_reading_billed_to_the_flats_alone_is_billed_and_one_of_a_flat_that_waits_is_not(shared, tmp_path) -> None:
    july = to_issue(shared)
    for decision, index in ((Decision.VOID, None), (Decision.EDITED, "1040")):
        with pytest.raises(OperatorError, match=r"READING_BILLED: .* \(difference\)"):
            decided(shared, "0101", decision, index)
    decided(shared, "0113", Decision.VOID)

    to_the_end(shared, july)
    with pytest.raises(OperatorError, match=r"READING_BILLED: .* \(difference\)"):
        decided(shared, "0101", Decision.VOID)

    assert hold_of(shared, july, "0113") == "READING_EDITED"
    read_august(shared, tmp_path)
    read_building(shared, tmp_path, "2026-08-31", 1060, 23, 26, 32)
    august = bill_august(shared)
    # the building goes on from the 22 m3 that it was settled with: 30 − (8 + 9 + 10) = 3
    assert {hold_of(shared, august, no) for no in ("0101", *FLATS)} == {None}
    assert sum(m3 for _, m3 in shares(shared)) == 6 + 3
    flats = [m3 for no in FLATS for service, m3 in quantities(shared, no=no) if service == "water"]
    issued = sum(flats) - 12 - 3  # the third flat's July was rated, and held
    assert issued == 1060 - 1000
    check.run(shared, cycle_key=august)


def test_a_difference_is_settled_anew_with_the_cycle_that_is_billed_anew(shared) -> None:
    july = to_issue(shared)
    issue.run(shared, cycle_key=july)
    assert sum(m3 for _, m3 in shares(shared)) == 6

    to_close(shared, reversal(july))
    assert rows(shared, "select count(*) from difference_open") == [(0,)]
    decided(shared, "0101", Decision.EDITED, "1042")
    set_clock(shared, datetime(2026, 8, 4, 7, 0))
    again = bill(shared, period="2026-07", issue_date=date(2026, 8, 4))

    query = """select sum(l.quantity) from charge_line l join charge_in_force using (charge_id)
               where l.origin = 'difference' and l.service = 'water'"""
    assert rows(shared, query) == [(Decimal("18.000"),)]
    check.run(shared, cycle_key=again)


def test_a_flat_that_pays_a_share_is_corrected_and_the_building_goes_on_from_what_it_was_settled_with(
    shared, tmp_path
) -> None:
    bill_july(shared)
    set_clock(shared, datetime(2026, 8, 4, 7, 0))

    to_close(shared, order_of(date(2026, 8, 4), readings=(f"{reading_of(shared, '0111', JULY_31)}=14",)))

    read_august(shared, tmp_path)
    read_building(shared, tmp_path, "2026-08-31", 1060, 23, 26, 32)
    bill_august(shared)
    query = """select sum(l.quantity) from charge_line l join charge_in_force using (charge_id)
               join point p using (point_id) where l.service = 'water' and p.point_no = any(:flats)"""
    assert rows(shared, query, flats=[f"PP{no}" for no in FLATS]) == [(Decimal(1060 - 1000),)]


def test_a_cycle_is_not_reversed_under_a_bill_of_a_cycle_that_was_opened_before_it(town, tmp_path) -> None:
    order = off_cycle_order("on_demand", "A0001", period="2026-07", issue_date=AUGUST_3)
    off = open_cycle.run(town, order=order)["cycle_key"]
    july = to_issue(town)
    issue.run(town, cycle_key=july)
    set_clock(town, datetime(2026, 8, 3, 9, 0))
    assert read(town, tmp_path, "PP0001;M0001;2026-08-03T08:00:00;14")["accepted"] == 1
    freeze.run(town, cycle_key=off)
    rate.run(town, cycle_key=off, chunk_no=0)
    check.run(town, cycle_key=off)
    approve(town, off)
    issue.run(town, cycle_key=off)
    assert lines(town, no="0001", key=off) == [(JULY_31, "2026-08-03", 1)]

    with pytest.raises(OperatorError, match=f"REVERSAL_BILLED_ON: {off} has billed account A0001"):
        opening.run(town, order=reversal(july))


def test_no_duplicate_leaves_of_what_was_taken_back(town) -> None:
    july = to_issue(town)
    issue.run(town, cycle_key=july)
    to_close(town, reversal(july))

    for number in ("FV/2026/08/000002", "FK/2026/08/000002"):
        with pytest.raises(OperatorError, match="INVOICE_REVERSED"):
            duplicate.run(town, invoice_no=number, send=True)
        assert duplicate.run(town, invoice_no=number, send=False)["planned"] is False


def test_a_reading_freed_by_a_reversal_is_doubted_again(metered) -> None:
    july = to_issue(metered)
    issue.run(metered, cycle_key=july)
    to_close(metered, reversal(july))
    decided(metered, "0101", Decision.EDITED, "1010")
    set_clock(metered, datetime(2026, 8, 4, 7, 0))

    again = bill(metered, period="2026-07", issue_date=date(2026, 8, 4))

    assert {hold_of(metered, again, no) for no in FLATS} == {"READING_SUSPECT"}


@pytest.mark.parametrize("index", ["NaN", "sNaN", "Infinity", "-1", "1e40", "0.0001"])
def test_what_is_no_index_is_refused_in_one_line(town, index) -> None:
    with pytest.raises(OperatorError, match="E108"):
        decided(town, "0001", Decision.EDITED, index)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"readings": ("9" * 5000 + "=1",)}, "READING_WRONG"),
        ({"readings": ("9" * 18 + "=1",)}, "READING_UNKNOWN"),
        ({"readings": ("1=NaN",)}, "READING_WRONG"),
        ({"invoices": ("FV\x00",)}, "INVOICE_UNKNOWN"),
    ],
)
def test_what_names_nothing_is_refused_in_one_line(town, what, code) -> None:
    with pytest.raises(OperatorError, match=code):
        opening.run(town, order=order_of(AUGUST_3, **what))


def test_a_file_with_a_number_that_no_reading_can_have_is_refused(tmp_path) -> None:
    file = tmp_path / "many.csv"
    file.write_text(f"reading_id;decision\n{'9' * 5000};confirm\n", encoding="utf-8")

    with pytest.raises(OperatorError, match="SELECTION_UNREADABLE"):
        read_chosen(file)


def test_estimates_of_a_day_before_all_readings_are_refused_one_by_one(town) -> None:
    choose = choose_missing(period=months_period("2026-08"), route_set="ALL", on=date(1, 1, 1), by="operator")

    seen = bulk.preview(town, choose=choose)

    assert seen.counts.keys() <= {"NO_CONTRACT", "READING_THERE", "READING_MISSING"}
    assert seen.rows


def test_the_application_frees_billed_days_and_cycles_only_by_what_corrects_them(town) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 4, 7, 0))
    run = to_close(town, order_of(date(2026, 8, 4), readings=(f"{reading_of(town, '0001', JULY_31)}=11",)))
    ((correction,),) = rows(town, "select invoice_id from invoice where kind = 'correction'")

    for statement in (
        "update billed_period set superseded_by = :correction where account_id = 2",
        "update billed_period set superseded_by = invoice_id where account_id = 2",
        "update cycle set reversed_by = run.cycle_id from cycle run where run.cycle_key = :run and cycle.cycle_id = 1",
    ):
        with pytest.raises(DBAPIError, match=r"refused|does not reverse it"), town.engine.begin() as connection:
            connection.execute(text(statement), {"correction": correction, "run": run})
