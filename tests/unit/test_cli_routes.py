"""The commands of the runbook on routes and profiles, word by word."""

import json
import shutil
from datetime import date, datetime
from pathlib import Path

import pytest
from registry_rows import register
from town import set_clock, settle, write_readings

from pipeline.cli import main
from pipeline.settings import PROJECT
from pipeline.work import Work

KEY = "R1~2026-09-06~1"


@pytest.fixture
def town(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: object) -> Work:
    """The small town on the 25th of August, with a utility folder of its own, for commands."""
    settle(work, tmp_path)
    register(work, tmp_path, route_stops=["PP0002;R1;1;piwnica;pies;2026-08-01"])
    set_clock(work, datetime(2026, 8, 25, 9, 0))
    shutil.copytree(work.settings.utility, tmp_path / "utility")
    for name, value in {
        "OBIEG_HOME": work.settings.home,
        "OBIEG_UTILITY": tmp_path / "utility",
        "OBIEG_DATABASE_URL": database.app_url,
        "OBIEG_DATABASE_OWNER_URL": database.owner_url,
    }.items():
        monkeypatch.setenv(name, str(value))
    return work


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_round_from_the_first_command_to_the_last(town: Work, tmp_path: Path, capsys) -> None:
    assert "R1" in said(capsys, "route", "list")
    opened = said(capsys, "route", "open", "R1", "--from", "2026-08-25", "--until", "2026-09-06")
    assert f"round {KEY}" in opened
    assert "5 stops no walk holds stand at the end, by address: PP0001, PP0003" in opened
    set_clock(town, datetime(2026, 9, 1, 12, 0))
    file = write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31), used={"0003": -10})
    said(capsys, "readings", "import", str(file))

    shown = said(capsys, "route", "show", KEY, "--csv", str(tmp_path / "stops.csv"))

    assert shown.splitlines()[:2] == [
        f"round {KEY} is open: readings from 2026-08-25 to before 2026-09-06",
        "  6 stops = 5 read, 1 suspect",
    ]
    # only what is still somebody's work, until everything is asked for
    assert shown.splitlines()[2:] == [
        "      3  PP0003  M0003/0  ul. Łąkowa 3  suspect V05 2026-08-31 20.000",
        "  … 5 more: --all",
    ]
    assert len(said(capsys, "route", "show", KEY, "--all").splitlines()) == 2 + 6
    assert len((tmp_path / "stops.csv").read_text("utf-8").splitlines()) == 7
    assert len(json.loads(said(capsys, "--json", "route", "show", KEY))["each"]) == 6
    closed = json.loads(said(capsys, "--json", "route", "close", KEY))
    assert (closed["already"], closed["totals"]["listed"]) == (0, 0)
    assert "is closed" in said(capsys, "route", "close", KEY)
    assert KEY in said(capsys, "route", "list")
    assert [row["last_state"] for row in json.loads(said(capsys, "--json", "route", "list"))] == ["closed", None]


def test_a_route_without_a_walk_in_the_registry_says_so_once(town: Work, capsys) -> None:
    opened = said(capsys, "route", "open", "R2", "--from", "2026-08-25", "--until", "2026-09-06")
    assert opened.splitlines()[-1] == (
        "  no walk of this route is in the registry (route_stops.csv): all stops stand by address"
    )
    assert "PP00" not in opened


def test_a_profile_from_preview_to_import(town: Work, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "utility" / "profiles"
    assert "no profile of its own" in said(capsys, "readings", "profile", "list")
    folder.mkdir()
    shutil.copy(PROJECT / "readings" / "profiles" / "handheld-example.toml", folder)
    file = tmp_path / "inkasent_1.csv"
    header = (
        "Trasa;Lp;Nr punktu;Adres;Nr wodomierza;Stan poprzedni;Data odczytu;Stan;Kod;Uwagi techniczne;Inkasent;Opis"
    )
    row = "R1;1;PP0001;ul. Łąkowa 1;M0001;13;20.08.2026 09:00;15,5;OK;;J7;"
    file.write_bytes(f"{header}\r\n{row}\r\n".encode("cp1250"))

    assert main(("readings", "import", str(file))) == 2
    assert capsys.readouterr().err.startswith("PROFILE_NEW: ")
    seen = said(capsys, "readings", "preview", str(file), "--profile", "handheld-example")
    assert f"  line 2  {row}" in seen
    assert "ACCEPTED_WARN  W204  point PP0001  meter M0001  at 2026-08-20T07:00:00+00:00  index 15.500 m³" in seen
    assert "nobody has looked at it yet" in seen
    look = ("readings", "profile", "approve", "handheld-example", "--file", str(file), "--note", "compared ten rows")
    assert "profile handheld-example approved by" in said(capsys, *look)
    assert "inkasent_*.csv" in said(capsys, "readings", "profile", "list")
    assert "accepted_warn  1" in said(capsys, "readings", "import", str(file), "--profile", "handheld-example")
