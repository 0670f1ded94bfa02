"""Dated facts of one thing: the one that holds until further notice, and its end."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, text


def open_fact(connection: Connection, *, table: str, key: Mapping[str, Any]) -> Row[Any] | None:
    """The fact of ``key`` (values by column) that holds until further notice, with its first day as ``valid_from``."""
    found = text(f"select *, lower(valid) as valid_from from {table} where {_where(key)}")
    return connection.execute(found, dict(key)).one_or_none()


def end_fact(
    connection: Connection, *, table: str, key: Mapping[str, Any], until: date, ended_by: str, change_id: int
) -> None:
    """End the open fact of ``key``; one that begins on ``until`` never came to hold."""
    end = text(f"""
        update {table}
        set valid = case when lower(valid) = :until then 'empty' else daterange(lower(valid), :until) end,
            ended_by = :ended_by, ended_change_id = :change_id
        where {_where(key)}
    """)
    parameters = {**key, "until": until, "ended_by": ended_by, "change_id": change_id}
    if connection.execute(end, parameters).rowcount != 1:
        raise LookupError(f"{table} has no open row of {dict(key)}")


def _where(key: Mapping[str, Any]) -> str:
    named = [f"{column} = :{column}" for column in key]
    return " and ".join([*named, "upper_inf(valid)", "not isempty(valid)"])
