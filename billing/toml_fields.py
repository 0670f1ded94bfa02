"""Typed reading of a TOML table: every missing or wrong field is one clear line with a stable code.

Codes are ``<kind>_UNREADABLE``, ``<kind>_FIELD_MISSING`` and ``<kind>_FIELD_WRONG``, for instance
``TARIFF_FIELD_MISSING``. The first one is raised; a reader that was given a list of ``faults`` keeps every one there
and goes on with an empty value in place of the refused one, so that a person hears of all of them at once.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from types import TracebackType
from typing import Any, TypeVar

from billing.errors import DataRefused

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")
_ABSENT = object()
_YEARS = range(1900, 2200)
"""Of days that a file may name; beyond them the arithmetic of days has ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A refusal that was kept; ``field`` is its place in the file: ``seller.nip``, ``price[2].net_zl``."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A table of a TOML file; ``where`` names file and place in messages, ``kind`` opens the code.

    ``place`` is the table's own place in the file, empty for the top. With ``faults`` nothing is raised: the value
    returned for a refused field then means nothing, and ``is_sound`` tells.
    """

    table: Mapping[str, Any]
    where: str
    kind: str
    place: str = ""
    faults: list[Fault] | None = None

    def refuse(self, code: str, message: str) -> DataRefused:
        """The refusal to raise, with the place in front."""
        return DataRefused(f"{self.kind}_{code}", f"{self.where}: {message}")

    def keeping(self, name: str) -> "_Keeping":
        """Raise what refuses the field ``name`` inside, or keep it where faults are kept."""
        return _Keeping(fields=self, name=name)

    def keep(self, refused: DataRefused, name: str) -> bool:
        """Whether the refusal of the field ``name`` was kept."""
        if self.faults is None:
            return False
        message = str(refused).removeprefix(f"{refused.code}: ").removeprefix(f"{self.where}: ")
        self.faults.append(Fault(code=refused.code, field=self._place(name), message=message))
        return True

    def is_sound(self, *names: str) -> bool:
        """Whether no fault was kept for these fields, or for anything here when none is named."""
        places = tuple(self._place(name) for name in names) or (self.place,)
        return not any(fault.field.startswith(places) for fault in self.faults or ())

    def known(self, *names: str) -> None:
        """Refuse fields that nobody reads: a misspelt name must not pass in silence."""
        for name in self.table:
            if name not in names:
                with self.keeping(name):
                    raise self.refuse("FIELD_WRONG", f"field {name!r} is not known here")

    def text(self, name: str, default: Any = _ABSENT) -> str:
        """A text that is not empty."""
        with self.keeping(name):
            value = self._typed(name, str, "a text", default)
            if not value.strip():
                raise self.refuse("FIELD_WRONG", f"{name} must not be empty")
            return value
        return ""

    def integer(self, name: str, default: Any = _ABSENT) -> int:
        """A whole number, zero or above."""
        with self.keeping(name):
            value = self._typed(name, int, "a whole number", default)
            if isinstance(value, bool) or value < 0:
                raise self.refuse("FIELD_WRONG", f"{name} must be a whole number, zero or above")
            return value
        return 0

    def flag(self, name: str, default: Any = _ABSENT) -> bool:
        """A truth value."""
        with self.keeping(name):
            return self._typed(name, bool, "true or false", default)
        return False

    def day(self, name: str, default: Any = _ABSENT) -> date:
        """A date without a time."""
        with self.keeping(name):
            value = self._typed(name, date, "a date", default)
            if isinstance(value, datetime):
                raise self.refuse("FIELD_WRONG", f"{name} must be a date without a time")
            if name in self.table and value.year not in _YEARS:
                raise self.refuse("FIELD_WRONG", f"{name} = {value} lies in no year of a utility")
            return value
        return date.min

    def clock(self, name: str, default: Any = _ABSENT) -> time:
        """A time of day."""
        with self.keeping(name):
            return self._typed(name, time, "a time of day (06:00:00)", default)
        return time.min

    def decimal(self, name: str, *, places: int, default: Any = _ABSENT) -> Decimal:
        """A number (or a text that is one) with at most ``places`` decimals, written to exactly as many."""
        with self.keeping(name):
            value = self._value(name, default)
            if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
                raise self.refuse("FIELD_WRONG", f"{name} must be a number")
            return self._exact(name, value, places)
        return Decimal(0)

    def choice(self, name: str, kind: type[E], default: Any = _ABSENT) -> E:
        """One of the values of an enumeration."""
        with self.keeping(name):
            value = self._typed(name, str, "a text", default)
            if value not in list(kind):
                raise self.refuse("FIELD_WRONG", f"{name} = {value!r}, it must be one of {', '.join(kind)}")
            return kind(value)
        return next(iter(kind))

    def texts(self, name: str, default: Any = _ABSENT) -> tuple[str, ...]:
        """A list of texts."""
        with self.keeping(name):
            values = self._value(name, default)
            if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
                raise self.refuse("FIELD_WRONG", f"{name} must be a list of texts")
            return tuple(values)
        return ()

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        with self.keeping(name):
            values = self._value(name, _ABSENT)
            if not isinstance(values, list) or not all(type(value) is int for value in values):
                raise self.refuse("FIELD_WRONG", f"{name} must be a list of whole numbers")
            return tuple(values)
        return ()

    def within(self, name: str, default: Any = _ABSENT) -> "Fields":
        """A table inside this one; what is missing in a table that is missing itself is not said again."""
        where, place = f"{self.where} [{name}]", self._place(name)
        with self.keeping(name):
            table: Mapping[str, Any] = self._typed(name, dict, "a table", default)
            return Fields(table=table, where=where, kind=self.kind, place=place, faults=self.faults)
        return Fields(table={}, where=where, kind=self.kind, place=place, faults=[])

    def each(self, name: str) -> Iterator["Fields"]:
        """The tables of a list, none when the list is absent."""
        tables = self.table.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            with self.keeping(name):
                raise self.refuse("FIELD_WRONG", f"{name} must be a list of tables: [[{name}]]")
            return
        for number, table in enumerate(tables, start=1):
            where, place = f"{self.where} [[{name}]] {number}", self._place(f"{name}[{number}]")
            yield Fields(table=table, where=where, kind=self.kind, place=place, faults=self.faults)

    def _place(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name

    def _exact(self, name: str, value: int | str | Decimal, places: int) -> Decimal:
        try:
            number = Decimal(value)
            exact = number.quantize(Decimal(1).scaleb(-places))
        except ArithmeticError:
            raise self.refuse("FIELD_WRONG", f"{name} = {value!r} is not a number") from None
        if exact != number:
            raise self.refuse("FIELD_WRONG", f"{name} = {value} has more than {places} decimals")
        return exact

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keeping:
    """``with`` this, a refusal ends the block and goes where the table's refusals go."""

    fields: Fields
    name: str

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Whether the error was a refusal that has been kept."""
        return isinstance(error, DataRefused) and self.fields.keep(error, self.name)


def read_fields(text: str, *, name: str, kind: str, faults: list[Fault] | None = None) -> Fields:
    """The top table of a TOML text; numbers with a point are Decimal, never float.

    Raises:
        DataRefused: ``<kind>_UNREADABLE``, the text is not TOML.
    """
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError) as error:
        raise DataRefused(f"{kind}_UNREADABLE", f"{name}: {error}") from None
    return Fields(table=table, where=name, kind=kind, faults=faults)
