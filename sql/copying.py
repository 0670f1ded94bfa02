"""Bulk rows by COPY: the data's movement is the cost, and COPY pays it."""

import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final

import psycopg2
from sqlalchemy import Connection

_PART: Final = 5000
"""Rows whose text is held in memory at once."""
_READ_AT_ONCE: Final = 2**16
"""Characters that the driver takes at a time."""
_NULL: Final = "\\N"


def copy_rows(connection: Connection, *, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Append ``rows`` to ``table`` inside the connection's transaction; the number of rows.

    Values are None, str (also for ranges, see ``days``), int, bool, Decimal, date, datetime, or a tuple of str for a
    text array.
    """
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    cursor, remaining, count = driver_cursor(connection), iter(rows), 0
    while part := [_line(row) for row in islice(remaining, _PART)]:
        try:
            cursor.copy_expert(statement, io.StringIO("".join(part)), size=_READ_AT_ONCE)
        except psycopg2.Error as error:  # its further lines repeat the row, which may hold personal data
            raise type(error)(str(error).partition("\n")[0]) from None
        count += len(part)
    return count


def driver_cursor(connection: Connection) -> Any:
    """The driver's own cursor on the same transaction: for COPY and for whole scripts."""
    return connection.connection.cursor()


def days(start: date, until: date | None) -> str:
    """A half-open ``daterange`` literal."""
    return f"[{start.isoformat()},{until.isoformat() if until else ''})"


def array(values: Iterable[Decimal | int | str | None]) -> str:
    """An array literal of numbers, words without anything to escape, and None."""
    return "{" + ",".join(["null" if value is None else str(value) for value in values]) + "}"


def _line(row: Sequence[Any]) -> str:
    """A row as COPY reads it; each text is escaped only when something in the row has to be, which is seldom."""
    texts = [_NULL if value is None else value if type(value) is str else _TEXTS[type(value)](value) for value in row]
    line = "\t".join(texts)
    if (
        line.count("\\") == len([value for value in row if value is None])
        and line.count("\t") == len(texts) - 1
        and "\n" not in line
        and "\r" not in line
    ):
        return line + "\n"
    escaped = [text if value is None else _escaped(text) for value, text in zip(row, texts, strict=True)]
    return "\t".join(escaped) + "\n"


class _Texts(dict[type, Callable[[Any], str]]):
    """How values of each type are written, worked out when the first of them is met."""

    def __missing__(self, kind: type) -> Callable[[Any], str]:
        text = self[kind] = str.__str__ if issubclass(kind, str) else _array if issubclass(kind, tuple) else str
        return text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(items: Iterable[str]) -> str:
    quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"


_TEXTS: Final = _Texts({bool: lambda truth: "t" if truth else "f"})
