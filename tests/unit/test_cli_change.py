"""``obieg change`` and ``obieg registry show``: what is typed becomes an order, and what is there can be read."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from town import bank_account, set_clock, settle

from pipeline import cli
from pipeline.work import Actor

Obieg = Callable[..., int]
ON = ("--on", "2026-08-10", "--reason", "the office was told")
PARTY = (*("--kind", "natural_person", "--name", "Nowy Nabywca", "--street", "ul. Nowa 9"), "--postcode", "00-001")


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who gives the next commands: the last name."""
    names = ["operator"]
    monkeypatch.setattr(cli, "acting", lambda _settings, _options: Actor(name=names[-1], via="cli"))
    return names


@pytest.fixture
def obieg(work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database, person) -> Obieg:
    """The command in the small town on the 20th of August."""
    settle(work, tmp_path)
    set_clock(work, datetime(2026, 8, 20, 12, 0))
    monkeypatch.setenv("OBIEG_HOME", str(work.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", database.app_url)
    monkeypatch.setenv("OBIEG_DATABASE_OWNER_URL", database.owner_url)
    return lambda *words: cli.main(words)


COMMANDS = (
    ("new-party", "P99", *PARTY, "--city", "Zdroje"),
    ("party", "P0001", "--street", "ul. Polna 3"),
    ("role", "A0001", "--role", "odbiorca", "--party", "P0002"),
    ("route", "A0003", "--route", "R9"),
    ("group", "C0003", "--class", "business"),
    ("bank-account", "A0003", "--bank-account", f"PL {bank_account('0077')}"),
    ("email", "A0004", "--email", "nowy@example.com", "--confirmation", "click", "--confirmed-at", "2026-08-09T10:00"),
    (
        *("channel", "A0005", "--withdraw", "--method", "paper_form", "--signer", "Józef Żółć 0005"),
        *("--occurred-at", "2026-08-08T09:00", "--received-at", "2026-08-09T09:00"),
    ),
    (
        *("meter", "PP0006", "--meter", "N0006", "--opening-index", "0", "--dials", "5", "--decimals", "0"),
        *("--replaces", "M0006", "--removal-index", "64,5"),
    ),
    ("contract-close", "C0007", "--reading", "M0007=74"),
    (
        *("payer", "A0008", "--party", "P99", "--new-account", "A99", "--reading", "M0008:0=84,5"),
        *("--bank-account", bank_account("0099")),
    ),
    ("contract-open", "A0001", "--point", "PP0007", "--class", "household", "--services", "water+sewage"),
)
TWO_PEOPLE = {"group", "bank-account", "email", "payer", "contract-open"}


def test_every_kind_is_asked_for_and_done(obieg: Obieg, person, capsys: pytest.CaptureFixture[str]) -> None:
    states = {}
    for words in COMMANDS:
        assert obieg("change", *words, *ON, "--json") == 0, (words, capsys.readouterr().err)
        said = json.loads(capsys.readouterr().out)
        states[words[0]] = said["state"]
        if said["state"] == "pending":
            person.append("approver")
            assert obieg("change", "approve", str(said["change_id"]), "--note", "seen") == 0, capsys.readouterr().err
            person.pop()
            capsys.readouterr()

    assert {kind for kind, state in states.items() if state == "pending"} == TWO_PEOPLE
    assert obieg("change", "list", "--pending") == 0
    assert capsys.readouterr().out == "no changes\n"


def test_a_change_is_listed_shown_and_refused(obieg: Obieg, person, work, capsys: pytest.CaptureFixture[str]) -> None:
    assert obieg("change", "group", "C0003", "--class", "business", *ON) == 0
    assert capsys.readouterr().out.startswith("change 1 waits for a second person: ")
    assert obieg("change", "approve", "1", "--note", "mine") == 2
    assert capsys.readouterr().err.startswith("SELF_APPROVAL: ")
    assert obieg("change", "show", "1") == 0
    assert "terms C0003: class household → business" in capsys.readouterr().out
    assert obieg("change", "list", "--account", "A0003", "--json") == 0
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["pending"]
    assert obieg("change", "refuse", "1", "--note", "a slip") == 0
    assert capsys.readouterr().out == "change 1 is refused by operator\n"
    assert obieg("change", "list", "--csv") == 0
    written = (work.settings.exports / "changes" / "changes.csv").read_text(encoding="utf-8").splitlines()
    assert written[1].startswith("1;refused;group;A0003;2026-08-10;")
    for words in (("approve", "1", "--note", "x"), ("show", "9"), ("list", "--account", "A404")):
        assert obieg("change", *words) == 2
    codes = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert codes == ["CHANGE_DECIDED", "CHANGE_UNKNOWN", "R108"]


def test_a_doubted_index_is_told_with_its_figures_and_taken_when_it_is_confirmed(
    obieg: Obieg, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("change", "contract-close", "C0001", "--reading", "M0001=5000", *ON)
    assert obieg(*words) == 2
    assert capsys.readouterr().err.startswith("READING_DOUBTED: index 5000 of meter M0001 on 2026-08-10: V07 ")

    assert obieg(*words, "--confirm-reading", "M0001") == 0

    finding = "  finding V07 (quarantine), index 5000.000 of meter M0001: more water than the meter can pass: "
    told = capsys.readouterr().out
    assert finding in told
    assert obieg("change", "show", told.split()[1]) == 0
    assert finding in capsys.readouterr().out


def test_an_account_is_shown_as_of_a_day_and_as_of_what_was_known(
    obieg: Obieg, capsys: pytest.CaptureFixture[str]
) -> None:
    assert obieg("change", "route", "A0003", "--route", "R9", *ON) == 0
    capsys.readouterr()
    answers = []
    for words in (
        ("--on", "2026-08-10"),
        ("--on", "2026-08-09"),
        ("--on", "2026-08-10", "--known-at", "2026-01-01T00:00"),
    ):
        assert obieg("registry", "show", "A0003", *words, "--json") == 0
        answers.append([row["route"] for row in json.loads(capsys.readouterr().out)])

    assert answers == [["R9"], ["R1"], []]
    assert obieg("registry", "show", "A0003") == 0
    assert "payer_name      Józef Żółć 0003" in capsys.readouterr().out
    assert obieg("registry", "history", "A0003") == 0
    told = capsys.readouterr().out
    assert "– .. 2026-08-10  account A0003: route R1" in told
    assert "(accounts.csv line 4 by operator at " in told
    assert "ended through change 1 by operator at " in told
