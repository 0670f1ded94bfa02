"""Whole cycles through a real Airflow: its scheduler, its workers, its REST API and its three people.

One town lives through the module: July is billed, asked for again and cleared; August is rejected, then billed by
workers that are killed after every step.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from airflow_run import STEP_S, Run, august, order_of, start
from airflow_town import DAG_ID, Town, airflow_town, call, messages, rows, rows_told
from town import HOUSEHOLDS, PAPERLESS, cycle_order, read_august, set_clock

from pipeline.errors import OperatorError, Unavailable
from pipeline.services.airflow_services import require_own
from pipeline.services.credentials import make_secrets
from pipeline.settings import read_settings
from pipeline.statement import statement
from sql.evidence import verify_chain

JULY, AUGUST = "2026-07~ALL~1", "2026-08~ALL~2"
STEPS = {"open", "freeze", "rate", "check", "approve", "issue", "render", "deliver", "reconcile"}
AFTER_REJECTION = {"wait_for_issue_date", "issue", "render", "deliver", "reconcile"}


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with airflow_town() as opened:
        yield opened


@pytest.fixture(scope="module")
def asked(town: Town) -> Run:
    """July, waiting for its approval."""
    run = start(town, cycle_order())
    run.wait_for("approve", "awaiting_input")
    return run


@pytest.fixture(scope="module")
def july(asked: Run) -> Run:
    """July, billed."""
    asked.answer("Approve")
    asked.wait_for("wait_for_issue_date", "deferred")
    set_clock(asked.town.work, datetime(2026, 8, 3, 7, 0))
    asked.wait_for_end()
    return asked


@pytest.fixture(scope="module")
def refused(july: Run) -> dict[str, Run]:
    """Two runs that ``open`` refuses, by code; nothing but the journal of steps is another than before."""
    before = rows_told(july.town)
    orders = {"CYCLE_EXISTS": cycle_order(), "ROUTES_UNKNOWN": order_of(route_set="R9")}
    runs = {code: start(july.town, order, run_id=f"refused-{code}") for code, order in orders.items()}
    for run in runs.values():
        run.wait_for_end("failed")
    assert rows_told(july.town) == before
    return runs


@pytest.fixture(scope="module")
def rejected(july: Run) -> Run:
    """August's first revision, sent back by the approver."""
    read_august(july.town.work, july.town.files)
    run = start(july.town, august())
    run.wait_for("approve", "awaiting_input")
    run.answer("Reject")
    run.wait_for_end()
    return run


def test_another_installations_airflow_on_the_chosen_port_is_not_taken_for_our_own(town: Town, tmp_path: Path) -> None:
    url, stranger = town.running.airflow_url, read_settings({"OBIEG_HOME": str(tmp_path)})
    make_secrets(home=stranger.home)

    require_own(settings=town.running.settings, url=url)
    with pytest.raises(Unavailable, match="PORT_TAKEN"):
        require_own(settings=stranger, url=url)


def test_who_starts_a_cycle_cannot_approve_it(asked: Run) -> None:
    with pytest.raises(OperatorError, match="AIRFLOW_FORBIDDEN"):
        asked.answer("Approve", person=asked.town.operator)

    assert asked.states()["approve"] == {"awaiting_input"}


def test_a_cycle_goes_through_the_scheduler_to_a_balanced_statement(july: Run) -> None:
    made = statement(july.town.work, cycle_key=JULY)

    assert july.run_id == JULY
    assert made.balanced, made.text()
    assert (made.state, made.started_by) == ("closed", "operator")
    assert made.figures["invoices"] == len(HOUSEHOLDS)
    assert made.deliveries == {"email accepted": len(PAPERLESS), "paper packaged": len(HOUSEHOLDS) - len(PAPERLESS)}
    assert {task.map_index for task in july.tasks() if task.task_id in {"rate", "render"}} == {0, 1}


def test_the_approval_is_kept_with_who_gave_it_and_what_he_wrote(july: Run) -> None:
    query = """
        select decision, decided_by, decided_via, note
        from approval join cycle using (cycle_id) where cycle_key = :key
    """

    assert rows(july.town, query, key=JULY) == [("approved", "approver", "airflow", "przejrzane")]


def test_every_step_that_ran_names_its_run_and_try_in_airflow(july: Run) -> None:
    query = """
        select step, chunk, actor, dag_id, airflow_run_id, try_number
        from step_run where airflow_run_id = :run_id and try_number = 1
    """
    kept = rows(july.town, query, run_id=july.run_id)

    assert {row[0] for row in kept} == STEPS
    assert {row[3:] for row in kept} == {(DAG_ID, july.run_id, 1)}
    assert {row[2] for row in kept if row[0] == "approve"} == {"approver"}
    assert {row[2] for row in kept if row[0] != "approve"} == {"operator"}


@pytest.mark.parametrize("code", ["CYCLE_EXISTS", "ROUTES_UNKNOWN"])
def test_an_impossible_order_fails_at_once_and_says_why_in_one_line_of_its_log(refused, code: str) -> None:
    run = refused[code]
    opening = next(task for task in run.tasks() if task.task_id == "open")

    assert (opening.state, opening.try_number) == ("failed", 1)
    assert {state for task_id, state in run.states().items() if task_id != "open" for state in state} == {
        "upstream_failed"
    }
    for reader in (run.town.operator, run.town.auditor):
        told = [line for line in run.log(opening, reader=reader) if line.startswith(f"{code}: ")]
        assert len(told) == 1
        assert "\n" not in told[0]


@pytest.mark.parametrize(
    ("field", "value"), [("period", "2026-13x"), ("payment_days", 3), ("issue_date", "3.08.2026"), ("route_set", "r1")]
)
def test_a_form_of_a_wrong_shape_starts_nothing(town: Town, field: str, value: Any) -> None:
    form = cycle_order().to_form() | {field: value}
    run_id = f"bad-{field}"

    answer = call(
        town.operator,
        "POST",
        f"/dags/{DAG_ID}/dagRuns",
        {"dag_run_id": run_id, "conf": form, "logical_date": None},
    )

    assert answer.status_code == HTTPStatus.BAD_REQUEST, answer.text
    assert field in answer.json()["detail"]
    assert call(town.operator, "GET", f"/dags/{DAG_ID}/dagRuns/{run_id}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/dags/billing_cycle/dagRuns", {"dag_run_id": "auditors", "conf": {}, "logical_date": None}),
        ("POST", "/dags/billing_cycle/clearTaskInstances", {"dag_run_id": JULY, "dry_run": False}),
        ("PATCH", "{run}/taskInstances/approve/-1/hitlDetails", {"chosen_options": ["Approve"], "params_input": {}}),
        ("PATCH", "/dags/billing_cycle", {"is_paused": True}),
        ("PATCH", "{run}", {"state": "failed"}),
        ("DELETE", "{run}", None),
        ("DELETE", "/dags/billing_cycle", None),
    ],
)
def test_an_auditor_may_change_nothing(july: Run, method: str, path: str, body: Any) -> None:
    answer = call(july.town.auditor, method, path.format(run=july.path), body)

    assert answer.status_code == HTTPStatus.FORBIDDEN, answer.text


@pytest.mark.parametrize("path", ["", "/taskInstances", "/taskInstances/approve/-1/hitlDetails"])
def test_an_auditor_may_read_runs_tasks_and_approvals(july: Run, path: str) -> None:
    assert call(july.town.auditor, "GET", f"{july.path}{path}").status_code == HTTPStatus.OK


def test_a_finished_run_cleared_as_a_whole_and_run_again_adds_nothing(july: Run) -> None:
    town = july.town
    before, mailbox = rows_told(town), messages(town)

    cleared = town.operator.clear(dag_id=DAG_ID, run_id=july.run_id, only_failed=False)
    july.wait_for("approve", "awaiting_input")
    july.answer("Approve")
    july.wait_for_end()

    assert cleared == len(july.tasks())
    assert {task.try_number for task in july.tasks()} == {2}
    assert rows_told(town) == before
    assert messages(town) == mailbox
    assert sorted(mailbox.values()) == [1] * len(PAPERLESS)


def test_a_rejected_cycle_ends_its_run_tidily_and_is_billed_no_further(rejected: Run) -> None:
    query = (
        "select state, decision, decided_by from cycle join approval using (cycle_id) where airflow_run_id = :run_id"
    )

    assert rows(rejected.town, query, run_id=rejected.run_id) == [("rejected", "rejected", "approver")]
    states = rejected.states()
    assert {task_id for task_id, found in states.items() if found == {"skipped"}} == AFTER_REJECTION
    assert {task_id for task_id, found in states.items() if found == {"success"}} == states.keys() - AFTER_REJECTION


def test_a_run_killed_after_every_step_is_whole_in_the_end(rejected: Run) -> None:
    town = rejected.town
    run = start(town, august(), run_id="kill-2026-08")

    drive_through_kills(run)

    tasks = {f"{task.task_id}.{task.map_index}": task.try_number for task in run.tasks()}
    killed = {path.name for path in (town.work.settings.home / "run" / "killed").iterdir()}
    assert killed == tasks.keys()
    assert set(tasks.values()) == {2}, tasks
    query = "select step, coalesce(chunk, ''), try_number from step_run where airflow_run_id = :run_id"
    done = Counter(rows(town, query, run_id=run.run_id))
    first = {row[:2] for row in done if row[2] == 1}
    assert {step for step, _ in first} == STEPS
    assert first == {row[:2] for row in done if row[2] == 2}
    assert_whole(town)


def drive_through_kills(run: Run) -> None:
    """Be the operator who clears whatever has died, the approver, and the clock; nothing may die a second time."""
    answered = set()

    def finished() -> bool:
        for task in run.tasks():
            if task.state in {"failed", "up_for_retry"}:
                assert task.try_number == 1, run.told()
                run.clear(task)
            elif task.state == "awaiting_input" and task.try_number not in answered:
                answered.add(task.try_number)
                run.answer("Approve")
            elif task.state == "deferred" and run.is_settled(task.task_id):
                set_clock(run.town.work, datetime(2026, 9, 2, 7, 0))
        return run.state() == "success"

    run.until(finished, wanted="through its kills", seconds=3 * STEP_S)


def assert_whole(town: Town) -> None:
    made = statement(town.work, cycle_key=AUGUST)
    assert made.balanced, made.text()
    assert (made.state, made.figures["invoices"]) == ("closed", len(HOUSEHOLDS))
    assert sorted(messages(town).values()) == [1] * 2 * len(PAPERLESS)
    numbers = rows(town, "select series, array_agg(sequence order by sequence) from invoice group by series")
    assert {tuple(found) for _, found in numbers} == {tuple(range(1, len(HOUSEHOLDS) + 1))}
    assert len(numbers) == 2
    with town.work.engine.connect() as connection:
        assert verify_chain(connection) is None
