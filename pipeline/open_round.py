"""Open a round: the walk of a route, as a file for the reader's device and as stops that must all come to an end."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from billing.periods import Period
from billing.reading_limits import IndexOn, Limits, reading_limits
from delivery.collation import polish_sort_key
from pipeline.errors import OperatorError
from pipeline.round_files import reader_file, round_key, save
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql import routes
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.routes import RoundFacts, RoundStop


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a round would be; ``live`` is the open one of the same route and days, ``same`` that nothing differs.

    ``walk`` are the registers in their order, ``points`` the same and points without a meter.
    """

    facts: RoundFacts
    walk: Sequence[Row[Any]]
    stops: Sequence[RoundStop]
    content: bytes
    points: Sequence[Row[Any]]
    live: Row[Any] | None
    same: bool


def run(work: Work, *, route: str, until: date, start: date | None = None, out: Path | None = None) -> dict[str, Any]:
    """Make the round of a route whose readings count from ``start`` (today) up to, not including, ``until``.

    The reader's file is written to ``out``, else to ``exports/routes``. The same round again writes the same bytes and
    adds nothing (``already`` is 1); when the registry has changed since, the round is made anew as the next revision.

    Raises:
        OperatorError: ``ROUND_DAYS``, ``ROUTE_UNKNOWN`` or ``ROUND_OVERLAP``.
        Unavailable: ``ROUND_UNWRITABLE``; the round itself stands.
    """
    with work.engine.connect() as connection:
        plan = _plan(connection, work, route=route, start=start, until=until)
    if not plan.same:
        with step(work, "open_round") as (connection, record):
            routes.lock_routes(connection)
            plan = _plan(connection, work, route=route, start=start, until=until)
            record.counts = {"stops": len(plan.stops), "already": int(plan.same)}
            if not plan.same:
                _write(connection, work, plan)
    path = save(out or work.settings.exports / "routes" / f"{plan.facts.round_key}.csv", plan.content)
    return _told(plan, path)


def _plan(connection: Connection, work: Work, *, route: str, start: date | None, until: date) -> _Plan:
    made = routes.rounds(connection, route=route, until=until)
    today = warsaw_day(business_now(connection))
    days, live = _days(made, start=start, until=until, today=today)
    found = routes.walk(connection, route=route, on_day=min(max(days.start, today), days.last_day))
    walk = sorted((row for row in found if row.installation_id is not None), key=_place_in_walk)
    if not walk:
        raise OperatorError("ROUTE_UNKNOWN", f"route {route} has no stop and no contract with a meter in these days")
    stops = _stops_of(walk, routes.figures(connection, round_id=live.round_id)) if live is not None else []
    if live is not None and stops:
        content = reader_file(walk, stops, round_key=live.round_key, route=route)
        if _sha256(content) == live.sha256:
            facts = _facts(route, days, revision=live.revision, content=content, stops=len(walk))
            return _Plan(facts=facts, walk=walk, stops=stops, content=content, points=found, live=live, same=True)
    revision = (made[0].revision if made else 0) + 1
    stops = _fresh_stops(connection, work, walk, days=days)
    content = reader_file(walk, stops, round_key=round_key(route, until, revision=revision), route=route)
    facts = _facts(route, days, revision=revision, content=content, stops=len(walk))
    return _Plan(facts=facts, walk=walk, stops=stops, content=content, points=found, live=live, same=False)


def _facts(route: str, days: Period, *, revision: int, content: bytes, stops: int) -> RoundFacts:
    return RoundFacts(
        round_key=round_key(route, days.until, revision=revision),
        route=route,
        starts=days.start,
        until=days.until,
        revision=revision,
        stops=stops,
        sha256=_sha256(content),
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _days(made: Sequence[Row[Any]], *, start: date | None, until: date, today: date) -> tuple[Period, Row[Any] | None]:
    """The round's days, and the open round that has the same."""
    live = next((row for row in made if row.state == "open" and start in (None, row.starts)), None)
    first = live.starts if live is not None else start or today
    if first >= until or (live is None and until <= today):
        raise OperatorError(
            "ROUND_DAYS", f"a round from {first} to before {until} has no day to come; today is {today}"
        )
    return Period(start=first, until=until), live


def _place_in_walk(row: Row[Any]) -> tuple[Any, ...]:
    address = (polish_sort_key(row.city), polish_sort_key(row.street))
    meter = (polish_sort_key(row.point_no), row.meter_no, row.register)
    return (0, row.seq, *meter) if row.seq is not None else (1, 0, *address, *meter)


def _stops_of(walk: Sequence[Row[Any]], figures: Mapping[int, Row[Any]]) -> list[RoundStop]:
    """The stops with the figures of a round made before; none when it holds other registers."""
    if {row.installation_id for row in walk} != set(figures):
        return []
    names = ("last_index_m3", "last_read_on", "use_m3_day", "expected_index_m3", "low_index_m3", "high_index_m3")
    return [
        RoundStop(
            seq=seq,
            installation_id=row.installation_id,
            in_walk=row.seq is not None,
            **{name: getattr(figures[row.installation_id], name) for name in names},
        )
        for seq, row in enumerate(walk, start=1)
    ]


def _fresh_stops(connection: Connection, work: Work, walk: Sequence[Row[Any]], *, days: Period) -> list[RoundStop]:
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    rules = utility.checks
    histories = routes.last_indexes(
        connection, installation_ids=(row.installation_id for row in walk), most=rules.intervals_month + 1
    )
    stops = []
    for seq, row in enumerate(walk, start=1):
        history = [IndexOn(read_on=on, index_m3=m3) for on, m3 in histories.get(row.installation_id, ())]
        limits = reading_limits(
            history,
            days=days,
            rules=rules,
            volume_max_m3_day=utility.models.volume_max_m3_day,
            dials=row.dials,
            decimals=row.decimals,
        )
        stops.append(_stop(seq, row, limits))
    return stops


def _stop(seq: int, row: Row[Any], limits: Limits) -> RoundStop:
    return RoundStop(
        seq=seq,
        installation_id=row.installation_id,
        in_walk=row.seq is not None,
        last_index_m3=limits.last.index_m3 if limits.last else None,
        last_read_on=limits.last.read_on if limits.last else None,
        use_m3_day=limits.use_m3_day,
        expected_index_m3=limits.expected_index_m3,
        low_index_m3=limits.low_index_m3,
        high_index_m3=limits.high_index_m3,
    )


def _write(connection: Connection, work: Work, plan: _Plan) -> None:
    facts = plan.facts
    if plan.live is not None:
        routes.move_round(connection, round_id=plan.live.round_id, state="superseded")
    others = routes.overlapping(
        connection,
        installation_ids=(stop.installation_id for stop in plan.stops),
        starts=facts.starts,
        until=facts.until,
    )
    if others:
        named = ", ".join(f"{row.round_key} ({row.stops} of the meters)" for row in others)
        raise OperatorError("ROUND_OVERLAP", f"still open for these days: {named}; close it first")
    routes.insert_round(connection, facts=facts, stops=plan.stops, recorded_by=work.actor.name)
    body = {
        "sha256": facts.sha256,
        "from": facts.starts,
        "until": facts.until,
        "stops": facts.stops,
        "follows": plan.live.round_key if plan.live is not None else None,
    }
    event = Event(event_at=business_now(connection), subject=f"round:{facts.round_key}", kind="round_opened", body=body)
    append_events(connection, [event])


def _told(plan: _Plan, path: Path) -> dict[str, Any]:
    facts = plan.facts
    return {
        "round": facts.round_key,
        "already": int(plan.same),
        "supersedes": plan.live.round_key if plan.live is not None and not plan.same else None,
        "first_day": facts.starts,
        "last_day": Period(start=facts.starts, until=facts.until).last_day,
        "stops": len(plan.stops),
        "without_stop": [row.point_no for row in plan.walk if row.seq is None],
        "without_meter": [row.point_no for row in plan.points if row.installation_id is None],
        "sha256": facts.sha256,
        "file": str(path),
    }
