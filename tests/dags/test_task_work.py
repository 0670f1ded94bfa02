"""What every task shares, against a real database and with Airflow's own context."""

import asyncio
import logging
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import town

from pipeline import check, freeze, open_cycle, rate
from pipeline.errors import Inconsistent, OperatorError, Unavailable
from pipeline.settings import PROJECT
from pipeline.work import Work

KEY = "2026-07~ALL~1"


@pytest.fixture
def task(work: Work, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The context of a running task that operator has started."""
    from airflow.sdk.execution_time.context import set_current_context  # noqa: PLC0415 - reads settings at import

    monkeypatch.setenv("OBIEG_HOME", str(work.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(work.settings.database_url))
    run = SimpleNamespace(dag_id="billing_cycle", run_id=KEY, triggering_user_name="operator")
    context: Any = {"dag_run": run, "ti": SimpleNamespace(try_number=2)}
    with set_current_context(context):
        yield context


def test_a_task_acts_as_the_person_who_started_the_run_and_knows_its_run_and_try(task: dict[str, Any]) -> None:
    from dags.task_work import task_work  # noqa: PLC0415 - as above

    with task_work() as work:
        assert (work.actor.name, work.actor.via) == ("operator", "airflow")
        assert work.airflow_run is not None
        assert (work.airflow_run.dag_id, work.airflow_run.run_id, work.airflow_run.try_number) == (
            "billing_cycle",
            KEY,
            2,
        )


def test_a_scheduled_run_acts_as_airflow_and_an_answer_as_who_gave_it(task: dict[str, Any]) -> None:
    from dags.task_work import task_work  # noqa: PLC0415 - as above

    task["dag_run"].triggering_user_name = None
    with task_work() as work:
        assert work.actor.name == "airflow"
    with task_work(actor="approver") as work:
        assert work.actor.name == "approver"


@pytest.mark.parametrize("error", [OperatorError("SELF_APPROVAL", "no"), Inconsistent("CHECK_FAILED", "two findings")])
def test_what_only_a_person_can_mend_fails_the_task_at_once_with_one_line(
    task: dict[str, Any], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    from airflow.sdk.exceptions import AirflowFailException  # noqa: PLC0415 - as above

    from dags.task_work import task_work  # noqa: PLC0415 - as above

    with caplog.at_level(logging.ERROR), pytest.raises(AirflowFailException) as failed, task_work():
        raise error
    assert str(failed.value) == str(error)
    assert failed.value.__cause__ is None
    assert [record.message for record in caplog.records if record.name == "dags.task_work"] == [str(error)]


def test_a_server_that_is_away_is_retried_and_a_bug_is_not(task: dict[str, Any]) -> None:
    from airflow.sdk.definitions.retry_policy import RetryAction  # noqa: PLC0415 - as above

    from billing.errors import Retryable  # noqa: PLC0415 - as above
    from dags.task_work import BY_KIND  # noqa: PLC0415 - as above

    def decided(error: Exception) -> RetryAction:
        return BY_KIND.evaluate(error, try_number=1, max_tries=3).action

    assert decided(Unavailable("DATABASE_UNREACHABLE", "away")) is RetryAction.RETRY
    assert decided(Retryable("greylisted")) is RetryAction.RETRY
    assert decided(KeyError("x")) is RetryAction.FAIL
    assert decided(OSError("disk")) is RetryAction.DEFAULT


def test_the_wait_ends_when_the_business_clock_reaches_the_issue_morning(
    work: Work, task: dict[str, Any], tmp_path: Any
) -> None:
    from dags.business_clock import IssueDateTrigger  # noqa: PLC0415 - as above

    town.settle(work, tmp_path)
    open_cycle.run(work, order=town.cycle_order())
    for chunk_no in range(freeze.run(work, cycle_key=KEY)["chunks"]):
        rate.run(work, cycle_key=KEY, chunk_no=chunk_no)
    check.run(work, cycle_key=KEY)
    path, arguments = IssueDateTrigger(cycle_key=KEY, poll_s=0).serialize()
    assert path == f"{IssueDateTrigger.__module__}.{IssueDateTrigger.__qualname__}"

    async def fired_after_the_clock_moved() -> tuple[bool, Any]:
        waiting = asyncio.ensure_future(anext(IssueDateTrigger(**arguments).run()))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        town.set_clock(work, datetime(2026, 8, 3, 6, 0))
        return bool(done), await asyncio.wait_for(waiting, timeout=30)

    too_early, event = asyncio.run(fired_after_the_clock_moved())
    assert not too_early
    assert event.payload == {"cycle_key": KEY}


def test_the_wait_outlives_a_database_that_is_away(
    work: Work, task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dags.business_clock import IssueDateTrigger  # noqa: PLC0415 - as above

    monkeypatch.setenv("OBIEG_DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    assert IssueDateTrigger(cycle_key=KEY, poll_s=0)._is_due() is False  # noqa: SLF001 - one look, not the loop


def test_files_that_wait_for_a_person_stay_in_the_inbox_and_are_counted_by_code(
    task: dict[str, Any], work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from dags.collect_readings import collect_readings  # noqa: PLC0415 - as above

    profiles = tmp_path / "utility" / "profiles"
    profiles.mkdir(parents=True)
    shutil.copy(PROJECT / "readings" / "profiles" / "handheld-example.toml", profiles)
    monkeypatch.setenv("OBIEG_UTILITY", str(profiles.parent))
    work.settings.inbox.mkdir(parents=True)
    for name in ("inkasent_1.csv", "zdroje.csv"):
        (work.settings.inbox / name).write_text("x", encoding="utf-8")
    pushed: dict[str, Any] = {}
    task["ti"].xcom_push = lambda key, value: pushed.update({key: value})
    dag = collect_readings()

    with caplog.at_level(logging.WARNING):
        assert dag.get_task("list_files").python_callable() == ["zdroje.csv"]
    assert pushed == {"left": {"profile_new": 1}}
    assert "inkasent_1.csv stays in the inbox: PROFILE_NEW" in caplog.text
    counted = dag.get_task("report").python_callable(["zdroje.csv"], [{"rows": 2, "refused": 0}], pushed["left"])
    assert counted == {"rows": 2, "refused": 0, "profile_new": 1}
