import errno
import json
import os
import pwd
import re
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from pipeline import derive
from pipeline.cli import main
from pipeline.cli.answer import shown
from pipeline.cli.parser import make_parser
from pipeline.cli.person import person
from pipeline.cli.refusals import guarded
from pipeline.services.postgres import embedded_url
from pipeline.settings import PROJECT
from sql.copying import copy_rows
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
        (("readings", "import", "no-such.csv", "--profile", "nobody"), "FILE_MISSING"),
        (("readings", "preview", "no-such.csv"), "FILE_MISSING"),
        (("readings", "preview", __file__, "--profile", "nobody"), "PROFILE_UNKNOWN"),
        (("readings", "profile", "approve", "nobody", "--file", __file__, "--note", "x"), "PROFILE_UNKNOWN"),
        (("readings", "profile", "approve", "standard", "--file", __file__, "--note", "x"), "PROFILE_STANDARD"),
        (("route", "open", "R1", "--until", "2999-01-01"), "ROUTE_UNKNOWN"),
        (("route", "open", "R1", "--until", "2020-01-01"), "ROUND_DAYS"),
        (("route", "show", "R1"), "ROUND_UNKNOWN"),
        (("route", "close", "R1"), "ROUND_UNKNOWN"),
        (("consent", "import", "no-such.csv"), "FILE_MISSING"),
        (("registry", "import", "no-such"), "FOLDER_MISSING"),
        (("registry", "derive", "no-such.csv", "out"), "FILE_MISSING"),
        (("quote", "no-such.toml"), "FILE_MISSING"),
        (("cutover", "load", "no-such", "--as-of", "2026-08-01"), "FOLDER_MISSING"),
        (("cutover", "load", ".", "--as-of", "2026-08-01"), "FOLDER_EMPTY"),
        (("cutover", "check"), "CUTOVER_UNKNOWN"),
        (("cutover", "switch-on", "--note", "x"), "CUTOVER_UNKNOWN"),
        (("cutover", "switch-on", "--note", " "), "NOTE_MISSING"),
        (("cutover", "dismiss", "positions.csv", "2", "--note", "x"), "ROW_UNKNOWN"),
        (("parallel", "run", "no-such", "--name", "2026-07"), "FOLDER_MISSING"),
        (("parallel", "run", ".", "--name", "2026-07"), "FILE_MISSING"),
        (("parallel", "run", ".", "--name", "2026/07"), "NAME_WRONG"),
        (("parallel", "show", "2026-07"), "PARALLEL_UNKNOWN"),
        (("parallel", "explain", "2026-07", "A1"), "PARALLEL_UNKNOWN"),
        (("parallel", "accept", "2026-07", "--account", "A1", "--note", "x"), "PARALLEL_UNKNOWN"),
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


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "mysql://host/base",
        "postgresql+psycopg2://u:geheim@host:port/base",
        "postgresql+asyncpg://host/b",
    ],
)
@pytest.mark.parametrize("variable", ["OBIEG_DATABASE_URL", "OBIEG_DATABASE_OWNER_URL"])
@pytest.mark.parametrize("words", [("cycle", "list"), ("database", "prepare")])
def test_a_database_url_that_cannot_be_one_is_refused_without_its_password(
    obieg: Obieg,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    variable: str,
    url: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv(variable, url)
    assert obieg(*words) == 2
    said = refusal(capsys)
    assert said.startswith(f"DATABASE_URL: {variable} ")
    assert "geheim" not in said


def test_a_role_without_the_right_is_refused_in_one_line(
    obieg: Obieg, database: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("OBIEG_DATABASE_URL", database.auditor_url)
    assert obieg("clock", "set", "2026-08-03T06:00") == 2
    assert refusal(capsys) == "NOT_PERMITTED: the database refuses: permission denied for table business_clock"
    file = tmp_path / "a.csv"
    file.write_text("meter_no;read_at;index;unit;source;quality\n", encoding="utf-8")
    assert obieg("readings", "import", str(file)) == 2
    assert refusal(capsys).startswith("NOT_PERMITTED: ")


def test_a_right_that_the_driver_itself_misses_is_refused_the_same_way(
    database: object, capsys: pytest.CaptureFixture[str]
) -> None:
    def copy() -> int:
        engine = make_engine(database.auditor_url)
        with engine.begin() as connection:
            copy_rows(connection, table="point", columns=("point_no",), rows=[("P1",)])
        return 0

    assert guarded(copy) == 2
    assert refusal(capsys) == "NOT_PERMITTED: the database refuses: permission denied for table point"


def test_another_fault_of_the_database_is_a_bug_that_keeps_its_traceback(obieg: Obieg, database: object) -> None:
    as_owner(database, "alter table cycle rename column cycle_key to gone")
    with pytest.raises(ProgrammingError):
        obieg("cycle", "show", "X")


@pytest.mark.parametrize("moment", ["0001-01-01", "9999-12-31T23:59", "1999-12-31", "2200-01-01"])
def test_a_clock_outside_the_years_that_make_sense_is_refused(
    obieg: Obieg, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    assert obieg("clock", "set", moment) == 2
    assert refusal(capsys) == "CLOCK_BOUNDS: the clock can be set to the years 2000 to 2199"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("readings", "import", "."), "FILE_MISSING"),
        (("consent", "import", "."), "FILE_MISSING"),
        (("registry", "derive", ".", "out"), "FILE_MISSING"),
        (("readings", "import", "x" * 300), "FILE_MISSING"),
        (("registry", "import", "x" * 300), "FOLDER_MISSING"),
        (("registry", "import", "a.csv"), "FOLDER_MISSING"),
        (("registry", "derive", "a.csv", "/proc/x"), "FOLDER_UNWRITABLE"),
        (("registry", "derive", "a.csv", "a.csv"), "FOLDER_UNWRITABLE"),
        (("registry", "derive", "a.csv", "a.csv/x"), "FOLDER_UNWRITABLE"),
        (("registry", "derive", "a.csv", "x" * 300), "FOLDER_UNWRITABLE"),
    ],
)
def test_a_place_of_the_wrong_kind_is_refused_in_one_line(
    obieg: Obieg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    words: tuple[str, ...],
    code: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    row = "W1;2026-07-31;5;m3;handheld;actual"
    Path("a.csv").write_text(f"meter_no;read_at;index;unit;source;quality\n{row}\n", encoding="utf-8")
    assert obieg(*words) == 2
    assert refusal(capsys).startswith(f"{code}: ")


def test_a_derived_registry_that_cannot_be_written_whole_leaves_no_half_of_it(
    obieg: Obieg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "a.csv", tmp_path / "out"
    row = "W1;2026-07-31;5;m3;handheld;actual"
    file.write_text(f"meter_no;read_at;index;unit;source;quality\n{row}\n", encoding="utf-8")
    write = derive.write_registry_file

    def until_the_disk_is_full(folder: Path, kind: str, lines: list[tuple[object, ...]]) -> Path:
        if kind == "points":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(folder, kind, lines)

    with monkeypatch.context() as patched:
        patched.setattr(derive, "write_registry_file", until_the_disk_is_full)
        assert obieg("registry", "derive", str(file), str(out)) == 2
    assert refusal(capsys) == f"FOLDER_UNWRITABLE: {out}: No space left on device"
    assert obieg("registry", "derive", str(file), str(out)) == 0


@pytest.mark.parametrize("utility", ["no-such", "a.csv"])
@pytest.mark.parametrize(
    "words", [("readings", "import", "a.csv"), ("consent", "import", "a.csv"), ("database", "prepare")]
)
def test_a_missing_utility_folder_is_refused_in_one_line(
    obieg: Obieg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    utility: str,
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("meter_no;read_at;index;unit;source;quality\n", encoding="utf-8")
    monkeypatch.setenv("OBIEG_UTILITY", str(tmp_path / utility))
    assert obieg(*words) == 2
    assert refusal(capsys).startswith("UTILITY_MISSING: ")


def test_an_import_whose_report_cannot_be_written_ends_with_the_code_of_something_unreachable(
    obieg: Obieg, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, inbox = tmp_path / "a.csv", tmp_path / "var" / "inbox"
    file.write_text("meter_no;read_at;index;unit;source;quality\n", encoding="utf-8")
    inbox.parent.mkdir()
    inbox.write_text("a file where the folder should be")
    assert obieg("readings", "import", str(file)) == 4
    assert refusal(capsys).startswith("REPORT_UNWRITABLE: ")


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("select cast(:email as text), 1 / 0", "division by zero"),
        ("insert into no_such_table values (:email)", 'relation "no_such_table" does not exist'),
        (
            "insert into terms_version (kind, sha256, body, effective_from) values (:email, '', '', now())",
            'null value in column "label"',
        ),
    ],
)
def test_no_parameter_of_a_statement_is_in_the_text_of_its_error(database: object, statement: str, kept: str) -> None:
    engine = make_engine(database.app_url)
    with pytest.raises(DBAPIError) as raised, engine.connect() as connection:
        connection.execute(text(statement), {"email": "zaneta@example.com"})
    engine.dispose()
    told = "".join(traceback.format_exception(raised.value))
    assert [line for line in told.splitlines() if "zaneta" in line and "connection.execute" not in line] == []
    assert kept in str(raised.value)


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


def test_people_read_amounts_in_zloty_one_way_and_yes_or_no() -> None:
    # an amount that is not formatted would stand as -1324.89 zł beside 103 859,82 zł; the forms for auditors have
    # every figure as the data has it
    auditors = {"quote.py", "explanation.py"}
    raw = re.compile(r"_zl(?:'\])?(?::[^}]*)?\} zł")
    modules = [path for path in (PROJECT / "pipeline" / "cli").glob("*.py") if path.name not in auditors]
    found = [(path.name, one) for path in modules for one in raw.findall(path.read_text(encoding="utf-8"))]
    assert found == []
    assert [shown(value) for value in (True, False, None, 0)] == ["yes", "no", "–", "0"]
