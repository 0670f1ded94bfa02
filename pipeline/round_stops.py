"""The stops of a round: each in exactly one state, by what came in so far, or as it ended when the round closed."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from billing.rounds import Came, StopEnd, StopState, stop_end
from pipeline.errors import Inconsistent, OperatorError
from pipeline.work import Work
from sql import routes

VISIT_AGAIN = frozenset({StopState.LISTED, StopState.CODED})


def run(work: Work, *, round_key: str) -> dict[str, Any]:
    """A round with all of its stops; ``totals`` by state add up to ``stops``.

    Raises:
        OperatorError: ``ROUND_UNKNOWN``.
        Inconsistent: ``ROUND_TOTALS``, the stops found are not those of the round.
    """
    with work.engine.connect() as connection:
        return show(connection, named_round(connection, round_key))


def named_round(connection: Connection, round_key: str) -> Row[Any]:
    """The round of a key; ``ROUND_UNKNOWN`` if there is none."""
    found = routes.find_round(connection, round_key=round_key)
    if found is None:
        raise OperatorError("ROUND_UNKNOWN", f"there is no round {round_key}; see `obieg route list`")
    return found


def show(connection: Connection, found: Row[Any]) -> dict[str, Any]:
    """A round, its totals by state, and each stop as data."""
    rows = routes.stops(connection, round_id=found.round_id)
    closed = {row.seq: row for row in routes.results(connection, round_id=found.round_id)}
    stops = [_closed(row, closed[row.seq]) for row in rows] if closed else _live(connection, found.round_id, rows)
    totals = totals_of(stops)
    if sum(totals.values()) != found.stops:
        raise Inconsistent("ROUND_TOTALS", f"{found.round_key} has {found.stops} stops, {sum(totals.values())} found")
    return {
        "round": found.round_key,
        "route": found.route,
        "state": found.state,
        "first_day": found.starts,
        "until": found.until,
        "stops": found.stops,
        "totals": totals,
        "each": stops,
    }


def totals_of(stops: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many stops are in each state, naming every state that a round may show."""
    counted = Counter(stop["state"] for stop in stops)
    return {state.value: counted[state] for state in StopState}


def _live(connection: Connection, round_id: int, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    came: dict[int, list[Row[Any]]] = defaultdict(list)
    for reading in routes.came(connection, round_id=round_id):
        came[reading.seq].append(reading)
    return [_stop(row, came.get(row.seq, ())) for row in rows]


def _stop(row: Row[Any], came: Sequence[Row[Any]]) -> dict[str, Any]:
    names = Came.__slots__
    end = stop_end([Came(**{name: getattr(one, name) for name in names}) for one in came], removed=row.removed)
    reading = next((one for one in came if one.reading_id == end.reading_id), None)
    return _data(row, end, reading=reading, follower=row if end.state is StopState.GONE else None)


def _closed(row: Row[Any], result: Row[Any]) -> dict[str, Any]:
    end = StopEnd(state=StopState(result.state), reading_id=result.reading_id, reason=result.reason)
    return _data(row, end, reading=result, follower=result)


def _data(row: Row[Any], end: StopEnd, *, reading: Row[Any] | None, follower: Row[Any] | None) -> dict[str, Any]:
    names = ("seq", "point_no", "meter_no", "register", "street", "postcode", "city", "place", "in_walk")
    return {name: getattr(row, name) for name in names} | {
        "state": end.state.value,
        "reason": end.reason,
        "read_on": None if reading is None else reading.read_on,
        "index": None if reading is None else reading.index_m3,
        "reading_id": end.reading_id,
        "successor": None if follower is None else follower.successor_no,
        "successor_id": None if follower is None else follower.successor_id,
    }
