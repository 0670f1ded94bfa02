"""The series of a register within a file: two of them on one key (V18), and what only a whole series shows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from billing.reading_checks import Finding
from billing.reading_rules import CheckRules
from billing.reading_series import Shown, is_dense, series_findings, sum_differs, two_series
from readings.history import Measures
from readings.places import Place
from readings.rows import WARSAW, ReadingRow

_Rows = Sequence[ReadingRow]
_FEW = 3
"""Fewer rows of a register in one file are no series."""
DENSE_SOURCE = "radio_fixed"


def by_register(located: Iterable[tuple[ReadingRow, Place | str]]) -> dict[int, list[ReadingRow]]:
    """The rows with an index by installation, in the order of time; only of registers with several rows."""
    found: dict[int, list[ReadingRow]] = defaultdict(list)
    for row, place in located:
        if row.index_m3 is not None and not row.errors and isinstance(place, Place):
            found[place.installation_id].append(row)
    return {
        register: sorted(rows, key=lambda row: row.read_at)
        for register, rows in found.items()
        if len(rows) >= _FEW or rows[0].interval_m3 is not None
    }


def doubled(registers: Mapping[int, _Rows], *, rules: CheckRules) -> dict[int, Finding]:
    """V18 by installation."""
    found = {register: two_series(_shown(rows), rules=rules) for register, rows in registers.items()}
    return {register: one for register, one in found.items() if one is not None}


def series_wanted(registers: Mapping[int, _Rows]) -> dict[int, datetime]:
    """The registers whose stored series is asked for, with the moment of their first row.

    Those that a fixed network reads several times a day, and those whose supplier states intervals.
    """
    return {
        register: rows[0].read_at
        for register, rows in registers.items()
        if rows[0].interval_m3 is not None or _is_dense(rows)
    }


def later_findings(registers: Mapping[int, _Rows], *, measures: Measures) -> dict[int, list[Finding]]:
    """V13, V14, V17 and V21 by the line that each is about."""
    found: dict[int, list[Finding]] = defaultdict(list)
    for register, rows in registers.items():
        stored = list(measures.series.get(register, ()))
        shown = [*stored, *_shown(rows)]
        differs = sum_differs(_stated(stored, rows), rules=measures.rules)
        if differs is not None:
            found[rows[-1].line.line_no].append(differs)
        if _is_dense(rows):
            lines = {row.read_at: row.line.line_no for row in rows}
            local = {one.read_at: one.read_at.astimezone(WARSAW) for one in shown}
            for at, one in series_findings(shown, since=rows[0].read_at, local=local, rules=measures.rules):
                found[lines[at]].append(one)
    return found


def _stated(stored: Sequence[Shown], rows: _Rows) -> list[Shown]:
    """The rows with the stored reading before them, from which the first interval counts."""
    before = stored[-1:] if rows and rows[0].interval_m3 is not None else []
    return [*before, *_shown(rows)]


def _shown(rows: _Rows) -> list[Shown]:
    return [Shown(row.read_at, row.index_m3, row.interval_m3) for row in rows if row.index_m3 is not None]


def _is_dense(rows: _Rows) -> bool:
    return rows[0].source == DENSE_SOURCE and is_dense(_shown(rows))
