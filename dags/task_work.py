"""What every task shares: a ``Work`` out of the task's context, retries by kind of failure, the label in the grid."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import ExceptionRetryPolicy, RetryRule, get_current_context
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowFailException
from sqlalchemy.exc import ProgrammingError

from billing.errors import DataRefused, Retryable
from pipeline.errors import Inconsistent, OperatorError, Unavailable
from pipeline.services.postgres import databases
from pipeline.settings import read_settings
from pipeline.work import Actor, AirflowRun, Work, open_work

WARSAW = ZoneInfo("Europe/Warsaw")
OWNER = "rozliczenia"

BY_KIND = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[Retryable, Unavailable],
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=1),
            reason="the outside world was not ready",
        ),
        RetryRule(
            exception=[AssertionError, AttributeError, LookupError, TypeError, ImportError, ProgrammingError],
            action=RetryAction.FAIL,
            reason="a bug is not mended by doing it again",
        ),
    ]
)
"""A server that is away is asked again in a minute; what no rule names follows the task's own retries."""

TASK_DEFAULTS = {
    "owner": OWNER,
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "retry_policy": BY_KIND,
}


@contextmanager
def task_work(*, actor: str | None = None) -> Iterator[Work]:
    """The ``Work`` of the running task; ``actor`` is who acts, if not the person who started the run.

    Raises:
        AirflowFailException: what only a person can mend (an impossible request, refused data, a broken
            invariant); the task fails at once, and the reason stands in its log as one line.
    """
    context = get_current_context()
    run, ti = context["dag_run"], context["ti"]
    acting = Actor(name=actor or run.triggering_user_name or "airflow", via="airflow")
    airflow_run = AirflowRun(dag_id=run.dag_id, run_id=run.run_id, try_number=ti.try_number)
    settings = read_settings()
    url = databases(settings).app_url
    try:
        with open_work(settings=settings, database_url=url, actor=acting) as work:
            yield replace(work, airflow_run=airflow_run)
    except (OperatorError, DataRefused, Inconsistent) as error:
        logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - the line is for people, the trace is not
        raise AirflowFailException(str(error)) from None


def label(text: str) -> None:
    """Name the mapped task instance in Airflow's grid; its DAG says ``map_index_template="{{ label }}"``."""
    get_current_context()["label"] = text


def told(counts: Mapping[str, Any]) -> str:
    """A step's counts as one phrase."""
    return ", ".join(f"{value} {name}" for name, value in counts.items() if isinstance(value, int))


def hand_on(key: str, value: Any) -> None:
    """Leave a small value for a later task beside the returned one."""
    get_current_context()["ti"].xcom_push(key=key, value=value)
