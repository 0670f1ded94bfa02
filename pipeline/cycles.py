"""What the steps of a cycle share: finding it, its frozen inputs, and the order of its states."""

import math

from sqlalchemy import Connection

from pipeline.errors import OperatorError
from pipeline.utility_files import LoadedUtility, load_files
from sql.cycles import Cycle, Lock, find_cycle, load_inputs

CHUNKS_MAX = 400
"""Mapped instances of one task that Airflow's scheduler still handles well; larger towns get larger chunks."""
LIVE_STATES = ("opened", "frozen", "checked", "approved", "issued", "closed")


def require_cycle(connection: Connection, *, cycle_key: str, lock: Lock = "nobody") -> Cycle:
    """The cycle of that key; see ``sql.cycles.find_cycle`` for ``lock``.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``.
    """
    cycle = find_cycle(connection, cycle_key=cycle_key, lock=lock)
    if cycle is None:
        raise OperatorError("CYCLE_UNKNOWN", f"there is no cycle {cycle_key}; see obieg cycle list")
    return cycle


def require_reached(cycle: Cycle, *, state: str) -> None:
    """Refuse a step whose turn has not come, or never comes.

    Raises:
        OperatorError: ``CYCLE_STATE``.
    """
    if cycle.state not in LIVE_STATES[LIVE_STATES.index(state) :]:
        raise OperatorError("CYCLE_STATE", f"{cycle.cycle_key} is {cycle.state}, this step needs it to be {state}")


def has_passed(cycle: Cycle, *, state: str) -> bool:
    """Whether the cycle has gone beyond ``state``."""
    return cycle.state in LIVE_STATES[LIVE_STATES.index(state) + 1 :]


def chunk_size(cycle: Cycle, *, accounts: int) -> int:
    """How many accounts a chunk of the cycle has."""
    return max(cycle.chunk_accounts, math.ceil(accounts / CHUNKS_MAX))


def frozen_utility(connection: Connection, cycle: Cycle) -> LoadedUtility:
    """The utility and tariffs as the cycle froze them, whatever their folder says by now."""
    return load_files(load_inputs(connection, cycle), name="frozen")
