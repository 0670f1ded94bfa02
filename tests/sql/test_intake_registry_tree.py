"""Connections, points behind points, meters beside the main one and of the past; what a load says before it writes."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_samples import import_sample_registry, report_codes, rows_of, table_sizes, write_folder

from pipeline import import_registry
from pipeline.registry.points import point_levels
from pipeline.work import Work
from readings.registry_facts import PointRow

CONNECTIONS = """\
connection_no;service;street;postcode;city;diameter_mm;built_on
PW1;water;ul. Łąkowa 20;00-000;Zdroje;32;1998-05-01
PK1;sewage;ul. Łąkowa 20;00-000;Zdroje;;
"""
POINTS = """\
point_no;street;postcode;city;water_connection_no;sewage_connection_no;parent_point_no
L2;ul. Łąkowa 20/2;00-000;Zdroje;;;B1
L1;ul. Łąkowa 20/1;00-000;Zdroje;;;B1
B1;ul. Łąkowa 20;00-000;Zdroje;PW1;PK1;
L1A;ul. Łąkowa 20/1 lokal użytkowy;00-000;Zdroje;;;L1
"""
ALONE = "S1;ul. Łąkowa 30;00-000;Zdroje;;;\n"
METERS = """\
meter_no;point_no;dials;decimals;installed_on;opening_index;purpose;water_percent;sewage_percent;removed_on;last_index
G0;B1;5;0;2020-01-01;0;main;;;2024-01-01;812
G1;B1;5;0;2024-03-01;3;main;;;;
OG1;B1;5;0;2024-03-01;0;garden;;;;
SK1;B1;5;0;2024-03-01;0;sub;100;62,5;;
L1W;L1;5;0;2024-03-01;0;;;;;
"""


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    import_sample_registry(work, tmp_path / "registry")
    return work


def load(work: Work, folder: Path, **files: str) -> dict[str, object]:
    return import_registry.run(work, folder=write_folder(folder, files))


def test_a_building_goes_in_with_its_connections_its_flats_and_all_its_meters(town: Work, tmp_path: Path) -> None:
    counts = load(town, tmp_path / "b", connections=CONNECTIONS, points=POINTS, meters=METERS)
    assert (counts["accepted"], counts["rows"]) == (11, 11)
    below = "select p.point_no, t.level from points_below((select point_id from point where point_no = 'B1')) t"
    assert rows_of(town, f"{below} join point p using (point_id) order by 2, 1") == [
        *(("B1", 0), ("L1", 1), ("L2", 1), ("L1A", 2)),
    ]
    pipes = """select w.connection_no, s.connection_no, w.diameter_mm from point p
        join connection w on w.connection_id = water_connection_id
        join connection s on s.connection_id = sewage_connection_id where point_no = 'B1'"""
    assert rows_of(town, pipes) == [("PW1", "PK1", 32)]
    shares = """select meter_no, purpose, water_percent, sewage_percent, removed_on is not null
        from installation join meter using (meter_id) join point using (point_id) where point_no = 'B1' order by 1"""
    assert rows_of(town, shares) == [
        ("G0", "main", 100, 100, True),
        ("G1", "main", 100, 100, False),
        ("OG1", "garden", 100, 0, False),
        ("SK1", "sub", 100, Decimal("62.50"), False),
    ]
    removal = "select index_m3 from reading join meter using (meter_id) where source = 'exchange_removal'"
    assert rows_of(town, f"{removal} and meter_no = 'G0'") == [(812,)]


def test_the_same_building_again_changes_nothing(town: Work, tmp_path: Path) -> None:
    load(town, tmp_path / "b", connections=CONNECTIONS, points=POINTS, meters=METERS)
    before = table_sizes(town)
    spaced = {"connections": CONNECTIONS, "points": POINTS, "meters": METERS}
    again = load(town, tmp_path / "c", **{kind: text.replace("\n", "\r\n") for kind, text in spaced.items()})
    assert (again["accepted"], again["quarantined"], again["duplicate"]) == (0, 0, 11)
    grown = {name for name, size in table_sizes(town).items() if size != before[name]}
    assert grown == {"import_file", "import_row", "step_run", "evidence"}


def test_a_flat_whose_building_is_refused_is_refused_too(town: Work, tmp_path: Path) -> None:
    counts = load(town, tmp_path / "b", points=POINTS.replace("B1;ul. Łąkowa 20;", "B1;;") + ALONE)
    assert counts["rejected"] == 4
    codes = report_codes(town.settings.exports / "registry" / "points.report.csv")
    assert sorted(code for _, code in codes) == ["", "R101", "R117", "R117", "R117"]


def test_a_water_connection_does_not_take_sewage(town: Work, tmp_path: Path) -> None:
    load(town, tmp_path / "a", connections=CONNECTIONS)
    points = "point_no;street;postcode;city;sewage_connection_no\nB1;ul. Łąkowa 20;00-000;Zdroje;PW1\n"
    load(town, tmp_path / "b", points=points)
    assert report_codes(town.settings.exports / "registry" / "points.report.csv") == [("REJECTED", "R116")]


def test_a_second_main_meter_is_refused_where_a_garden_meter_is_not(town: Work, tmp_path: Path) -> None:
    header = "meter_no;point_no;dials;decimals;installed_on;opening_index;purpose"
    counts = load(town, tmp_path / "a", meters=f"{header}\nX1;P2;5;0;2026-07-05;0;garden\nX2;P2;5;0;2026-07-05;0;\n")
    assert (counts["accepted"], counts["rejected"]) == (1, 1)
    assert report_codes(town.settings.exports / "registry" / "meters.report.csv")[1] == ("REJECTED", "R112")


CHANGED = {
    "parties": "party_no;kind;name;nip;street;postcode;city\nK1;natural_person;Żaneta Inna;;ul. Nowa 5;00-000;Zdroje\n"
    "K9;natural_person;Anna Bąk;;ul. Łąkowa 7;00-000;Zdroje\n",
}


def test_differences_are_told_before_anything_is_written(town: Work, tmp_path: Path) -> None:
    folder, before = write_folder(tmp_path / "d", CHANGED), table_sizes(town)
    said = import_registry.run(town, folder=folder, set_aside=False)
    difference = "name: Żaneta Świerszcz → Żaneta Inna; street: ul. Łąkowa 1 → ul. Nowa 5"
    assert said["differences"] == [{"file": "parties.csv", "line_no": 2, "difference": difference}]
    assert table_sizes(town) == before
    assert import_registry.preview(town, folder=folder)["differences"] == said["differences"]
    assert table_sizes(town) == before
    taken = import_registry.run(town, folder=folder)
    assert (taken["accepted"], taken["quarantined"]) == (1, 1)


def test_a_preview_counts_what_the_load_then_does(town: Work, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "b", {"connections": CONNECTIONS, "points": POINTS, "meters": METERS})
    found = import_registry.preview(town, folder=folder)
    assert found == import_registry.run(town, folder=folder) | {"differences": []}


@given(st.lists(st.integers(min_value=-1, max_value=11), min_size=1, max_size=12))
def test_every_point_is_placed_below_its_parent_or_told_lost(parents: list[int]) -> None:
    rows = [
        PointRow(
            point_no=f"P{number}",
            street="s",
            postcode="00-000",
            city="c",
            water_connection_no=None,
            sewage_connection_no=None,
            parent_point_no=None if parent < 0 else f"P{parent}",
            gmina=None,
        )
        for number, parent in enumerate(parents)
    ]
    levels, lost = point_levels(rows, stored=())
    placed = [row.point_no for level in levels for row in level]
    assert sorted([*placed, *lost]) == sorted(row.point_no for row in rows)
    depth = {row.point_no: number for number, level in enumerate(levels) for row in level}
    for row in rows:
        if row.point_no in depth and row.parent_point_no is not None:
            assert depth[row.parent_point_no] < depth[row.point_no]
        if row.point_no in lost:
            assert row.parent_point_no is not None
            assert row.parent_point_no not in depth
