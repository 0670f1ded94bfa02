"""What every kind of change is applied with: the numbers that it names, and the dated fact that makes room for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.errors import OperatorError
from pipeline.work import Work, warsaw_day
from sql import changes, registry
from sql.dated import end_fact, open_fact
from sql.registry import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Applying:
    """A change in the middle of the transaction that applies it, or only tries it; ``now`` is business time."""

    connection: Connection
    work: Work
    change_id: int
    now: datetime

    @property
    def source(self) -> Source:
        """What the facts of the change say of where they come from."""
        return Source(change_id=self.change_id, recorded_by=self.work.actor.name)

    @property
    def today(self) -> date:
        """The business day in Poland."""
        return warsaw_day(self.now)


def id_of(at: Applying, thing: str, number: str) -> int:
    """The id of an account, party or point.

    Raises:
        OperatorError: ``R108``, ``R109`` or ``R110``, there is none of that number.
    """
    found = registry.ids_by_no(at.connection, f"{thing}_ids", keys=[number])
    if number not in found:
        code = {"account": "R108", "party": "R109", "point": "R110"}[thing]
        raise OperatorError(code, f"there is no {thing} {number}")
    return found[number]


def insert(at: Applying, table: str, values: Mapping[str, Any]) -> None:
    """Write one fact of the change."""
    registry.insert_facts(
        at.connection, table=table, columns=tuple(values), rows=[(0, tuple(values.values()))], source=at.source
    )


def end(at: Applying, *, table: str, key: Mapping[str, Any], on: date, current: Any) -> None:
    """End the open fact ``current``.

    Raises:
        OperatorError: ``CHANGE_OVERLAPS``, it began later.
    """
    if current.valid_from is not None and on < current.valid_from:
        text = f"what holds now began on {current.valid_from} only; a change of an earlier day would overlap it"
        raise OperatorError("CHANGE_OVERLAPS", text)
    end_fact(at.connection, table=table, key=key, until=on, ended_by=at.source.recorded_by, change_id=at.change_id)


def succeed(at: Applying, *, table: str, key: Mapping[str, Any], values: Mapping[str, Any], on: date) -> None:
    """End what holds until further notice, and begin what holds from ``on``.

    Raises:
        OperatorError: ``CHANGE_OVERLAPS``.
    """
    current = open_fact(at.connection, table=table, key=key)
    if current is not None:
        end(at, table=table, key=key, on=on, current=current)
    insert(at, table, {**key, **values, "valid": registry.valid(on, None)})


def refuse_billed(at: Applying, *, point_ids: Collection[int], on: date) -> None:
    """A day that stands on an invoice is changed by a correction only.

    Raises:
        OperatorError: ``BILLED_ALREADY``.
    """
    billed = changes.billed_until(at.connection, point_ids=point_ids)
    if billed is not None and on < billed.billed_until:
        text = f"point {billed.point_no} is billed up to {billed.billed_until}; before that day only a correction helps"
        raise OperatorError("BILLED_ALREADY", text)
