"""The embedded PostgreSQL: its roles, its users, and what a crash or a bad home does to it."""

import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from pipeline.errors import OperatorError, Unavailable
from pipeline.services import postgres_server
from pipeline.services.postgres import (
    databases,
    embedded_databases,
    embedded_url,
    start_embedded,
    stop_embedded,
    stop_unused,
)
from pipeline.settings import PROJECT, read_settings

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")

USER_OF_THE_DATABASE = """
import sys
from pipeline.services.postgres import databases
from pipeline.settings import read_settings
databases(read_settings())
print("has it", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short folder that other accounts may enter, as a socket and root's server account need it."""
    made = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # pytest's own are too deep and closed
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def home(folder: Path) -> Iterator[Path]:
    yield folder / "h"
    stop_embedded(home=folder / "h")


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


class UserProcess:
    """Another process of ours that works with the database until it is told to go."""

    def __init__(self, home: Path) -> None:
        environ = {**os.environ, "OBIEG_HOME": str(home), "PYTHONPATH": os.pathsep.join(map(str, (PROJECT, *sys.path)))}
        environ.pop("OBIEG_DATABASE_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER_OF_THE_DATABASE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"has it\n"

    def leave(self) -> None:
        self.process.communicate(b"\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def test_roles_may_do_what_they_are_for_and_nothing_else(home: Path) -> None:
    found = start_embedded(home=home)
    ask(found.owner_url, "CREATE TABLE kept (a int)")
    ask(found.app_url, "CREATE TEMPORARY TABLE load (a int)")
    for url in (found.app_url, found.auditor_url):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(url, "CREATE TABLE mine (a int)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(url, "SELECT * FROM kept")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(found.auditor_url, "CREATE TEMPORARY TABLE load (a int)")


def test_airflow_cannot_enter_the_billing_database_nor_billing_airflows(home: Path) -> None:
    start_embedded(home=home)
    for role, database in (("airflow", "billing"), ("obieg_app", "airflow"), ("obieg_owner", "airflow")):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            ask(embedded_url(home=home, role=role, database=database), "SELECT 1")


def test_the_server_listens_on_its_private_socket_only_and_keeps_polish_letters(home: Path) -> None:
    found = start_embedded(home=home)
    row = ask(
        found.app_url,
        "SELECT current_setting('listen_addresses'), lower('ŁÓDŹ'), current_setting('max_connections'), "
        "current_setting('TimeZone'), current_setting('fsync')",
    )
    assert row == [("", "łódź", "200", "UTC", "on")]
    pgdata = postgres_server.data_dir(home)
    assert stat.S_IMODE(pgdata.stat().st_mode) == 0o700
    assert (pgdata / postgres_server.SOCKET).is_socket()


def test_what_was_written_is_there_after_a_stop_and_a_start(home: Path) -> None:
    ask(start_embedded(home=home).owner_url, "CREATE TABLE kept AS SELECT 42 AS a")
    stop_embedded(home=home)
    assert embedded_databases(home=home) is None
    assert ask(start_embedded(home=home).owner_url, "SELECT a FROM kept") == [(42,)]


def test_the_last_of_two_processes_stops_the_server_whichever_began(home: Path) -> None:
    first, second = UserProcess(home), UserProcess(home)
    first.leave()
    assert embedded_databases(home=home) is not None
    assert not stop_unused(home=home)
    second.leave()
    assert embedded_databases(home=home) is None


def test_a_killed_process_is_not_counted_as_a_user_for_ever(home: Path) -> None:
    UserProcess(home).kill()
    assert embedded_databases(home=home) is not None
    UserProcess(home).leave()
    assert embedded_databases(home=home) is None


def test_a_server_left_by_a_killed_process_is_stopped_when_nobody_uses_it(home: Path) -> None:
    UserProcess(home).kill()
    assert stop_unused(home=home)
    assert embedded_databases(home=home) is None


def test_after_a_crash_the_pid_of_a_stranger_does_not_keep_the_server_down(home: Path) -> None:
    ask(start_embedded(home=home).owner_url, "CREATE TABLE kept AS SELECT 42 AS a")
    pgdata = postgres_server.data_dir(home)
    pid_file = pgdata / "postmaster.pid"
    lines = pid_file.read_text(encoding="utf-8").split("\n")
    owner = pgdata.stat().st_uid
    kill_and_wait(int(lines[0]))
    stranger = subprocess.Popen(["sleep", "60"], user=owner, start_new_session=True)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]), encoding="utf-8")
        assert not postgres_server.answers(home)
        assert ask(start_embedded(home=home).owner_url, "SELECT a FROM kept") == [(42,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def kill_and_wait(postmaster: int) -> None:
    """SIGKILL leaves the backends a moment longer, and a start would meet their shared memory."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii").split()
    handles = [os.pidfd_open(pid) for pid in (postmaster, *map(int, children))]
    os.kill(postmaster, signal.SIGKILL)
    for handle in handles:
        ready, _, _ = select.select([handle], [], [], 30)
        assert ready
        os.close(handle)


def test_a_first_start_cut_short_is_begun_again(home: Path) -> None:
    postgres_server.prepare_home(home)
    draft = home / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n", encoding="ascii")
    assert ask(start_embedded(home=home).app_url, "SELECT 1") == [(1,)]
    assert not draft.exists()


def test_data_of_another_major_version_are_refused_untouched(home: Path) -> None:
    start_embedded(home=home)
    stop_embedded(home=home)
    version = postgres_server.data_dir(home) / "PG_VERSION"
    version.write_text("16\n", encoding="ascii")
    with pytest.raises(OperatorError, match=r"HOME_POSTGRES_VERSION.*16"):
        start_embedded(home=home)


def test_a_path_too_long_for_a_socket_is_refused(folder: Path) -> None:
    with pytest.raises(OperatorError, match=r"HOME_PATH_TOO_LONG.*OBIEG_HOME"):
        start_embedded(home=folder / ("d" * 80) / "h")
    assert list(folder.iterdir()) == []


@as_root
def test_a_private_folder_on_the_way_is_refused_and_stays_private(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(OperatorError, match=r"HOME_PRIVATE.*private is closed"):
        start_embedded(home=private / "h")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert list(private.iterdir()) == []


@as_root
def test_a_private_home_with_things_in_it_is_refused_and_stays_private(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    (private / "letter").touch()
    with pytest.raises(OperatorError, match="HOME_PRIVATE"):
        start_embedded(home=private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_data_of_another_user_are_refused(home: Path) -> None:
    start_embedded(home=home)
    stop_embedded(home=home)
    pgdata = postgres_server.data_dir(home)
    owner = pgdata.stat().st_uid
    os.chown(pgdata, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(OperatorError, match=r"HOME_FOREIGN.*another user"):
        start_embedded(home=home)
    os.chown(pgdata, owner, -1)


def test_a_configured_database_that_does_not_answer_is_one_line_without_its_password(folder: Path) -> None:
    url = "postgresql://obieg_app:secret@127.0.0.1:1/billing"
    settings = read_settings({"OBIEG_HOME": str(folder / "h"), "OBIEG_DATABASE_URL": url})
    with pytest.raises(Unavailable, match="DATABASE_UNREACHABLE") as caught:
        databases(settings, environ={})
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "h").exists()


def test_a_configured_database_is_used_and_the_embedded_one_is_not_started(home: Path, folder: Path) -> None:
    real = start_embedded(home=home)
    other = folder / "other"
    plain = real.app_url.replace("+psycopg2", "")
    settings = read_settings(
        {"OBIEG_HOME": str(other), "OBIEG_DATABASE_URL": plain, "OBIEG_DATABASE_OWNER_URL": real.owner_url}
    )
    found = databases(settings, environ={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "there"})
    assert (found.app_url, found.owner_url, found.airflow_url) == (real.app_url, real.owner_url, "there")
    assert not other.exists()
