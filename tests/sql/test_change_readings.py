"""Indexes that come with a change meet the checks of a file's readings: refused, confirmed or noted, never lost."""

import dataclasses
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from changing import approver, ask, change, close, exchange, index, newcomer, to_payer
from sqlalchemy import text
from town import set_clock, settle, write_readings

from billing.changes import Order
from pipeline import collect
from pipeline.changes import decide, views
from pipeline.errors import OperatorError
from pipeline.work import Work
from sql.evidence import verify_chain

OCTOBER_20 = date(2026, 10, 20)


@pytest.fixture
def town(work, tmp_path):
    """Everybody is read three months long: 3 m³ each, A0002 60 m³; the office is told on the 20th of October."""
    settle(work, tmp_path)
    for month, day in ((8, 31), (9, 30)):
        set_clock(work, datetime(2026, month + 1, 1, 12, 0))
        used = {"0002": 60 * (month - 6)}
        file = write_readings(tmp_path / f"{month}.csv", month_end=date(2026, month, day), used=used)
        assert collect.run(work, file=file)["accepted"] > 0
    with work.engine.connect() as connection:
        held = connection.execute(text("select count(*) from reading where state = 'SUSPECT'")).scalar_one()
    assert held == 0
    set_clock(work, datetime(2026, 10, 21, 12, 0))
    change(work, newcomer(on=OCTOBER_20))
    return work


def rows(work: Work, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def confirming(order: Order, *meter_nos: str) -> Order:
    return dataclasses.replace(order, confirmed_meters=meter_nos)


def told(work: Work, meter_no: str) -> list[tuple[str, ...]]:
    """What stands of the office's readings of a meter: index, source, state, findings."""
    return rows(
        work,
        """select n.index_m3::text, n.source, n.state,
                  array(select f.code || ' ' || f.severity from finding f where f.reading_id = n.reading_id
                        order by f.code)
           from reading_now n join meter using (meter_id) join reading r using (reading_id)
           where meter_no = :no and r.change_id is not null""",
        no=meter_no,
    )


def refused(work: Work, order: Order) -> OperatorError:
    before = rows(work, "select (select count(*) from reading), (select count(*) from registry_change)")
    with pytest.raises(OperatorError) as refusal:
        ask(work, order)
    assert rows(work, "select (select count(*) from reading), (select count(*) from registry_change)") == before
    return refusal.value


# base 9 m³ in 92 days; band up to 0.098 + 5/30 = 0.264 m³ a day, 20 days: 5.29 m³
def test_an_index_within_the_band_is_taken_without_a_word(town) -> None:
    done = ask(town, close("C0001", OCTOBER_20, index("M0001", 24)))

    assert (done["state"], done["findings"]) == ("applied", [])
    assert told(town, "M0001") == [("24.000", "staff", "VALID", [])]


def test_an_index_far_above_what_is_usual_is_refused_with_its_figures_until_it_is_confirmed(town) -> None:
    order = close("C0001", OCTOBER_20, index("M0001", 25))

    refusal = refused(town, order)

    assert refusal.code == "READING_DOUBTED"
    assert re.search(r"index 25 of meter M0001 on 2026-10-20: V08 .*volume_m3 6\.000, days 20", str(refusal))
    assert refused(town, confirming(order, "M0002")).code == "READING_DOUBTED"

    done = ask(town, confirming(order, "M0001"))

    assert [finding["code"] for finding in done["findings"]] == ["V08"]
    assert told(town, "M0001") == [("25.000", "staff", "CONFIRMED", ["V08 quarantine"])]
    assert rows(town, "select decision, decided_by, reason from reading_decision") == [
        ("confirmed", "operator", "the office was told")
    ]
    assert rows(town, "select count(*) from evidence where kind = 'reading_decided'") == [(1,)]


def test_red_digits_are_named(town) -> None:
    refusal = refused(town, close("C0001", OCTOBER_20, index("M0001", 200)))

    assert "V22" in str(refusal)
    assert "would_be_m3 20" in str(refusal)


def test_the_last_index_of_a_meter_is_measured_by_what_the_meter_can_pass(town) -> None:
    order = exchange("0001", OCTOBER_20, removal=1220)  # 1201 m³ in 20 days; 60 m³ a day pass
    refusal = refused(town, order)
    assert refusal.code == "READING_DOUBTED"
    assert "V07" in str(refusal)

    done = ask(town, confirming(order, "M0001"))

    assert done["state"] == "applied"
    assert told(town, "M0001") == [("1220.000", "exchange_removal", "CONFIRMED", ["V07 quarantine"])]
    assert told(town, "N0001") == [("0.000", "exchange_install", "VALID", [])]


def test_an_estimated_removal_is_not_measured(town) -> None:
    ask(town, exchange("0001", OCTOBER_20, removal=60, removal_quality="estimated"))

    assert told(town, "M0001") == [("60.000", "exchange_removal", "VALID", [])]


def test_what_is_only_noted_for_a_file_is_noted_here(town) -> None:
    done = ask(town, close("C0002", OCTOBER_20, index("M0002", 201)))

    assert [finding["code"] for finding in done["findings"]] == ["V09"]
    assert told(town, "M0002") == [("201.000", "staff", "VALID", ["V09 warn"])]


def test_an_index_a_little_below_the_last_is_jitter_and_not_out_of_order(town) -> None:
    assert refused(town, close("C0001", OCTOBER_20, index("M0001", "18.9"))).code == "V05"

    ask(town, close("C0001", OCTOBER_20, index("M0001", "18.96")))

    assert told(town, "M0001") == [("18.960", "staff", "VALID", ["V04 warn"])]


def test_an_index_above_a_later_reading_cannot_be_confirmed(town) -> None:
    order = close("C0001", date(2026, 9, 10), index("M0001", 20))

    assert refused(town, confirming(order, "M0001")).code == "V05"


def read_on_the_day(work: Work, tmp_path, at: str, index_m3: str) -> None:
    """M0001 was read by a device on the day of the change already."""
    file = tmp_path / "october.csv"
    file.write_text(
        "service_point;meter_no;read_at;index;unit;source;quality\n"
        f"PP0001;M0001;2026-10-20{at};{index_m3};m3;handheld;actual\n",
        encoding="utf-8",
    )
    assert collect.run(work, file=file)["accepted"] == 1


# a bare date stands for noon, as the day of an exchange does
@pytest.mark.parametrize("at", ["", "T12:00:00", "T08:00:00", "T15:30:00"])
def test_a_last_index_below_what_was_read_that_day_is_refused_at_whatever_hour(town, tmp_path, at) -> None:
    read_on_the_day(town, tmp_path, at, "20")

    for removal in (5, 19):
        refusal = refused(town, confirming(exchange("0001", OCTOBER_20, removal=removal), "M0001"))
        assert refusal.code == "V05"
        assert "previous_index_m3 20.000" in str(refusal)


@pytest.mark.parametrize("at", ["", "T08:00:00", "T15:30:00"])
def test_a_meter_is_taken_away_after_it_was_read_that_day_at_whatever_hour(town, tmp_path, at) -> None:
    read_on_the_day(town, tmp_path, at, "20")

    done = ask(town, exchange("0001", OCTOBER_20, removal=21))

    assert (done["state"], done["findings"]) == ("applied", [])
    assert told(town, "M0001") == [("21.000", "exchange_removal", "VALID", [])]


def test_the_second_person_sees_the_finding_and_confirms_by_approving(town) -> None:
    order = to_payer("0001", OCTOBER_20, index("M0001", 25))
    assert refused(town, order).code == "READING_DOUBTED"

    asked = ask(town, confirming(order, "M0001"))

    assert (asked["state"], [finding["code"] for finding in asked["findings"]]) == ("pending", ["V08"])
    assert told(town, "M0001") == []
    assert rows(town, "select count(*) from evidence where kind = 'reading_decided'") == [(0,)]
    shown = views.show(town, change_id=asked["change_id"])
    assert [(one["code"], one["index_m3"]) for one in shown.findings] == [("V08", Decimal(25))]
    decide.run(approver(town), change_id=asked["change_id"], decision="applied", note="seen")
    assert told(town, "M0001") == [("25.000", "staff", "CONFIRMED", ["V08 quarantine"])]
    assert rows(town, "select decided_by from reading_decision") == [("approver",)]
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


def test_a_doubt_that_came_after_the_order_refuses_its_approval_and_the_order_waits(town, tmp_path) -> None:
    asked = ask(town, to_payer("0001", OCTOBER_20, index("M0001", 24)))["change_id"]
    file = tmp_path / "october.csv"
    file.write_text(
        "service_point;meter_no;read_at;index;unit;source;quality\n"
        "PP0001;M0001;2026-10-04T08:00:00;19;m3;handheld;actual\n",
        encoding="utf-8",
    )
    assert collect.run(town, file=file)["accepted"] == 1

    # 5 m³ in 16 days now: 0.3125 m³ a day
    with pytest.raises(OperatorError, match="READING_DOUBTED"):
        decide.run(approver(town), change_id=asked, decision="applied", note="seen")

    shown = views.show(town, change_id=asked)
    assert shown.change["state"] == "pending"
    assert "READING_DOUBTED" in str(shown.refusal)
    assert told(town, "M0001") == []


def test_the_thresholds_are_the_utilitys(town, tmp_path) -> None:
    folder = tmp_path / "utility"
    own = town.settings.utility
    for path in sorted(own.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(own)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    described = folder / "utility.toml"
    lines = described.read_text(encoding="utf-8")
    described.write_text(lines + "\n[readings.checks]\nfloor_m3_month = 10\n", encoding="utf-8")
    lenient = dataclasses.replace(town, settings=dataclasses.replace(town.settings, utility=folder))

    done = ask(lenient, close("C0001", OCTOBER_20, index("M0001", 25)))

    assert done["findings"] == []
