"""A billing cycle, from the operator's form to the closing statement."""

from datetime import datetime

from airflow.sdk import dag, task

from dags.cycle_form import CYCLE_FORM, cycle_order
from dags.cycle_tasks import steps_after_open
from dags.task_work import TASK_DEFAULTS, WARSAW, hand_on, task_work


@task(task_id="open")
def open_cycle() -> str:
    """Give the cycle its key; the key is what every later step is told."""
    from pipeline import open_cycle as step

    with task_work() as work:
        opened = step.run(work, order=cycle_order())
    hand_on("counts", opened)
    return str(opened["cycle_key"])


@dag(
    dag_id="billing_cycle",
    dag_display_name="Cykl rozliczeniowy",
    description="Od odczytów do doręczonych faktur; zatwierdza druga osoba",
    start_date=datetime(2026, 1, 1, tzinfo=WARSAW),
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=CYCLE_FORM,
    default_args=TASK_DEFAULTS,
    tags=["rozliczenia", "faktury", "impact:high"],
    doc_md="""
### Billing cycle
Fill in the form to start. The run freezes readings, consents and tariffs, rates every account, checks the result
independently in SQL and then **waits for another person's approval** (task `approve`, *Required Actions*).
On the morning of the issue date it numbers the invoices, renders and archives the PDFs, sends the e-mails, packs
the letters and counts everything against everything.

* **Every task may be cleared and run again at any time**: a step that has been done adds nothing.
* A failed task says why in one line at the end of its log, beginning with a stable code.
* Who starts a cycle cannot approve it. After a refused answer, clear `approve` and let somebody else answer.
* *Poza cyklem* bills single accounts between the cycles: choose a purpose and write the account numbers, one a line.
* A rejected cycle and a dry run leave their key free; the next run is the next revision.
""",
)
def billing_cycle() -> None:
    """The order of the steps."""
    steps_after_open(open_cycle(), subject="Zatwierdzenie cyklu")


billing_cycle()
