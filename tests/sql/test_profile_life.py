"""A profile of the utility: seen by a person, then used, seen again when edited; the inbox goes on meanwhile."""

import csv
import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from intake_samples import rows_of, table_sizes
from registry_rows import register
from sqlalchemy import text
from town import set_clock, settle, write_readings

from billing.errors import DataRefused
from pipeline import approve_profile, collect, open_round, preview_readings, round_stops
from pipeline.errors import OperatorError
from pipeline.profiles import own_profiles, profile_for, sort_inbox
from pipeline.settings import PROJECT
from pipeline.work import Actor, Work

EXAMPLES = PROJECT / "readings" / "profiles"
HANDHELD, RADIO = "handheld-example", "radio-walkby-example"


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    """Twelve meters read in July, in a utility with a folder of its own; it is the 4th of September, noon."""
    settle(work, tmp_path)
    folder = tmp_path / "utility"
    shutil.copytree(work.settings.utility, folder)
    (folder / "profiles").mkdir()
    set_clock(work, datetime(2026, 9, 4, 12, 0))
    return replace(work, settings=replace(work.settings, utility=folder))


def own(work: Work, *names: str) -> None:
    for name in names:
        shutil.copy(EXAMPLES / f"{name}.toml", work.settings.utility / "profiles")


def handheld_file(path: Path, *rows: str) -> Path:
    header = (
        "Trasa;Lp;Nr punktu;Adres;Nr wodomierza;Stan poprzedni;Data odczytu;Stan;Kod;Uwagi techniczne;Inkasent;Opis"
    )
    path.write_bytes("\r\n".join((header, *rows, "")).encode("cp1250"))
    return path


ROW = "R1;1;PP0001;ul. Łąkowa 1;M0001;13;01.09.2026 09:00;{};OK;;J7;zielona brama, pies śpi"


def approve(work: Work, file: Path, *, profile: str = HANDHELD) -> dict[str, Any]:
    person = replace(work, actor=Actor(name="anna", via="airflow"))
    return approve_profile.run(person, profile=profile, file=file, note="compared ten rows with the device")


def test_a_new_profile_is_looked_at_before_its_first_file_and_again_when_it_is_edited(town: Work, tmp_path) -> None:
    own(town, HANDHELD)
    first = handheld_file(tmp_path / "inkasent_1.csv", ROW.format(16))
    sizes = table_sizes(town)
    with pytest.raises(OperatorError, match=r"^PROFILE_NEW: .*readings preview .*profile approve handheld-example"):
        collect.run(town, file=first)
    seen = preview_readings.run(town, file=first)
    assert table_sizes(town) == sizes

    assert (seen["profile"], seen["approved_by"], seen["counts"]["accepted"]) == (HANDHELD, [], 1)
    assert {name: seen["first"][0][name] for name in ("raw", "meter_no", "read_at", "quality", "source")} == {
        "raw": ROW.format(16), "meter_no": "M0001", "read_at": "2026-09-01T07:00:00+00:00", "quality": "actual",
        "source": "handheld",
    }  # fmt: skip

    assert approve(town, first)["already"] == 0
    assert approve(town, first)["already"] == 1
    assert rows_of(town, "select profile, approved_by, approved_via, note from profile_approval") == [
        (HANDHELD, "anna", "airflow", "compared ten rows with the device")
    ]
    assert collect.run(town, file=first)["accepted"] == 1
    assert rows_of(
        town,
        "select body::jsonb ->> 'profile' from evidence where kind = 'readings_imported' order by seq desc limit 1",
    ) == [(HANDHELD,)]

    profile = town.settings.utility / "profiles" / f"{HANDHELD}.toml"
    profile.write_text(profile.read_text("utf-8").replace('"OK" = "actual"', '"OK" = "customer"'), encoding="utf-8")
    second = handheld_file(tmp_path / "inkasent_2.csv", ROW.format(16).replace("01.09", "02.09"))
    with pytest.raises(OperatorError, match="PROFILE_NEW"):
        collect.run(town, file=second)
    assert collect.run(town, file=first)["already"] == 1  # it is in the books; nothing new is read with the profile
    approve(town, second)
    assert collect.run(town, file=second)["accepted"] == 1


def test_the_evidence_of_a_look_names_hashes_and_no_content(town: Work, tmp_path) -> None:
    own(town, HANDHELD)
    done = approve(town, handheld_file(tmp_path / "inkasent_1.csv", ROW.format(16)))
    ((subject, body),) = rows_of(town, "select subject, body from evidence where kind = 'profile_approved'")
    assert subject == f"profile:{HANDHELD}"
    assert done["profile_sha256"] in body
    assert "Łąkowa" not in body
    assert rows_of(town, "select encode(sha256(content), 'hex') = profile_sha256, file_name from profile_approval") == [
        (True, "inkasent_1.csv")
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"Licznik;Data\nW1;1\n", "FILE_HEADER"),
        (b"", "FILE_UNREADABLE"),
        (None, "FILE_UNREADABLE"),
        ("M9", "FILE_REJECTS"),
    ],
)
def test_a_file_that_would_be_refused_is_nothing_to_approve(town: Work, tmp_path, content: Any, code: str) -> None:
    own(town, HANDHELD)
    file = handheld_file(
        tmp_path / "inkasent_1.csv", *([ROW.format(16).replace("M0001", content)] if content == "M9" else [])
    )
    if isinstance(content, bytes):
        file.write_bytes(content)
    sizes = table_sizes(town)
    with pytest.raises(DataRefused, match=f"^{code}: "):
        approve(town, file)
    assert table_sizes(town) == sizes


def test_the_contract_needs_no_look_and_a_look_needs_words(town: Work, tmp_path) -> None:
    file = write_readings(tmp_path / "r.csv", month_end=date(2026, 8, 31))
    with pytest.raises(OperatorError, match="PROFILE_STANDARD"):
        approve(town, file, profile="standard")
    with pytest.raises(OperatorError, match="NOTE_MISSING"):
        approve_profile.run(town, profile=HANDHELD, file=file, note=" ")
    with pytest.raises(DataRefused, match="PROFILE_UNKNOWN"):
        approve(town, file, profile="nobody")


def test_the_inbox_goes_on_without_the_files_that_wait_for_a_person(town: Work) -> None:
    inbox, folder = town.settings.inbox, town.settings.utility / "profiles"
    own(town, HANDHELD, RADIO)
    (folder / "broken.toml").write_text('file_pattern = "kaputt_*.csv"\n', encoding="utf-8")
    (folder / "also-new.toml").write_text(
        (EXAMPLES / f"{HANDHELD}.toml").read_text("utf-8").replace(HANDHELD, "also-new").replace("inkasent_", "*_7"),
        encoding="utf-8",
    )
    (folder / "torn.toml").write_text("name = ", encoding="utf-8")
    new = handheld_file(inbox / "inkasent_1.csv", ROW.format(16))
    handheld_file(inbox / "inkasent_7.csv", ROW.format(17))
    handheld_file(inbox / "kaputt_1.csv", ROW.format(18))
    (inbox / "radio_1.txt").write_text("A,M0002,2026/09/01 08:00:00,26000,,,,-60\n", encoding="utf-8")
    (inbox / "radio_2.txt.sha256").write_text("x", encoding="utf-8")
    (inbox / "notes.txt").write_text("not for us", encoding="utf-8")
    write_readings(inbox / "zdroje.csv", month_end=date(2026, 8, 31))

    sorted_inbox = sort_inbox(town)

    assert [path.name for path in sorted_inbox.ready] == ["zdroje.csv"]
    assert [(left.path.name, left.code) for left in sorted_inbox.left] == [
        ("inkasent_1.csv", "PROFILE_NEW"), ("inkasent_7.csv", "PROFILE_AMBIGUOUS"), ("kaputt_1.csv", "PROFILE_WRONG"),
        ("radio_1.txt", "PROFILE_NEW"),
    ]  # fmt: skip
    assert {one.name: one.refusal and one.refusal.code for one in own_profiles(town.settings)} == {
        "also-new": None, "broken": "PROFILE_WRONG", HANDHELD: None, RADIO: None, "torn": "PROFILE_WRONG",
    }  # fmt: skip

    approve(town, new)
    assert [path.name for path in sort_inbox(town).ready] == ["inkasent_1.csv", "zdroje.csv"]
    assert collect.run(town, file=new)["accepted"] == 1
    assert (inbox / "done" / "inkasent_1.csv").is_file()
    assert collect.run(town, file=new)["already"] == 1  # a retry after the move still knows the profile


def test_a_utility_without_profiles_has_the_inbox_that_it_had(town: Work) -> None:
    handheld_file(town.settings.inbox / "inkasent_1.csv", ROW.format(16))
    assert [path.name for path in sort_inbox(town).ready] == ["inkasent_1.csv"]
    assert profile_for(town.settings, Path("inkasent_1.csv")).name == "standard"


def test_a_file_without_a_header_gives_its_rejected_lines_back_without_one(town: Work) -> None:
    own(town, RADIO)
    good = [f"A,M000{no},2026/09/01 08:00:00,{no}9000,,,,-60" for no in range(1, 8)]
    file = town.settings.inbox / "radio_1.txt"
    bad = "A,M9999,2026/09/01 08:00:00,1,,,,-60"
    file.write_text("\n".join([bad, *good, ""]), encoding="utf-8")
    approve(town, file, profile=RADIO)
    counts = collect.run(town, file=file)
    assert (counts["rows"], counts["rejected"], counts["accepted_warn"]) == (8, 1, 7)  # the radio module is another
    reports = town.settings.inbox / "reports"
    assert (reports / "radio_1.rejected.csv").read_text("utf-8") == f"{bad}\n"


def taken_along(work: Work) -> tuple[str, list[dict[str, str]]]:
    """A round over everybody's meter, and the reader's file as the device reads it."""
    made = open_round.run(work, route="R1", until=date(2026, 9, 10), start=date(2026, 8, 25))
    with Path(made["file"]).open(encoding="utf-8", newline="") as file:
        return made["round"], list(csv.DictReader(file, delimiter=";"))


def as_handheld(row: dict[str, str], *, index: str = "", code: str = "") -> str:
    return ";".join((
        *(row[name] for name in ("route", "seq", "point_no", "street", "meter_no", "last_index")),
        "02.09.2026 10:15", index, code, "", "J7", "",
    ))  # fmt: skip


def test_the_readers_file_comes_back_through_a_handheld_export(town: Work, tmp_path) -> None:
    own(town, HANDHELD)
    register(town, tmp_path, route_stops=["PP0002;R1;1;piwnica;;2026-08-01", "PP0001;R1;2;studzienka;;2026-08-01"])
    key, rows = taken_along(town)
    assert [row["point_no"] for row in rows[:3]] == ["PP0002", "PP0001", "PP0003"]
    answers = {
        "PP0001": {"index": rows[1]["expected_index"], "code": "OK"},
        "PP0002": {"code": "brak dostępu"},
        "PP0003": {"code": "zamarznięty"},
        "PP0004": {"index": "1"},  # below the last index
        "PP0005": {"index": "57,0", "code": "podany przez klienta"},
    }
    export = [as_handheld(row, **answers[row["point_no"]]) for row in rows if row["point_no"] in answers]
    file = handheld_file(tmp_path / "inkasent_r1.csv", *export, export[1])
    approve(town, file)

    counts = collect.run(town, file=file)

    found = round_stops.run(town, round_key=key)
    assert (counts["rows"], counts["duplicate"], counts["rejected"], counts["quarantined"]) == (6, 1, 0, 1)
    assert {stop["point_no"]: (stop["state"], stop["reason"]) for stop in found["each"]} == {
        "PP0001": ("read", None), "PP0002": ("coded", "no_access"), "PP0003": ("coded", "frozen"),
        "PP0004": ("suspect", "V05"), "PP0005": ("read", None), "PP0006": ("open", None),
    }  # fmt: skip
    assert sum(found["totals"].values()) == found["stops"] == 6
    assert rows_of(
        town, "select details ->> 'route', details ->> 'reader_id' from reading where details ->> 'seq' = '2'"
    ) == [("R1", "J7")]


def test_the_readers_file_comes_back_through_a_radio_export(town: Work, tmp_path) -> None:
    own(town, RADIO)
    key, rows = taken_along(town)
    lines = [
        f"A{row['seq']},{row['meter_no']},2026/09/03 07:30:00,{int(row['expected_index']) * 1000 + 250},"
        f"2026/08/31,{int(row['expected_index']) * 1000 - 1},{'LEAK' if row['seq'] == '1' else '-'},-71"
        for row in rows
    ]
    file = tmp_path / "radio_r1.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    approve(town, file, profile=RADIO)

    collect.run(town, file=file)

    found = round_stops.run(town, round_key=key)
    assert found["totals"]["read"] == found["stops"] == len(rows)
    assert {str(stop["read_on"]) for stop in found["each"]} == {"2026-08-31"}
    last = int(rows[0]["expected_index"])
    assert str(found["each"][0]["index"]) == f"{last - 1}.999"
    with town.engine.connect() as connection:
        assert connection.execute(text("select count(*) from reading where alarms = '{leak}'")).scalar_one() == 1
