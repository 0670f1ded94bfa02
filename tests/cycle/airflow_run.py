"""Runs of the billing cycle as the operator sees them over REST: waited for, answered, cleared, told when they fail."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any

from airflow_town import DAG_ID, Town, call
from town import cycle_order

from pipeline.cli.through_airflow import start_cycle
from pipeline.open_cycle import CycleOrder
from pipeline.services.airflow_api import SETTLED_S, Airflow, TaskInstance

POLL_S = 0.3
STEP_S = 90
LINES_SHOWN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of ``billing_cycle``, or of another DAG of the same steps, seen by the operator."""

    town: Town
    run_id: str
    dag_id: str = DAG_ID

    @property
    def path(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"

    def state(self) -> str:
        return self.town.operator.run_state(dag_id=self.dag_id, run_id=self.run_id)

    def tasks(self) -> list[TaskInstance]:
        return self.town.operator.task_instances(dag_id=self.dag_id, run_id=self.run_id)

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
            dag_id=self.dag_id, run_id=self.run_id, task_id="approve", option=option, note="przejrzane"
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
        answer = call(self.town.operator, "POST", f"/dags/{self.dag_id}/clearTaskInstances", body)
        assert answer.status_code == HTTPStatus.OK, answer.text

    def told(self) -> str:
        tasks = self.tasks()
        states = ", ".join(f"{task.task_id}[{task.map_index}] {task.state} try {task.try_number}" for task in tasks)
        lines = [f"the run is {self.state()}: {states}"]
        for task in tasks:
            if task.try_number and task.state in {"failed", "running", "up_for_retry", "deferred"}:
                lines += [f"--- log of {task.task_id}[{task.map_index}]", *self.log(task)[-LINES_SHOWN:]]
        return "\n".join(lines)


def order_of(**changes: Any) -> CycleOrder:
    return replace(cycle_order(), **changes)


def august() -> CycleOrder:
    return order_of(period="2026-08", issue_date=date(2026, 9, 2))


def start(town: Town, order: CycleOrder, *, run_id: str | None = None) -> Run:
    """The operator fills in the form; without a ``run_id`` the run is named after the cycle's key."""
    if run_id is None:
        return Run(town=town, run_id=start_cycle(town.work, town.operator, order=order))
    town.operator.trigger(dag_id=DAG_ID, run_id=run_id, conf=order.to_form())
    return Run(town=town, run_id=run_id)
