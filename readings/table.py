"""Files as tables: bytes to numbered raw lines under a checked header.

One record stands on one line; a quoted field may hold the delimiter, never a line end, so that the raw line that is
kept is the whole record.
"""

import csv
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from billing.errors import DataRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A record as received: ``line_no`` counts from 1, the header, where there is one, being line 1."""

    line_no: int
    raw: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file whose header is known to be right; ``header`` is empty when it has none."""

    columns: tuple[str, ...]
    header: str
    lines: tuple[Line, ...]


def read_table(
    content: bytes,
    *,
    required: Collection[str],
    optional: Collection[str] = (),
    delimiter: str = ";",
    encoding: str = "utf-8-sig",
    width: int | None = None,
) -> Table:
    """Cut ``content`` into lines; blank ones are left out but counted in ``line_no``.

    With ``width`` the file has no header: so many fields a line, whose columns are their places, "1" being the first.

    Raises:
        DataRefused: ``FILE_UNREADABLE`` (empty, wrong encoding, a zero byte) or ``FILE_HEADER`` (a required column is
            missing, a column is unknown or stands twice).
    """
    text = read_text(content, encoding).split("\n")
    if width is not None:
        header, rest, first_no = "", text, 1
        columns = columns_of_width(width)
    else:
        header, rest, first_no = text[0].rstrip("\r"), text[1:], 2
        columns = read_header(header, required=required, optional=optional, delimiter=delimiter)
    cut = cut_lines(rest, delimiter, first_no=first_no)
    lines = tuple(Line(line_no=line_no, raw=raw, fields=fields) for line_no, raw, fields in cut)
    return Table(columns=columns, header=header, lines=lines)


def read_header(
    header: str, *, required: Collection[str], optional: Collection[str] = (), delimiter: str = ";"
) -> tuple[str, ...]:
    """The columns that a header names.

    Raises:
        DataRefused: ``FILE_HEADER``, as ``read_table``.
    """
    columns = tuple(name.strip() for name in split_fields(header, delimiter))
    _check_header(columns, required=required, optional=optional)
    return columns


def columns_of_width(width: int) -> tuple[str, ...]:
    """The columns of a file without a header: their places, "1" being the first."""
    return tuple(str(place) for place in range(1, width + 1))


def cut_lines(
    lines: Iterable[str], delimiter: str = ";", *, first_no: int = 2
) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Line number, raw line and fields of each line that is not blank, one after the other."""
    for line_no, line in enumerate(lines, start=first_no):
        raw = line.rstrip("\r\n")
        if raw.strip():
            yield line_no, raw, split_fields(raw, delimiter)


def check_sidecar(content: bytes, sidecar: str | None) -> str:
    """The SHA-256 of ``content`` in hex, compared with the text of its ``.sha256`` file if there is one.

    Raises:
        DataRefused: ``FILE_HASH``.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    if sidecar is not None and (sidecar.split() or [""])[0].lower() != sha256:
        raise DataRefused("FILE_HASH", f"the .sha256 file names another content than {sha256}")
    return sha256


def split_fields(raw: str, delimiter: str) -> tuple[str, ...]:
    """The fields of one line; none at all when its quotation marks cannot be understood."""
    if '"' not in raw:
        return tuple(raw.split(delimiter))
    try:
        return tuple(next(csv.reader([raw], delimiter=delimiter), ()))
    except csv.Error:
        return ()


def read_text(content: bytes, encoding: str) -> str:
    """The text of a file.

    Raises:
        DataRefused: ``FILE_UNREADABLE``, as ``read_table``.
    """
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataRefused("FILE_UNREADABLE", f"not {encoding}: byte {error.start} cannot be read") from None
    if not text.strip():
        raise DataRefused("FILE_UNREADABLE", "the file is empty")
    if "\0" in text:
        raise DataRefused("FILE_UNREADABLE", "the file holds zero bytes; it is no text")
    return text


def _check_header(columns: Sequence[str], *, required: Collection[str], optional: Collection[str]) -> None:
    faults = {
        "missing": [name for name in required if name not in columns],
        "unknown": [name for name in columns if name not in required and name not in optional],
        "twice": sorted({name for name in columns if columns.count(name) > 1}),
    }
    if any(faults.values()):
        said = "; ".join(f"{fault}: {', '.join(names)}" for fault, names in faults.items() if names)
        raise DataRefused("FILE_HEADER", f"columns {said}")
