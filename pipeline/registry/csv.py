"""Registry files as they are written: the columns of the contract, and account numbers that pass their check."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.import_files import write_whole
from readings.registry import LAYOUTS

_PL00 = "252100"


def write_registry_file(folder: Path, kind: str, rows: Iterable[Sequence[object]]) -> Path:
    """Write one registry file; a row holds the values of the required columns, then of as many optional ones."""
    layout = LAYOUTS[kind]
    columns = (*layout.required, *layout.optional)
    whole = ((*row, *[""] * (len(columns) - len(row))) for row in rows)
    return write_csv(folder / f"{kind}.csv", columns=columns, rows=whole)


def write_csv(path: Path, *, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write a file of any contract: UTF-8, ``;``, one record a line."""
    write_whole(path, csv_content(columns=columns, rows=rows))
    return path


def csv_content(*, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The bytes of such a file."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def account_number(number: int) -> str:
    """A made-up NRB of no bank (its sort code is zeros) with right check digits, to be replaced by the real one."""
    bban = f"{number:024}"
    return f"{98 - int(bban + _PL00) % 97:02}{bban}"
