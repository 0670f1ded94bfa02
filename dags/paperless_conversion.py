"""Acceptances and withdrawals of the terms, turned into the channel and tariff group that hold from their day on."""

from datetime import datetime
from typing import Any

from airflow.sdk import dag, task

from dags.task_work import TASK_DEFAULTS, WARSAW, task_work


@task
def convert() -> dict[str, Any]:
    """All pending consents, each converted once."""
    from pipeline import convert as step

    with task_work() as work:
        return dict(step.run(work))


@dag(
    dag_id="paperless_conversion",
    dag_display_name="Przejście na e-faktury",
    description="Przelicza oczekujące akceptacje i wycofania zgody na e-fakturę",
    start_date=datetime(2026, 1, 1, tzinfo=WARSAW),
    schedule="*/15 * * * *",
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    tags=["zgody", "e-faktury", "impact:medium"],
    doc_md="""
### Paperless conversion
Takes every consent that has not been converted and writes from which day e-mail or paper holds, with what it does
to the customer's price. A frozen cycle does not change: a conversion counts from the next one.
""",
)
def paperless_conversion() -> None:
    """One task."""
    convert()


paperless_conversion()
