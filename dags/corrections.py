"""A run of corrections, from the form to the closing statement."""

from datetime import datetime

from airflow.sdk import dag, task

from dags.correction_form import CORRECTION_FORM, correction_order
from dags.cycle_tasks import steps_after_open
from dags.task_work import TASK_DEFAULTS, WARSAW, hand_on, task_work


@task(task_id="open")
def open_run() -> str:
    """Choose the invoices and give the run its key; the key is what every later step is told."""
    from pipeline.corrections import open as step

    with task_work() as work:
        opened = step.run(work, order=correction_order())
    hand_on("counts", opened)
    return str(opened["cycle_key"])


@dag(
    dag_id="corrections",
    dag_display_name="Korekty faktur",
    description="Błędny odczyt, błędna cena albo cały cykl: korekty zatwierdza druga osoba",
    start_date=datetime(2026, 1, 1, tzinfo=WARSAW),
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=CORRECTION_FORM,
    default_args=TASK_DEFAULTS,
    tags=["rozliczenia", "korekty", "impact:high"],
    doc_md="""
### Corrections
Say in one of the fields *Co* what was wrong: a complaint's order, readings, invoices, whole cycles, or a cycle that is
to be taken back before anything of it has left. The run rates the invoices again, checks the result independently in
SQL and then **waits for another person's approval** with before, after and difference (task `approve`). On the issue
date the corrections get numbers of their own series and go out like invoices.

* **Every task may be cleared and run again at any time**: a step that has been done adds nothing.
* A wrong price: put the corrected tariff file in the place of the wrong one first; the approval of the run is the
  approval of that file.
* Readings are corrected, and cycles taken back, whole or not at all: one account that cannot be stops `check`.
* While a cycle waits to be taken back nothing of it leaves; a rejection lets it go.
""",
)
def corrections() -> None:
    """The order of the steps."""
    steps_after_open(open_run(), subject="Zatwierdzenie korekt")


corrections()
