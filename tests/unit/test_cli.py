import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.cli import main
from pipeline.cli.parser import make_parser
from pipeline.cli.person import person
from pipeline.cli.refusals import guarded
from pipeline.postgres import embedded_url
from sql.engine import make_engine

Obieg = Callable[..., int]


@pytest.fixture
def obieg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: object) -> Obieg:
    """The command on an empty migrated database of the test's own, marked as demo."""
    monkeypatch.setenv("OBIEG_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OBIEG_DATABASE_URL", database.app_url)
    monkeypatch.setenv("OBIEG_DATABASE_OWNER_URL", database.owner_url)
    return lambda *words: main(words)


def as_owner(database: object, statement: str) -> None:
    engine = make_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    return said.err.strip()


def test_an_unknown_cycle_is_refused_in_one_line(obieg: Obieg, capsys: pytest.CaptureFixture[str]) -> None:
    assert obieg("cycle", "show", "2026-07~ALL~1") == 2
    assert refusal(capsys).startswith("CYCLE_UNKNOWN: ")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("cycle", "continue", "X"), "CYCLE_UNKNOWN"),
        (("cycle", "summary", "X"), "CYCLE_UNKNOWN"),
        (("cycle", "drafts", "X"), "CYCLE_UNKNOWN"),
        (("cycle", "approve", "X"), "CYCLE_UNKNOWN"),
        (("cycle", "approve", "X", "--airflow"), "CYCLE_UNKNOWN"),
        (("cycle", "run", "--period", "2026-13", "--issue-date", "2026-08-03"), "PERIOD_WRONG"),
        (("cycle", "run", "--period", "2026-13", "--issue-date", "2026-08-03", "--airflow"), "AIRFLOW_NOT_RUNNING"),
        (("invoice", "explain", "FV/1"), "INVOICE_UNKNOWN"),
        (("delivery", "show", "FV/1"), "INVOICE_UNKNOWN"),
        (("delivery", "resolve", "FV/1", "--retry", "--note", "x"), "INVOICE_UNKNOWN"),
        (("delivery", "resolve", "FV/1", "--retry", "--note", " "), "NOTE_MISSING"),
        (("readings", "import", "no-such.csv"), "FILE_MISSING"),
        (("consent", "import", "no-such.csv"), "FILE_MISSING"),
        (("registry", "import", "no-such"), "FOLDER_MISSING"),
        (("registry", "derive", "no-such.csv", "out"), "FILE_MISSING"),
        (("quote", "no-such.toml"), "FILE_MISSING"),
    ],
)
def test_what_is_not_there_is_refused_with_its_code(
    obieg: Obieg, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
) -> None:
    assert obieg(*words) == 2
    assert refusal(capsys).startswith(f"{code}: ")


def test_a_file_with_a_wrong_header_is_a_refusal_for_who_asked_for_it(
    obieg: Obieg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odczyty.csv"
    file.write_text("data;stan\n2026-07-31;1\n", encoding="utf-8")
    assert obieg("readings", "import", str(file)) == 2
    assert refusal(capsys).startswith("FILE_HEADER: ")


def test_a_broken_evidence_chain_ends_with_the_code_of_a_contradiction(
    obieg: Obieg, database: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert obieg("evidence", "verify") == 0
    capsys.readouterr()
    as_owner(
        database,
        "insert into evidence (seq, event_at, subject, kind, body, prev, hash)"
        " values (1, now(), 'cycle:x', 'opened', '{}', decode(repeat('00', 32), 'hex'),"
        " decode(repeat('ab', 32), 'hex'))",
    )
    assert obieg("evidence", "verify") == 3
    assert refusal(capsys) == "EVIDENCE_BROKEN: event 1 content changed"


def test_a_database_that_does_not_answer_ends_with_the_code_of_something_unreachable(
    obieg: Obieg, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OBIEG_DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    assert obieg("cycle", "list") == 4
    assert refusal(capsys).startswith("DATABASE_UNREACHABLE: ")


def test_a_database_without_tables_says_which_command_makes_them(
    obieg: Obieg, cluster: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OBIEG_DATABASE_URL", embedded_url(home=cluster, role="airflow", database="airflow"))
    assert obieg("cycle", "list") == 2
    assert "obieg database prepare" in refusal(capsys)


def test_preparing_a_prepared_database_changes_nothing(obieg: Obieg, capsys: pytest.CaptureFixture[str]) -> None:
    assert obieg("database", "prepare") == 0
    assert capsys.readouterr().out == "the database is up to date\n"


def test_only_a_demo_sets_its_clock(obieg: Obieg, database: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert obieg("clock", "set", "2026-08-03T06:00") == 0
    assert capsys.readouterr().out == "2026-08-03 06:00:00 CEST\n"
    as_owner(database, "update business_clock set is_demo = false, demo_now = null")
    assert obieg("clock", "set", "2026-08-03T06:00") == 2
    assert refusal(capsys).startswith("CLOCK_REAL: ")


def test_the_answer_is_one_json_document_wherever_the_flag_stands(
    obieg: Obieg, capsys: pytest.CaptureFixture[str]
) -> None:
    assert obieg("--json", "cycle", "list") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert obieg("clock", "set", "2026-08-03T06:00", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"business_now": "2026-08-03T06:00:00+02:00"}


def test_the_person_is_the_account_that_runs_the_command_and_no_variable_changes_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(variable, "approver")
    found = person()
    assert (found.name, found.via) == (pwd.getpwuid(os.getuid()).pw_name, "cli")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("cycle",),
        ("cycle", "run", "--period", "2026-07", "--issue-date", "3.8.2026"),
        ("clock", "set", "soon"),
        ("delivery", "resolve", "FV/1", "--retry"),
        ("delivery", "resolve", "FV/1", "--note", "x"),
        ("delivery", "resolve", "FV/1", "--retry", "--paper", "--note", "x"),
        ("cycle", "show"),
    ],
)
def test_a_command_that_is_not_understood_ends_with_the_code_of_a_refusal(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(words)
    assert ended.value.code == 2


def test_a_bug_keeps_its_traceback() -> None:
    def bug() -> int:
        raise KeyError("x")

    with pytest.raises(KeyError):
        guarded(bug)


def test_an_interruption_ends_with_the_shells_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert guarded(interrupted) == 130
    assert refusal(capsys).startswith("INTERRUPTED: ")
