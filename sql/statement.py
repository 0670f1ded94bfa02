"""The closing statement's rows: figures, open deliveries, forgotten days, conversions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from sql.cycles import Cycle
from sql.queries import queries

_Q = queries("statement")


def figures(connection: Connection, *, cycle: Cycle) -> Row[Any]:
    """Counts and sums from the billing tables."""
    return connection.execute(_Q["figures"], {"cycle_id": cycle.cycle_id}).one()


def rows(connection: Connection, name: str, *, cycle: Cycle) -> Sequence[Row[Any]]:
    """One of the lists: deliveries_open, forgotten_days, conversions."""
    return connection.execute(_Q[name], {"cycle_id": cycle.cycle_id}).all()
