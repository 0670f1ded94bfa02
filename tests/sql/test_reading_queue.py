"""Decisions about readings: what each does, what is refused, that a preview is what is done, and what is kept of it."""

from datetime import datetime
from decimal import Decimal

import pytest
from queue_town import REASON, fetch, now_of, read_on, reading_of
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import set_clock, settle

from billing.reading_life import ARROWS, Decision, ReadingState
from pipeline.errors import OperatorError
from pipeline.queue import bulk, decide, entries, show
from pipeline.queue.chosen_file import read_chosen
from pipeline.queue.planning import Chosen

SUSPECTS = ("0003", "0004", "0005")


@pytest.fixture
def town(work, tmp_path):
    """August: three indexes below the last ones, one visit without a reading, the others as usual."""
    settle(work, tmp_path)
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    low = [f"PP{no};M{no};2026-08-31T08:00:00;1;actual;" for no in SUSPECTS]
    good = [f"PP{no};M{no};2026-08-31T08:00:00;{int(no) * 10 + 6};actual;" for no in ("0001", "0002")]
    visit = "PP0006;M0006;2026-08-31T08:00:00;;not_read;no_access"
    counts = read_on(work, tmp_path / "august.csv", *low, *good, visit)
    assert (counts["quarantined"], counts["accepted"]) == (len(SUSPECTS), 3)
    return work


def suspect(work, no="0003") -> int:
    return reading_of(work, no, "2026-08-31")


def decide_on(work, key, decision, index=None, reason=REASON):
    index_m3 = None if index is None else Decimal(index)
    return decide.run(work, reading_id=key, decision=decision, reason=reason, index_m3=index_m3)


def refused(work, key, decision, index=None, reason=REASON) -> str:
    before = fetch(work, "select count(*) from reading_decision")
    with pytest.raises(OperatorError) as refusal:
        decide_on(work, key, decision, index, reason)
    assert fetch(work, "select count(*) from reading_decision") == before
    return refusal.value.code


def test_suspects_wait_until_somebody_decides(town) -> None:
    rows = entries.run(town, asked=entries.Filter())
    assert [(row["meter_no"], row["codes"], row["route"], row["age_days"]) for row in rows] == [
        ("M0003", ["V05"], "R1", 1),
        ("M0004", ["V05"], "R1", 1),
        ("M0005", ["V05"], "R1", 1),
    ]
    assert entries.run(town, asked=entries.Filter(code="V08")) == []
    assert entries.run(town, asked=entries.Filter(route="R2")) == []
    assert entries.run(town, asked=entries.Filter(older_than=2)) == []

    decide_on(town, suspect(town), Decision.VOID)

    assert [row["meter_no"] for row in entries.run(town, asked=entries.Filter(code="V05", route="R1"))] == [
        "M0004",
        "M0005",
    ]


@pytest.mark.parametrize(
    ("decision", "index", "stands"),
    [
        (Decision.CONFIRMED, None, ("CONFIRMED", "1", True)),
        (Decision.EDITED, "36", ("EDITED", "36", True)),
        (Decision.VOID, None, ("VOID", "1", False)),
    ],
)
def test_each_decision_says_what_counts_and_keeps_the_original_with_person_and_reason(
    town, decision, index, stands
) -> None:
    key = suspect(town)

    done = decide_on(town, key, decision, index, "  zły\nwodomierz ")

    assert done["state"] == decision.value
    assert now_of(town, key) == stands
    assert fetch(town, "select state, index_m3 from reading where reading_id = :key", key=key) == [
        ("SUSPECT", Decimal("1.000"))
    ]
    assert fetch(town, "select decision_no, decided_by, decided_via, reason from reading_decision") == [
        (1, "operator", "cli", "zły wodomierz")
    ]
    ((subject, body),) = fetch(town, "select subject, cast(body as jsonb) from evidence where kind = 'reading_decided'")
    assert subject == f"reading:{key}"
    assert (body["decision"], body["by"]) == (decision.value, "operator")
    assert "wodomierz" not in str(body)


def test_what_cannot_follow_is_refused(town) -> None:
    key, visit = suspect(town), reading_of(town, "0006", "2026-08-31")
    good = reading_of(town, "0001", "2026-08-31")

    assert refused(town, 10**9, Decision.VOID) == "READING_UNKNOWN"
    assert refused(town, key, Decision.VOID, reason=" ") == "REASON_MISSING"
    assert refused(town, key, Decision.VOID, reason="\udcff") == "REASON_UNREADABLE"
    assert refused(town, good, Decision.CONFIRMED) == "DECISION_NOT_ALLOWED"
    assert refused(town, visit, Decision.EDITED, "70") == "DECISION_NOT_ALLOWED"
    assert refused(town, key, Decision.CORRECTED, "36") == "DECISION_NOT_ALLOWED"
    assert refused(town, key, Decision.EDITED) == "INDEX_MISSING"
    assert refused(town, key, Decision.EDITED, "100000") == "E109"
    assert refused(town, key, Decision.EDITED, "36.0001") == "E108"
    assert refused(town, good, Decision.EDITED, "16") == "NOTHING_CHANGES"
    decide_on(town, key, Decision.VOID)
    assert refused(town, key, Decision.CONFIRMED) == "DECISION_NOT_ALLOWED"


def insert(work, key, number, decision, index=None) -> None:
    with work.engine.begin() as connection:
        connection.execute(
            text(
                "insert into reading_decision (reading_id, decision_no, decision, index_m3, reason, decided_by, "
                "decided_via, event_at) values (:key, :number, :decision, :index, 'x', 'x', 'cli', now())"
            ),
            {"key": key, "number": number, "decision": decision, "index": index},
        )


@pytest.mark.parametrize(
    ("number", "decision", "index", "says"),
    [
        (2, "void", None, "decision 2 does not follow 0"),
        (1, "corrected", 5, "cannot be corrected"),
        (1, "estimated", None, "is no estimate of the same register"),
        (1, "edited", None, "an_index_where_it_changes"),
    ],
)
def test_the_database_refuses_it_by_itself(town, number, decision, index, says) -> None:
    with pytest.raises(DBAPIError, match=says):
        insert(town, suspect(town), number, decision, index)


def test_a_decision_stands_for_good(town) -> None:
    decide_on(town, suspect(town), Decision.VOID)
    for change in ("update reading_decision set decision = 'confirmed'", "delete from reading_decision"):
        with pytest.raises(DBAPIError), town.engine.begin() as connection:
            connection.execute(text(change))
    with pytest.raises(DBAPIError, match="VOID"):
        insert(town, suspect(town), 2, "confirmed")


def test_the_arrows_of_the_database_are_those_of_the_core(work) -> None:
    ((definition,),) = fetch(work, "select pg_get_triggerdef(oid) from pg_trigger where tgname = 'decision_follows'")
    written = {part for part in definition.split("'") if ">" in part}

    assert written == {f"{state}>{decision}" for state, decisions in ARROWS.items() for decision in decisions}
    assert set(ARROWS) == set(ReadingState)


def test_show_tells_history_band_and_what_each_decision_would_bill(town) -> None:
    made = show.run(town, reading_id=suspect(town), index_m3=Decimal(37))

    assert (made.reading["state"], made.account_no) == ("SUSPECT", "A0003")
    assert made.came["raw"].startswith("PP0003;M0003")
    assert [finding["code"] for finding in made.findings] == ["V05"]
    assert [(one["volume_m3"], one["days"]) for one in made.history] == [(Decimal("3.000"), 31)]
    assert made.expected["expected_index_m3"] == Decimal("36.000")
    told = {name: (money["bill_m3"], money["hold"]) for name, money in made.would_bill.items() if "hold" in money}
    assert told["as it is"] == (Decimal("0.000"), "READING_SUSPECT")
    assert told["confirmed"] == (Decimal("0.000"), "CONSUMPTION_NEGATIVE")
    assert told["edited"] == (Decimal("7.000"), None)
    assert told["void"] == (Decimal("3.000"), None)
    assert now_of(town, suspect(town))[0] == "SUSPECT"
    assert fetch(town, "select count(*) from evidence where kind = 'reading_decided'") == [(0,)]


def test_a_preview_writes_nothing_and_what_it_showed_is_what_is_done(town, tmp_path) -> None:
    keys = [suspect(town, no) for no in SUSPECTS]
    good = reading_of(town, "0001", "2026-08-31")
    file = tmp_path / "chosen.csv"
    file.write_text(
        f"reading_id;decision;index_m3\n{keys[0]};edit;36\n{keys[1]};void;\n{keys[2]};confirm;\n{good};confirm;\n",
        encoding="utf-8",
    )
    choose = bulk.choose_readings(read_chosen(file), by="operator")
    before = fetch(town, "select (select count(*) from evidence), (select count(*) from reading_decision)")

    seen = bulk.preview(town, choose=choose)

    assert fetch(town, "select (select count(*) from evidence), (select count(*) from reading_decision)") == before
    assert seen.counts == {
        "edited": 1,
        "void": 1,
        "DECISION_NOT_ALLOWED": 1,
        "confirmed, held by CONSUMPTION_NEGATIVE": 1,
    }
    assert [(row.get("bill_m3"), row.get("hold")) for row in seen.rows[:3]] == [
        (Decimal("6.000"), None),
        (Decimal("3.000"), None),
        (Decimal("0.000"), "CONSUMPTION_NEGATIVE"),
    ]

    done = bulk.run(town, choose=choose, sha256=seen.sha256, reason=REASON)

    assert done == {"decided": 3, "estimated": 0, "refused": 1, "selection": seen.sha256}
    assert [now_of(town, key)[:2] for key in keys] == [("EDITED", "36"), ("VOID", "1"), ("CONFIRMED", "1")]
    assert fetch(town, "select count(*) from evidence where kind = 'reading_decided'") == [(3,)]
    assert fetch(town, "select count(*) from evidence where kind = 'readings_decided_in_bulk'") == [(1,)]


def test_a_selection_that_has_changed_is_not_done(town) -> None:
    wanted = [Chosen(reading_id=suspect(town, no), decision=Decision.VOID) for no in SUSPECTS]
    choose = bulk.choose_readings(wanted, by="operator")
    seen = bulk.preview(town, choose=choose)
    decide_on(town, suspect(town), Decision.EDITED, "36")

    with pytest.raises(OperatorError, match="SELECTION_CHANGED"):
        bulk.run(town, choose=choose, sha256=seen.sha256, reason=REASON)

    assert now_of(town, suspect(town, "0004"))[0] == "SUSPECT"


def test_nothing_is_done_twice_in_one_selection(town) -> None:
    key = suspect(town)
    wanted = [Chosen(reading_id=key, decision=decision) for decision in (Decision.VOID, Decision.CONFIRMED)]

    seen = bulk.preview(town, choose=bulk.choose_readings(wanted, by="operator"))

    assert [row["refusal"] for row in seen.rows] == [None, "CHOSEN_TWICE"]
    choose = bulk.choose_readings([Chosen(reading_id=10**9, decision=Decision.VOID)], by="operator")
    seen = bulk.preview(town, choose=choose)
    with pytest.raises(OperatorError, match="SELECTION_EMPTY"):
        bulk.run(town, choose=choose, sha256=seen.sha256, reason=REASON)


@pytest.mark.parametrize("rows", ["", "x;void;", "1;shred;", "1;edit;", "1;void;5", "1;edit;1,2,3", "1;void;;maybe"])
def test_a_file_that_says_something_else_is_refused(tmp_path, rows) -> None:
    file = tmp_path / "chosen.csv"
    file.write_text(f"reading_id;decision;index_m3;why\n{rows}\n", encoding="utf-8")

    with pytest.raises(OperatorError, match="SELECTION_UNREADABLE"):
        read_chosen(file)


def test_a_file_that_comes_again_is_a_duplicate_even_of_an_edited_reading(town, tmp_path) -> None:
    decide_on(town, suspect(town), Decision.EDITED, "36")

    again = read_on(town, tmp_path / "again.csv", "PP0003;M0003;2026-08-31T08:00:00;1;actual;")
    later = read_on(town, tmp_path / "later.csv", "PP0003;M0003;2026-09-01T08:00:00;35;actual;")

    assert again["duplicate"] == 1
    assert later["quarantined"] == 1  # below the edited index
