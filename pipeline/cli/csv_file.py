"""The option ``--csv`` of commands that list something."""

import argparse
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cli.answer import Answer, shown
from pipeline.lists import write_list
from pipeline.work import Work, warsaw_day
from sql.clock import business_now


def takes_csv(parser: argparse.ArgumentParser) -> None:
    """Let a command write its list as CSV: into a named file, or into one of the day under ``exports/lists``."""
    parser.add_argument(
        "--csv", nargs="?", const=Path(), type=Path, metavar="FILE", help="write it as CSV (default: exports/lists)"
    )


def list_answer(
    work: Work, options: Namespace, *, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], text: str
) -> Answer:
    """The rows as text and data; with ``--csv`` they go into the file and the text says where.

    Raises:
        OperatorError: ``CSV_UNWRITABLE``.
    """
    data = [dict(row) for row in rows]
    if options.csv is None:
        return Answer(text=text, data=data)
    written = write_list(_file(work, options.csv, name), columns=columns, rows=rows)
    return Answer(text=f"{len(rows)} rows in {written}", data=data)


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows in columns as wide as what they hold, under their names."""
    lines = [list(columns), *([shown(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _file(work: Work, named: Path, name: str) -> Path:
    if named != Path():
        return named
    with work.engine.connect() as connection:
        today = warsaw_day(business_now(connection))
    return work.settings.exports / "lists" / f"{name}-{today}.csv"
