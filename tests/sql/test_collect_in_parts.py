"""A file judged and written in parts: the same as at once, and memory for a part only."""

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from intake_samples import HEADER, REGISTRY, collect_rows, reading_file, report_codes, rows_of, set_clock, write_folder
from sqlalchemy import text
from town import bank_account

from pipeline import collect, import_registry
from pipeline.collect_parts import judge_file
from pipeline.utility_files import load_folder
from pipeline.work import Work
from readings.files import open_file
from readings.profile import named_profile
from sql.engine import make_engine
from sql.intake import next_file_id

STANDARD = named_profile("standard")
HISTORY = [
    *(f"P1;W1;;;2026-{month:02}-28;{100 + 10 * (month - 6)};m3;handheld;actual;;;" for month in (7, 8, 9, 10)),
    "P2;W2;;;2026-07-20;210;m3;handheld;actual;;;taken",
    "P2;W2;;;2026-08-20;220;m3;handheld;actual;;;",
    "P3;W3N;;;2026-10-01;6;m3;handheld;actual;;;",
    "P3;W3N;;;2026-10-20;12;m3;handheld;actual;;;",
    *(
        f"G{n};V{n};;;2026-{month:02}-28;{10 * (month - 6)};m3;handheld;actual;;;"
        for n in range(1, 25)
        for month in (7, 8, 9, 10)
    ),
]
# What the parts before it have written would change each of these, if it were seen.
ROWS = [
    *(f"G{n};V{n};;;2026-11-20;55;m3;handheld;actual;;;" for n in range(1, 25)),  # another median of the class
    "G0;V0;;;2026-11-30;60;m3;handheld;actual;;;",
    "P3;W3;;;2026-07-31;328;m3;staff;actual;;;",  # other intervals of the meter before
    "P3;W3N;;;2026-11-28;90;m3;handheld;actual;;;",
    "P1;W1;;;2026-11-29 10:00;150;m3;radio_walkby;actual;;;same",  # one external id twice, the later one first
    "P9;W9;;;2026-11-28;99960;m3;handheld;actual;;;same",
    "P1;W1;;;2026-11-27;151;m3;handheld;actual;;;taken",  # W2 has it
    "P2;W2;;;2026-11-20;233;m3;handheld;actual;;;",
    "P2;W2;;;2026-12-01 10:00;240;m3;radio_walkby;actual;;;",
    "P1;W1;;;2026-11-29;152;m3;handheld;actual;;;",
    "P2;;;;2026-12-01 10:00;241;m3;handheld;actual;;;",  # W2 by its point: two indexes at one moment
    ";W1;;;2026-11-28;149;m3;radio_walkby;actual;;;",  # out of order
    "P77;W1;;;2027-01-01;152;m3;handheld;actual;;;taken",
    "P9;W9;;;2026-12-15;3;m3;handheld;actual;;leak;",
    "P9;W9;;;2026-12-15;3;m3;handheld;actual;;leak;",
    "P2;W2;2026-12-20",
]  # fmt: skip


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    set_clock(work, 2027, 3, 1, 12)
    numbers = range(25)
    more = {
        "parties": "".join(f"G{n};natural_person;Jan {n};;ul. Polna {n};00-000;Zdroje\n" for n in numbers),
        "accounts": "".join(f"G{n};R1;{bank_account(str(n + 100))}\n" for n in numbers),
        "points": "".join(f"G{n};ul. Polna {n};00-000;Zdroje;;;\n" for n in numbers),
        "contracts": "".join(f"G{n};G{n};G{n};household;water;2026-07-01;\n" for n in numbers),
        "meters": "W9;P9;5;0;2026-07-01;99950;;;\n"
        + "".join(f"V{n};G{n};5;0;{'2026-10-31' if n == 0 else '2026-07-01'};0;;;\n" for n in numbers),
    }
    files = {name: rows + more.get(name, "") for name, rows in REGISTRY.items()}
    files["meters"] = files["meters"].replace("2026-07-15;1;W3;310", "2026-09-15;1;W3;330")
    folder = write_folder(tmp_path / "registry", files)
    assert import_registry.run(work, folder=folder)["rejected"] == 0
    assert collect_rows(work, work.settings.inbox / "history.csv", *HISTORY)["rejected"] == 0
    return work


WRITTEN = (
    "select line_no, raw, outcome, codes, note from import_row where file_id = :file order by line_no",
    """
    select meter_id, register, read_at, source, installation_id, read_on, quality, index_m3, state, alarms, details,
           external_id, line_no
    from reading where file_id = :file order by line_no
    """,
    """
    select r.line_no, f.code, f.severity, f.owner, f.facts from finding f join reading r using (reading_id)
    where r.file_id = :file order by r.line_no, f.code
    """,
)


def written(town: Work, *rows: str, part_rows: int) -> list[list[tuple[Any, ...]]]:
    """What stands in the database after a file in such parts; it is taken back again."""
    content = "\n".join([HEADER, *rows, ""]).encode()
    utility = load_folder(town.settings.utility, seller_needed=False).utility
    with town.engine.connect() as connection:
        file_id = next_file_id(connection)
        judge_file(
            connection,
            open_file(content, profile=STANDARD),
            utility=utility,
            file_name="x_hand_20261130T105900.csv",
            take=partial(collect.write_part, connection, file_id),
            part_rows=part_rows,
        )
        found = [[tuple(row) for row in connection.execute(text(query), {"file": file_id})] for query in WRITTEN]
        connection.rollback()
    return found


@pytest.mark.parametrize("backwards", [False, True])
def test_a_file_in_parts_becomes_what_it_becomes_at_once(town: Work, *, backwards: bool) -> None:
    rows = ROWS[::-1] if backwards else ROWS
    at_once = written(town, *rows, part_rows=1000)
    codes = {code for _, _, _, found, _ in at_once[0] for code in found}
    assert codes >= {"E100", "E101", "E113", "V01", "V08", "V21"}
    assert {facts["base_from"] for _, code, _, _, facts in at_once[2] if code == "V08"} == {"group", "own"}
    assert written(town, *rows, part_rows=1) == at_once
    assert written(town, *rows, part_rows=7) == at_once


def test_totals_report_and_rejected_lines_are_those_of_the_whole_file(
    town: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "judge_file", partial(judge_file, part_rows=2))
    inbox = town.settings.inbox
    counts = collect.run(town, file=reading_file(inbox / "a.csv", *ROWS))
    told = rows_of(
        town,
        "select outcome, array_to_string(codes, ',') from import_row join import_file using (file_id)"
        " where name = 'a.csv' order by line_no",
    )
    assert report_codes(inbox / "reports" / "a.report.csv") == told
    assert [counts["rows"], counts["rejected"]] == [len(ROWS), sum(outcome == "REJECTED" for outcome, _ in told)]
    again = (inbox / "reports" / "a.rejected.csv").read_text(encoding="utf-8").splitlines()
    assert again == [HEADER, *(row for row, (outcome, _) in zip(ROWS, told, strict=True) if outcome == "REJECTED")]


def test_a_file_refused_for_its_rejects_leaves_none_of_its_parts_and_reports_all_rows(
    town: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "judge_file", partial(judge_file, part_rows=2))
    before = rows_of(town, "select count(*), max(reading_id) from reading"), rows_of(town, "select * from import_row")
    rows = [*ROWS[:4], *("P1;W77;;;2026-11-30;1;m3;handheld;actual;;;" for _ in range(3))]
    counts = collect.run(town, file=reading_file(town.settings.inbox / "a.csv", *rows))
    assert (counts["refused"], counts["rows"]) == (1, 7)
    assert "3 of 7 rows rejected" in counts["refusal"]
    after = rows_of(town, "select count(*), max(reading_id) from reading"), rows_of(town, "select * from import_row")
    assert after == before
    told = report_codes(town.settings.inbox / "reports" / "a.report.csv")
    assert [outcome for outcome, _ in told] == ["ACCEPTED"] * 4 + ["REJECTED"] * 3


def test_a_row_needs_memory_while_its_part_is_judged_and_no_longer(work: Work, database) -> None:
    set_clock(work, 2026, 8, 1, 12)
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        for statement in MANY_METERS.split(";"):
            connection.execute(text(statement))
    owner.dispose()
    utility = load_folder(work.settings.utility, seller_needed=False).utility

    def peak(rows: int) -> int:
        lines = [f"P{n};W{n};;;2026-07-31;10;m3;handheld;actual;;;id-{n}" for n in range(1, rows + 1)]
        content = "\n".join([HEADER, *lines, ""]).encode()
        with work.engine.connect() as connection:
            file_id = next_file_id(connection)
            tracemalloc.start()
            results = judge_file(
                connection,
                open_file(content, profile=STANDARD),
                utility=utility,
                file_name="a.csv",
                take=partial(collect.write_part, connection, file_id),
                part_rows=100,
            )
            highest = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            connection.rollback()
        assert results.counts()["accepted"] == rows
        return highest

    peak(200)  # what is made once
    assert (peak(3200) - peak(200)) / 3000 < 600  # bytes a row; judged at once it is some 5000


MANY_METERS = """
insert into point (point_no, street, postcode, city, recorded_by)
select 'P' || n, '', '00-000', '', 'x' from generate_series(1, 3200) n;
insert into meter (meter_no, recorded_by) select 'W' || n, 'x' from generate_series(1, 3200) n;
insert into installation (point_id, meter_id, dials, decimals, installed_on, recorded_by)
select point_id, meter_id, 5, 0, '2026-07-01', 'x' from point join meter on substr(point_no, 2) = substr(meter_no, 2)
"""
