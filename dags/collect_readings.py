"""Reading files in: whatever waits in the inbox, one task a file."""

import logging
from collections import Counter
from datetime import datetime
from typing import Any

from airflow.sdk import TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowFailException

from dags.task_work import TASK_DEFAULTS, WARSAW, hand_on, label, task_work, told

FILES_A_RUN = 400


@task
def list_files() -> list[str]:
    """Names of the files that wait, oldest name first; the next run takes what is beyond the limit.

    A file whose profile nobody has looked at, or is wrong, stays in the inbox: the log says what to do.
    """
    from pipeline.profiles import sort_inbox

    with task_work() as work:
        inbox = sort_inbox(work)
    for left in inbox.left:
        logging.getLogger(__name__).warning("%s stays in the inbox: %s", left.path.name, left.said)
    hand_on("left", dict(Counter(left.code.lower() for left in inbox.left)))
    return [path.name for path in inbox.ready][:FILES_A_RUN]


@task(task_id="collect", pool="db_heavy", map_index_template="{{ label }}")
def collect_file(name: str) -> dict[str, Any]:
    """One file: every row accepted, set aside or refused with its code."""
    from pipeline import collect as step

    label(name)
    with task_work() as work:
        counts = step.run(work, file=work.settings.inbox / name)
    if counts["refused"]:
        raise AirflowFailException(counts["refusal"])
    label(f"{name}: {told(counts)}")
    return counts


@task(retries=0, trigger_rule=TriggerRule.ALL_DONE)
def report(names: list[str], collected: list[dict[str, Any]], left: dict[str, int] | None) -> dict[str, int]:
    """Rows of all files by outcome, and files that stay in the inbox by code; red when a file was not imported."""
    done = [counts for counts in collected or () if counts]
    if len(done) < len(names):
        raise AirflowFailException(f"{len(names) - len(done)} of {len(names)} files were not imported: see `collect`")
    outcomes = {key for counts in done for key, value in counts.items() if isinstance(value, int)}
    return {key: sum(counts.get(key, 0) for counts in done) for key in sorted(outcomes)} | (left or {})


@dag(
    dag_id="collect_readings",
    dag_display_name="Odczyty wodomierzy",
    description="Import plików z odczytami, które czekają w skrzynce wejściowej",
    start_date=datetime(2026, 1, 1, tzinfo=WARSAW),
    schedule="*/10 * * * *",
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    tags=["odczyty", "impact:medium"],
    doc_md="""
### Readings
Takes the files from the inbox (`OBIEG_INBOX`), imports each in one transaction and puts it into `done/` or
`refused/`; a report with the outcome of every row lies in `reports/`. The same file again changes nothing.
A file with a layout of its own (a profile) waits until a person has looked at the first one: `PROFILE_NEW` in the log.
Start it by hand after dropping a file, or wait for the next ten minutes.
""",
)
def collect_readings() -> None:
    """The order of the tasks."""
    names = list_files()
    report(names, collect_file.expand(name=names), names["left"])


collect_readings()
