"""The planner's statistics, which a large load leaves behind as they were."""

from typing import Final

from sqlalchemy import Connection, text

LARGE_ROWS: Final = 5000
"""Rows from which on a load is worth new statistics: fewer are read in no time by any plan."""


def refresh_statistics(connection: Connection, *, rows: int) -> None:
    """Gather them anew inside the transaction, when so many ``rows`` were written or are about to be read."""
    if rows >= LARGE_ROWS:
        connection.execute(text("select refresh_statistics()"))
