"""Changes that people ask for, and the cycles around them: who is billed up to when, at which price, and on what."""

import dataclasses
from datetime import date, datetime

import pytest
from changing import ask, change, close, exchange, index, newcomer, to_bank_account, to_group, to_payer
from off_cycles import order_of, to_close
from registry_rows import read, register
from sqlalchemy import text
from test_cycle import to_issue, to_the_end
from test_handover import bill_august, bill_july, bill_september, hold_of, lines, recipients
from town import bank_account, read_august, set_clock, settle, write_readings

from billing.changes import PartyChange
from billing.holds import HoldCode
from pipeline import collect
from pipeline.errors import OperatorError
from pipeline.statement import statement

AUGUST_10 = date(2026, 8, 10)
SEPTEMBER_1 = date(2026, 9, 1)


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def carriers(work, *, no: str) -> list[str]:
    """How an account's invoices travelled, oldest first."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            text("""select i.carrier from invoice i join account a using (account_id)
                    where a.account_no = :no order by i.invoice_id"""),
            {"no": no},
        )
        return list(rows.scalars())


def test_a_new_payer_is_billed_from_his_day_on_paper_and_the_former_one_up_to_it_by_e_mail(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 12, 12, 0))
    change(town, newcomer(on=AUGUST_10))
    change(town, to_payer("0002", AUGUST_10, index("M0002", 24)))
    before = recipients(town).count("klient0002@example.com")
    read_august(town, tmp_path)

    bill_august(town)

    assert lines(town, no="0002") == [("2026-06-30", "2026-07-31", 3), ("2026-07-31", "2026-08-10", 1)]
    assert lines(town, no="99") == [("2026-08-10", "2026-08-31", 2)]
    assert lines(town, no="0002", service="abonament")[-1] == ("2026-08-01", "2026-08-10", 1)
    assert lines(town, no="99", service="abonament") == [("2026-08-10", "2026-09-01", 1)]
    assert carriers(town, no="A0002") == ["email", "email"]
    assert carriers(town, no="A99") == ["paper"]
    assert recipients(town).count("klient0002@example.com") == before + 1


def test_the_last_day_before_a_handover_is_the_former_customers_although_july_was_read_the_day_before(
    town, tmp_path
) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 12, 12, 0))
    change(town, newcomer(on=date(2026, 8, 1)))
    change(town, to_payer("0001", date(2026, 8, 1), index("M0001", 14)))
    read_august(town, tmp_path)

    bill_august(town)

    assert lines(town, no="0001") == [("2026-06-30", "2026-07-31", 3), ("2026-07-31", "2026-08-01", 1)]
    assert lines(town, no="99") == [("2026-08-01", "2026-08-31", 2)]
    assert len(lines(town, no="0001", service="abonament")) == 1


def test_a_day_that_is_billed_is_not_changed_and_the_refusal_names_the_day(town, tmp_path) -> None:
    bill_july(town)
    change(town, newcomer(on=date(2026, 7, 20)))
    orders = (
        to_payer("0001", date(2026, 7, 30), index("M0001", 13)),
        to_group("0001", date(2026, 7, 30)),
        close("C0001", date(2026, 7, 30), index("M0001", 13)),
        exchange("0001", date(2026, 7, 30), removal=13),
        PartyChange(
            on=date(2026, 7, 30), party_no="P0001", name="X", kind=None, nip=None, street=None, postcode=None, city=None
        ),
    )
    for order in orders:
        with pytest.raises(OperatorError) as refusal:
            ask(town, order)
        assert refusal.value.code == "BILLED_ALREADY", order
        assert "2026-07-31" in str(refusal.value) or "2026-08-03" in str(refusal.value)
    with pytest.raises(OperatorError, match=r"BILLED_ALREADY.*with 13"):
        ask(town, close("C0001", date(2026, 7, 31), index("M0001", 14)))


def test_a_reading_of_the_day_or_of_the_day_before_closes_one_contract_and_opens_the_next(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    read(town, tmp_path, "PP0001;M0001;2026-08-10T10:00:00;14", "PP0003;M0003;2026-08-09T10:00:00;34")
    change(town, newcomer(on=AUGUST_10))
    change(town, to_payer("0001", AUGUST_10))
    change(town, to_payer("0003", AUGUST_10, new_account_no="A99"))
    read_august(town, tmp_path)

    bill_august(town)

    assert lines(town, no="0001")[-1] == ("2026-07-31", "2026-08-10", 1)
    assert lines(town, no="0003")[-1] == ("2026-07-31", "2026-08-09", 1)
    assert sorted(lines(town, no="99")) == [("2026-08-09", "2026-08-31", 2), ("2026-08-10", "2026-08-31", 2)]
    assert len(lines(town, no="99", service="abonament")) == 1


def test_an_exchange_with_both_readings_is_billed_from_both_meters(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    change(town, exchange("0001", date(2026, 8, 20), removal=15))
    read(town, tmp_path, "PP0001;N0001;2026-08-31T08:00:00;2")
    collect.run(town, file=write_readings(tmp_path / "a.csv", month_end=date(2026, 8, 31)))

    bill_august(town)

    assert lines(town, no="0001")[1:] == [("2026-07-31", "2026-08-20", 2), ("2026-08-20", "2026-08-31", 2)]


@pytest.mark.parametrize(
    "order",
    [
        to_group("0001", date(2026, 7, 20)),
        to_bank_account("0001", date(2026, 7, 20)),
        PartyChange(
            on=date(2026, 7, 20), party_no="P0001", name=None, kind=None, nip=None, street="ul. Polna 3", postcode=None,
            city=None,
        ),
        close("C0001", date(2026, 7, 20), index("M0001", 12)),
        exchange("0001", date(2026, 7, 31), removal=13),
    ],
    ids=lambda order: type(order).__name__,
)  # fmt: skip
def test_what_changed_after_the_approval_is_held_at_issue_and_billed_by_the_next_cycle(town, tmp_path, order) -> None:
    key = to_issue(town)
    change(town, order)

    to_the_end(town, key)

    assert hold_of(town, key, "0001") == HoldCode.REGISTRY_CHANGED
    assert statement(town, cycle_key=key).balanced


def test_the_bank_account_of_the_issue_date_is_printed(town, tmp_path) -> None:
    change(town, to_bank_account("0001", date(2026, 8, 3)))
    change(town, to_bank_account("0003", date(2026, 8, 4), bank_account("0078")))

    to_the_end(town, to_issue(town))

    with town.engine.connect() as connection:
        contents = dict(
            connection.execute(
                text("select a.account_no, i.content from invoice i join account a using (account_id)")
            ).all()
        )
    assert bank_account("0077") in contents["A0001"]
    assert bank_account("0003") in contents["A0003"]


def test_a_class_changed_in_the_middle_of_a_period_prices_the_bill_of_the_issue_date(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 20, 12, 0))
    change(town, to_group("0001", AUGUST_10))
    read_august(town, tmp_path)

    key = bill_august(town)

    with town.engine.connect() as connection:
        groups = connection.execute(
            text("""select distinct l.tariff_group from charge_line l join charge c using (charge_id)
                    join account a using (account_id) join cycle y using (cycle_id)
                    where a.account_no = 'A0001' and y.cycle_key = :key"""),
            {"key": key},
        ).scalars()
        assert list(groups) == ["F"]


def test_a_contract_billed_to_its_end_still_owes_the_month_that_it_began(town, tmp_path) -> None:
    """August is billed up to a reading of the 2nd of September, and on that day the contract ends."""
    bill_july(town)
    read_august(town, tmp_path)
    set_clock(town, datetime(2026, 9, 2, 5, 0))
    read(town, tmp_path, "PP0001;M0001;2026-09-02T00:10:00;17")
    bill_august(town)
    change(town, close("C0001", date(2026, 9, 2)))

    september = bill_september(town, tmp_path)

    assert hold_of(town, september, "0001") is None
    assert lines(town, no="0001")[-1] == ("2026-07-31", "2026-09-02", 4)
    assert lines(town, no="0001", service="abonament")[-1] == ("2026-09-01", "2026-09-02", 1)


def test_an_import_that_changes_the_payer_inside_an_account_is_still_held(town, tmp_path) -> None:
    bill_july(town)
    register(town, tmp_path, parties=["P99;natural_person;Nowy Nabywca;;ul. Nowa 9;00-001;Zdroje"])
    for role in ("payer", "nabywca"):
        register(town, tmp_path, account_parties=[f"A0001;{role};P0001;2026-01-01;2026-08-10"])
        register(town, tmp_path, account_parties=[f"A0001;{role};P99;2026-08-10;"])
    read_august(town, tmp_path)

    assert hold_of(town, bill_august(town), "0001") == HoldCode.PARTY_CHANGED


def test_a_closed_account_is_not_asked_for_anything_any_more(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 8, 12, 12, 0))
    change(town, newcomer(on=AUGUST_10))
    change(town, dataclasses.replace(to_payer("0001", AUGUST_10, index("M0001", 14)), point_nos=("PP0001",)))
    read_august(town, tmp_path)
    bill_august(town)

    assert hold_of(town, bill_september(town, tmp_path), "0001") == HoldCode.CONTRACT_INACTIVE


def test_a_closing_index_that_was_doubted_and_confirmed_is_billed(town, tmp_path) -> None:
    for month, day in ((8, 31), (9, 30)):
        set_clock(town, datetime(2026, month + 1, 1, 12, 0))
        collect.run(town, file=write_readings(tmp_path / f"{month}.csv", month_end=date(2026, month, day)))
    set_clock(town, datetime(2026, 10, 21, 12, 0))
    order = close("C0001", date(2026, 10, 20), index("M0001", 30))
    with pytest.raises(OperatorError, match="READING_DOUBTED"):
        change(town, order)

    change(town, dataclasses.replace(order, confirmed_meters=("M0001",)))
    to_close(town, order_of("final", "A0001", period="2026-10", issue_date=date(2026, 10, 22)))

    assert lines(town, no="0001") == [("2026-06-30", "2026-10-20", 20)]
