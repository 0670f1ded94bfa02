"""A small town under an Airflow of its own: its services, the three people, and runs that are followed over REST."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from town import cycle_order, settle

from billing.canonical import to_data
from pipeline import service_start
from pipeline.airflow_api import SETTLED_S, Airflow, TaskInstance, log_in
from pipeline.cli.through_airflow import start_cycle
from pipeline.cli.watch import start_when_parsed
from pipeline.credentials import password_of
from pipeline.errors import OperatorError, Unavailable
from pipeline.open_cycle import CycleOrder
from pipeline.services import Running, services
from pipeline.settings import PROJECT, Settings, read_settings
from pipeline.work import Actor, Work, open_work

DAG_ID = "billing_cycle"
SCHEDULED = ("collect_readings", "deliver_invoices", "paperless_conversion")
CHUNK_ACCOUNTS = 6
POLL_S = 0.3
STEP_S = 90
LINES_SHOWN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """``work`` is this process, acting as the operator; the others act through Airflow. ``files`` is for inputs."""

    work: Work
    running: Running
    operator: Airflow
    approver: Airflow
    auditor: Airflow
    files: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of ``billing_cycle``, seen by the operator."""

    town: Town
    run_id: str

    @property
    def path(self) -> str:
        return f"/dags/{DAG_ID}/dagRuns/{self.run_id}"

    def state(self) -> str:
        return self.town.operator.run_state(dag_id=DAG_ID, run_id=self.run_id)

    def tasks(self) -> list[TaskInstance]:
        return self.town.operator.task_instances(dag_id=DAG_ID, run_id=self.run_id)

    def states(self) -> dict[str, set[str | None]]:
        found: dict[str, set[str | None]] = {}
        for task in self.tasks():
            found.setdefault(task.task_id, set()).add(task.state)
        return found

    def is_settled(self, task_id: str) -> bool:
        task = call(self.town.operator, "GET", f"{self.path}/taskInstances/{task_id}").json()
        return datetime.now(UTC) - datetime.fromisoformat(task["start_date"]) > timedelta(seconds=SETTLED_S)

    def log(self, task: TaskInstance, *, reader: Airflow | None = None) -> list[str]:
        """What a person reads under "Logs" of a task's latest try."""
        path = f"{self.path}/taskInstances/{task.task_id}/logs/{task.try_number}?map_index={task.map_index}"
        answer = call(reader or self.town.operator, "GET", f"{path}&full_content=true")
        assert answer.status_code == HTTPStatus.OK, answer.text
        return [str(line["event"]) for line in answer.json()["content"]]

    def until(self, reached: Callable[[], bool], *, wanted: str, seconds: float = STEP_S) -> None:
        """Return once ``reached``; else say what the run came to, with the logs of the tasks that hold it up."""
        deadline = time.monotonic() + seconds
        while not reached():
            self.town.running.check()
            assert time.monotonic() < deadline, f"{self.run_id}: not {wanted} in {seconds:.0f} s; {self.told()}"
            time.sleep(POLL_S)

    def wait_for(self, task_id: str, state: str) -> None:
        """Return once a task is in ``state``, settled: what goes on sooner, the scheduler's late news may yet fail."""

        def reached() -> bool:
            assert self.state() != "failed", self.told()
            return self.states().get(task_id) == {state} and self.is_settled(task_id)

        self.until(reached, wanted=f"{task_id} {state}")

    def wait_for_end(self, state: str = "success") -> None:
        def reached() -> bool:
            now = self.state()
            assert now in {"queued", "running", state}, self.told()
            return now == state

        self.until(reached, wanted=state)

    def answer(self, option: str, *, person: Airflow | None = None) -> None:
        (person or self.town.approver).answer(
            dag_id=DAG_ID, run_id=self.run_id, task_id="approve", option=option, note="przejrzane"
        )

    def clear(self, task: TaskInstance) -> None:
        """One task instance, with whatever had given up because of it."""
        marked = task.task_id if task.map_index < 0 else [task.task_id, task.map_index]
        body = {
            "dag_run_id": self.run_id,
            "dry_run": False,
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": True,
            "task_ids": [marked],
        }
        answer = call(self.town.operator, "POST", f"/dags/{DAG_ID}/clearTaskInstances", body)
        assert answer.status_code == HTTPStatus.OK, answer.text

    def told(self) -> str:
        tasks = self.tasks()
        states = ", ".join(f"{task.task_id}[{task.map_index}] {task.state} try {task.try_number}" for task in tasks)
        lines = [f"the run is {self.state()}: {states}"]
        for task in tasks:
            if task.try_number and task.state in {"failed", "running", "up_for_retry", "deferred"}:
                lines += [f"--- log of {task.task_id}[{task.map_index}]", *self.log(task)[-LINES_SHOWN:]]
        return "\n".join(lines)


def call(person: Airflow, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """Airflow's own answer to a person, whatever it is."""
    return person.client.request(method, f"/api/v2{path}", json=body)


def order_of(**changes: Any) -> CycleOrder:
    return replace(cycle_order(), **changes)


def august() -> CycleOrder:
    return order_of(period="2026-08", issue_date=date(2026, 9, 2))


def start(town: Town, order: CycleOrder, *, run_id: str | None = None) -> Run:
    """The operator fills in the form; without a ``run_id`` the run is named after the cycle's key."""
    if run_id is None:
        return Run(town=town, run_id=start_cycle(town.work, town.operator, order=order))
    town.operator.trigger(dag_id=DAG_ID, run_id=run_id, conf=to_data(order))
    return Run(town=town, run_id=run_id)


@contextmanager
def airflow_town() -> Iterator[Town]:
    """Services in a folder of their own, a settled town, nothing scheduled; all of it gone at the end."""
    base = Path(tempfile.mkdtemp(prefix="obieg-air-", dir="/tmp"))
    base.chmod(0o755)
    try:
        with ExitStack() as stack:
            yield _open(base, stack)
    finally:
        shutil.rmtree(base)


def _open(base: Path, stack: ExitStack) -> Town:
    settings = replace(read_settings({"OBIEG_HOME": str(base / "h")}), utility=_utility(base / "utility"))
    plugins = settings.home / "airflow" / "plugins"
    plugins.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("airflow_kill_plugin.py"), plugins)
    running = _started(settings, stack)
    people = [
        log_in(url=running.airflow_url, user=name, password=password_of(settings, name))
        for name in ("operator", "approver", "auditor")
    ]
    for person in people:
        stack.callback(person.close)
    work = stack.enter_context(
        open_work(
            settings=running.settings,
            database_url=running.databases.app_url,
            actor=Actor(name="operator", via="cli"),
        )
    )
    files = base / "files"
    files.mkdir()
    settle(work, files)
    for dag_id in SCHEDULED:  # what runs by the clock on the wall would change rows between two counts
        start_when_parsed(lambda dag_id=dag_id: _pause(people[0], dag_id))
    start_when_parsed(lambda: str(_known(people[0], DAG_ID)))
    return Town(work=work, running=running, operator=people[0], approver=people[1], auditor=people[2], files=files)


def _started(settings: Settings, stack: ExitStack) -> Running:
    ports = stack.enter_context(pytest.MonkeyPatch.context())
    for name in ("AIRFLOW_PORT", "MAILBOX_PORT"):  # any free one: an installation on this machine may use the usual
        ports.setattr(service_start, name, 0)
    try:
        return stack.enter_context(services(settings, tell=print))
    except Unavailable as error:
        logs = {path.name: path.read_text(encoding="utf-8")[-2000:] for path in settings.home.glob("logs/*.log")}
        raise AssertionError(f"{error}\n" + "\n".join(f"--- {name}\n{text}" for name, text in logs.items())) from error


def _utility(folder: Path) -> Path:
    """The demo utility, cut so small that twelve accounts make two chunks."""
    shutil.copytree(PROJECT / "utilities" / "demo", folder)
    file = folder / "utility.toml"
    text = file.read_text(encoding="utf-8")
    assert "chunk_accounts = 250" in text
    file.write_text(text.replace("chunk_accounts = 250", f"chunk_accounts = {CHUNK_ACCOUNTS}"), encoding="utf-8")
    return folder


def _known(person: Airflow, dag_id: str) -> str:
    return _found(call(person, "GET", f"/dags/{dag_id}"))


def _pause(person: Airflow, dag_id: str) -> str:
    return _found(call(person, "PATCH", f"/dags/{dag_id}", {"is_paused": True}))


def _found(answer: httpx.Response) -> str:
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise OperatorError("AIRFLOW_NOT_FOUND", answer.text)
    return str(answer.raise_for_status().json()["dag_id"])
