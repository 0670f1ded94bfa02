"""Bulk rows by COPY: the data's movement is the cost, and COPY pays it."""

import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import psycopg2
from sqlalchemy import Connection

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_rows(connection: Connection, *, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Append ``rows`` to ``table`` inside the connection's transaction; the number of rows.

    Values are None, str (also for ranges, see ``days``), int, bool, Decimal, date, datetime, or a tuple of str for a
    text array.
    """
    buffer = io.StringIO()
    count = 0
    for row in rows:
        buffer.write("\t".join([_field(value) for value in row]))
        buffer.write("\n")
        count += 1
    buffer.seek(0)
    try:
        driver_cursor(connection).copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", buffer)
    except psycopg2.Error as error:  # its further lines repeat the row, which may hold personal data
        raise type(error)(str(error).partition("\n")[0]) from None
    return count


def driver_cursor(connection: Connection) -> Any:
    """The driver's own cursor on the same transaction: for COPY and for whole scripts."""
    return connection.connection.cursor()


def days(start: date, until: date | None) -> str:
    """A half-open ``daterange`` literal."""
    return f"[{start},{until or ''})"


def _field(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, tuple):
        quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in value)
        return ("{" + ",".join(quoted) + "}").translate(_ESCAPES)
    return str(value)
