"""Files of a cut-over: one row of each to the checked values that are laid out for judging, in the order of loading."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from billing.errors import DataRefused
from readings import fields
from readings.fields import RowRefused
from readings.rows import read_index
from readings.table import Table

QUALITIES = ("actual", "customer", "estimated")
_SERIES = re.compile(r"[ -~]{1,40}")
_WHOLE = re.compile(r"[0-9]{1,15}")
_AMOUNT = {places: re.compile(rf"-?[0-9]{{1,9}}(?:[.,][0-9]{{1,{places}}})?") for places in (2, 3)}
_REGISTER_MOST = 99
_OLD_NUMBER_LENGTH = 40
_DEFAULTS = {"register": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of one file, its key, and how a row becomes the values of ``staged``, the columns it is judged by."""

    key: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    staged: tuple[str, ...]
    read: Callable[[dict[str, str]], tuple[Any, ...]]


def _position(row: dict[str, str]) -> tuple[Any, ...]:
    point_no, meter_no = fields.number(row, "point_no"), fields.number(row, "meter_no")
    day, index_m3 = fields.day(row, "last_billed_on"), read_index(row["last_billed_index"], unit="m3")
    if index_m3 is None:
        raise RowRefused("R107", f"last_billed_index {row['last_billed_index']!r}")
    return point_no, meter_no, _register(row), day, index_m3, _quality(row, default="actual")


def _balance(row: dict[str, str]) -> tuple[Any, ...]:
    standing = fields.optional_day(row, "standing_billed_until")
    return fields.number(row, "account_no"), _amount(row, "balance_zl", places=2), standing


def _history(row: dict[str, str]) -> tuple[Any, ...]:
    point_no, meter_no = fields.number(row, "point_no"), fields.number(row, "meter_no")
    start, until = fields.day(row, "period_from"), fields.day(row, "period_until")
    if until <= start:
        raise RowRefused("R106", f"period_until {until} does not lie after period_from {start}")
    number = row["old_invoice_no"]
    if len(number) > _OLD_NUMBER_LENGTH or not number.isprintable():
        raise RowRefused("R101", "old_invoice_no")
    gross_zl = _amount(row, "gross_zl", places=2) if row["gross_zl"] else None
    volume_m3 = _amount(row, "volume_m3", places=3)
    quality = _quality(row)
    return point_no, meter_no, _register(row), start, until, volume_m3, quality, number or None, gross_zl


def _series(row: dict[str, str]) -> tuple[Any, ...]:
    if not _SERIES.fullmatch(row["series"]):
        raise RowRefused("R101", f"series {row['series']!r}")
    return row["series"], fields.integer(row, "last_number", least=0, most=10**12)


def _register(row: dict[str, str]) -> int:
    return fields.integer(row, "register", least=0, most=_REGISTER_MOST) if row["register"] else 0


def _quality(row: dict[str, str], *, default: str | None = None) -> str:
    return default if default and not row["quality"] else fields.choice(row, "quality", QUALITIES)


def _amount(row: dict[str, str], name: str, *, places: int) -> Decimal:
    if not _AMOUNT[places].fullmatch(row[name]):
        raise RowRefused("R107", f"{name} {row[name]!r}")
    return Decimal(row[name].replace(",", "."))


LAYOUTS: Final[Mapping[str, Layout]] = {
    "positions": Layout(
        key=("meter_no", "register"),
        required=("point_no", "meter_no", "last_billed_on", "last_billed_index"),
        optional=("register", "quality"),
        staged=("point_no", "meter_no", "register", "last_billed_on", "index_m3", "quality"),
        read=_position,
    ),
    "balances": Layout(
        key=("account_no",),
        required=("account_no", "balance_zl", "standing_billed_until"),
        optional=(),
        staged=("account_no", "balance_zl", "standing_billed_until"),
        read=_balance,
    ),
    "history": Layout(
        key=("meter_no", "register", "period_from"),
        required=("point_no", "meter_no", "period_from", "period_until", "volume_m3", "quality"),
        optional=("register", "old_invoice_no", "gross_zl"),
        staged=(
            *("point_no", "meter_no", "register", "period_from", "period_until", "volume_m3", "quality"),
            *("old_invoice_no", "gross_zl"),
        ),
        read=_history,
    ),
    "series": Layout(
        key=("series",),
        required=("series", "last_number"),
        optional=(),
        staged=("series", "last_number"),
        read=_series,
    ),
}
"""The files in the order of their loading; ``control.csv`` comes last and has a reader of its own."""


def read_values(
    layout: Layout, *, columns: tuple[str, ...], lines: Iterable[tuple[int, str, tuple[str, ...]]]
) -> Iterator[tuple[Any, ...]]:
    """Line number, raw line, code and note of a row that cannot be read (else None), its key, and its values."""
    nothing = (None,) * len(layout.staged)
    empty = dict.fromkeys(layout.optional, "")
    for line_no, raw, cut in lines:
        row = empty | dict(zip(columns, map(str.strip, cut), strict=False))
        key = ";".join([row.get(name, "") or _DEFAULTS.get(name, "") for name in layout.key])
        if len(cut) != len(columns):
            note = f"{len(cut)} fields, the header has {len(columns)}"
            yield (line_no, raw, "K100", note, key, *nothing)
            continue
        try:
            yield (line_no, raw, None, None, key, *layout.read(row))
        except RowRefused as refusal:
            yield (line_no, raw, f"K{refusal.code[1:]}", refusal.note, key, *nothing)


# ── control totals ──────────────────────────────────────────────────────────────────────────────────────────────
CONTROL_COLUMNS = ("name", "value")
_PLACES: Final = {
    **dict.fromkeys(("parties", "accounts", "points", "contracts", "meters", "positions"), 0),
    **dict.fromkeys(("accounts_with_balance", "history_rows", "consents", "email_addresses", "series"), 0),
    **dict.fromkeys(("sum_of_last_numbers", "parallel_runs", "parallel_differences"), 0),
    **dict.fromkeys(("sum_of_last_indices_m3", "history_m3"), 3),
    **dict.fromkeys(("balance_zl", "history_zl"), 2),
}
WISHES = frozenset({"parallel_runs", "parallel_differences"})
"""Names that demand something of us; the others are totals and must all be there."""
TOTALS = tuple(name for name in _PLACES if name not in WISHES)
_SUM = {places: re.compile(rf"-?[0-9]{{1,14}}(?:[.,][0-9]{{1,{places}}})?") for places in (2, 3)}


def read_control(table: Table) -> list[tuple[int, str, Decimal]]:
    """The old system's totals with their line numbers.

    Raises:
        DataRefused: ``FILE_CONTROL``, a name is unknown, stands twice or is missing, or a value cannot be read.
    """
    found: dict[str, tuple[int, str, Decimal]] = {}
    for line in table.lines:
        cut = dict(zip(table.columns, (field.strip() for field in line.fields), strict=False))
        name, value = cut.get("name", ""), cut.get("value", "")
        if len(line.fields) != len(table.columns) or name not in _PLACES:
            raise DataRefused("FILE_CONTROL", f"line {line.line_no}: {name!r} is no total that is compared")
        if name in found:
            raise DataRefused("FILE_CONTROL", f"line {line.line_no}: {name} stands twice")
        found[name] = (line.line_no, name, _total(name, value))
    missing = [name for name in TOTALS if name not in found]
    if missing:
        raise DataRefused("FILE_CONTROL", f"missing: {', '.join(missing)}")
    return list(found.values())


def _total(name: str, value: str) -> Decimal:
    places = _PLACES[name]
    if not (_SUM[places] if places else _WHOLE).fullmatch(value):
        unit = {0: "a whole number", 2: "złoty with two places", 3: "m³ with three places"}[places]
        raise DataRefused("FILE_CONTROL", f"{name} {value!r} is not {unit}")
    return Decimal(value.replace(",", "."))
