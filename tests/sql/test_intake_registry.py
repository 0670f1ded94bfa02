"""Registry files into the database: what is taken, what is refused with which code, and nothing twice."""

from pathlib import Path
from typing import Any

import pytest
from intake_samples import (
    REGISTRY,
    import_sample_registry,
    report_codes,
    rows_of,
    table_sizes,
    write_folder,
)

from pipeline import collect, import_registry
from pipeline.errors import OperatorError, Unavailable
from pipeline.work import Work
from readings.registry import LAYOUTS
from readings.registry_codes import REGISTRY_CODES

DOC = Path(__file__).parents[2] / "docs" / "import.md"
# One wrong row a code, with the file that it stands in.
CODES = [
    ("R100", "points", "P7;ul. Łąkowa 7;00-000"),
    ("R101", "points", "P 7;ul. Łąkowa 7;00-000;Zdroje;;;"),
    ("R101", "points", "P7;;00-000;Zdroje;;;"),
    ("R101", "accounts", "A7;r1;74000000000000000000000001"),
    ("R102", "parties", "K7;person;Anna Bąk;;ul. Łąkowa 7;00-000;Zdroje"),
    ("R102", "contracts", "U7;A1;P9;household;wine;2026-07-01;"),
    ("R102", "contracts", "U7;A1;P9;household;;2026-07-01;"),
    ("R103", "parties", "K7;organisation;Bąk;9900000018;ul. Łąkowa 7;00-000;Zdroje"),
    ("R104", "accounts", "A7;R1;74000000000000000000000002"),
    ("R104", "accounts", "A7;R1;7400000000000000000000001"),
    ("R105", "points", "P7;ul. Łąkowa 7;00000;Zdroje;;;"),
    ("R106", "contracts", "U7;A1;P9;household;water;2026-07-01;2026-07-01"),
    ("R106", "contracts", "U7;A1;P9;household;water;2026-02-30;"),
    ("R107", "meters", "W7;P9;12;0;2026-07-01;1;;;"),
    ("R107", "meters", "W7;P9;5;0;2026-07-01;x;;;"),
    ("R108", "contracts", "U7;A7;P9;household;water;2026-07-01;"),
    ("R108", "emails", "A7;a@example.com;unconfirmed;;"),
    ("R109", "account_parties", "A3;nabywca;K7;2026-07-01;"),
    ("R110", "contracts", "U7;A1;P7;household;water;2026-07-01;"),
    ("R110", "meters", "W7;P7;5;0;2026-07-01;1;;;"),
    ("R111", "meters", "W7;P9;5;0;2026-07-01;1;W1;;"),
    ("R111", "meters", "W7;P9;5;0;2026-07-01;1;;5;"),
    ("R112", "meters", "W7;P1;5;0;2026-07-20;1;;;"),
    ("R112", "meters", "W1;P9;5;0;2026-07-20;1;;;"),
    ("R112", "contracts", "U7;A2;P1;household;water;2026-07-20;"),
    ("R112", "account_parties", "A1;payer;K2;2026-07-20;"),
    ("R113", "emails", "A2;nobody@home;unconfirmed;;"),
    ("R113", "emails", "A2;a..b@example.com;unconfirmed;;"),
    ("R114", "emails", "A2;a@example.com;confirmed;;"),
    ("R115", "meters", "W7;P9;3;0;2026-07-01;1000;;;"),
    ("R115", "meters", "W7;P1;5;0;2026-07-20;1;W1;100000;"),
    ("R116", "points", "P7;ul. Łąkowa 7;00-000;Zdroje;PR9;;"),
    ("R117", "points", "P7;ul. Łąkowa 7;00-000;Zdroje;;;P8"),
    ("R117", "points", "P7;ul. Łąkowa 7;00-000;Zdroje;;;P7"),
    ("R118", "accounts", "A7;R1;"),
    ("R118", "accounts", "A7;R1;74000000000000000000000001"),
    ("R201", "parties", "K1;natural_person;Żaneta Inna;;ul. Łąkowa 1;00-000;Zdroje"),
    ("R201", "points", "P1;ul. Łąkowa 1;00-000;Inne;;;"),
    ("R201", "accounts", "A1;R2;74000000000000000000000001"),
    ("R201", "meters", "W1;P1;5;0;2026-07-01;101;;;"),
    ("R201", "meters", "W3N;P3;5;0;2026-07-15;1;W3;311;"),
    ("R201", "emails", "A1;other@example.com;unconfirmed;;"),
]


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    import_sample_registry(work, tmp_path / "registry")
    return work


def import_more(work: Work, folder: Path, kind: str, *rows: str) -> dict[str, object]:
    header = REGISTRY[kind].splitlines()[0]
    return import_registry.run(work, folder=write_folder(folder, {kind: "\n".join([header, *rows, ""])}))


@pytest.mark.parametrize(("code", "kind", "row"), CODES)
def test_a_wrong_row_gets_its_code_and_its_neighbour_goes_in(
    town: Work, tmp_path: Path, code: str, kind: str, row: str
) -> None:
    known = REGISTRY[kind].splitlines()[1]  # what is known already is a duplicate
    before = table_sizes(town)
    counts = import_more(town, tmp_path / "more", kind, row, known)
    outcome = "QUARANTINED" if code == "R201" else "REJECTED"
    report = town.settings.exports / "registry" / f"{kind}.report.csv"
    assert report_codes(report) == [(outcome, code), ("DUPLICATE", "")]
    assert (counts[outcome.lower()], counts["duplicate"], counts["accepted"]) == (1, 1, 0)
    after = table_sizes(town)
    assert {name for name in after if after[name] != before[name]} == {
        "import_file", "import_row", "step_run", "evidence",
    }  # fmt: skip


def gminas_of(town: Work) -> list[Any]:
    return rows_of(
        town,
        "select point_no, gmina, w.raw from point join point_gmina g using (point_id)"
        " join import_row w on (w.file_id, w.line_no) = (g.file_id, g.line_no) order by point_no",
    )


def import_points(town: Work, folder: Path, *rows: str) -> list[tuple[str, str]]:
    header = "point_no;gmina;street;postcode;city"
    import_registry.run(town, folder=write_folder(folder, {"points": "\n".join([header, *rows, ""])}))
    return report_codes(town.settings.exports / "registry" / "points.report.csv")


def test_a_gmina_comes_with_its_point_or_later_and_then_stays(town: Work, tmp_path: Path) -> None:
    first = import_points(
        town,
        tmp_path / "a",
        "P1;Zdroje;ul. Łąkowa 1;00-000;Zdroje",
        "P7;Dolna;ul. Łąkowa 7;00-000;Zdroje",
        "P8;;ul. Łąkowa 8;00-000;Zdroje",
        "P8;Dolna;ul. Łąkowa 8;00-000;Zdroje",
    )
    again = import_points(
        town,
        tmp_path / "b",
        "P1;;ul. Łąkowa 1;00-000;Zdroje",
        "P1;Dolna;ul. Łąkowa 1;00-000;Zdroje",
        "P2;Zdroje;ul. Inna 2;00-000;Zdroje",
        "P7;Dolna;ul. Łąkowa 7;00-000;Zdroje",
    )

    assert first == [("ACCEPTED", "")] * 4
    assert again == [("DUPLICATE", ""), ("QUARANTINED", "R201"), ("QUARANTINED", "R201"), ("DUPLICATE", "")]
    assert gminas_of(town) == [
        ("P1", "Zdroje", "P1;Zdroje;ul. Łąkowa 1;00-000;Zdroje"),
        ("P7", "Dolna", "P7;Dolna;ul. Łąkowa 7;00-000;Zdroje"),
        ("P8", "Dolna", "P8;Dolna;ul. Łąkowa 8;00-000;Zdroje"),
    ]


def test_every_code_is_documented_and_raised_by_a_test() -> None:
    elsewhere = {"R119", "R120", "R121"}  # tests/cycle/test_seams.py: after a cut-over; test_intake_quantities.py
    assert {code for code, _, _ in CODES} == set(REGISTRY_CODES) - elsewhere
    documented = DOC.read_text(encoding="utf-8")
    for code, meaning in REGISTRY_CODES.items():
        assert f"| `{code}` | {meaning} |" in documented


def test_every_column_of_every_file_is_documented() -> None:
    documented = DOC.read_text(encoding="utf-8")
    for kind, layout in LAYOUTS.items():
        assert f"`{kind}.csv`" in documented
        for column in (*layout.required, *layout.optional):
            assert f"`{column}`" in documented


def test_the_whole_folder_again_adds_no_row_anywhere(town: Work, tmp_path: Path) -> None:
    sizes = table_sizes(town)
    counts = import_registry.run(town, folder=tmp_path / "registry")
    assert (counts["already"], counts["rows"]) == (7, 0)
    assert table_sizes(town) == sizes


def test_the_same_rows_in_other_files_are_duplicates_one_and_all(town: Work, tmp_path: Path) -> None:
    before = table_sizes(town)
    spaced = {kind: content.replace("\n", "\r\n") for kind, content in REGISTRY.items()}
    counts = import_registry.run(town, folder=write_folder(tmp_path / "again", spaced))
    assert counts["duplicate"] == counts["rows"] == sum(len(c.splitlines()) - 1 for c in REGISTRY.values())
    after = table_sizes(town)
    assert {name for name in after if after[name] != before[name]} == {
        "import_file", "import_row", "step_run", "evidence",
    }  # fmt: skip


def test_a_meter_brings_its_opening_reading_and_ends_the_one_that_it_replaces(town: Work) -> None:
    assert rows_of(
        town,
        "select m.meter_no, i.removed_on::text, r.source, r.read_on::text, r.index_m3::text from reading r"
        " join installation i using (installation_id) join meter m on m.meter_id = i.meter_id"
        " where m.meter_no like 'W3%' order by r.reading_id",
    ) == [
        ("W3", "2026-07-15", "exchange_install", "2026-07-01", "300.000"),
        ("W3N", None, "exchange_install", "2026-07-15", "1.000"),
        ("W3", "2026-07-15", "exchange_removal", "2026-07-15", "310.000"),
    ]


def test_an_exchange_in_a_later_file_removes_the_stored_meter(town: Work, tmp_path: Path) -> None:
    counts = import_more(town, tmp_path / "more", "meters", "W1N;P1;5;0;2026-07-20;0;W1;;")
    assert counts["accepted"] == 1
    assert rows_of(
        town,
        "select i.removed_on::text, count(r.reading_id) filter (where r.source = 'exchange_removal')"
        " from installation i join meter m using (meter_id) join reading r using (installation_id)"
        " where m.meter_no = 'W1' group by 1",
    ) == [("2026-07-20", 0)]


def test_a_removal_reading_counts_once_the_registry_has_the_exchange_and_never_twice(
    town: Work, tmp_path: Path
) -> None:
    header = "service_point;meter_no;read_at;index;unit;source;quality"
    row = "P1;W1;2026-07-20;107;m3;exchange_removal;actual"
    early, again = tmp_path / "early.csv", tmp_path / "again.csv"
    early.write_text(f"{header}\n{row}\n", encoding="utf-8")
    again.write_text(f"{header}\n{row}\n{row}\n", encoding="utf-8")
    assert collect.run(town, file=early)["quarantined"] == 1
    assert import_more(town, tmp_path / "more", "meters", "W1N;P1;5;0;2026-07-20;0;W1;;")["accepted"] == 1
    counts = collect.run(town, file=again)
    assert (counts["accepted"], counts["duplicate"]) == (1, 1)
    assert import_more(town, tmp_path / "whole", "meters", "W1N;P1;5;0;2026-07-20;0;W1;107;")["duplicate"] == 1
    assert rows_of(town, "select count(*) from reading where source = 'exchange_removal' and index_m3 = 107") == [(1,)]


def test_a_contract_and_a_role_are_ended_by_the_same_row_with_an_end(town: Work, tmp_path: Path) -> None:
    files = {
        "contracts": "\n".join(
            [
                REGISTRY["contracts"].splitlines()[0],
                "U1;A1;P1;household;water+sewage;2026-07-01;2026-07-20",
                "U1B;A2;P1;household;water;2026-07-20;",
            ]
        ),
        "account_parties": "\n".join(
            [
                REGISTRY["account_parties"].splitlines()[0],
                "A1;payer;K1;2026-07-01;2026-07-20",
                "A1;payer;K2;2026-07-20;",
            ]
        ),
    }
    assert import_registry.run(town, folder=write_folder(tmp_path / "more", files))["accepted"] == 4
    assert rows_of(town, "select contract_no, valid::text from contract where contract_no like 'U1%' order by 1") == [
        ("U1", "[2026-07-01,2026-07-20)"),
        ("U1B", "[2026-07-20,)"),
    ]
    assert rows_of(town, "select valid::text from account_party where role = 'payer' order by account_id, valid")[
        :2
    ] == [
        ("[2026-07-01,2026-07-20)",),
        ("[2026-07-20,)",),
    ]


def test_an_end_that_stands_is_not_moved_by_another_row(town: Work, tmp_path: Path) -> None:
    ended = "U1;A1;P1;household;water+sewage;2026-07-01;2026-07-20"
    assert import_more(town, tmp_path / "a", "contracts", ended)["accepted"] == 1
    moved = ended.replace("-20", "-25")
    assert import_more(town, tmp_path / "b", "contracts", moved)["quarantined"] == 1


def test_a_wrong_header_refuses_the_whole_folder_and_nothing_is_written(work: Work, tmp_path: Path) -> None:
    files = REGISTRY | {"points": REGISTRY["points"].replace("postcode", "code", 1)}
    counts = import_registry.run(work, folder=write_folder(tmp_path / "r", files))
    assert (counts["refused"], counts["rows"]) == (1, 0)
    assert counts["refusal"] == "FILE_HEADER: points.csv: columns missing: postcode; unknown: code"
    sizes = {name: size for name, size in table_sizes(work).items() if size}
    assert sizes == {"business_clock": 1, "import_file": 1, "migration": sizes["migration"]}


def test_a_file_of_which_nothing_can_be_taken_may_come_again_once_its_cause_is_gone(work: Work, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "r", {"contracts": REGISTRY["contracts"]})
    assert import_registry.run(work, folder=folder)["refused"] == 1
    counts = import_registry.run(work, folder=write_folder(folder, REGISTRY))
    assert (counts["refused"], counts["rejected"]) == (0, 0)


def test_rejected_rows_lie_ready_to_be_sent_again(town: Work, tmp_path: Path) -> None:
    import_more(town, tmp_path / "a", "points", "P7;ul. Łąkowa 7;00000;Zdroje;;;", "P8;ul. Łąkowa 8;00-000;Zdroje;;;")
    again = town.settings.exports / "registry" / "points.rejected.csv"
    mended = again.read_text(encoding="utf-8").replace("00000", "00-000")
    counts = import_registry.run(town, folder=write_folder(tmp_path / "b", {"points": mended}))
    assert (counts["rows"], counts["accepted"]) == (1, 1)


def test_an_empty_folder_is_the_operators_mistake(work: Work, tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="FOLDER_EMPTY"):
        import_registry.run(work, folder=tmp_path)


def test_the_evidence_of_a_registry_holds_no_personal_data(town: Work) -> None:
    bodies = " ".join(body for (body,) in rows_of(town, "select body from evidence"))
    assert "sha256" in bodies
    for secret in ("Żaneta", "example.com", "Łąkowa", "9900000017"):
        assert secret not in bodies


def test_a_report_that_cannot_be_written_leaves_the_registry_imported_and_comes_with_the_next_import(
    work: Work, tmp_path: Path
) -> None:
    reports = work.settings.exports / "registry"
    reports.parent.mkdir(parents=True)
    reports.write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match=r"^REPORT_UNWRITABLE: .*the import itself stands"):
        import_sample_registry(work, tmp_path / "registry")
    assert rows_of(work, "select count(*) from account") == [(3,)]
    reports.unlink()
    assert import_sample_registry(work, tmp_path / "registry")["already"] == len(REGISTRY)
    assert {path.name for path in reports.iterdir()} == {f"{kind}.report.csv" for kind in REGISTRY}


def test_a_registry_file_of_which_no_row_can_be_taken_says_so(town: Work, tmp_path: Path) -> None:
    counts = import_more(town, tmp_path / "more", "points", "P 7;;00-000;Zdroje", "P 8;;00-000;Zdroje")
    assert counts["refusal"] == "FILE_REJECTS: none of the 2 rows can be taken; see the report"
