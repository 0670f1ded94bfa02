from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import watch
from pipeline.cli.watch import Followed, start_when_parsed
from pipeline.errors import OperatorError, Unavailable
from pipeline.services.airflow_api import TaskInstance


@dataclass
class Scripted:
    """Airflow as it would answer one look after the other; the last answer stays."""

    states: list[str]
    tasks: list[list[TaskInstance]]
    looks: int = 0
    said: list[str] = field(default_factory=list)

    def run_state(self, **_run: str) -> str:
        return self.states[min(self.looks, len(self.states) - 1)]

    def task_instances(self, **_run: str) -> list[TaskInstance]:
        self.looks += 1
        return self.tasks[min(self.looks, len(self.tasks)) - 1]

    def followed(self) -> Followed:
        airflow: Any = self
        return Followed(
            airflow=airflow,
            dag_id="billing_cycle",
            run_id="2026-07~ALL~1",
            logs=Path("/logs"),
            check=lambda: None,
            tell=self.said.append,
        )


def instance(task_id: str, state: str | None, *, map_index: int = -1, try_number: int = 1) -> TaskInstance:
    return TaskInstance(task_id=task_id, map_index=map_index, state=state, try_number=try_number)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0)


def test_a_run_is_followed_to_its_end_and_each_task_is_told_once() -> None:
    airflow = Scripted(
        ["running", "running", "success"],
        [
            [instance("open", "success"), instance("rate", None)],
            [instance("open", "success"), *(instance("rate", "success", map_index=number) for number in range(3))],
        ],
    )
    airflow.followed().wait_for_end(seconds=10)
    assert [line.split("s  ")[1] for line in airflow.said] == ["open: success", "rate ×3: success"]


def test_a_mapped_task_is_not_told_of_before_its_last_chunk() -> None:
    airflow = Scripted(
        ["running", "success"],
        [[instance("rate", "success", map_index=0), instance("rate", "running", map_index=1)]],
    )
    airflow.followed().wait_for_end(seconds=10)
    assert airflow.said == []


def test_waiting_for_a_task_ends_when_it_is_there() -> None:
    airflow = Scripted(["running"], [[instance("approve", None)], [instance("approve", "awaiting_input")]])
    airflow.followed().wait_for(task_id="approve", state="awaiting_input", seconds=10)
    assert airflow.looks == 2


def test_a_failed_run_names_the_log_of_the_task_that_failed() -> None:
    airflow = Scripted(
        ["failed"],
        [[instance("issue", "upstream_failed"), instance("rate", "failed", map_index=2, try_number=4)]],
    )
    with pytest.raises(OperatorError) as stopped:
        airflow.followed().wait_for_end(seconds=10)
    assert stopped.value.code == "RUN_FAILED"
    log = "/logs/tasks/dag_id=billing_cycle/run_id=2026-07~ALL~1/task_id=rate/map_index=2/attempt=4.log"
    assert str(stopped.value).endswith(log)


def test_a_run_that_takes_too_long_names_what_it_waits_for() -> None:
    airflow = Scripted(["running"], [[instance("open", "success"), instance("deliver", "up_for_retry")]])
    with pytest.raises(Unavailable, match=r"RUN_SLOW.*: deliver up_for_retry$"):
        airflow.followed().wait_for_end(seconds=0)


def test_a_dag_that_is_not_read_yet_is_asked_for_again() -> None:
    answers = iter([OperatorError("AIRFLOW_NOT_FOUND", "no such DAG"), "2026-07~ALL~1"])

    def start() -> str:
        answer = next(answers)
        if isinstance(answer, OperatorError):
            raise answer
        return answer

    assert start_when_parsed(start) == "2026-07~ALL~1"


def test_another_refusal_is_not_tried_again() -> None:
    def start() -> str:
        raise OperatorError("AIRFLOW_FORBIDDEN", "not yours")

    with pytest.raises(OperatorError, match="AIRFLOW_FORBIDDEN"):
        start_when_parsed(start)
