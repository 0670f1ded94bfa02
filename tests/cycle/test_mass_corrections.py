"""A wrong price for everybody, and a whole cycle that must not leave: each put right in one approved run."""

import dataclasses
import shutil
from datetime import date, datetime
from decimal import Decimal

import pytest
from correcting import corrections, order_of, to_check, to_close
from off_cycles import open_holds, rows
from off_cycles import order_of as off_cycle_order
from off_cycles import to_close as close_off_cycle
from test_cycle import decide, row_counts, to_issue, to_the_end
from test_handover import bill, bill_august, bill_july, hand_over, hold_of, lines, rated
from town import HOUSEHOLDS, PAPERLESS, cycle_order, read_august, set_clock, settle

from delivery.mailbox import Mailbox
from pipeline import deliver, issue, open_cycle, render
from pipeline.corrections import open as opening
from pipeline.corrections.preview import preview
from pipeline.errors import OperatorError
from pipeline.statement import statement

AUGUST_4 = date(2026, 8, 4)
WRONG_PRICE = "Błędna cena wody w fakturze."


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def with_water_at_five(work, tmp_path):
    """The demo's tariff with the price of water put right from 5.25 to 5.00 zł, and its examples with it."""
    folder = tmp_path / "utility"
    shutil.copytree(work.settings.utility, folder)
    path = folder / "tariffs" / "2010-zdroje.toml"
    text = path.read_text(encoding="utf-8")
    for was, becomes in (
        ("net_zl = 5.25", "net_zl = 5.00"),
        ("net_zl = 168.00\ngross_zl = 181.44", "net_zl = 165.00\ngross_zl = 178.20"),
        ("net_zl = 164.30\ngross_zl = 177.44", "net_zl = 161.30\ngross_zl = 174.20"),
    ):
        assert was in text
        text = text.replace(was, becomes)
    path.write_text(text, encoding="utf-8")
    return dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=folder))


def test_a_wrong_price_is_corrected_for_everybody_in_one_run_and_holds_from_then_on(town, tmp_path) -> None:
    july = bill_july(town)
    set_clock(town, datetime(2026, 8, 4, 7, 0))
    right = with_water_at_five(town, tmp_path)
    mails = Mailbox(path=town.settings.mailbox).count()

    key = to_close(right, order_of(AUGUST_4, cycles=(july,), reason=WRONG_PRICE))

    made = corrections(right)
    assert len(made) == len(HOUSEHOLDS)
    # 3 m3 x 0.25 = 0.75 net; on paper 3 x (5.25 + 7.75) + 12.00 = 51.00, VAT 4.08; right 50.25, VAT 4.02
    assert ("FK/2026/08/000001", "FV/2026/08/000001", 1, *map(Decimal, ("-0.75", "-0.06", "-0.81"))) == made[0]
    assert {row[3] for row in made} == {Decimal("-0.75")}
    assert preview(right, cycle_key=key)["sums"]["down"] == len(HOUSEHOLDS)
    assert Mailbox(path=town.settings.mailbox).count() == mails + len(PAPERLESS)

    read_august(right, tmp_path)
    august = bill_august(right)
    prices = rows(
        right,
        """select distinct l.price_zl from charge_line l join charge c using (charge_id) join cycle using (cycle_id)
           where cycle_key = :key and service = 'water'""",
        key=august,
    )
    assert prices == [(Decimal("5.0000"),)]


def test_a_run_that_is_written_a_few_at_a_time_has_no_gap_and_holds_an_account_once_for_all_its_invoices(
    town, tmp_path, monkeypatch
) -> None:
    july = bill_july(town)
    read_august(town, tmp_path)
    august = bill_august(town)
    set_clock(town, datetime(2026, 9, 3, 7, 0))
    right = with_water_at_five(town, tmp_path)
    for place in ("sql.corrections.AT_ONCE", "pipeline.corrections.issue.AT_ONCE"):
        monkeypatch.setattr(place, 3)  # the second account's two invoices fall into different parts
    key = to_check(right, order_of(date(2026, 9, 3), cycles=(july, august), reason=WRONG_PRICE))
    decide(right, key)
    hand_over(right, tmp_path, no="0002", on="2026-08-15")
    set_clock(right, datetime(2026, 9, 3, 12, 0))

    issue.run(right, cycle_key=key)

    assert hold_of(right, key, "0002") == "REGISTRY_CHANGED"
    wrong = """select invoice_no from invoice join account using (account_id)
               where kind = 'regular' and account_no <> 'A0002'"""
    made = corrections(right)
    assert sorted(row[1] for row in made) == sorted(no for (no,) in rows(right, wrong))
    assert [row[0] for row in made] == [f"FK/2026/09/{place:06}" for place in range(1, len(made) + 1)]
    assert len(made) >= 2 * (len(HOUSEHOLDS) - 1)


def test_until_the_run_is_issued_no_cycle_bills_by_the_file_that_nobody_approved(town, tmp_path) -> None:
    july = bill_july(town)
    set_clock(town, datetime(2026, 8, 4, 7, 0))
    right = with_water_at_five(town, tmp_path)
    key = to_check(right, order_of(AUGUST_4, cycles=(july,), reason=WRONG_PRICE))
    order = dataclasses.replace(cycle_order(), route_set="R1", issue_date=date(2026, 8, 5))

    assert [row["name"] for row in preview(right, cycle_key=key)["tariffs_new"]] == ["2010-zdroje.toml"]
    with pytest.raises(OperatorError, match="TARIFF_NOT_SWITCHED_ON"):
        open_cycle.run(right, order=order)


def test_a_reading_is_not_corrected_by_prices_that_nobody_approved(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 4, 7, 0))
    right = with_water_at_five(town, tmp_path)
    ((reading,),) = rows(right, "select max(current_reading_id) from charge_line where charge_id = 1")

    with pytest.raises(OperatorError, match="TARIFF_NOT_SWITCHED_ON"):
        to_check(right, order_of(AUGUST_4, readings=(f"{reading}=11",)))


def test_a_tariff_of_other_days_is_no_correction_of_a_price(town, tmp_path) -> None:
    july = bill_july(town)
    set_clock(town, datetime(2026, 8, 4, 7, 0))
    right = with_water_at_five(town, tmp_path)
    later = right.settings.utility / "tariffs" / "2026-zdroje.toml"
    text = (right.settings.utility / "tariffs" / "2010-zdroje.toml").read_text(encoding="utf-8")
    later.write_text(text.replace("2010-01-01", "2026-09-01"), encoding="utf-8")

    with pytest.raises(OperatorError, match=r"TARIFF_NOT_SWITCHED_ON: tariffs/2026-zdroje\.toml"):
        to_check(right, order_of(AUGUST_4, cycles=(july,), reason=WRONG_PRICE))


# ── a cycle taken back ───────────────────────────────────────────────────────────────────────────────────────────
def issued_only(work) -> str:
    """July as far as its numbers: nothing is rendered, nothing has left."""
    key = to_issue(work)
    issue.run(work, cycle_key=key)
    return key


def reversal(key: str, day: date = date(2026, 8, 3)):
    return order_of(day, reverse=key, reason="Faktury naliczono z błędnych danych.")


def test_a_reversed_cycle_leaves_nothing_owed_and_its_months_are_billed_anew(town) -> None:
    july = issued_only(town)
    first_numbers = rows(town, "select invoice_no from invoice order by sequence")

    run = to_close(town, reversal(july))

    ((left,),) = rows(town, "select sum(gross_zl) from invoice")
    assert left == Decimal("0.00")
    assert rows(town, "select count(*) from billed_day where service = 'water' and account_id <> 11") == [(0,)]
    assert rows(town, "select distinct state from delivery") == [("cancelled",)]
    to_the_end(town, july)  # its documents are kept, nothing is sent, and it closes
    assert statement(town, cycle_key=july).balanced
    assert Mailbox(path=town.settings.mailbox).count() == 0

    set_clock(town, datetime(2026, 8, 4, 7, 0))
    again = bill(town, period="2026-07", issue_date=AUGUST_4)

    assert (july, again) == ("2026-07~ALL~1", "2026-07~ALL~2")
    assert lines(town, no="0001", key=again) == [("2026-06-30", "2026-07-31", 3)]
    assert lines(town, no="0001", key=again, service="abonament") == [("2026-07-01", "2026-08-01", 1)]
    assert Mailbox(path=town.settings.mailbox).count() == len(PAPERLESS)
    numbers = [no for (no,) in rows(town, "select invoice_no from invoice where kind = 'regular' order by sequence")]
    assert numbers[: len(HOUSEHOLDS)] == [no for (no,) in first_numbers]
    assert numbers == [f"FV/2026/08/{place:06}" for place in range(1, 2 * len(HOUSEHOLDS) + 1)]
    assert len(corrections(town)) == len(HOUSEHOLDS)
    assert statement(town, cycle_key=run).balanced


def test_a_reversed_cycle_left_alone_is_made_up_for_by_the_next_month(town, tmp_path) -> None:
    july = issued_only(town)
    to_close(town, reversal(july))
    to_the_end(town, july)
    read_august(town, tmp_path)

    august = bill_august(town)

    assert lines(town, no="0001", key=august) == [("2026-06-30", "2026-08-31", 6)]
    assert lines(town, no="0001", key=august, service="abonament") == [("2026-07-01", "2026-09-01", 2)]


def test_while_a_reversal_is_decided_nothing_of_the_cycle_leaves(town) -> None:
    july = to_issue(town)
    for chunk_no in range(issue.run(town, cycle_key=july)["chunks"]):
        render.run(town, cycle_key=july, chunk_no=chunk_no)
    run = to_check(town, reversal(july))

    deliver.run(town, cycle_key=july)
    deliver.run(town, cycle_key=None)

    assert rows(town, "select distinct state from delivery") == [("archived",)]
    decide(town, run, decision="rejected")
    deliver.run(town, cycle_key=july)
    assert rows(town, "select state, count(*) from delivery group by state order by state") == [
        ("accepted", len(PAPERLESS)),
        ("packaged", len(HOUSEHOLDS) - len(PAPERLESS)),
    ]


def test_a_cycle_of_which_something_has_left_is_not_reversed(town) -> None:
    july = bill_july(town)
    before = row_counts(town)

    with pytest.raises(OperatorError, match=r"REVERSAL_DELIVERED: FV/2026/08/0000\d\d by \w+ is"):
        opening.run(town, order=reversal(july))

    assert row_counts(town) == before


def test_what_left_after_the_run_was_opened_stops_its_issue(town) -> None:
    july = issued_only(town)
    run = to_check(town, reversal(july))
    decide(town, run)
    with town.engine.begin() as connection:
        connection.exec_driver_sql(
            "update delivery set state = 'archived', attempts = 1 where invoice_id = 1"  # as if a worker had it
        )
    before = row_counts(town)

    with pytest.raises(OperatorError, match="REVERSAL_DELIVERED: FV/2026/08/000001"):
        issue.run(town, cycle_key=run)

    assert row_counts(town) == before


def test_a_cycle_that_was_billed_on_is_not_reversed(town, tmp_path) -> None:
    july = issued_only(town)
    read_august(town, tmp_path)
    august = rated(town, period="2026-08", issue_date=date(2026, 9, 2))
    set_clock(town, datetime(2026, 9, 2, 7, 0))

    with pytest.raises(OperatorError, match=f"ACCOUNT_IN_WORK: {august} may still bill"):
        opening.run(town, order=reversal(july, date(2026, 9, 2)))
    decide(town, august)
    issue.run(town, cycle_key=august)
    with pytest.raises(OperatorError, match=f"REVERSAL_BILLED_ON: {august} has billed account"):
        opening.run(town, order=reversal(july, date(2026, 9, 2)))


def test_what_is_reversed_once_is_neither_reversed_nor_corrected_again(town) -> None:
    july = issued_only(town)
    to_close(town, reversal(july))

    for what, code in (
        ({"reverse": july}, "REVERSAL_DONE"),
        ({"cycles": (july,)}, "INVOICE_REVERSED"),
        ({"invoices": ("FV/2026/08/000001",)}, "INVOICE_REVERSED"),
        ({"invoices": ("FK/2026/08/000001",)}, "INVOICE_REVERSED"),
    ):
        with pytest.raises(OperatorError, match=code):
            opening.run(town, order=order_of(date(2026, 8, 3), **what))


def test_a_hold_that_a_reversed_bill_had_ended_waits_again(town, tmp_path) -> None:
    from registry_rows import read  # noqa: PLC0415 - only this test reads by hand

    bill_july(town)
    assert open_holds(town) == {"A0012": ["READING_MISSING"]}
    set_clock(town, datetime(2026, 8, 5, 7, 0))
    read(town, tmp_path, "PP0012;M0012;2026-08-04T08:00:00;125")
    order = off_cycle_order("released_hold", "A0012", period="2026-07", issue_date=date(2026, 8, 5))
    key = open_cycle.run(town, order=order)["cycle_key"]
    off_cycle_to_issue(town, key)
    assert open_holds(town) == {}

    to_close(town, reversal(key, date(2026, 8, 5)))

    assert open_holds(town) == {"A0012": ["READING_MISSING"]}
    to_the_end(town, key)
    set_clock(town, datetime(2026, 8, 6, 7, 0))
    again = close_off_cycle(town, dataclasses.replace(order, issue_date=date(2026, 8, 6)))
    assert open_holds(town) == {}
    assert lines(town, no="0012", key=again, service="abonament") == [("2026-07-01", "2026-08-01", 1)]


def off_cycle_to_issue(work, key: str) -> None:
    from pipeline import check, freeze, rate  # noqa: PLC0415 - the same steps as ever

    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    decide(work, key)
    issue.run(work, cycle_key=key)
