"""After a cut-over, use is measured beside what the old system billed, not beside one span since the meter was new."""

from datetime import date, datetime
from pathlib import Path

import pytest
from old_system import write
from registry_rows import read, register
from sqlalchemy import text
from town import bank_account, set_clock

from pipeline.cutover import load
from pipeline.work import Work

AS_OF = date(2026, 8, 1)
# 84 months at 40 m³ by the indexes, but 10 m³ in each of the last 24 months
OPENED, LAST_INDEX = date(2019, 7, 31), 3360
MONTHS = [date(2024 + month // 12, month % 12 + 1, 1) for month in range(7, 31)]


def history(meter: str = "M1", *, until: date = date(2026, 7, 31), volume: str = "10") -> list[str]:
    """24 periods of a month, the last of which ends on a day of its own."""
    ends = [*MONTHS[1:], until]
    return [
        f"PP1;{meter};{start};{end};{volume if end != until else '10'};actual;F{start};"
        for start, end in zip(MONTHS, ends, strict=True)
    ]


def town(work: Work, tmp_path: Path, *, periods: list[str]) -> Work:
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    register(
        work,
        tmp_path,
        parties=["P1;natural_person;Józef Żółć;;ul. Łąkowa 1;00-001;Zdroje"],
        accounts=[f"A1;R1;{bank_account('1')}"],
        account_parties=[f"A1;{role};P1;2019-01-01;" for role in ("payer", "nabywca")],
        points=["PP1;ul. Łąkowa 1;00-001;Zdroje"],
        contracts=["C1;A1;PP1;household;water;2019-06-01;"],
        meters=[f"M1;PP1;5;0;{OPENED};0;;"],
    )
    files = {"positions": [f"PP1;M1;2026-07-31;{LAST_INDEX};actual"], **({"history": periods} if periods else {})}
    loaded = load.run(work, folder=write(tmp_path / "old", files), as_of=AS_OF)
    assert loaded["rejected"] == loaded["quarantined"] == 0, loaded
    set_clock(work, datetime(2027, 3, 1, 12, 0))
    return work


def findings(work: Work) -> list[tuple[str, str, str]]:
    query = "select code, facts ->> 'base_from', facts ->> 'base_m3_day' from finding order by code"
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.parametrize(
    ("used", "found"),
    [
        # May, June and July until the 31st: (10/31 + 10/30 + 10/30) / 3 = 0.330 a day; × 2.5 × 31 = 25.58
        (25, []),
        (26, [("V08", "own", "0.330")]),
        (38, [("V08", "own", "0.330")]),  # beside 40 m³ a month since 2019 nothing would be unusual
    ],
)
def test_the_first_reading_after_the_cut_over_is_measured_by_the_old_systems_months(
    work: Work, tmp_path: Path, used: int, found: list[tuple[str, str, str]]
) -> None:
    after = town(work, tmp_path, periods=history())
    read(after, tmp_path, f"PP1;M1;2026-08-31;{LAST_INDEX + used}")
    assert findings(after) == found


def test_own_intervals_and_the_old_systems_count_together_and_the_years_before_do_not(
    work: Work, tmp_path: Path
) -> None:
    after = town(work, tmp_path, periods=history())
    read(after, tmp_path, f"PP1;M1;2026-08-31;{LAST_INDEX + 10}", f"PP1;M1;2026-09-30;{LAST_INDEX + 20}")
    # July until the 31st, August, September: (10/30 + 10/31 + 10/30) / 3, the same 0.330 a day
    read(after, tmp_path, f"PP1;M1;2026-10-31;{LAST_INDEX + 20 + 26}")
    assert findings(after) == [("V08", "own", "0.330")]


def test_a_period_that_goes_on_beyond_the_opening_reading_counts_no_day_twice(work: Work, tmp_path: Path) -> None:
    periods = [*history()[:-1], "PP1;M1;2026-07-01;2026-08-01;300;actual;F;"]
    after = town(work, tmp_path, periods=periods)
    # April, May and June: (10/30 + 10/31 + 10/30) / 3
    read(after, tmp_path, f"PP1;M1;2026-08-31;{LAST_INDEX + 26}")
    assert findings(after) == [("V08", "own", "0.330")]


def test_the_old_systems_months_of_a_meter_removed_after_the_cut_over_are_a_base_for_the_next(
    work: Work, tmp_path: Path
) -> None:
    after = town(work, tmp_path, periods=history())
    register(after, tmp_path, meters=[f"M2;PP1;5;0;2026-08-31;0;M1;{LAST_INDEX + 10}"])
    # June and July of the old meter by the old system, its August: the same 0.330 a day; × 2.5 × 30 = 24.75
    read(after, tmp_path, "PP1;M2;2026-09-30;25")
    assert findings(after) == [("V08", "own", "0.330")]


def test_where_the_old_system_hands_over_no_history_the_indexes_count_as_they_stand(work: Work, tmp_path: Path) -> None:
    after = town(work, tmp_path, periods=[])
    assert read(after, tmp_path, f"PP1;M1;2026-08-31;{LAST_INDEX + 38}")["accepted"] == 1
    read(after, tmp_path, f"PP1;M1;2026-09-30;{LAST_INDEX + 76}", f"PP1;M1;2026-10-31;{LAST_INDEX + 300}")
    # 3360 m³ in 2557 days, 38 in 31 and 38 in 30: (1.314 + 1.226 + 1.267) / 3
    assert findings(after) == [("V08", "own", "1.269")]


def test_where_most_is_estimated_since_the_cut_over_the_season_of_the_old_system_counts(
    work: Work, tmp_path: Path
) -> None:
    after = town(work, tmp_path, periods=history())
    read(
        after,
        tmp_path,
        f"PP1;M1;2026-08-31;{LAST_INDEX + 10}",
        *(
            f"PP1;M1;{day};{LAST_INDEX + m3};m3;estimate;estimated"
            for day, m3 in (("2026-09-30", 20), ("2026-10-31", 30))
        ),
        f"PP1;M1;2026-11-30;{LAST_INDEX + 40}",
    )
    # November, December and January before: (10/30 + 10/31 + 10/31) / 3; × 2.5 × 31 = 25.27
    read(after, tmp_path, f"PP1;M1;2026-12-31;{LAST_INDEX + 66}")
    assert findings(after) == [("V08", "last_year", "0.326")]
