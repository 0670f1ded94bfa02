"""Garden meters that nobody could read: never by what households use, and by the law of faulty meters never."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from metered_town import settle_metered
from queue_town import fetch
from registry_rows import read
from test_cycle import to_issue, to_the_end
from town import read_august, set_clock

from billing.estimation_rules import EstimateWhy
from billing.models import MissingSub
from billing.periods import months_period
from pipeline.errors import OperatorError
from pipeline.queue import bulk, estimate_meter
from pipeline.queue.missing import choose_missing
from pipeline.utility_files import load_folder
from pipeline.work import Work
from sql.engine import make_engine

AUGUST_31 = date(2026, 8, 31)


@pytest.fixture
def july(work: Work, tmp_path) -> Work:
    """July is billed; in August neither the building was read nor either meter of A0102."""
    settle_metered(work, tmp_path)
    to_the_end(work, to_issue(work))
    read_august(work, tmp_path)
    return work


@pytest.fixture
def august(july: Work, tmp_path) -> Work:
    """In August the garden meter of A0102 was not read. The main meter beside it was: 20 m³."""
    counts = read(
        july,
        tmp_path,
        *("PP0101;M0101;2026-08-31T08:00:00;1060", "PP0102;M0102;2026-08-31T08:00:00;238"),
        *("PP0111;M0111;2026-08-31T08:00:00;20", "PP0112;M0112;2026-08-31T08:00:00;24"),
        "PP0113;M0113;2026-08-31T08:00:00;34",
    )
    assert counts["accepted"] + counts["accepted_warn"] == 5
    return july


def previewed(work: Work) -> bulk.Preview:
    choose = choose_missing(period=months_period("2026-08"), route_set="ALL", on=None, by="operator")
    return bulk.preview(work, choose=choose)


def lenient(folder, **more):
    """The utility's data, by which a meter that was not read deducts nothing."""
    loaded = load_folder(folder, **more)
    models = replace(loaded.utility.models, missing_sub=MissingSub.NO_DEDUCTION)
    return replace(loaded, utility=replace(loaded.utility, models=models))


def told(seen: bulk.Preview) -> dict[str, tuple[Any, ...]]:
    return {row["meter_no"]: (row["index_m3"], row["method"], row["refusal"]) for row in seen.rows}


def estimate(work: Work, meter: str, why: EstimateWhy = EstimateWhy.NO_ACCESS) -> dict[str, Any]:
    return estimate_meter.run(work, meter_no=meter, register=0, on=AUGUST_31, why=why, reason="nobody at home")


def test_a_garden_meter_is_not_estimated_by_what_households_use(august) -> None:
    seen = previewed(august)

    assert told(seen)["G0102"] == (None, None, "ESTIMATE_IMPOSSIBLE")
    assert told(seen)["M0012"][1:] == ("class_mean", None)
    with pytest.raises(OperatorError, match=r"ESTIMATE_IMPOSSIBLE.*G0102.*no measure of a garden meter"):
        estimate(august, "G0102")
    assert fetch(august, "select 1 from estimate") == []


def test_a_faulty_garden_meter_is_no_case_of_the_law_of_faulty_main_meters(august, tmp_path) -> None:
    with pytest.raises(OperatorError, match=r"ESTIMATE_NOT_MAIN.*G0102"):
        estimate(august, "G0102", EstimateWhy.FAULTY_METER)
    header = "service_point;meter_no;read_at;index;unit;source;quality;reason_code"
    visit = "PP0102;G0102;2026-08-31T08:00:00;;m3;handheld;not_read;damaged"
    assert read(august, tmp_path, visit, header=header)["accepted"] == 1

    assert told(previewed(august))["G0102"] == (None, None, "ESTIMATE_NOT_MAIN")


def test_a_garden_meter_is_estimated_by_its_own_use(august, tmp_path) -> None:
    # own use of 84 days and more: 15 m³ from 30 June to 30 September, 5 m³ in July among them
    set_clock(august, datetime(2026, 11, 1, 12, 0))
    read(august, tmp_path, "PP0102;G0102;2026-09-30T08:00:00;55")

    done = estimate_meter.run(
        august, meter_no="G0102", register=0, on=date(2026, 10, 31), why=EstimateWhy.NO_ACCESS, reason="x"
    )

    # 15 m³ × 31 / 92 = 5.05…, whole m³ as the meter bills
    assert (done["method"], done["index_m3"]) == ("mean_3_months", Decimal("60.000"))


def test_where_an_unread_garden_meter_deducts_nothing_it_holds_nobody_and_is_passed_over(august, monkeypatch) -> None:
    assert "G0102" in told(previewed(august))
    monkeypatch.setattr("pipeline.queue.bulk.load_folder", lenient)
    assert "G0102" not in told(previewed(august))


def test_a_sub_meter_that_adds_to_what_is_billed_holds_its_account_and_is_not_passed_over(
    august, database, monkeypatch
) -> None:
    # none of the main meter's water is sewage but what the sub-meter counts
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.exec_driver_sql(
            "update installation i set sewage_percent = case meter_no when 'G0102' then 100 else 0 end"
            " from meter m where m.meter_id = i.meter_id and meter_no in ('G0102', 'M0102')"
        )
    owner.dispose()
    monkeypatch.setattr("pipeline.queue.bulk.load_folder", lenient)

    assert "G0102" in told(previewed(august))


def test_what_the_old_system_billed_by_garden_meters_is_no_use_of_the_class(august, database) -> None:
    before = told(previewed(august))["M0012"]
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.exec_driver_sql(
            "insert into consumption_history (installation_id, period, volume_m3, quality, file_id, line_no,"
            " recorded_by) select i.installation_id, '[2026-06-05,2026-06-30)', 9000, 'actual', r.file_id,"
            " r.line_no, 'x' from installation i join meter using (meter_id), import_row r where meter_no = 'G0102'"
            " limit 1"
        )
    owner.dispose()
    assert told(previewed(august))["M0012"] == before


def test_the_preview_does_not_count_as_estimated_what_stays_held(july) -> None:
    seen = previewed(july)

    # by the class the building used 5 m³, its three flats 5 each
    holds = {row["meter_no"]: row["hold"] for row in seen.rows if not row["refusal"]}
    assert {meter_no for meter_no, code in holds.items() if code} == {"M0101"}
    assert seen.counts == {
        "estimated": len(holds) - 1,
        "estimated, held by DIFFERENCE_NEGATIVE": 1,
        "ESTIMATE_IMPOSSIBLE": 1,
    }
