"""A run of corrections through a real Airflow: the form, the approver's page, the answer, and the closed ledger."""

from datetime import date, datetime
from functools import partial
from http import HTTPStatus

import pytest
from airflow_run import Run
from airflow_town import Town, airflow_town, call, messages, rows
from correcting import corrections, july_closed, order_of, reading_of
from town import PAPERLESS, set_clock

from pipeline.cli.through_airflow import CORRECTIONS, start_run
from pipeline.cli.watch import start_when_parsed
from pipeline.corrections.open import CorrectionOrder
from pipeline.errors import OperatorError
from pipeline.statement import statement

KEY = "2026-08~KOR~1"


@pytest.fixture(scope="module")
def town():
    with airflow_town() as opened:
        july_closed(opened.work)
        set_clock(opened.work, datetime(2026, 8, 5, 5, 0))
        start_when_parsed(partial(_known, opened))
        yield opened


def _known(town: Town) -> str:
    answer = call(town.operator, "GET", f"/dags/{CORRECTIONS}")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise OperatorError("AIRFLOW_NOT_FOUND", answer.text)
    return str(answer.json()["dag_id"])


def started(town: Town, order: CorrectionOrder, *, key: str = KEY) -> Run:
    run_id = start_run(town.operator, dag_id=CORRECTIONS, key=key, conf=order.to_form())
    return Run(town=town, run_id=run_id, dag_id=CORRECTIONS)


def test_readings_are_corrected_through_the_scheduler_by_two_people(town) -> None:
    wrong = [reading_of(town.work, no, "2026-07-31") for no in ("0001", "0002")]
    order = order_of(date(2026, 8, 5), readings=(f"{wrong[0]}=11", f"{wrong[1]}=21.5"))

    run = started(town, order)
    run.wait_for("approve", "awaiting_input")
    run.answer("Approve")
    run.wait_for("wait_for_issue_date", "deferred")
    set_clock(town.work, datetime(2026, 8, 5, 7, 0))
    run.wait_for_end()

    assert [row[:2] for row in corrections(town.work)] == [
        ("FK/2026/08/000001", "FV/2026/08/000001"),
        ("FK/2026/08/000002", "FV/2026/08/000002"),
    ]
    made = statement(town.work, cycle_key=KEY)
    assert (made.state, made.balanced) == ("closed", True), made.text()
    query = "select decided_by, decided_via from approval join cycle using (cycle_id) where kind = 'correction'"
    assert rows(town, query) == [("approver", "airflow")]
    assert sum(messages(town).values()) == len(PAPERLESS) + 1


def test_what_is_impossible_fails_at_open_with_its_code(town) -> None:
    run = started(town, order_of(date(2026, 8, 5), invoices=("FV/1",)), key="refused-run")

    run.wait_for_end("failed")

    (task,) = [task for task in run.tasks() if task.task_id == "open"]
    assert any("INVOICE_UNKNOWN: there is no such invoice: FV/1" in line for line in run.log(task))
