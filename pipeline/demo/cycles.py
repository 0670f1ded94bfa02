"""The demo town's months: readings, a cycle through Airflow as two people, and what customers send in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from billing.periods import months_period
from pipeline import convert, import_consents, import_registry, statement
from pipeline.cli.person import person
from pipeline.cli.through_airflow import DAG_ID, next_key, start_cycle
from pipeline.cli.watch import Followed, start_when_parsed
from pipeline.demo import town as demo_town
from pipeline.errors import Inconsistent, OperatorError
from pipeline.open_cycle import CycleOrder
from pipeline.services.airflow_api import Airflow, log_in
from pipeline.services.credentials import password_of
from pipeline.services.run import Running
from pipeline.work import WARSAW, Work, open_work
from sql import views
from sql.clock import business_now, set_demo_clock
from sql.cycles import find_live_cycle

MONTHS = ("2026-07", "2026-08", "2026-09")
ISSUE_DAY = 3
OFFICE_DAY = 26
PAYMENT_DAYS = 14
STEP_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What every month needs: the work in this process, Airflow as the two people, and where to tell of it."""

    work: Work
    running: Running
    operator: Airflow
    approver: Airflow
    tell: Callable[[str], None]

    def follow(self, *, dag_id: str, run_id: str) -> Followed:
        """A run to be waited for."""
        logs = self.running.settings.home / "logs"
        return Followed(
            airflow=self.operator, dag_id=dag_id, run_id=run_id, logs=logs, check=self.running.check, tell=self.tell
        )


@contextmanager
def open_demo(running: Running, *, tell: Callable[[str], None]) -> Iterator[Demo]:
    """Log both people in."""
    settings, url = running.settings, running.airflow_url
    sessions = [log_in(url=url, user=name, password=password_of(settings, name)) for name in ("operator", "approver")]
    try:
        with open_work(settings=settings, database_url=running.databases.app_url, actor=person()) as work:
            yield Demo(work=work, running=running, operator=sessions[0], approver=sessions[1], tell=tell)
    finally:
        for session in sessions:
            session.close()


def settle_town(demo: Demo) -> None:
    """Registry, terms and the consents of those who have had e-invoices before; importing again adds nothing."""
    work, town = demo.work, demo.work.settings.home / "town"
    first = months_period(MONTHS[0]).start
    demo.tell(f"The town of Zdroje: {demo_town.ACCOUNTS} accounts, files in {town}")
    demo_town.write_town(town)
    _advance_clock(work, _moment(first, hour=9))
    demo.tell(f"  registry   {_phrase(import_registry.run(work, folder=town))}")
    demo.tell(f"  consents   {_phrase(_import_consents(work, 0))}")
    demo.tell(f"  converted  {_phrase(convert.run(work))}")


def bill_month(demo: Demo, *, number: int, month: str) -> str:
    """One cycle: readings in, the form, the approval, the issue date, the closing statement; its key."""
    period = months_period(month)
    issue_date = period.until.replace(day=ISSUE_DAY)
    demo.tell(f"\n── {month} " + "─" * 60)
    _advance_clock(demo.work, _moment(period.until, hour=9))
    demo_town.write_readings(demo.work.settings.inbox, month=period.start)
    _run_small(demo, dag_id="collect_readings", run_id=f"demo-readings-{month}")
    order = CycleOrder(period=month, route_set="ALL", issue_date=issue_date, payment_days=PAYMENT_DAYS, dry_run=False)
    run_id = _cycle_run(demo, order)
    followed = demo.follow(dag_id=DAG_ID, run_id=run_id)
    demo.tell(f"  the cycle {run_id} is started by operator")
    followed.wait_for(task_id="approve", state="awaiting_input", seconds=STEP_S)
    _approve(demo, run_id)
    followed.wait_for(task_id="wait_for_issue_date", state="deferred", seconds=STEP_S)
    _advance_clock(demo.work, _moment(issue_date, hour=7))
    followed.wait_for_end(seconds=2 * STEP_S)
    with demo.work.engine.connect() as connection:
        key = find_live_cycle(connection, period=period, route_set="ALL")
    if key is None:
        raise Inconsistent("CYCLE_MISSING", f"the run {run_id} has ended and left no cycle of {month}")
    demo.tell(statement.statement(demo.work, cycle_key=key).text())
    _consents(demo, number=number)
    return key


def _cycle_run(demo: Demo, order: CycleOrder) -> str:
    """The run of this month's cycle: the one that an earlier `make run` had begun, or a new one."""
    with demo.work.engine.connect() as connection:
        key = find_live_cycle(connection, period=months_period(order.period), route_set=order.route_set)
        begun = views.cycle_run(connection, cycle_key=key) if key else None
    if begun and begun["airflow_run_id"]:
        run_id = str(begun["airflow_run_id"])
        if demo.operator.run_state(dag_id=DAG_ID, run_id=run_id) == "failed":
            demo.operator.clear(dag_id=DAG_ID, run_id=run_id)
        return run_id
    try:
        return start_when_parsed(lambda: start_cycle(demo.work, demo.operator, order=order))
    except OperatorError as error:
        if error.code != "RUN_UNDER_WAY":
            raise
        return next_key(demo.work, order=order)


def _approve(demo: Demo, run_id: str) -> None:
    try:
        demo.approver.answer(
            dag_id=DAG_ID, run_id=run_id, task_id="approve", option="Approve", note="sums and movers looked through"
        )
        demo.tell("  approved by approver")
    except OperatorError as error:
        if error.code not in {"ALREADY_ANSWERED", "AIRFLOW_NOT_FOUND"}:  # an earlier `make run` was cut short after it
            raise


def _consents(demo: Demo, *, number: int) -> None:
    """What the office received after a cycle; it counts from the next one."""
    if number == len(MONTHS):
        return
    work = demo.work
    _advance_clock(work, _moment(months_period(MONTHS[number]).start.replace(day=OFFICE_DAY), hour=15))
    demo.tell(f"  consents   {_phrase(_import_consents(work, number))}")
    _run_small(demo, dag_id="paperless_conversion", run_id=f"demo-paperless-{number}")


def _import_consents(work: Work, number: int) -> dict[str, Any]:
    file = work.settings.home / "town" / f"consents-{number}.csv"
    return import_consents.run(work, file=demo_town.write_consents(file, after_cycle=number))


def _run_small(demo: Demo, *, dag_id: str, run_id: str) -> None:
    def start() -> str:
        demo.operator.trigger(dag_id=dag_id, run_id=run_id, conf={})
        return run_id

    try:
        start_when_parsed(start)
    except OperatorError as error:
        if error.code != "RUN_EXISTS":
            raise
    demo.tell(f"  {dag_id}")
    demo.follow(dag_id=dag_id, run_id=run_id).wait_for_end(seconds=STEP_S)


def _advance_clock(work: Work, moment: datetime) -> None:
    """Forward only: a demo that was cut short does not go back in time."""
    with work.engine.begin() as connection:
        if business_now(connection) < moment or not views.clock_is_set(connection):
            set_demo_clock(connection, moment=moment)


def _moment(day: date, *, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=WARSAW)


def _phrase(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items() if isinstance(value, int))
