"""Reading routes and their rounds: the walk of a day, rounds given out, what came back and how each stop ended."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from sql.copying import copy_rows, days
from sql.queries import queries

_Q = queries("routes")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFacts:
    """A round as it is written; half-open days."""

    round_key: str
    route: str
    starts: date
    until: date
    revision: int
    stops: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStop:
    """A register of a round with its last index and limits, in m³; ``in_walk`` is False for one without a stop."""

    seq: int
    installation_id: int
    in_walk: bool
    last_index_m3: Decimal | None
    last_read_on: date | None
    use_m3_day: Decimal | None
    expected_index_m3: Decimal
    low_index_m3: Decimal
    high_index_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """How a stop ended."""

    seq: int
    state: str
    reading_id: int | None
    reason: str | None
    successor_id: int | None


def lock_routes(connection: Connection) -> None:
    """Wait until no other round is made or closed; held to the end of the transaction."""
    connection.execute(_Q["lock"])


def walk(connection: Connection, *, route: str, on_day: date) -> Sequence[Row[Any]]:
    """The registers of a route on a day, in no order."""
    return connection.execute(_Q["walk"], {"route": route, "on_day": on_day}).all()


def last_indexes(
    connection: Connection, *, installation_ids: Iterable[int], most: int
) -> dict[int, list[tuple[date, Decimal]]]:
    """The last ``most`` indexes of each register, oldest first."""
    found: dict[int, list[tuple[date, Decimal]]] = defaultdict(list)
    parameters = {"installation_ids": sorted(installation_ids), "most": most}
    for row in connection.execute(_Q["last_indexes"], parameters):
        found[row.installation_id].insert(0, (row.read_on, row.index_m3))
    return found


def rounds(connection: Connection, *, route: str, until: date) -> Sequence[Row[Any]]:
    """The rounds of a route that end on a day, the newest revision first."""
    return connection.execute(_Q["rounds"], {"route": route, "until": until}).all()


def find_round(connection: Connection, *, round_key: str) -> Row[Any] | None:
    """The round of a key, or None."""
    return connection.execute(_Q["round"], {"round_key": round_key}).one_or_none()


def overlapping(
    connection: Connection, *, installation_ids: Iterable[int], starts: date, until: date
) -> Sequence[Row[Any]]:
    """Open rounds that hold one of the registers on one of the days."""
    parameters = {"installation_ids": sorted(installation_ids), "starts": starts, "until": until}
    return connection.execute(_Q["overlapping"], parameters).all()


def insert_round(connection: Connection, *, facts: RoundFacts, stops: Sequence[RoundStop], recorded_by: str) -> int:
    """Write an open round with its stops; its id."""
    values = {name: getattr(facts, name) for name in RoundFacts.__slots__} | {"recorded_by": recorded_by}
    round_id = int(connection.execute(_Q["insert_round"], values).scalar_one())
    copy_rows(
        connection,
        table="round_stop",
        columns=("round_id", "days", "round_state", *RoundStop.__slots__),
        rows=(
            (round_id, days(facts.starts, facts.until), "open", *(getattr(stop, name) for name in RoundStop.__slots__))
            for stop in stops
        ),
    )
    return round_id


def move_round(connection: Connection, *, round_id: int, state: str) -> None:
    """Move an open round to ``closed`` or ``superseded``."""
    connection.execute(_Q["move_round"], {"round_id": round_id, "state": state})


def figures(connection: Connection, *, round_id: int) -> dict[int, Row[Any]]:
    """Last index and limits of a round by installation."""
    return {row.installation_id: row for row in connection.execute(_Q["figures"], {"round_id": round_id})}


def stops(connection: Connection, *, round_id: int) -> Sequence[Row[Any]]:
    """The stops of a round in their order."""
    return connection.execute(_Q["stops"], {"round_id": round_id}).all()


def came(connection: Connection, *, round_id: int) -> Sequence[Row[Any]]:
    """The readings of a round's registers within its days."""
    return connection.execute(_Q["came"], {"round_id": round_id}).all()


def results(connection: Connection, *, round_id: int) -> Sequence[Row[Any]]:
    """How the stops of a closed round ended, none of an open one."""
    return connection.execute(_Q["results"], {"round_id": round_id}).all()


def insert_results(connection: Connection, *, round_id: int, ended: Sequence[RoundResult], recorded_by: str) -> None:
    """Write how each stop ended."""
    connection.execute(
        _Q["insert_results"],
        {
            "round_id": round_id,
            "recorded_by": recorded_by,
            "seqs": [one.seq for one in ended],
            "states": [one.state for one in ended],
            "reading_ids": [one.reading_id for one in ended],
            "reasons": [one.reason for one in ended],
            "successor_ids": [one.successor_id for one in ended],
        },
    )


def routes(connection: Connection) -> Sequence[Row[Any]]:
    """Every route with its stops, the points that no walk holds, and its last round."""
    return connection.execute(_Q["routes"]).all()
