"""The sweep: deliveries that a cycle has left behind (a greylist, a relay that was down) go out during the day."""

from datetime import datetime
from typing import Any

from airflow.sdk import dag, task

from dags.task_work import TASK_DEFAULTS, WARSAW, task_work


@task(pool="smtp")
def deliver() -> dict[str, Any]:
    """Whatever of any cycle is ready and due."""
    from pipeline import deliver as step

    with task_work() as work:
        return dict(step.run(work, cycle_key=None))


@dag(
    dag_id="deliver_invoices",
    dag_display_name="Doręczenia: kolejka",
    description="Wysyła to, co czeka na wysłanie, ze wszystkich cykli",
    start_date=datetime(2026, 1, 1, tzinfo=WARSAW),
    schedule="*/30 7-18 * * *",
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    tags=["doręczenia", "impact:high"],
    doc_md="""
### Deliveries
A cycle sends its own e-mails; this sweep retries between 7:00 and 18:30 what a mail server put off. Each delivery
is claimed in the database before it is sent, so a sweep and a cycle never send the same invoice twice.
""",
)
def deliver_invoices() -> None:
    """One task."""
    deliver()


deliver_invoices()
