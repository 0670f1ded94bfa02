"""The same cycle commands through Airflow's scheduler: over REST, as a logged-in person."""

import getpass
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from billing.periods import months_period
from pipeline.cli.answer import Answer
from pipeline.corrections import open as open_corrections
from pipeline.corrections.open import CorrectionOrder, run_period
from pipeline.errors import OperatorError
from pipeline.open_cycle import KOR, CycleOrder, refuse_impossible
from pipeline.services.airflow_api import Airflow, log_in
from pipeline.services.credentials import password_of
from pipeline.services.run import running
from pipeline.settings import Settings
from pipeline.work import Work
from sql import views

DAG_ID = "billing_cycle"
CORRECTIONS = "corrections"
RUN_ID_TRIES = 100


def start(work: Work, options: Namespace, *, order: CycleOrder) -> Answer:
    """``obieg cycle run … --airflow``."""
    address = airflow_url(work.settings)
    refuse_impossible(work, order=order)
    with session(work.settings, options.user) as airflow:
        run_id = start_cycle(work, airflow, order=order)
    return _started(address, options, dag_id=DAG_ID, run_id=run_id)


def start_corrections(work: Work, options: Namespace, *, order: CorrectionOrder) -> Answer:
    """``obieg correction open … --airflow``."""
    address = airflow_url(work.settings)
    open_corrections.refuse_impossible(work, order=order)
    with work.engine.connect() as connection:
        key = views.next_cycle_key(connection, period=run_period(order.issue_date), route_set=KOR)
    with session(work.settings, options.user) as airflow:
        run_id = start_run(airflow, dag_id=CORRECTIONS, key=key, conf=order.to_form())
    return _started(address, options, dag_id=CORRECTIONS, run_id=run_id)


def _started(address: str, options: Namespace, *, dag_id: str, run_id: str) -> Answer:
    url = f"{address}/dags/{dag_id}/runs/{run_id}"
    return Answer(text=f"{run_id} is started as {options.user}: {url}", data={"run_id": run_id, "url": url})


def answer(work: Work, options: Namespace) -> Answer:
    """``obieg cycle approve|reject KEY --airflow``."""
    with work.engine.connect() as connection:
        cycle = views.cycle_run(connection, cycle_key=options.key)
    if cycle is None:
        raise OperatorError("CYCLE_UNKNOWN", f"there is no cycle {options.key}")
    if cycle["airflow_run_id"] is None:
        raise OperatorError(
            "CYCLE_NOT_IN_AIRFLOW", f"{options.key} was not started through Airflow; leave out --airflow"
        )
    with session(work.settings, options.user) as airflow:
        dag_id = CORRECTIONS if cycle["kind"] == "correction" else DAG_ID
        airflow.answer(
            dag_id=dag_id, run_id=cycle["airflow_run_id"], task_id="approve", option=options.option, note=options.note
        )
    text = f"{options.key}: {options.option} by {options.user} is given to Airflow"
    return Answer(text=text, data={"cycle_key": options.key, "run_id": cycle["airflow_run_id"], "user": options.user})


def start_cycle(work: Work, airflow: Airflow, *, order: CycleOrder) -> str:
    """Start a run with the form's values; its id, which is the cycle's key where that word is free.

    A run that failed before it opened its cycle keeps the word; then the id gets a suffix and the key stays.

    Raises:
        OperatorError: ``RUN_UNDER_WAY``, a run of that name has not opened its cycle yet; ``PERIOD_WRONG``.
    """
    return start_run(airflow, dag_id=DAG_ID, key=next_key(work, order=order), conf=order.to_form())


def start_run(airflow: Airflow, *, dag_id: str, key: str, conf: Mapping[str, Any]) -> str:
    """Start a run named after ``key``; its id. Raises as ``start_cycle``."""
    for number in range(1, RUN_ID_TRIES):
        run_id = key if number == 1 else f"{key}+{number}"
        try:
            airflow.trigger(dag_id=dag_id, run_id=run_id, conf=dict(conf))
        except OperatorError as error:
            if error.code != "RUN_EXISTS":
                raise
        else:
            return run_id
        if airflow.run_state(dag_id=dag_id, run_id=run_id) in {"queued", "running"}:
            raise OperatorError("RUN_UNDER_WAY", f"{run_id} runs in Airflow and has not opened its cycle yet")
    raise OperatorError("RUN_EXISTS", f"{RUN_ID_TRIES} runs named after {key} have failed; clear one in Airflow")


def next_key(work: Work, *, order: CycleOrder) -> str:
    """The key that the order's cycle would get now."""
    try:
        period = months_period(order.period)
    except ValueError as error:
        raise OperatorError("PERIOD_WRONG", str(error)) from None
    with work.engine.connect() as connection:
        return views.next_cycle_key(connection, period=period, route_set=order.routes_word)


def airflow_url(settings: Settings) -> str:
    """Where Airflow answers.

    Raises:
        OperatorError: ``AIRFLOW_NOT_RUNNING``.
    """
    found = running(settings)
    url = found.airflow_url if found else settings.airflow_url
    if url is None:
        raise OperatorError("AIRFLOW_NOT_RUNNING", "no services run here: `make up`, or set OBIEG_AIRFLOW_URL")
    return url


@contextmanager
def session(settings: Settings, user: str) -> Iterator[Airflow]:
    """Airflow as a log-in that has proved itself with its password."""
    airflow = log_in(url=airflow_url(settings), user=user, password=_password(settings, user))
    try:
        yield airflow
    finally:
        airflow.close()


def _password(settings: Settings, user: str) -> str:
    """From this installation's own file where the caller may read it, else asked for."""
    try:
        return password_of(settings, user)
    except (OperatorError, PermissionError):
        if not sys.stdin.isatty():
            raise
        return getpass.getpass(f"Airflow password of {user}: ")
