"""A registry made out of nothing but a readings file, and the way of that file through it."""

from pathlib import Path

import pytest
from intake_samples import rows_of, set_clock, table_sizes

from pipeline import collect, derive, import_registry
from pipeline.errors import OperatorError
from pipeline.work import Work

ROWS = """\
service_point;meter_no;read_at;index;unit;source;quality
PA1;A1;2026-01-31 22:31:36;39.360;m3;radio_fixed;actual
PA1;A1;2026-02-28 23:50:34;41.776;m3;radio_fixed;actual
PP1;W1-1;2025-03-15;7;m3;handheld;actual
PP1;W1-1;2025-06-11;123456;m3;handheld;actual
PP1;W1-1;2025-06-11;123456;m3;handheld;actual
PP1;W1-2;2025-09-11;3;m3;handheld;actual
PP1;W1-2;2025-12-10;17;m3;handheld;actual
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    path.write_text(ROWS.replace("\n", "\r\n"), encoding="utf-8")
    return path


def test_a_readings_file_walks_through_the_registry_derived_from_it_and_again_adds_nothing(
    work: Work, file: Path, tmp_path: Path
) -> None:
    counts = derive.run(file=file, folder=tmp_path / "out")
    assert counts == {"rows": 7, "unusable": 0, "points": 2, "meters": 3, "exchanges": 1, "overlapping": 0}
    set_clock(work, 2026, 3, 1, 12)
    registry = import_registry.run(work, folder=tmp_path / "out")
    assert registry["accepted"] == registry["rows"]
    readings = collect.run(work, file=file)
    outcomes = ("rows", "accepted", "quarantined", "duplicate")  # no meter passes 123449 m³ in three months
    assert tuple(readings[name] for name in outcomes) == (7, 5, 1, 1)
    sizes = table_sizes(work)
    import_registry.run(work, folder=tmp_path / "out")
    collect.run(work, file=file)
    assert table_sizes(work) == sizes


def test_dials_and_decimals_follow_the_readings_and_the_first_reading_opens_the_meter(
    work: Work, file: Path, tmp_path: Path
) -> None:
    derive.run(file=file, folder=tmp_path / "out")
    import_registry.run(work, folder=tmp_path / "out")
    assert rows_of(
        work,
        "select m.meter_no, i.dials, i.decimals, i.installed_on::text, r.index_m3::text, r.source"
        " from installation i join meter m using (meter_id) join reading r using (installation_id) order by 1",
    ) == [
        ("A1", 5, 3, "2026-01-31", "39.360", "exchange_install"),
        ("W1-1", 6, 0, "2025-03-15", "7.000", "exchange_install"),
        ("W1-2", 5, 0, "2025-09-11", "3.000", "exchange_install"),
    ]


@pytest.mark.parametrize(
    ("removal", "stored"), [("empty", []), ("last-reading", [("W1-1", "123456.000", "estimated", "2025-09-11")])]
)
def test_a_removal_reading_is_taken_over_only_when_asked_and_then_marked_as_estimated(
    work: Work, file: Path, tmp_path: Path, removal: derive.Removal, stored: list[tuple[str, ...]]
) -> None:
    derive.run(file=file, folder=tmp_path / "out", removal=removal)
    import_registry.run(work, folder=tmp_path / "out")
    assert (
        rows_of(
            work,
            "select m.meter_no, r.index_m3::text, r.quality, r.read_on::text from reading r"
            " join meter m using (meter_id) where r.source = 'exchange_removal'",
        )
        == stored
    )
    assert rows_of(work, "select count(*) from installation where removed_on = '2025-09-11'") == [(1,)]


def test_two_meters_at_one_point_at_the_same_time_are_left_to_a_person(tmp_path: Path) -> None:
    file = tmp_path / "readings.csv"
    file.write_text(ROWS + "PP1;W1-1;2025-12-31;123457;m3;handheld;actual\n", encoding="utf-8")
    counts = derive.run(file=file, folder=tmp_path / "out")
    assert (counts["points"], counts["overlapping"]) == (1, 1)
    assert "PP1" not in (tmp_path / "out" / "accounts.csv").read_text(encoding="utf-8")


def test_placeholders_are_marked_and_a_used_folder_is_not_touched(file: Path, tmp_path: Path) -> None:
    derive.run(file=file, folder=tmp_path / "out")
    party = (tmp_path / "out" / "parties.csv").read_text(encoding="utf-8").splitlines()[1]
    assert party == "PA1;natural_person;Odbiorca PA1;;DO UZUPEŁNIENIA;00-000;DO UZUPEŁNIENIA"
    with pytest.raises(OperatorError, match="FOLDER_EXISTS"):
        derive.run(file=file, folder=tmp_path / "out")
