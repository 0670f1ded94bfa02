"""The tasks of a cycle after its opening, and their order: billing cycles and runs of corrections take the same way."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, TriggerRule, get_current_context, task

from dags.business_clock import WaitForIssueDate
from dags.task_work import hand_on, label, task_work, told
from pipeline.settings import read_settings
from pipeline.utility_files import load_folder

APPROVERS = load_folder(read_settings().utility, seller_needed=False).utility.approvers
DECISIONS = {"Approve": "approved", "Reject": "rejected"}
ANSWER_WITHIN = timedelta(days=14)


@task(pool="db_heavy")
def freeze(cycle_key: str) -> list[int]:
    """Freeze the inputs; the numbers of the chunks to be rated."""
    from pipeline import freeze as step

    with task_work() as work:
        counts = step.run(work, cycle_key=cycle_key)
    hand_on("counts", counts)
    return list(range(counts["chunks"]))


@task(pool="db_heavy", map_index_template="{{ label }}")
def rate(chunk_no: int, cycle_key: str) -> dict[str, Any]:
    """Charges or holds of one chunk of accounts."""
    from pipeline import rate as step

    with task_work() as work:
        counts = step.run(work, cycle_key=cycle_key, chunk_no=chunk_no)
    label(f"chunk {chunk_no}: {told(counts)}")
    return counts


@task(pool="db_heavy", trigger_rule=TriggerRule.NONE_FAILED)
def check(cycle_key: str) -> dict[str, Any]:
    """Recompute everything in SQL; lay totals, movers and exceptions before the approver."""
    from pipeline import approve
    from pipeline import check as step

    with task_work() as work:
        counts = step.run(work, cycle_key=cycle_key)
        hand_on("summary", approve.summary(work, cycle_key=cycle_key))
    return counts


@task.short_circuit
def stop_if_dry_run() -> bool:
    """A dry run ends here, before anybody is asked."""
    return not get_current_context()["params"]["dry_run"]


@task.short_circuit
def record(cycle_key: str) -> bool:
    """Write the answer into the billing database; a rejected cycle goes no further."""
    from pipeline import approve as step

    answer = get_current_context()["ti"].xcom_pull(task_ids="approve")
    decision = DECISIONS[answer["chosen_options"][0]]
    by, note = answer["responded_by_user"]["name"], answer["params_input"].get("note") or ""
    with task_work(actor=by) as work:
        step.run(work, cycle_key=cycle_key, decision=decision, decided_by=by, decided_via="airflow", note=note)
    return decision == "approved"


@task(retries=0, pool="db_heavy")
def issue(cycle_key: str) -> list[int]:
    """Numbers and invoices in one transaction; the numbers of the chunks to be rendered."""
    from pipeline import issue as step

    with task_work() as work:
        counts = step.run(work, cycle_key=cycle_key)
    hand_on("counts", counts)
    return list(range(counts["chunks"]))


@task(pool="render", map_index_template="{{ label }}")
def render(chunk_no: int, cycle_key: str) -> dict[str, Any]:
    """PDF documents of one chunk, written once to the archive."""
    from pipeline import render as step

    with task_work() as work:
        counts = step.run(work, cycle_key=cycle_key, chunk_no=chunk_no)
    label(f"chunk {chunk_no}: {told(counts)}")
    return counts


@task(pool="smtp", trigger_rule=TriggerRule.NONE_FAILED)
def deliver(cycle_key: str) -> dict[str, Any]:
    """E-mails out, letters into the print package."""
    from pipeline import deliver as step

    with task_work() as work:
        return dict(step.run(work, cycle_key=cycle_key))


@task
def reconcile(cycle_key: str) -> dict[str, Any]:
    """Count everything against the archive and the relay; the cycle stays red until it balances."""
    from pipeline import reconcile as step

    with task_work() as work:
        return dict(step.run(work, cycle_key=cycle_key))


def steps_after_open(key: Any, *, subject: str) -> None:
    """From the freeze to the closing statement; ``subject`` heads the approver's page."""
    checked = check(key)
    rate.partial(cycle_key=key).expand(chunk_no=freeze(key)) >> checked
    approve = HITLOperator(  # not ApprovalOperator: that one skips `record` on "Reject" and drops who answered
        task_id="approve",
        options=list(DECISIONS),
        subject=f"{subject} {{{{ ti.xcom_pull(task_ids='open') }}}}",
        body="{{ ti.xcom_pull(task_ids='check', key='summary') }}",
        params={
            "note": Param("", type="string", maxLength=500, title="Uwagi", description="Zapisywane razem z decyzją.")
        },
        assigned_users=[{"id": name, "name": name} for name in APPROVERS],
        response_timeout=ANSWER_WITHIN,
        retries=0,  # an answer that never came is not asked for four times
    )
    wait = WaitForIssueDate(task_id="wait_for_issue_date", cycle_key=key)
    issued = issue(key)
    delivered = deliver(key)
    checked >> stop_if_dry_run() >> approve >> record(key) >> wait >> issued
    render.partial(cycle_key=key).expand(chunk_no=issued) >> delivered >> reconcile(key)
