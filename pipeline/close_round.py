"""Close a round: what nothing came for is listed, and the list of what is to be visited again is written."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from billing.rounds import StopState
from pipeline.errors import OperatorError
from pipeline.round_files import save, stops_file
from pipeline.round_stops import VISIT_AGAIN, named_round, show
from pipeline.work import Work, step
from sql import routes
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.routes import RoundResult

NOTHING_CAME = "nothing_came"


def run(work: Work, *, round_key: str) -> dict[str, Any]:
    """End an open round, once; the round as ``round_stops`` shows it, with the path of the list to visit again.

    Each stop gets one result: read, coded, suspect and gone as they stand, open ones become listed. Closing again adds
    nothing and writes the same list (``already`` is 1).

    Raises:
        OperatorError: ``ROUND_UNKNOWN``, or ``ROUND_SUPERSEDED``: a later revision took its place.
        Unavailable: ``ROUND_UNWRITABLE``; the round is closed all the same.
    """
    with work.engine.connect() as connection:
        found = _closable(connection, round_key)
        already = found.state == "closed"
        shown = show(connection, found) if already else {}
    if not already:
        with step(work, "close_round") as (connection, record):
            routes.lock_routes(connection)
            found = _closable(connection, round_key)
            already = found.state == "closed"
            if not already:
                _close(connection, work, found)
            shown = show(connection, _closable(connection, round_key))
            record.counts = shown["totals"] | {"stops": shown["stops"], "already": int(already)}
    return shown | {"already": int(already), "file": str(_visit_again(work, shown))}


def _closable(connection: Connection, round_key: str) -> Row[Any]:
    found = named_round(connection, round_key)
    if found.state == "superseded":
        raise OperatorError("ROUND_SUPERSEDED", f"{round_key} was replaced by a later revision: close that one")
    return found


def _close(connection: Connection, work: Work, found: Row[Any]) -> None:
    shown = show(connection, found)
    routes.insert_results(
        connection,
        round_id=found.round_id,
        ended=[_result(stop) for stop in shown["each"]],
        recorded_by=work.actor.name,
    )
    routes.move_round(connection, round_id=found.round_id, state="closed")
    totals = {name: count for name, count in shown["totals"].items() if name != StopState.LISTED}
    event = Event(
        event_at=business_now(connection),
        subject=f"round:{found.round_key}",
        kind="round_closed",
        body={"stops": found.stops, "ended": totals},
    )
    append_events(connection, [event])


def _result(stop: dict[str, Any]) -> RoundResult:
    listed = stop["state"] == StopState.OPEN
    return RoundResult(
        seq=stop["seq"],
        state=StopState.LISTED.value if listed else stop["state"],
        reading_id=stop["reading_id"],
        reason=NOTHING_CAME if listed else stop["reason"],
        successor_id=stop["successor_id"],
    )


def _visit_again(work: Work, shown: dict[str, Any]) -> Path:
    path = work.settings.exports / "routes" / f"{shown['round']}.again.csv"
    stops = [stop for stop in shown["each"] if stop["state"] in VISIT_AGAIN]
    return save(path, stops_file(stops, round_key=shown["round"], route=shown["route"]))
