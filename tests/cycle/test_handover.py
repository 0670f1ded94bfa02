"""Changes of people, contracts and meters: nobody gets another's invoice, no day is billed twice and none is lost."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal

import pytest
from registry_rows import read, register
from sqlalchemy import text
from test_cycle import decide, to_approval, to_issue, to_the_end
from town import COMPANY, LATECOMER, bank_account, cycle_order, read_august, set_clock, settle, write_readings

from billing.holds import HoldCode
from delivery.mailbox import Mailbox
from pipeline import check, collect, freeze, open_cycle, rate
from pipeline.errors import OperatorError
from pipeline.statement import statement

NEWCOMER = "P99;natural_person;Nowy Nabywca;;ul. Nowa 9;00-001;Zdroje"


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def rated(work, *, period: str, issue_date: date) -> str:
    order = dataclasses.replace(cycle_order(), period=period, issue_date=issue_date)
    key = open_cycle.run(work, order=order)["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    return key


def bill(work, *, period: str, issue_date: date) -> str:
    key = rated(work, period=period, issue_date=issue_date)
    decide(work, key)
    set_clock(work, datetime(issue_date.year, issue_date.month, issue_date.day, 12, 0))
    to_the_end(work, key)
    made = statement(work, cycle_key=key)
    assert made.balanced, made.text()
    return key


def bill_july(work) -> str:
    key = to_issue(work)
    to_the_end(work, key)
    return key


def bill_august(work) -> str:
    return bill(work, period="2026-08", issue_date=date(2026, 9, 2))


def bill_september(work, tmp_path) -> str:
    set_clock(work, datetime(2026, 10, 1, 12, 0))
    collect.run(work, file=write_readings(tmp_path / "september.csv", month_end=date(2026, 9, 30)))
    return bill(work, period="2026-09", issue_date=date(2026, 10, 2))


def hold_of(work, key, no) -> str | None:
    with work.engine.connect() as connection:
        return connection.execute(
            text("""select h.code from hold h join cycle c using (cycle_id) join account a using (account_id)
                    where c.cycle_key = :key and a.account_no = :no"""),
            {"key": key, "no": f"A{no}"},
        ).scalar_one_or_none()


def lines(work, *, no: str, service: str = "water", key: str | None = None) -> list[tuple[str, str, Decimal]]:
    """From, until and quantity of an account's lines, oldest first."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            text("""select lower(l.period)::text, upper(l.period)::text, l.quantity
                    from charge_line l join charge c using (charge_id) join account a using (account_id)
                    join cycle y using (cycle_id)
                    where a.account_no = :no and l.service = :service
                      and (cast(:key as text) is null or y.cycle_key = :key) order by 1"""),
            {"no": f"A{no}", "service": service, "key": key},
        )
        return [tuple(row) for row in rows]


def recipients(work) -> list[str]:
    return [receipt.recipient for receipt in Mailbox(path=work.settings.mailbox).receipts()]


def hand_over(work, tmp_path, *, no: str, on: str, party: str = "P99") -> None:
    """Somebody else becomes payer and nabywca of an account."""
    roles = ("payer", "nabywca")
    register(work, tmp_path, account_parties=[f"A{no};{role};P{no};2026-01-01;{on}" for role in roles])
    register(
        work,
        tmp_path,
        **({"parties": [NEWCOMER]} if party == "P99" else {}),
        account_parties=[f"A{no};{role};{party};{on};" for role in roles],
    )


def test_the_next_customer_inherits_neither_consent_nor_address_of_the_former(town, tmp_path) -> None:
    bill_july(town)
    before = recipients(town).count("klient0002@example.com")
    read_august(town, tmp_path)
    hand_over(town, tmp_path, no="0002", on="2026-07-31")

    key = bill_august(town)

    assert recipients(town).count("klient0002@example.com") == before == 1
    with town.engine.connect() as connection:
        row = connection.execute(
            text("""select i.carrier, c.channel, i.content like '%Nowy Nabywca%' as is_newcomers
                    from invoice i join charge c using (charge_id) join account a on a.account_id = i.account_id
                    join cycle y on y.cycle_id = i.cycle_id where y.cycle_key = :key and a.account_no = 'A0002'"""),
            {"key": key},
        ).one()
    assert tuple(row) == ("paper", "paper", True)


def test_days_of_the_former_customer_are_not_billed_to_the_next(town, tmp_path) -> None:
    hand_over(town, tmp_path, no="0001", on="2026-07-20")

    assert hold_of(town, to_approval(town), "0001") == HoldCode.PARTY_CHANGED


@pytest.mark.parametrize("party", ["P99", f"P{COMPANY}"])
def test_a_customer_who_changed_after_the_approval_is_held_at_issue(town, tmp_path, party) -> None:
    key = to_issue(town)
    hand_over(town, tmp_path, no="0002", on="2026-07-10", party=party)

    to_the_end(town, key)

    assert hold_of(town, key, "0002") == HoldCode.REGISTRY_CHANGED
    assert "klient0002@example.com" not in recipients(town)
    assert statement(town, cycle_key=key).balanced


def test_a_contract_that_ended_after_the_approval_is_held_at_issue(town, tmp_path) -> None:
    key = to_issue(town)
    register(town, tmp_path, contracts=["C0001;A0001;PP0001;household;water+sewage;2026-06-01;2026-07-20"])

    to_the_end(town, key)

    assert hold_of(town, key, "0001") == HoldCode.REGISTRY_CHANGED


def test_a_change_of_contract_bills_each_customer_up_to_and_from_the_reading_of_that_day(town, tmp_path) -> None:
    bill_july(town)
    register(
        town,
        tmp_path,
        parties=[NEWCOMER],
        accounts=[f"A0099;R1;{bank_account('0099')}"],
        account_parties=["A0099;payer;P99;2026-08-10;", "A0099;nabywca;P99;2026-08-10;"],
        contracts=["C0001;A0001;PP0001;household;water+sewage;2026-06-01;2026-08-10"],
    )
    register(town, tmp_path, contracts=["C0099;A0099;PP0001;household;water+sewage;2026-08-10;"])
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    assert read(town, tmp_path, "PP0001;M0001;2026-08-10T10:00:00;14")["accepted"] == 1
    read_august(town, tmp_path)

    bill_august(town)
    bill_september(town, tmp_path)

    assert lines(town, no="0001") == [("2026-06-30", "2026-07-31", 3), ("2026-07-31", "2026-08-10", 1)]
    assert lines(town, no="0099") == [("2026-08-10", "2026-08-31", 2), ("2026-08-31", "2026-09-30", 3)]


def test_a_contract_whose_final_reading_is_missing_is_held_until_it_comes_and_then_billed(town, tmp_path) -> None:
    bill_july(town)
    register(town, tmp_path, contracts=["C0001;A0001;PP0001;household;water+sewage;2026-06-01;2026-08-10"])
    read_august(town, tmp_path)

    august = bill_august(town)
    set_clock(town, datetime(2026, 9, 5, 12, 0))
    assert read(town, tmp_path, "PP0001;M0001;2026-08-10T10:00:00;14")["rejected"] == 0
    september = bill_september(town, tmp_path)

    assert hold_of(town, august, "0001") == HoldCode.READING_MISSING
    assert hold_of(town, september, "0001") is None
    assert lines(town, no="0001", key=september) == [("2026-07-31", "2026-08-10", 1)]
    assert lines(town, no="0001", key=september, service="abonament") == [("2026-08-01", "2026-08-10", 1)]


def test_the_standing_charge_of_a_held_month_is_made_up_for(town, tmp_path) -> None:
    july = bill_july(town)
    assert hold_of(town, july, LATECOMER) == HoldCode.READING_MISSING
    read_august(town, tmp_path)
    assert read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-08-31T09:00:00;126")["accepted"] == 1

    bill_august(town)

    assert lines(town, no=LATECOMER) == [("2026-06-30", "2026-08-31", 6)]
    assert lines(town, no=LATECOMER, service="abonament") == [("2026-07-01", "2026-09-01", 2)]


def test_the_next_draft_for_ksef_goes_on_where_the_last_one_ended(town, tmp_path) -> None:
    bill_july(town)
    read_august(town, tmp_path)
    key = bill_august(town)

    with town.engine.connect() as connection:
        draft = connection.execute(
            text("""select h.draft::json -> 'lines' -> 0 from hold h join cycle c using (cycle_id)
                    where c.cycle_key = :key and h.code = 'KSEF_ROUTE'"""),
            {"key": key},
        ).scalar_one()
    assert (draft["period"], draft["quantity"]) == ({"start": "2026-07-31", "until": "2026-08-31"}, "3.000")


def test_a_later_suspect_reading_holds_the_account_whatever_the_valid_one_says(town, tmp_path) -> None:
    read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-07-30T09:00:00;900")
    counts = read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-07-31T09:00:00;125")
    assert counts["quarantined"] == 1

    assert hold_of(town, to_approval(town), LATECOMER) == HoldCode.READING_SUSPECT


def test_more_water_than_a_meter_can_pass_is_held(town, tmp_path) -> None:
    read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-07-31T09:00:00;99000")
    with town.engine.begin() as connection:  # set aside by V07; even a person's word does not bill it
        connection.execute(
            text(
                "insert into reading_decision (reading_id, decision_no, decision, reason, decided_by, decided_via,"
                " event_at) select reading_id, 1, 'confirmed', 'seen', 'office', 'cli', now() from reading"
                " where state = 'SUSPECT'"
            )
        )

    assert hold_of(town, to_approval(town), LATECOMER) == HoldCode.CONSUMPTION_HIGH


def test_an_exchange_is_billed_from_both_meters(town, tmp_path) -> None:
    bill_july(town)
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    register(town, tmp_path, meters=["N0001;PP0001;5;0;2026-08-20;0;M0001;15"])
    read(town, tmp_path, "PP0001;N0001;2026-08-31T08:00:00;2")
    assert collect.run(town, file=write_readings(tmp_path / "a.csv", month_end=date(2026, 8, 31)))["rejected"] == 1

    bill_august(town)

    assert lines(town, no="0001")[1:] == [("2026-07-31", "2026-08-20", 2), ("2026-08-20", "2026-08-31", 2)]


def test_an_estimated_reading_is_marked_on_its_line(town, tmp_path) -> None:
    read(town, tmp_path, f"PP{LATECOMER};M{LATECOMER};2026-07-31T09:00:00;125;m3;estimate;estimated")
    to_approval(town)

    with town.engine.connect() as connection:
        told = connection.execute(
            text("""select l.description from charge_line l join charge c using (charge_id)
                    join account a using (account_id) where a.account_no = :no and l.service = 'water'"""),
            {"no": f"A{LATECOMER}"},
        ).scalar_one()
    assert told == "Dostarczanie wody (odczyt szacowany)"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"issue_date": date(9999, 12, 31)}, "ISSUE_DATE_FAR"),
        ({"issue_date": date(2026, 10, 1)}, "ISSUE_DATE_FAR"),
        ({"payment_days": 140000}, "PAYMENT_DAYS_LONG"),
    ],
)
def test_a_slip_of_the_pen_holds_no_account_for_years(town, change, code) -> None:
    with pytest.raises(OperatorError) as refusal:
        open_cycle.run(town, order=dataclasses.replace(cycle_order(), **change))

    assert refusal.value.code == code
