"""The file of a bulk decision: a row for each reading, ``reading_id;decision;index_m3;why``."""

import csv
from decimal import Decimal, InvalidOperation
from pathlib import Path

from billing.estimation_rules import EstimateWhy
from billing.reading_life import Decision
from pipeline.errors import OperatorError
from pipeline.queue.planning import Chosen

COLUMNS = ("reading_id", "decision", "index_m3", "why")
DIGITS_MAX = 18
_DECISIONS = {
    "confirm": Decision.CONFIRMED,
    "edit": Decision.EDITED,
    "void": Decision.VOID,
    "estimate": Decision.ESTIMATED,
}


def read_chosen(file: Path) -> list[Chosen]:
    """The wishes of a file (UTF-8, ``;``, header row; the last two columns may be left out), in its order.

    Raises:
        OperatorError: ``SELECTION_UNREADABLE``, naming the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter=";"))
    except (OSError, UnicodeError, csv.Error) as error:
        raise OperatorError("SELECTION_UNREADABLE", f"{file}: {error}") from None
    if not rows:
        raise OperatorError("SELECTION_UNREADABLE", f"{file}: no rows below the header {';'.join(COLUMNS)}")
    return [_chosen(row, f"{file.name}, line {number}") for number, row in enumerate(rows, start=2)]


def _chosen(row: dict[str, str | None], where: str) -> Chosen:
    reading, decision, index_m3, why = ((row.get(name) or "").strip() for name in COLUMNS)
    if (
        not reading.isdecimal()
        or len(reading) > DIGITS_MAX
        or decision not in _DECISIONS
        or (why and why not in list(EstimateWhy))
    ):
        words = f"write the number of a reading and one of {', '.join(_DECISIONS)}"
        raise OperatorError("SELECTION_UNREADABLE", f"{where}: {words}; why is {' or '.join(EstimateWhy)}, or empty")
    try:
        index = Decimal(index_m3.replace(",", ".")) if index_m3 else None
    except InvalidOperation:
        raise OperatorError("SELECTION_UNREADABLE", f"{where}: {index_m3!r} is no index in m³") from None
    if (index is not None) != (decision == "edit"):
        raise OperatorError("SELECTION_UNREADABLE", f"{where}: an edit has an index_m3, and only an edit")
    return Chosen(
        reading_id=int(reading),
        decision=_DECISIONS[decision],
        index_m3=index,
        why=EstimateWhy(why) if why else None,
    )
