"""Following a run of Airflow from outside: progress on screen, an end in bounded time, the log of what failed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import OperatorError, Unavailable
from pipeline.services.airflow_api import Airflow, TaskInstance

POLL_S = 0.7
DONE = frozenset({"success", "skipped", "failed", "upstream_failed"})
PARSED_WITHIN_S = 90


@dataclass(slots=True, kw_only=True)
class Followed:
    """A run; ``check`` is called while waiting and raises when a service has died, ``tell`` gets a line a task."""

    airflow: Airflow
    dag_id: str
    run_id: str
    logs: Path
    check: Callable[[], None]
    tell: Callable[[str], None]
    begun: float = field(default_factory=time.monotonic)
    shown: set[str] = field(default_factory=set)

    def wait_for(self, *, task_id: str, state: str, seconds: float) -> None:
        """Return once a task is in ``state``, or the run has ended well without it.

        Raises:
            OperatorError: ``RUN_FAILED``, with the log of the first task that failed.
            Unavailable: ``RUN_SLOW`` after ``seconds``; or a service has died.
        """
        self._wait(lambda tasks: any(task.task_id == task_id and task.state == state for task in tasks), seconds)

    def wait_for_end(self, *, seconds: float) -> None:
        """Return once the run has succeeded; raises as ``wait_for``."""
        self._wait(lambda _: False, seconds)

    def _wait(self, reached: Callable[[list[TaskInstance]], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            state = self.airflow.run_state(dag_id=self.dag_id, run_id=self.run_id)
            tasks = self.airflow.task_instances(dag_id=self.dag_id, run_id=self.run_id)
            self._show(tasks)
            if state == "failed":
                raise OperatorError("RUN_FAILED", f"{self.dag_id} {self.run_id} failed: {self._failure(tasks)}")
            if state == "success" or reached(tasks):
                return
            if time.monotonic() > deadline:
                waiting = ", ".join(
                    sorted({f"{task.task_id} {task.state}" for task in tasks if task.state not in DONE})
                )
                raise Unavailable("RUN_SLOW", f"{self.dag_id} {self.run_id} took over {seconds:.0f} s: {waiting}")
            time.sleep(POLL_S)

    def _show(self, tasks: list[TaskInstance]) -> None:
        by_id: dict[str, list[TaskInstance]] = {}
        for task in tasks:
            by_id.setdefault(task.task_id, []).append(task)
        for task_id, found in by_id.items():
            if task_id not in self.shown and all(task.state in DONE for task in found):
                self.shown.add(task_id)
                states = ", ".join(sorted({str(task.state) for task in found}))
                times = f" ×{len(found)}" if len(found) > 1 else ""
                self.tell(f"    {time.monotonic() - self.begun:5.0f} s  {task_id}{times}: {states}")

    def _failure(self, tasks: list[TaskInstance]) -> str:
        failed = next((task for task in tasks if task.state == "failed"), None)
        if failed is None:
            return f"see {self.logs}"
        part = f"map_index={failed.map_index}/" if failed.map_index >= 0 else ""
        log = (
            f"dag_id={self.dag_id}/run_id={self.run_id}/task_id={failed.task_id}/{part}attempt={failed.try_number}.log"
        )
        return f"task {failed.task_id}, see {self.logs / 'tasks' / log}"


def start_when_parsed(start: Callable[[], str]) -> str:
    """Start a run; right after the services' start its DAG may not have been read yet."""
    deadline = time.monotonic() + PARSED_WITHIN_S
    while True:
        try:
            return start()
        except OperatorError as error:
            if error.code != "AIRFLOW_NOT_FOUND" or time.monotonic() > deadline:
                raise
        time.sleep(POLL_S)
