"""A reading's life through cycles: set aside, decided, billed; and estimated, marked, settled by the next one."""

from datetime import date, datetime
from decimal import Decimal
from email import message_from_bytes, policy

import pytest
from changing import change, close, index
from off_cycles import open_holds, order_of, resolutions, rows, to_check, to_close
from queue_town import REASON, by, fetch, now_of, read_on, reading_of
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import decide as approve
from test_cycle import to_issue, to_the_end
from town import EVERYBODY, LATECOMER, cycle_order, set_clock, settle, write_readings, write_registry

from billing.estimation_rules import EstimateWhy
from billing.periods import months_period
from billing.reading_life import Decision
from pipeline import collect, import_registry
from pipeline.errors import OperatorError
from pipeline.open_cycle import CycleOrder
from pipeline.queue import bulk, decide, estimate_meter, show, visits
from pipeline.queue.missing import choose_missing
from pipeline.queue.planning import Chosen
from pipeline.statement import statement

UNREAD = ("0001", "0010", LATECOMER)
"""Nobody could read them in August; the last one was never read."""


def edited(work, key, index_m3, person="operator", reason=REASON):
    return decide.run(
        by(work, person), reading_id=key, decision=Decision.EDITED, index_m3=Decimal(index_m3), reason=reason
    )


def test_a_suspect_reading_is_held_decided_and_billed_between_the_cycles(work, tmp_path) -> None:
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    import_registry.run(work, folder=write_registry(tmp_path / "registry"))
    collect.run(work, file=write_readings(tmp_path / "july.csv", month_end=date(2026, 7, 31), used={"0003": -29}))
    key = reading_of(work, "0003", "2026-07-31")
    to_the_end(work, to_issue(work))
    assert open_holds(work)["A0003"] == ["READING_SUSPECT"]

    edited(work, key, "33")
    off = to_close(work, order_of("released_hold", "A0003", period="2026-07", issue_date=date(2026, 8, 5)))

    assert resolutions(work) == {("2026-07~ALL~1", "A0003"): "billed", ("2026-07~ALL~1", "A0011"): "drafted"}
    assert rows(
        work,
        "select l.quantity, l.current_index_m3 from charge_line l join charge using (charge_id) "
        "join cycle using (cycle_id) where cycle_key = :key and service = 'water'",
        key=off,
    ) == [(Decimal("3.000"), Decimal("33.000"))]
    for decision in (Decision.VOID, Decision.CONFIRMED, Decision.ESTIMATED):
        with pytest.raises(OperatorError, match="READING_BILLED"):
            decide.run(work, reading_id=key, decision=decision, reason=REASON)
    with pytest.raises(OperatorError, match="READING_BILLED"):
        edited(work, key, "34")
    assert now_of(work, key) == ("EDITED", "33", True)


def test_what_a_bill_began_with_and_what_a_draft_bills_is_billed_too(work, tmp_path) -> None:
    settle(work, tmp_path)
    draft, opening = (
        reading_of(work, "0011", "2026-07-31"),
        reading_of(work, "0001", "2026-06-30", source="exchange_install"),
    )
    told = "select reading_billed_by(:key)"
    assert fetch(work, told, key=opening) == [(None,)]

    issued = to_issue(work)
    assert fetch(work, told, key=draft) == [("draft_in_work",)]
    with pytest.raises(OperatorError, match="READING_BILLED"):
        edited(work, draft, "120")
    to_the_end(work, issued)

    assert (fetch(work, told, key=opening), fetch(work, told, key=draft)) == ([("invoice",)], [("draft",)])
    for key in (draft, opening):
        with pytest.raises(DBAPIError, match="it cannot be void"), work.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into reading_decision (reading_id, decision_no, decision, reason, decided_by, decided_via, "
                    "event_at) values (:key, 1, 'void', 'x', 'x', 'cli', now())"
                ),
                {"key": key},
            )


@pytest.fixture
def august(work, tmp_path):
    """July is billed; three meters were not read in August, and it is noon of the 1st of September."""
    settle(work, tmp_path)
    to_the_end(work, to_issue(work))
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    good = [f"PP{no};M{no};2026-08-31T08:00:00;{int(no) * 10 + 6};actual;" for no in EVERYBODY if no not in UNREAD]
    read_on(work, tmp_path / "august.csv", *good, "PP0001;M0001;2026-08-31T08:00:00;;not_read;no_access")
    return work


def month(period: str, issue: date) -> CycleOrder:
    return CycleOrder(
        period=period, route_set="ALL", issue_date=issue, payment_days=cycle_order().payment_days, dry_run=False
    )


def estimated_august(work):
    choose = choose_missing(period=months_period("2026-08"), route_set="ALL", on=None, by="operator")
    seen = bulk.preview(work, choose=choose)
    assert fetch(work, "select count(*) from reading where source = 'estimate'") == [(0,)]
    done = bulk.run(work, choose=choose, sha256=seen.sha256, reason="nobody at home")
    return seen, done


def to_issued(work, order: CycleOrder) -> str:
    key = to_check(work, order)
    approve(work, key)
    set_clock(work, datetime.combine(order.issue_date, datetime.min.time()).replace(hour=12))
    to_the_end(work, key)
    made = statement(work, cycle_key=key)
    assert made.balanced, made.text()
    return key


def water_of(work, key: str) -> dict[str, tuple[str, str]]:
    """m³ and description of each account's water, or its hold."""
    lines = rows(
        work,
        "select account_no, quantity, description from charge_line join charge using (charge_id) "
        "join account using (account_id) join cycle using (cycle_id) where cycle_key = :key and service = 'water'",
        key=key,
    )
    held = rows(
        work,
        "select account_no, code, '' from hold join account using (account_id) join cycle using (cycle_id) "
        "where cycle_key = :key",
        key=key,
    )
    return {
        no: (format(value, "f") if isinstance(value, Decimal) else value, words) for no, value, words in [*lines, *held]
    }


def mails(work) -> list[str]:
    """The text of every e-mail that was sent."""
    return [mail_text(path.read_bytes()) for path in sorted(work.settings.mailbox.rglob("*")) if path.is_file()]


def mail_text(raw: bytes) -> str:
    part = message_from_bytes(raw, policy=policy.default).get_body(("plain",))
    return part.get_content() if part else ""


def test_estimates_are_marked_and_settled_by_the_next_real_readings(august, tmp_path) -> None:
    seen, done = estimated_august(august)

    told = {row["meter_no"]: (row["index_m3"], row["method"], row["refusal"]) for row in seen.rows}
    # the class used 3 m³ in 31 days: 3 m³ for the 31 days of August, 6 m³ for 62 days of a meter never read
    assert told == {
        "M0001": (Decimal("16.000"), "class_mean", None),
        "M0010": (Decimal("106.000"), "class_mean", None),
        "M0012": (Decimal("126.000"), "class_mean", None),
    }
    assert {row["meter_no"]: row["bill_m3"] for row in seen.rows} == {
        "M0001": Decimal("3.000"),
        "M0010": Decimal("3.000"),
        "M0012": Decimal("6.000"),
    }
    assert (done["decided"], done["estimated"]) == (1, 3)
    assert now_of(august, reading_of(august, "0001", "2026-08-31")) == ("ESTIMATED", None, False)
    assert fetch(
        august,
        "select method, formula_version, volume_m3, inputs ->> 'class', estimated_by, note from estimate order by 3",
    ) == [("class_mean", 1, Decimal(m3), "household", "operator", "nobody at home") for m3 in (3, 3, 6)]
    assert fetch(august, "select count(*) from evidence where kind = 'reading_estimated'") == [(3,)]

    found = water_of(august, to_issued(august, month("2026-08", date(2026, 9, 3))))
    marked = "Dostarczanie wody (odczyt szacowany)"
    assert (found["A0001"], found["A0010"], found["A0012"]) == (("3.000", marked), ("3.000", marked), ("6.000", marked))
    assert found["A0002"] == ("3.000", "Dostarczanie wody")
    assert sum("oszacowali" in mail for mail in mails(august)) == 1  # A0010 is the only paperless one of the three

    set_clock(august, datetime(2026, 10, 1, 12, 0))
    counts = read_on(
        august,
        tmp_path / "september.csv",
        *(f"PP{no};M{no};2026-09-30T08:00:00;{int(no) * 10 + 9};actual;" for no in EVERYBODY if no not in UNREAD),
        "PP0001;M0001;2026-09-30T08:00:00;25;actual;",
        "PP0010;M0010;2026-09-30T08:00:00;105;actual;",
        "PP0012;M0012;2026-09-30T08:00:00;121;actual;",
    )
    assert counts["quarantined"] == 0  # an estimate says nothing about the meter
    found = water_of(august, to_issued(august, month("2026-09", date(2026, 10, 3))))

    settled = "Dostarczanie wody (rozliczenie odczytu szacowanego)"
    assert (found["A0001"], found["A0010"]) == (("9.000", settled), ("-1.000", settled))
    assert found["A0012"] == ("ESTIMATE_SETTLES_NEGATIVE", "")


def test_a_third_estimate_in_a_row_needs_a_visit(august) -> None:
    estimated_august(august)
    set_clock(august, datetime(2026, 11, 1, 12, 0))

    def more(on: date) -> dict[str, object]:
        return estimate_meter.run(
            august, meter_no="M0001", register=0, on=on, why=EstimateWhy.NO_ACCESS, reason="nobody at home"
        )

    assert more(date(2026, 9, 30))["index_m3"] == Decimal("19.000")
    with pytest.raises(OperatorError, match="ESTIMATE_PROLONGED"):
        more(date(2026, 10, 31))
    assert [row["meter_no"] for row in visits.run(august, route=None)] == ["M0001"]
    assert visits.run(august, route="R2") == []
    with pytest.raises(OperatorError, match="READING_THERE"):
        more(date(2026, 9, 15))
    with pytest.raises(OperatorError, match="E106"):
        more(date(2026, 11, 30))


def test_nobody_is_estimated_after_the_contract(august) -> None:
    set_clock(august, datetime(2026, 10, 1, 12, 0))
    change(august, close("C0004", date(2026, 9, 10), index("M0004", 50)))

    with pytest.raises(OperatorError, match="NO_CONTRACT"):
        estimate_meter.run(
            august, meter_no="M0004", register=0, on=date(2026, 9, 30), why=EstimateWhy.NO_ACCESS, reason="x"
        )


def test_another_index_in_place_of_an_estimate_takes_two_people(august) -> None:
    estimated_august(august)
    key = reading_of(august, "0001", "2026-08-31", source="estimate")
    assert show.run(august, reading_id=key).came["method"] == "class_mean"

    assert edited(august, key, "15")["state"] == "asked"
    with pytest.raises(OperatorError, match="SELF_APPROVAL"):
        edited(august, key, "15")
    with pytest.raises(OperatorError, match="NOT_AN_APPROVER"):
        edited(august, key, "15", person="somebody")
    assert now_of(august, key) == ("VALID", "16", True)
    wish = Chosen(reading_id=key, decision=Decision.EDITED, index_m3=Decimal(15))
    seen = bulk.preview(august, choose=bulk.choose_readings([wish], by="approver"))
    assert [row["refusal"] for row in seen.rows] == ["SECOND_PERSON"]
    assert edited(august, key, "14", person="approver")["state"] == "asked"  # another index is another wish
    with pytest.raises(OperatorError, match="NOT_AN_APPROVER"):
        edited(august, key, "14")
    assert edited(august, key, "15")["state"] == "asked"
    assert edited(august, key, "15", person="approver")["state"] == "edited"

    assert now_of(august, key) == ("EDITED", "15", True)
    assert fetch(
        august, "select q.asked_by, d.decided_by from reading_decision d join reading_request q using (request_id)"
    ) == [("operator", "approver")]


def test_a_suspect_reading_can_be_replaced_by_an_estimate(august, tmp_path) -> None:
    read_on(august, tmp_path / "late.csv", "PP0010;M0010;2026-09-01T08:00:00;3;actual;")
    key = reading_of(august, "0010", "2026-09-01")

    done = decide.run(august, reading_id=key, decision=Decision.ESTIMATED, reason=REASON, why=EstimateWhy.FAULTY_METER)

    # 32 days of 3 m³ in 31: 3.09… m³, whole m³ as the meter bills
    assert (done["index_m3"], done["method"]) == (Decimal("106.000"), "class_mean")
    assert now_of(august, key) == ("ESTIMATED", "3", False)
    assert now_of(august, done["estimate_id"]) == ("VALID", "106", True)
    assert fetch(august, "select estimate_id from reading_decision where reading_id = :key", key=key) == [
        (done["estimate_id"],)
    ]
