"""Fields of registry and consents files: text to checked values, or a code that says what is wrong."""

import re
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal

from billing.identifiers import is_email, is_number_word, is_route
from readings.rows import read_index, read_moment

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,2})?", re.ASCII)
_WHOLE_PERCENT = Decimal(100)
_TEXT_LENGTH = 200


class RowRefused(Exception):  # noqa: N818 - says what became of the row
    """One row cannot be taken; ``code`` is stable, ``note`` names the field."""

    def __init__(self, code: str, note: str) -> None:
        super().__init__(f"{code}: {note}")
        self.code = code
        self.note = note


def number(row: dict[str, str], name: str, *, optional: bool = False) -> str:
    """A number that names something: letters, digits and ``/ . _ -``, at most 20."""
    value = row[name]
    if not (is_number_word(value) or (optional and not value)):
        raise RowRefused("R101", f"{name} {value!r}")
    return value


def route(row: dict[str, str], name: str) -> str:
    """A route, for billing or reading: up to 20 capital letters and digits; ``ALL`` and ``OFF`` are taken."""
    value = row[name]
    if not is_route(value):
        raise RowRefused("R101", f"{name}: capital letters and digits only, neither ALL nor OFF")
    return value


def words(row: dict[str, str], name: str, *, optional: bool = False) -> str:
    """Free text of at most 200 characters."""
    value = row[name]
    if len(value) > _TEXT_LENGTH or not value.isprintable() or not (value or optional):
        raise RowRefused("R101", name)
    return value


def choice(row: dict[str, str], name: str, allowed: Collection[str], *, code: str = "R102") -> str:
    """One of the allowed words."""
    value = row[name]
    if value not in allowed:
        raise RowRefused(code, f"{name} {value!r} is none of {', '.join(sorted(allowed))}")
    return value


def integer(row: dict[str, str], name: str, *, least: int, most: int) -> int:
    """A whole number within its range."""
    value = row[name]
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(most)) and least <= int(value) <= most):
        raise RowRefused("R107", f"{name} {value!r} is not between {least} and {most}")
    return int(value)


def percent(row: dict[str, str], name: str) -> Decimal:
    """A share of 0 to 100 percent with at most two places, decimal comma or point."""
    value = row[name].replace(",", ".")
    if not _PERCENT.fullmatch(value) or Decimal(value) > _WHOLE_PERCENT:
        raise RowRefused("R107", f"{name} {row[name]!r} is not between 0 and 100")
    return Decimal(value)


def index(row: dict[str, str], name: str, *, dials: int) -> Decimal:
    """A meter index in m³ that fits its dials."""
    index_m3 = read_index(row[name], unit="m3")
    if index_m3 is None:
        raise RowRefused("R107", f"{name} {row[name]!r}")
    if index_m3 >= 10**dials:
        raise RowRefused("R115", f"{name} {row[name]} on {dials} dials")
    return index_m3


def day(row: dict[str, str], name: str) -> date:
    """A date written 2026-01-31."""
    try:
        if _DAY.fullmatch(row[name]):
            return date.fromisoformat(row[name])
    except ValueError:
        pass
    raise RowRefused("R106", f"{name} {row[name]!r}")


def optional_day(row: dict[str, str], name: str) -> date | None:
    """A date, or None for an empty field."""
    return day(row, name) if row[name] else None


def period(row: dict[str, str]) -> tuple[date, date | None]:
    """``valid_from`` and ``valid_until``, the first day that no longer belongs."""
    start, until = day(row, "valid_from"), optional_day(row, "valid_until")
    if until is not None and until <= start:
        raise RowRefused("R106", f"valid_until {until} does not lie after valid_from {start}")
    return start, until


def moment(row: dict[str, str], name: str, *, code: str = "R106") -> datetime:
    """A point in time; a bare date is noon in Poland."""
    read = read_moment(row[name])
    if read is None:
        raise RowRefused(code, f"{name} {row[name]!r}")
    return read[0]


def email(row: dict[str, str], name: str, *, code: str = "R113") -> str:
    """An e-mail address that a mail server would take: ASCII, one ``@``, a domain with a dot."""
    value = row[name]
    if not is_email(value):
        raise RowRefused(code, name)
    return value
