"""open: a cycle, or bills of single accounts, are asked for; the impossible is refused in one line."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from billing.canonical import to_data
from billing.law import payment_days_min
from billing.periods import Period, months_period
from pipeline.errors import OperatorError
from pipeline.open_off_cycle import PURPOSES, chosen_accounts
from pipeline.tariff_gate import refuse_unswitched
from pipeline.utility_files import LoadedUtility, load_folder
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.cutover import find_cutover
from sql.cycles import CycleTaken, find_cycle_of_run, find_live_cycle, insert_cycle, known_routes
from sql.locks import take_turn

AHEAD_DAYS_MAX = 60
"""A cycle holds its accounts until it is issued; a slip of the pen must not hold them for years."""
PAYMENT_DAYS_MAX = 60
OFF = "OFF"
"""Stands for the routes in the key of an off-cycle; no route may be called so."""
KOR = "KOR"
"""The same of a run of corrections."""

_ROUTE_SET = re.compile(r"ALL|[A-Z0-9]+(\+[A-Z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOrder:
    """What the form asks: months of the standing charge, routes, issue date, days to pay, and whether to stop early.

    ``route_set`` is ``ALL`` or route names joined by ``+``; a dry run stops after the checks and leaves its key free.
    With a ``purpose`` (one of ``PURPOSES``) it is an off-cycle: it bills ``accounts`` by number, wherever they lie.
    """

    period: str
    route_set: str
    issue_date: date
    payment_days: int
    dry_run: bool
    purpose: str | None = None
    accounts: tuple[str, ...] = ()

    @property
    def routes_word(self) -> str:
        """The routes as they stand in the cycle's key; ``OFF`` names none."""
        return OFF if self.purpose else "+".join(sorted(set(self.route_set.split("+"))))

    def to_form(self) -> dict[str, Any]:
        """The values as Airflow's form has them: plain data, an account number a line."""
        form: dict[str, Any] = to_data(self)
        return form | {"accounts": "\n".join(self.accounts)}


def run(work: Work, *, order: CycleOrder) -> dict[str, str]:
    """Open a cycle and return its key. The same Airflow run asking again gets the cycle that it has opened.

    Raises:
        OperatorError: ``PERIOD_WRONG``, ``PERIOD_NOT_OVER``, ``ROUTES_WRONG``, ``ROUTES_UNKNOWN``,
            ``ISSUE_DATE_PAST``, ``ISSUE_DATE_FAR``, ``PAYMENT_DAYS_SHORT``, ``PAYMENT_DAYS_LONG``, ``CYCLE_EXISTS``,
            ``TARIFF_NOT_SWITCHED_ON`` or ``TARIFF_FILE_GONE``; of an off-cycle what ``pipeline.open_off_cycle``
            refuses, too; of an installation that takes over ``NOT_SWITCHED_ON``.
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
            account_ids = _checked(connection, order, period, loaded)
            cycle = insert_cycle(
                connection,
                period=period,
                route_set=order.routes_word,
                issue_date=order.issue_date,
                payment_days=order.payment_days,
                dry_run=order.dry_run,
                chunk_accounts=loaded.utility.chunk_accounts,
                started_by=work.actor.name,
                started_via=work.actor.via,
                airflow_run_id=run_id,
                purpose=order.purpose,
                account_ids=account_ids,
            )
            record.cycle_id = cycle.cycle_id
            record.counts = {"opened": 1}
            record.tariff_sha256s = loaded.tariff_sha256s
            return {"cycle_key": cycle.cycle_key}
    except CycleTaken as error:
        raise _taken(str(error)) from error


def refuse_impossible(work: Work, *, order: CycleOrder) -> None:
    """Refuse now what ``run`` would refuse later, when nobody is looking; writes nothing.

    Raises:
        OperatorError: as ``run``.
        DataRefused: the utility's folder cannot be used.
    """
    period = _period(order.period)
    loaded = load_folder(work.settings.utility)
    with work.engine.connect() as connection:
        _checked(connection, order, period, loaded)


def _checked(connection: Connection, order: CycleOrder, period: Period, loaded: LoadedUtility) -> list[int]:
    """The accounts of an order that can be carried out."""
    _refuse_before_switch(connection, order)
    _refuse_impossible(connection, order, period)
    refuse_unswitched(connection, loaded)
    return _accounts(connection, order, period)


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


def _accounts(connection: Connection, order: CycleOrder, period: Period) -> list[int]:
    """The accounts of an off-cycle; a regular one has none, but routes that nobody else bills for these months."""
    if order.purpose:
        take_turn(connection, "off_cycle")  # the next revision is free for one of us
        today = warsaw_day(business_now(connection))
        return chosen_accounts(
            connection,
            purpose=order.purpose,
            account_nos=order.accounts,
            period=period,
            issue_date=order.issue_date,
            today=today,
        )
    live = find_live_cycle(connection, period=period, route_set=order.routes_word)
    if live:
        raise _taken(live)
    return []


def _refuse_wrong_routes(connection: Connection, route_set: str) -> None:
    asked = sorted(set(route_set.split("+")))
    if not _ROUTE_SET.fullmatch(route_set) or {OFF, KOR} & set(asked):
        raise OperatorError("ROUTES_WRONG", f"write ALL or route names joined by +, not {route_set!r}")
    if route_set == "ALL":
        return
    known = known_routes(connection)
    unknown = [route for route in asked if route not in known]
    if unknown:
        raise OperatorError("ROUTES_UNKNOWN", f"no account lies on {', '.join(unknown)}; known: {', '.join(known)}")


def _refuse_impossible(connection: Connection, order: CycleOrder, period: Period) -> None:
    if not order.purpose:
        if order.accounts:
            raise OperatorError("PURPOSE_MISSING", f"say what for the accounts are billed: {', '.join(PURPOSES)}")
        _refuse_wrong_routes(connection, order.route_set)
    today = warsaw_day(business_now(connection))
    if today < (period.start if order.purpose == "final" else period.until):
        raise OperatorError("PERIOD_NOT_OVER", f"{order.period} ends on {period.last_day}, today is {today}")
    refuse_terms(issue_date=order.issue_date, payment_days=order.payment_days, today=today)


def refuse_terms(*, issue_date: date, payment_days: int, today: date) -> None:
    """Refuse an issue date that is past or far, and days to pay that are too few or too many.

    Raises:
        OperatorError: ``ISSUE_DATE_PAST``, ``ISSUE_DATE_FAR``, ``PAYMENT_DAYS_LONG`` or ``PAYMENT_DAYS_SHORT``.
    """
    if issue_date < today:
        raise OperatorError("ISSUE_DATE_PAST", f"the issue date {issue_date} is past, today is {today}")
    if issue_date > today + timedelta(days=AHEAD_DAYS_MAX):
        raise OperatorError("ISSUE_DATE_FAR", f"the issue date {issue_date} is over {AHEAD_DAYS_MAX} days ahead")
    if payment_days > PAYMENT_DAYS_MAX:
        raise OperatorError("PAYMENT_DAYS_LONG", f"at most {PAYMENT_DAYS_MAX} days to pay may be given")
    least = payment_days_min(on=issue_date)
    if payment_days < least:
        raise OperatorError("PAYMENT_DAYS_SHORT", f"the lawful term is at least {least} days from sending")


def _taken(cycle_key: str) -> OperatorError:
    return OperatorError("CYCLE_EXISTS", f"{cycle_key} bills this period and route set already; see obieg cycle show")
