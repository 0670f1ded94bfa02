"""missing: the registers for want of whose reading a cycle would hold accounts, to be estimated all at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from billing.accounts import PointSnapshot, RegisterSnapshot
from billing.estimation_rules import EstimateWhy
from billing.models import MissingSub
from billing.parts import MAIN, WITHIN, percent_of
from billing.periods import Period
from billing.reading_life import Decision
from pipeline.queue.bulk import Choose, Selection
from pipeline.queue.estimates import PlannedEstimate, Target, plan_estimates
from pipeline.queue.planning import Chosen, Planned, beside_readings
from pipeline.utility_files import LoadedUtility
from pipeline.validate import reading_window
from pipeline.work import warsaw_day
from sql.clock import business_now
from sql.cycles import Cycle
from sql.estimates import installations_of
from sql.snapshots import gather

FAULTY = "damaged"
"""The reader's reason that says that the meter is at fault; any other means that nobody came to it."""


def choose_missing(*, period: Period, route_set: str, on: date | None, by: str) -> Choose:
    """Registers that a cycle of these months and routes would find without a reading.

    A sub-meter without a reading holds nobody where ``missing_sub`` says ``no_deduction`` and it does but deduct.
    They are estimated on the last day of the months, or ``on`` another one. A visit without a reading gets its decision
    with the estimate that stands for it.
    """

    def choose(connection: Connection, loaded: LoadedUtility) -> Selection:
        rules = loaded.utility.estimation
        found = list(_unread(connection, loaded, period, route_set))
        places = installations_of(connection, reading_ids=(register.previous.reading_id for register in found))
        targets = [
            Target(installation_id=places[one.previous.reading_id], on=on or period.last_day, why=_why(one))
            for one in found
        ]
        estimates = plan_estimates(connection, targets=targets, rules=rules)
        visits = _visits(connection, estimates, by=by)
        linked = {one.chosen.reading_id for one in visits}
        return Selection(planned=tuple(visits), estimates=tuple(_linked(one, linked) for one in estimates))

    return choose


def _visits(connection: Connection, estimates: Sequence[PlannedEstimate], *, by: str) -> list[Planned]:
    """The decisions about visits without a reading that come with an estimate."""
    chosen = [
        Chosen(reading_id=one.place.visit_id, decision=Decision.ESTIMATED, why=one.target.why)
        for one in estimates
        if one.refusal is None and one.place.visit_id is not None
    ]
    found = beside_readings(connection, chosen=chosen, by=by, two_persons=True)
    return [one for one in found if one.refusal is None]


def _linked(one: PlannedEstimate, visits: set[int]) -> PlannedEstimate:
    if one.refusal is not None or one.place.visit_id not in visits:
        return one
    return replace(one, target=replace(one.target, reading_id=one.place.visit_id))


def _unread(
    connection: Connection, loaded: LoadedUtility, period: Period, route_set: str
) -> Iterator[RegisterSnapshot]:
    today = warsaw_day(business_now(connection))
    cycle = Cycle(
        cycle_id=0,
        cycle_key="preview",
        kind="regular",
        purpose=None,
        period=period,
        route_set=route_set,
        revision=1,
        issue_date=today,
        payment_days=loaded.utility.payment_days,
        dry_run=True,
        chunk_accounts=1,
        state="opened",
        started_by="preview",
        started_via="cli",
        airflow_run_id=None,
    )
    window = reading_window(period, loaded.utility)
    passes_over = loaded.utility.models.missing_sub is MissingSub.NO_DEDUCTION
    for one in gather(connection, cycle=cycle, reading_window=window, cut_days=()):
        if one.other_cycle is None:
            yield from (
                each
                for point in one.snapshot.points
                for each in point.registers
                if _lacks_reading(each) and not (passes_over and _deducts(each, point))
            )


def _deducts(register: RegisterSnapshot, point: PointSnapshot) -> bool:
    """Whether a register only ever takes m³ off what the main meters of its point count."""
    mains = [one for one in point.registers if one.purpose == MAIN]
    return register.purpose in WITHIN and all(
        percent_of(register, service) <= percent_of(main, service) for main in mains for service in point.services
    )


def _lacks_reading(register: RegisterSnapshot) -> bool:
    return register.current is None and register.removed_on is None and register.missing_reason != "suspect"


def _why(register: RegisterSnapshot) -> EstimateWhy:
    return EstimateWhy.FAULTY_METER if register.missing_reason == FAULTY else EstimateWhy.NO_ACCESS
