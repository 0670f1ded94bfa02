"""The office's lists: one named query of ``lists.sql`` each. Nothing here writes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from sql.queries import queries

_Q = queries("lists")


def rows_of(connection: Connection, query: str, *, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a list, in its order; parameters that its query does not name are left out."""
    return [dict(row) for row in connection.execute(_Q[query], dict(parameters)).mappings()]
