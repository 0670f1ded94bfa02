"""Airflow over its REST API: start a run, look at it, answer its approval, clear it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from pipeline.errors import OperatorError, Unavailable
from pipeline.services.credentials import password_of

__all__ = ["Airflow", "TaskInstance", "health", "log_in", "password_of"]

TIMEOUT_S = 30
HEALTH_TIMEOUT_S = 5
PAGE = 100
SETTLED_S = 5
"""Age at which a question may be answered. The scheduler learns about a second late that the asking task has stepped
aside; an answer before that sets the task going again, and the late news then fails it (Airflow 3.3.2)."""
COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInstance:
    """One task of a run; ``map_index`` is -1 for a task that is not mapped, ``state`` None before it is scheduled."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int


def health(*, url: str) -> dict[str, str]:
    """State of each of Airflow's four services by name; empty while the api-server does not answer."""
    try:
        with _client(url, timeout_s=HEALTH_TIMEOUT_S) as client:
            answer = client.get("/api/v2/monitor/health").raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return {}
    return {name: str((answer.get(name) or {}).get("status")) for name in COMPONENTS}


def log_in(*, url: str, user: str, password: str) -> "Airflow":
    """A session for one log-in; what it does stands in Airflow's event log under that name.

    Raises:
        OperatorError: ``LOGIN_REFUSED``, wrong name or password.
        Unavailable: ``AIRFLOW_UNREACHABLE``.
    """
    client = _client(url, timeout_s=TIMEOUT_S)
    try:
        answer = client.post("/auth/token", json={"username": user, "password": password})
    except httpx.HTTPError as error:
        raise _unreachable(url, error) from None
    if answer.status_code != HTTPStatus.CREATED:
        raise OperatorError("LOGIN_REFUSED", f"{url} refused the log-in {user!r}")
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return Airflow(client=client, user=user)


@dataclass(frozen=True, slots=True, kw_only=True)
class Airflow:
    """Airflow as one logged-in person.

    Every method raises ``OperatorError`` for what that person may not or cannot do (``AIRFLOW_FORBIDDEN``,
    ``AIRFLOW_NOT_FOUND``, ``AIRFLOW_REFUSED``, and the codes named below), ``Unavailable`` when nobody answers.
    """

    client: httpx.Client
    user: str

    def trigger(self, *, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run; ``RUN_EXISTS`` when there is one with this id."""
        body = {"dag_run_id": run_id, "conf": conf, "logical_date": None}
        self._call("POST", f"/dags/{quote(dag_id)}/dagRuns", body, conflict="RUN_EXISTS")

    def run_state(self, *, dag_id: str, run_id: str) -> str:
        """State of a run: queued, running, success or failed."""
        return str(self._call("GET", _run_path(dag_id, run_id))["state"])

    def task_instances(self, *, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Every task instance of a run."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances"
        found: list[TaskInstance] = []
        while True:
            page = self._call("GET", f"{path}?limit={PAGE}&offset={len(found)}&order_by=id")
            found += [_task_instance(row) for row in page["task_instances"]]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def answer(self, *, dag_id: str, run_id: str, task_id: str, option: str, note: str | None = None) -> None:
        """Answer an approval; ``ALREADY_ANSWERED`` when somebody did. The note needs a param ``note`` in the form.

        Waits until the question is ``SETTLED_S`` seconds old. Its age is the asking task's, because a question that
        is asked again after a clear keeps the time of the first.
        """
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}"
        asked_at = self._call("GET", path)["start_date"]
        time.sleep(_unsettled_s(asked_at) if asked_at else 0)
        body = {"chosen_options": [option], "params_input": {} if note is None else {"note": note}}
        self._call("PATCH", f"{path}/-1/hitlDetails", body, conflict="ALREADY_ANSWERED")

    def clear(
        self, *, dag_id: str, run_id: str, task_ids: Sequence[str] | None = None, only_failed: bool = True
    ) -> int:
        """Have tasks of a run done again, with all that follow the named ones; how many instances were cleared."""
        body = {
            "dag_run_id": run_id,
            "dry_run": False,
            "only_failed": only_failed,
            "reset_dag_runs": True,
            "include_downstream": task_ids is not None,
            **({} if task_ids is None else {"task_ids": list(task_ids)}),
        }
        return int(self._call("POST", f"/dags/{quote(dag_id)}/clearTaskInstances", body)["total_entries"])

    def unpause(self, *, dag_id: str) -> None:
        """Let the scheduler start runs of a DAG."""
        self._call("PATCH", f"/dags/{quote(dag_id)}", {"is_paused": False})

    def close(self) -> None:
        """End the connection."""
        self.client.close()

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, conflict: str = "AIRFLOW_REFUSED"
    ) -> dict[str, Any]:
        try:
            answer = self.client.request(method, f"/api/v2{path}", json=body)
        except httpx.HTTPError as error:
            raise _unreachable(str(self.client.base_url), error) from None
        if answer.is_success:
            content: dict[str, Any] = answer.json()
            return content
        if answer.is_server_error:
            raise Unavailable("AIRFLOW_UNREACHABLE", f"{method} {path}: Airflow answered {answer.status_code}")
        codes = {
            HTTPStatus.CONFLICT: conflict,
            HTTPStatus.FORBIDDEN: "AIRFLOW_FORBIDDEN",
            HTTPStatus.NOT_FOUND: "AIRFLOW_NOT_FOUND",
        }
        code = codes.get(HTTPStatus(answer.status_code), "AIRFLOW_REFUSED")
        raise OperatorError(code, f"{method} {path} as {self.user}: {_detail(answer)}")


def _client(url: str, *, timeout_s: float) -> httpx.Client:
    own_machine = httpx.URL(url).host in {"127.0.0.1", "localhost", "::1"}
    return httpx.Client(base_url=url, timeout=timeout_s, trust_env=not own_machine)  # no proxy to oneself


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _task_instance(row: dict[str, Any]) -> TaskInstance:
    return TaskInstance(
        task_id=row["task_id"], map_index=row["map_index"], state=row["state"], try_number=row["try_number"]
    )


def _unsettled_s(asked_at: str) -> float:
    age_s = (datetime.now(UTC) - datetime.fromisoformat(asked_at)).total_seconds()
    return min(max(SETTLED_S - age_s, 0), SETTLED_S)


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return " ".join(str(detail).split())[:500]


def _unreachable(url: str, error: Exception) -> Unavailable:
    return Unavailable("AIRFLOW_UNREACHABLE", f"Airflow at {url} does not answer: {error}")
