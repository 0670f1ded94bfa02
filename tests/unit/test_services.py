"""What the services are started with, how they are stopped, and how Airflow's answers are told apart."""

import configparser
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pipeline.errors import OperatorError, Unavailable
from pipeline.services.airflow_api import Airflow, health, log_in, password_of
from pipeline.services.airflow_services import command, environment
from pipeline.services.credentials import USERS, make_secrets, passwords_file
from pipeline.services.postgres import Databases
from pipeline.services.processes import Process, is_alive, launch, session_members, start_time, stop_all
from pipeline.services.run import main, running, services
from pipeline.services.state import AlreadySupervised, State, read_state, supervising, this_process, write_state
from pipeline.settings import PROJECT, Settings, read_settings

DATABASES = Databases(owner_url="owner", app_url="app", auditor_url="auditor", airflow_url="meta")

STUBBORN_FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(600)"], process_group=0)
time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "h" / "run").mkdir(parents=True)
    return read_settings({"OBIEG_HOME": str(tmp_path / "h")})


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.02)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = launch(name="sleeper", command=["sleep", "600"], environ=os.environ, log=tmp_path / "log")
    yield process
    assert process.child is not None
    process.child.kill()
    process.child.wait()


# --- processes -----------------------------------------------------------------------------------


def test_stopping_reaches_grandchildren_in_groups_of_their_own_that_ignore_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "log"
    family = launch(name="x", command=[sys.executable, "-c", STUBBORN_FAMILY], environ=os.environ, log=log)
    until(lambda: b"ready" in log.read_bytes())
    assert len(session_members(session=family.pid)) == 2
    stop_all([family], grace_s=0.3)
    assert session_members(session=family.pid) == []
    assert not is_alive(family)


def test_a_stranger_that_got_the_pid_of_a_service_is_left_alone(sleeper: Process) -> None:
    remembered = replace(sleeper, started=sleeper.started - 1, child=None)
    assert not is_alive(remembered)
    stop_all([remembered], grace_s=0.1)
    assert is_alive(sleeper)


def test_a_service_remembered_by_pid_and_start_time_is_stopped(sleeper: Process) -> None:
    remembered = replace(sleeper, child=None)
    assert is_alive(remembered)
    stop_all([remembered], grace_s=10)
    assert not is_alive(remembered)


def test_a_dead_process_that_nobody_has_waited_for_is_not_alive(tmp_path: Path) -> None:
    child = subprocess.Popen(["true"])
    until(lambda: start_time(pid=child.pid) is None)
    assert child.wait() == 0


def test_files_that_services_write_are_private(tmp_path: Path) -> None:
    made = tmp_path / "made"
    process = launch(name="x", command=["touch", str(made)], environ=os.environ, log=tmp_path / "log")
    assert process.child is not None
    assert process.child.wait(timeout=30) == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


# --- state ---------------------------------------------------------------------------------------


def test_the_state_of_the_services_comes_back_as_it_was_written(settings: Settings, sleeper: Process) -> None:
    state = State(
        supervisor=replace(sleeper, child=None),
        processes=(replace(sleeper, child=None),),
        airflow_url="http://127.0.0.1:8080",
        smtp_url="smtp://127.0.0.1:2525",
        databases=DATABASES,
        ready=True,
    )
    write_state(home=settings.home, state=state)
    assert read_state(home=settings.home) == state


def test_a_state_from_before_the_machine_was_started_again_names_no_process(
    settings: Settings, sleeper: Process
) -> None:
    write_state(home=settings.home, state=State(supervisor=sleeper))
    file = settings.home / "run" / "services.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "boot": "another"}))
    assert read_state(home=settings.home) is None


def test_there_is_one_supervisor_at_a_time(settings: Settings) -> None:
    with supervising(home=settings.home), pytest.raises(AlreadySupervised), supervising(home=settings.home):
        pass
    with supervising(home=settings.home):
        pass


def test_services_of_a_dead_supervisor_do_not_count_as_running(settings: Settings, sleeper: Process) -> None:
    state = State(supervisor=sleeper, airflow_url="a", smtp_url="b", databases=DATABASES, ready=True)
    write_state(home=settings.home, state=state)
    found = running(settings)
    assert found is not None
    assert (found.settings.database_url, found.settings.smtp_url, found.settings.airflow_url) == ("app", "b", "a")
    stop_all([sleeper], grace_s=10)
    assert running(settings) is None


def test_running_services_are_used_and_not_stopped_by_a_second_user(settings: Settings, sleeper: Process) -> None:
    state = State(
        supervisor=sleeper, processes=(sleeper,), airflow_url="a", smtp_url="b", databases=DATABASES, ready=True
    )
    write_state(home=settings.home, state=state)
    with services(settings) as found:
        found.check()
    assert is_alive(sleeper)
    assert running(settings) is not None


def test_a_service_that_died_is_named_with_its_log(settings: Settings, sleeper: Process) -> None:
    state = State(
        supervisor=this_process(),
        processes=(sleeper,),
        airflow_url="a",
        smtp_url="b",
        databases=DATABASES,
        ready=True,
    )
    write_state(home=settings.home, state=state)
    found = running(settings)
    assert found is not None
    stop_all([sleeper], grace_s=10)
    with pytest.raises(Unavailable, match=rf"SERVICE_DIED: sleeper has ended; see {re.escape(str(sleeper.log))}"):
        found.check()


def test_down_stops_what_a_killed_supervisor_left_and_then_finds_nothing(
    settings: Settings, sleeper: Process, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_state(home=settings.home, state=State(supervisor=replace(sleeper, pid=2**22 + 1), processes=(sleeper,)))
    monkeypatch.setenv("OBIEG_HOME", str(settings.home))
    assert main(["down"]) == 0
    assert not is_alive(sleeper)
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "all services are stopped\nno services are running\n"


def test_a_home_that_cannot_hold_a_database_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("OBIEG_HOME", str(tmp_path / ("d" * 120)))
    monkeypatch.delenv("OBIEG_DATABASE_URL", raising=False)
    assert main(["up"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("HOME_PATH_TOO_LONG: ")


# --- secrets and environment ---------------------------------------------------------------------


def test_secrets_are_made_once_and_only_their_owner_reads_them(settings: Settings) -> None:
    first = make_secrets(home=settings.home)
    passwords = passwords_file(home=settings.home).read_text()
    assert make_secrets(home=settings.home) == first
    assert passwords_file(home=settings.home).read_text() == passwords
    folder = settings.home / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert len({*first.values(), *json.loads(passwords).values()}) == len(first) + len(USERS)


def test_every_log_in_has_a_password_and_no_other_name_has(settings: Settings) -> None:
    with pytest.raises(OperatorError, match=r"LOGIN_UNKNOWN: .*make up"):
        password_of(settings, "operator")
    make_secrets(home=settings.home)
    assert len({password_of(settings, user) for user in USERS}) == len(USERS)
    with pytest.raises(OperatorError, match=r"LOGIN_UNKNOWN: .*'nobody'"):
        password_of(settings, "nobody")


def test_tasks_get_the_writing_role_and_never_the_schema_owners_url(settings: Settings) -> None:
    environ = environment(
        settings=replace(settings, smtp_url="smtp://127.0.0.1:1"),
        databases=DATABASES,
        port=8080,
        inherited={"OBIEG_DATABASE_OWNER_URL": "owner", "no_proxy": "intranet", "AIRFLOW__CORE__PARALLELISM": "7"},
    )
    assert environ["OBIEG_DATABASE_URL"] == "app"
    assert "owner" not in environ.values()
    assert environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "meta"
    assert environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8080/execution/"
    assert environ["OBIEG_SMTP_URL"] == "smtp://127.0.0.1:1"
    assert environ["NO_PROXY"] == "intranet,127.0.0.1,localhost,::1"
    assert environ["AIRFLOW__CORE__PARALLELISM"] == "7"


def test_the_configuration_in_git_holds_no_path_and_no_secret_and_knows_the_same_log_ins() -> None:
    text = (PROJECT / "airflow.cfg").read_text(encoding="utf-8")
    config = configparser.RawConfigParser()
    config.read_string(text)
    values = [value for section in config.sections() for value in config[section].values()]
    assert [value for value in values if value.startswith("/")] == []
    assert {"fernet_key", "jwt_secret", "secret_key", "sql_alchemy_conn"}.isdisjoint(
        key for section in config.sections() for key in config[section]
    )
    assert config["core"]["simple_auth_manager_users"] == ",".join(f"{user}:{role}" for user, role in USERS.items())


def test_no_service_listens_beyond_this_machine() -> None:
    assert command(service="api-server", port=1)[-4:] == ["--host", "127.0.0.1", "--port", "1"]
    for service in ("scheduler", "triggerer"):
        assert "--skip-serve-logs" in command(service=service, port=1)


# --- Airflow's answers ---------------------------------------------------------------------------


def airflow(status: int, content: dict[str, object]) -> Airflow:
    transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=content))
    return Airflow(client=httpx.Client(base_url="http://127.0.0.1:1", transport=transport), user="operator")


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "RUN_EXISTS"), (403, "AIRFLOW_FORBIDDEN"), (404, "AIRFLOW_NOT_FOUND"), (400, "AIRFLOW_REFUSED")],
)
def test_a_refused_start_says_which_kind_of_no_it_is(status: int, code: str) -> None:
    with pytest.raises(OperatorError, match=f"{code}: .*reason") as caught:
        airflow(status, {"detail": "the\nreason"}).trigger(dag_id="d", run_id="r", conf={})
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_a_broken_airflow_is_unavailable_and_no_mistake_of_the_operator() -> None:
    with pytest.raises(Unavailable, match="AIRFLOW_UNREACHABLE"):
        airflow(503, {}).run_state(dag_id="d", run_id="r")


def test_task_instances_are_collected_over_all_pages() -> None:
    def page(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        rows = [
            {"task_id": "rate", "map_index": number, "state": "success", "try_number": 1}
            for number in range(offset, min(offset + limit, 230))
        ]
        return httpx.Response(200, json={"task_instances": rows, "total_entries": 230})

    client = httpx.Client(base_url="http://127.0.0.1:1", transport=httpx.MockTransport(page))
    found = Airflow(client=client, user="x").task_instances(dag_id="d", run_id="r")
    assert [instance.map_index for instance in found] == list(range(230))


def test_nobody_at_the_address_is_told_as_such() -> None:
    nobody = "operator"
    assert health(url="http://127.0.0.1:1") == {}
    with pytest.raises(Unavailable, match="AIRFLOW_UNREACHABLE"):
        log_in(url="http://127.0.0.1:1", user=nobody, password=nobody)
