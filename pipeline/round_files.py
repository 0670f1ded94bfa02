"""The files of a round: for the reader, for the office, to visit again. No name of a person stands in them."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.registers import truncate_index
from pipeline.errors import Unavailable
from pipeline.import_files import write_whole
from pipeline.registry.csv import csv_content

READER_COLUMNS = (
    "route", "round", "seq", "point_no", "meter_no", "register", "street", "postcode", "city", "place", "note", "dials",
    "decimals", "last_index", "last_read_on", "expected_index", "low_index", "high_index",
)  # fmt: skip
STOP_COLUMNS = (
    "route", "round", "seq", "point_no", "meter_no", "register", "street", "postcode", "city", "place", "state",
    "reason", "read_on", "index", "successor",
)  # fmt: skip


def round_key(route: str, until: date, *, revision: int) -> str:
    """The key of a round: route, the first day that no longer counts, revision."""
    return f"{route}~{until}~{revision}"


def reader_file(walk: Sequence[Any], stops: Sequence[Any], *, round_key: str, route: str) -> bytes:
    """What the reader's device gets; indexes in m³ with the digits that the meter bills."""
    rows = (
        (
            *(route, round_key, stop.seq, row.point_no, row.meter_no, row.register),
            *(row.street, row.postcode, row.city, row.place, row.note or "", row.dials, row.decimals),
            *(_cut(stop.last_index_m3, row.decimals), stop.last_read_on or ""),
            *(
                _cut(index_m3, row.decimals)
                for index_m3 in (stop.expected_index_m3, stop.low_index_m3, stop.high_index_m3)
            ),
        )
        for row, stop in zip(walk, stops, strict=True)
    )
    return csv_content(columns=READER_COLUMNS, rows=rows)


def stops_file(stops: Iterable[dict[str, Any]], *, round_key: str, route: str) -> bytes:
    """The stops of a round with their states."""
    own = STOP_COLUMNS[2:]
    rows = ((route, round_key, *("" if stop[name] is None else stop[name] for name in own)) for stop in stops)
    return csv_content(columns=STOP_COLUMNS, rows=rows)


def save(path: Path, content: bytes) -> Path:
    """Write a round's file.

    Raises:
        Unavailable: ``ROUND_UNWRITABLE``.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        said = f"{error.filename or path}: {error.strerror}; what was recorded stands: give the command again"
        raise Unavailable("ROUND_UNWRITABLE", said) from error
    return path


def _cut(index_m3: Decimal | None, decimals: int) -> str:
    if index_m3 is None:
        return ""
    return format(truncate_index(index_m3=index_m3, decimals=decimals).quantize(Decimal(1).scaleb(-decimals)), "f")
