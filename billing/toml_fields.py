"""Typed reading of a TOML table: every missing or wrong field is one clear line with a stable code.

Codes are ``<kind>_UNREADABLE``, ``<kind>_FIELD_MISSING`` and ``<kind>_FIELD_WRONG``, for instance
``TARIFF_FIELD_MISSING``.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from billing.errors import DataRefused

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")
_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A table of a TOML file; ``where`` names file and place in messages, ``kind`` opens the code."""

    table: Mapping[str, Any]
    where: str
    kind: str

    def refuse(self, code: str, message: str) -> DataRefused:
        """The refusal to raise, with the place in front."""
        return DataRefused(f"{self.kind}_{code}", f"{self.where}: {message}")

    def known(self, *names: str) -> None:
        """Refuse fields that nobody reads: a misspelt name must not pass in silence."""
        for name in self.table:
            if name not in names:
                raise self.refuse("FIELD_WRONG", f"field {name!r} is not known here")

    def text(self, name: str, default: Any = _ABSENT) -> str:
        """A text that is not empty."""
        value = self._typed(name, str, "a text", default)
        if not value.strip():
            raise self.refuse("FIELD_WRONG", f"{name} must not be empty")
        return value

    def integer(self, name: str, default: Any = _ABSENT) -> int:
        """A whole number, zero or above."""
        value = self._typed(name, int, "a whole number", default)
        if isinstance(value, bool) or value < 0:
            raise self.refuse("FIELD_WRONG", f"{name} must be a whole number, zero or above")
        return value

    def flag(self, name: str, default: Any = _ABSENT) -> bool:
        """A truth value."""
        return self._typed(name, bool, "true or false", default)

    def day(self, name: str, default: Any = _ABSENT) -> date:
        """A date without a time."""
        value = self._typed(name, date, "a date", default)
        if isinstance(value, datetime):
            raise self.refuse("FIELD_WRONG", f"{name} must be a date without a time")
        return value

    def clock(self, name: str, default: Any = _ABSENT) -> time:
        """A time of day."""
        return self._typed(name, time, "a time of day (06:00:00)", default)

    def decimal(self, name: str, *, places: int, default: Any = _ABSENT) -> Decimal:
        """A number (or a text that is one) with at most ``places`` decimals, written to exactly as many."""
        value = self._value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise self.refuse("FIELD_WRONG", f"{name} must be a number")
        try:
            number = Decimal(value)
            exact = number.quantize(Decimal(1).scaleb(-places))
        except ArithmeticError:
            raise self.refuse("FIELD_WRONG", f"{name} = {value!r} is not a number") from None
        if exact != number:
            raise self.refuse("FIELD_WRONG", f"{name} = {value} has more than {places} decimals")
        return exact

    def choice(self, name: str, kind: type[E], default: Any = _ABSENT) -> E:
        """One of the values of an enumeration."""
        value = self._typed(name, str, "a text", default)
        try:
            return kind(value)
        except ValueError:
            raise self.refuse("FIELD_WRONG", f"{name} = {value!r}, it must be one of {', '.join(kind)}") from None

    def texts(self, name: str, default: Any = _ABSENT) -> tuple[str, ...]:
        """A list of texts."""
        values = self._value(name, default)
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise self.refuse("FIELD_WRONG", f"{name} must be a list of texts")
        return tuple(values)

    def within(self, name: str, default: Any = _ABSENT) -> "Fields":
        """A table inside this one."""
        table: Mapping[str, Any] = self._typed(name, dict, "a table", default)
        return Fields(table=table, where=f"{self.where} [{name}]", kind=self.kind)

    def each(self, name: str) -> Iterator["Fields"]:
        """The tables of a list, none when the list is absent."""
        tables = self.table.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.refuse("FIELD_WRONG", f"{name} must be a list of tables: [[{name}]]")
        for position, table in enumerate(tables, start=1):
            yield Fields(table=table, where=f"{self.where} [[{name}]] {position}", kind=self.kind)

    def _value(self, name: str, default: Any) -> Any:
        value = self.table.get(name, default)
        if value is _ABSENT:
            raise self.refuse("FIELD_MISSING", f"field {name!r} is missing")
        return value

    def _typed(self, name: str, kind: type[T], wanted: str, default: Any) -> T:
        value = self._value(name, default)
        if not isinstance(value, kind):
            raise self.refuse("FIELD_WRONG", f"{name} must be {wanted}")
        return value


def read_fields(text: str, *, name: str, kind: str) -> Fields:
    """The top table of a TOML text; numbers with a point are Decimal, never float.

    Raises:
        DataRefused: ``<kind>_UNREADABLE``, the text is not TOML.
    """
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError) as error:
        raise DataRefused(f"{kind}_UNREADABLE", f"{name}: {error}") from None
    return Fields(table=table, where=name, kind=kind)
