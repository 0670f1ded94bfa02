"""The commands of the runbook on readings, word by word."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from queue_town import fetch, now_of, read_on, reading_of
from registry_rows import read
from town import set_clock, settle

from pipeline.cli import main
from pipeline.work import Work


@pytest.fixture
def town(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database) -> Work:
    """The small town on the 1st of September, one reading set aside; July's readings are there and not billed."""
    settle(work, tmp_path)
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    read_on(
        work,
        tmp_path / "august.csv",
        "PP0003;M0003;2026-08-31T08:00:00;1;actual;",
        "PP0004;M0004;2026-08-31T08:00:00;1;actual;",
    )
    shutil.copytree(work.settings.utility, tmp_path / "utility")
    for name, value in {
        "OBIEG_HOME": work.settings.home,
        "OBIEG_UTILITY": tmp_path / "utility",
        "OBIEG_DATABASE_URL": database.app_url,
        "OBIEG_DATABASE_OWNER_URL": database.owner_url,
    }.items():
        monkeypatch.setenv(name, str(value))
    return work


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    found = main(words)
    told = capsys.readouterr()
    assert found == code, told
    return told.err if code else told.out


def test_a_reading_from_the_list_to_its_decision(town: Work, capsys, tmp_path: Path) -> None:
    key = str(reading_of(town, "0003", "2026-08-31"))

    listed = said(capsys, "reading", "list", "--code", "V05")
    assert "M0003" in listed
    assert said(capsys, "reading", "list", "--csv", str(tmp_path / "waiting.csv")).startswith("2 rows in")
    shown = said(capsys, "reading", "show", key, "--index", "36,5")
    assert f"reading {key}: meter M0003 at PP0003, account A0003" in shown
    assert "finding   V05 (quarantine)" in shown
    assert "edited    bill_m3 6.000" in shown

    done = said(capsys, "reading", "edit", key, "--index", "36", "--reason", "red digits")
    assert done.startswith(f"reading {key} is edited by ")
    again = said(capsys, "reading", "show", key)
    assert "decided   edited 36.000 by" in again
    assert "red digits" in again
    assert json.loads(said(capsys, "--json", "reading", "show", key))["reading"]["state"] == "EDITED"
    said(capsys, "reading", "void", key, "--reason", "no", "--yes")
    assert said(capsys, "reading", "confirm", key, "--reason", "yes", code=2).startswith(
        "DECISION_NOT_ALLOWED: reading"
    )


def test_a_void_tells_what_it_means_before_it_is_done_and_how_the_reading_comes_in_again(
    town: Work, capsys, tmp_path: Path
) -> None:
    row = "PP0001;M0001;2026-08-30T08:00:00;16;m3;{};actual"
    read(town, tmp_path, row.format("customer_mail"))
    ((key,),) = fetch(town, "select reading_id from reading where source = 'customer_mail'")
    void = ("reading", "void", str(key), "--reason", "the wrong one")

    before = said(capsys, *void, code=2)
    assert before.startswith(
        f"VOID_FINAL: reading {key} of meter M0001 on 2026-08-30, 16.000 m³, would never count again"
    )
    assert "account A0001 is billed 3.000 m³ up to another reading" in before
    assert now_of(town, key) == ("VALID", "16", True)
    assert "import its row with the source `staff`" in said(capsys, *void, "--yes")
    assert now_of(town, key) == ("VOID", "16", False)
    assert "import its row again with the source staff" in said(capsys, *void, code=2)

    counts = read(town, tmp_path, row.format("customer_mail"), row.format("staff"))
    assert (counts["duplicate"], counts["accepted"]) == (1, 1)
    ((other,),) = fetch(town, "select reading_id from reading where source = 'staff'")
    assert now_of(town, other) == ("VALID", "16", True)


def test_many_at_once_are_seen_first(town: Work, capsys, tmp_path: Path) -> None:
    chosen = ("reading", "bulk", "--decision", "void", "--code", "V05")
    assert said(capsys, *chosen, "--reason", "x", code=2).startswith("PREVIEW_FIRST")

    seen = said(capsys, *chosen, "--preview")
    sha256 = json.loads(said(capsys, "--json", *chosen, "--preview"))["selection"]
    assert seen.rstrip().endswith(f"nothing is written; do it with --selection {sha256}")
    assert "void 2" in seen
    other = said(capsys, *chosen, "--selection", "0" * 64, "--reason", "x", code=2)
    assert other.startswith("SELECTION_CHANGED")
    assert "2 decided, 0 estimated" in said(capsys, *chosen, "--selection", sha256, "--reason", "typing errors")
    assert said(capsys, "reading", "list") == "no reading waits\n"


def test_estimates_of_one_meter_and_of_all_that_is_missing(town: Work, capsys) -> None:
    estimate = ("reading", "estimate")
    assert said(capsys, *estimate, code=2).startswith("ESTIMATE_WHAT")
    assert said(capsys, *estimate, "--meter", "M0001", code=2).startswith("ESTIMATE_WHAT")
    assert said(capsys, *estimate, "--missing", "--preview", code=2).startswith("ESTIMATE_WHAT")
    assert said(capsys, *estimate, "--missing", "--cycle-period", "08", "--preview", code=2).startswith("PERIOD_WRONG")
    one = (*estimate, "--on", "2026-08-31", "--reason", "nobody at home", "--meter")
    assert said(capsys, *one, "M9999", code=2).startswith("METER_UNKNOWN")
    # 31 days of use are no three months, nothing is billed yet that a class could be reckoned from
    assert said(capsys, *one, "M0001", code=2).startswith("ESTIMATE_IMPOSSIBLE")
    seen = said(capsys, *estimate, "--missing", "--cycle-period", "2026-08", "--preview")
    assert "ESTIMATE_IMPOSSIBLE 10" in seen
    assert said(capsys, "reading", "visits") == "no meter has to be visited\n"
