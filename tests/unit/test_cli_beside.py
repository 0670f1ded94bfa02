"""``obieg stormwater``, ``excess``, ``service`` and ``forecast`` as they are typed, and what they refuse."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from town import set_clock, settle

from pipeline import cli

Obieg = Callable[..., int]
RAIN = ("stormwater", "set", "PP0001", "--surface", "dach", "--area", "120,5", "--item", "DESZCZ-M2", "--reason", "D/1")
FAULT = (
    "excess",
    "set",
    "PP0001",
    "--indicator",
    "ChZT",
    "--measured",
    "1500",
    "--permitted",
    "1000",
    "--report",
    "L/1",
)
CLEAR = ("excess", "clear", "PP0001", "--indicator", "ChZT", "--report", "L/2")
DONE = ("service", "add", "A0001", "PLOMBA", "--ordered-by", "Z/1", "--note", "po wymianie")
TERMS = ("forecast", "set", "C0001", "--entitled", "flat", "--reason", "U/1")
MONTHS = ("--settle-every", "6", "--payment-day", "20", "--from", "2026-08-01")


@pytest.fixture
def obieg(work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database) -> Obieg:
    """The command in the small town on the 20th of August."""
    settle(work, tmp_path)
    set_clock(work, datetime(2026, 8, 20, 12, 0))
    monkeypatch.setenv("OBIEG_HOME", str(work.settings.home))
    monkeypatch.setenv("OBIEG_UTILITY", str(work.settings.utility))
    monkeypatch.setenv("OBIEG_DATABASE_URL", database.app_url)
    monkeypatch.setenv("OBIEG_DATABASE_OWNER_URL", database.owner_url)
    return lambda *words: cli.main(words)


def test_what_is_typed_is_kept_listed_and_ended(obieg: Obieg, work, capsys) -> None:
    assert obieg(*RAIN, "--from", "2026-08-01") == 0
    assert obieg(*RAIN, "--from", "2026-09-01") == 0
    assert obieg("stormwater", "end", "PP0001", "--surface", "dach", "--from", "2026-10-01", "--reason", "x") == 0
    assert obieg(*FAULT, "--sampled-on", "2026-08-10") == 0
    assert obieg(*CLEAR, "--on", "2026-08-19") == 0
    assert obieg(*DONE, "--quantity", "1", "--on", "2026-08-19", "--point", "PP0001") == 0
    assert obieg("service", "cancel", "1", "--reason", "pomyłka") == 0
    assert obieg(*TERMS, *MONTHS, "--basis", "contract", "--water", "2,5", "--sewage", "2.5") == 0
    assert obieg("forecast", "end", "C0001", "--from", "2027-01-01", "--reason", "aneks") == 0
    capsys.readouterr()

    for words in (("stormwater",), ("excess",), ("forecast",)):
        assert obieg(*words, "list") == 0
    assert obieg("service", "list", "--all") == 0
    shown = capsys.readouterr().out

    for days in (("2026-08-01", "2026-09-01"), ("2026-09-01", "2026-10-01"), ("2026-08-10", "2026-08-19")):
        assert "  ".join(days) in " ".join(shown.split("\n")), shown
    assert "2027-01-01" in shown
    with work.engine.connect() as connection:
        kinds = connection.execute(text("select kind from evidence where kind ~ 'surface|excess|service|forecast'"))
        assert len(kinds.all()) == 9


def test_a_file_of_surfaces_is_loaded_whole_or_not_at_all(obieg: Obieg, work, tmp_path: Path, capsys) -> None:
    file = tmp_path / "surfaces.csv"
    header = "point_no;surface;area_m2;item;from;reason\n"
    good = "PP0001;dach;120,5;DESZCZ-M2;2026-08-01;D/1\nPP0002;dach;80;DESZCZ-M3;2026-08-01;D/2\n"
    file.write_text(header + good + "PP0003;dach;wiele;DESZCZ-M2;2026-08-01;D/3\nPP0004;dach;;;;\n", encoding="utf-8")
    assert obieg("stormwater", "load", str(file)) == 2
    assert "ROWS_WRONG: surfaces.csv: lines 4, 5:" in capsys.readouterr().err
    file.write_text(header + good + "PP9;dach;1;DESZCZ-M2;2026-08-01;D/3\n", encoding="utf-8")
    assert obieg("stormwater", "load", str(file)) == 2
    assert "POINT_UNKNOWN" in capsys.readouterr().err
    file.write_text(header + good, encoding="utf-8")
    assert obieg("stormwater", "load", str(tmp_path / "none.csv")) == 2

    assert obieg("stormwater", "load", str(file)) == 0

    with work.engine.connect() as connection:
        assert connection.execute(text("select count(*) from stormwater_area")).scalar_one() == 2


@pytest.mark.parametrize(
    ("code", "before", "words"),
    [
        ("DAYS_TAKEN", (*FAULT, "--sampled-on", "2026-08-10"), (*FAULT, "--sampled-on", "2026-08-12")),
        ("NOTHING_OPEN", None, (*CLEAR, "--on", "2026-08-19")),
        ("NOTHING_OPEN", None, ("forecast", "end", "C0001", "--from", "2027-01-01", "--reason", "x")),
        (
            "NOTHING_OPEN",
            None,
            ("stormwater", "end", "PP0001", "--surface", "d", "--from", "2027-01-01", "--reason", "x"),
        ),
        ("DAY_WRONG", None, (*FAULT, "--sampled-on", "2026-08-21")),
        ("DAY_WRONG", None, (*DONE, "--quantity", "1", "--on", "2026-08-21")),
        ("DAY_WRONG", None, (*TERMS, *MONTHS[:-1], "2026-08-02", "--basis", "mean")),
        ("QUANTITY_WRONG", None, (*DONE, "--quantity", "0", "--on", "2026-08-19")),
        ("QUANTITY_WRONG", None, (*TERMS, *MONTHS, "--basis", "contract", "--water", "2")),
        ("QUANTITY_WRONG", None, (*TERMS, "--settle-every", "13", *MONTHS[2:], "--basis", "mean")),
        ("QUANTITY_WRONG", None, (*FAULT[:-4], "--permitted", "1500", "--report", "L", "--sampled-on", "2026-08-10")),
        (
            "ITEM_UNKNOWN",
            None,
            ("service", "add", "A0001", "DESZCZ-M2", *DONE[4:], "--quantity", "1", "--on", "2026-08-19"),
        ),
        ("ACCOUNT_UNKNOWN", None, ("service", "add", "A9", *DONE[3:], "--quantity", "1", "--on", "2026-08-19")),
        ("POINT_UNKNOWN", None, (*DONE, "--quantity", "1", "--on", "2026-08-19", "--point", "PP0002")),
        ("CONTRACT_UNKNOWN", None, ("forecast", "set", "C9", *TERMS[3:], *MONTHS, "--basis", "mean")),
        ("NOTE_MISSING", None, (*DONE[:-1], " ", "--quantity", "1", "--on", "2026-08-19")),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(obieg: Obieg, capsys, code, before, words) -> None:
    assert before is None or obieg(*before) == 0
    capsys.readouterr()

    assert obieg(*words) == 2

    assert f"{code}: " in capsys.readouterr().err
