"""Surfaces of many points from one CSV file: all of them or none, and every wrong line is named."""

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pipeline.agreements import SurfaceRow, set_surfaces
from pipeline.errors import OperatorError
from pipeline.work import Work
from readings.table import Line, read_table

COLUMNS = ("point_no", "surface", "area_m2", "item", "from", "reason")
_SHOWN = 10


def run(work: Work, *, file: Path) -> dict[str, int]:
    """Write down the surfaces of a file (UTF-8, ``;``, one header line).

    Raises:
        OperatorError: ``FILE_MISSING``; ``ROWS_WRONG``, with the lines; or what ``set_surfaces`` refuses.
        DataRefused: ``FILE_UNREADABLE`` or ``FILE_HEADER``.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{file}: {error.strerror}") from None
    found = read_table(content, required=COLUMNS)
    rows, faults = [], []
    for line in found.lines:
        try:
            rows.append(_row(found.columns, line))
        except (ValueError, InvalidOperation):
            faults.append(str(line.line_no))
    if faults:
        shown = ", ".join(faults[:_SHOWN]) + (f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else "")
        raise OperatorError("ROWS_WRONG", f"{file.name}: lines {shown}: a field is missing, no number or no date")
    return set_surfaces(work, rows)


def _row(columns: tuple[str, ...], line: Line) -> SurfaceRow:
    values = {name: value.strip() for name, value in zip(columns, line.fields, strict=True)}
    if not all(values.values()):
        raise ValueError(line.line_no)
    return SurfaceRow(
        point_no=values["point_no"],
        surface=values["surface"],
        area_m2=Decimal(values["area_m2"].replace(",", ".")),
        item_code=values["item"],
        day=date.fromisoformat(values["from"]),
        reason=values["reason"],
    )
