"""open: a cycle is asked for; impossible relations are refused in one line, and nothing is written."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from billing.law import payment_days_min
from billing.periods import Period, months_period
from pipeline.errors import OperatorError
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.cutover import find_cutover
from sql.cycles import CycleTaken, find_cycle_of_run, find_live_cycle, insert_cycle, known_routes

AHEAD_DAYS_MAX = 60
"""A cycle holds its accounts until it is issued; a slip of the pen must not hold them for years."""
PAYMENT_DAYS_MAX = 60

_ROUTE_SET = re.compile(r"ALL|[A-Z0-9]+(\+[A-Z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOrder:
    """What the form asks: months of the standing charge, routes, issue date, days to pay, and whether to stop early.

    ``route_set`` is ``ALL`` or route names joined by ``+``; a dry run stops after the checks and leaves its key free.
    """

    period: str
    route_set: str
    issue_date: date
    payment_days: int
    dry_run: bool


def run(work: Work, *, order: CycleOrder) -> dict[str, str]:
    """Open a cycle and return its key. The same Airflow run asking again gets the cycle that it has opened.

    Raises:
        OperatorError: ``PERIOD_WRONG``, ``PERIOD_NOT_OVER``, ``ROUTES_WRONG``, ``ROUTES_UNKNOWN``,
            ``ISSUE_DATE_PAST``, ``ISSUE_DATE_FAR``, ``PAYMENT_DAYS_SHORT``, ``PAYMENT_DAYS_LONG``,
            ``NOT_SWITCHED_ON`` or ``CYCLE_EXISTS``.
        DataRefused: the utility's folder cannot be used.
    """
    period = _period(order.period)
    loaded = load_folder(work.settings.utility)
    try:
        with step(work, "open") as (connection, record):
            run_id = work.airflow_run.run_id if work.airflow_run else None
            known = find_cycle_of_run(connection, airflow_run_id=run_id) if run_id else None
            if known:
                record.counts = {"already": 1}
                return {"cycle_key": known}
            _refuse_before_switch(connection, order)
            route_set = _routes(connection, order.route_set)
            _refuse_impossible(connection, order, period)
            live = find_live_cycle(connection, period=period, route_set=route_set)
            if live:
                raise _taken(live)
            cycle = insert_cycle(
                connection,
                period=period,
                route_set=route_set,
                issue_date=order.issue_date,
                payment_days=order.payment_days,
                dry_run=order.dry_run,
                chunk_accounts=loaded.utility.chunk_accounts,
                started_by=work.actor.name,
                started_via=work.actor.via,
                airflow_run_id=run_id,
            )
            record.cycle_id = cycle.cycle_id
            record.counts = {"opened": 1}
            record.tariff_sha256s = loaded.tariff_sha256s
            return {"cycle_key": cycle.cycle_key}
    except CycleTaken as error:
        raise _taken(str(error)) from error


def _period(word: str) -> Period:
    try:
        return months_period(word)
    except ValueError as error:
        raise OperatorError("PERIOD_WRONG", str(error)) from error


def _refuse_before_switch(connection: Connection, order: CycleOrder) -> None:
    """Between the first load of a cut-over and its switch-on the old system bills, and we only try."""
    begun = find_cutover(connection)
    if begun is not None and begun.switched_by is None and not order.dry_run:
        raise OperatorError(
            "NOT_SWITCHED_ON", f"the cut-over of {begun.as_of} is not switched on; see obieg cutover check"
        )


def _routes(connection: Connection, route_set: str) -> str:
    if not _ROUTE_SET.fullmatch(route_set):
        raise OperatorError("ROUTES_WRONG", f"write ALL or route names joined by +, not {route_set!r}")
    if route_set == "ALL":
        return route_set
    asked, known = sorted(set(route_set.split("+"))), known_routes(connection)
    unknown = [route for route in asked if route not in known]
    if unknown:
        raise OperatorError("ROUTES_UNKNOWN", f"no account lies on {', '.join(unknown)}; known: {', '.join(known)}")
    return "+".join(asked)


def _refuse_impossible(connection: Connection, order: CycleOrder, period: Period) -> None:
    today = warsaw_day(business_now(connection))
    if today < period.until:
        raise OperatorError("PERIOD_NOT_OVER", f"{order.period} ends on {period.last_day}, today is {today}")
    if order.issue_date < today:
        raise OperatorError("ISSUE_DATE_PAST", f"the issue date {order.issue_date} is past, today is {today}")
    if order.issue_date > today + timedelta(days=AHEAD_DAYS_MAX):
        raise OperatorError("ISSUE_DATE_FAR", f"the issue date {order.issue_date} is over {AHEAD_DAYS_MAX} days ahead")
    if order.payment_days > PAYMENT_DAYS_MAX:
        raise OperatorError("PAYMENT_DAYS_LONG", f"at most {PAYMENT_DAYS_MAX} days to pay may be given")
    least = payment_days_min(on=order.issue_date)
    if order.payment_days < least:
        raise OperatorError("PAYMENT_DAYS_SHORT", f"the lawful term is at least {least} days from sending")


def _taken(cycle_key: str) -> OperatorError:
    return OperatorError("CYCLE_EXISTS", f"{cycle_key} bills this period and route set already; see obieg cycle show")
