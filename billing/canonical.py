"""Dataclasses to plain data and back, and one canonical JSON text, so that content can be hashed and compared.

Decimals and dates travel as strings; keys are sorted; nothing depends on memory order or locale.
"""

import hashlib
import json
import operator
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

LATER: Final = MappingProxyType({"later": True})
"""Metadata of a dataclass field that came after content had been hashed: left out while it holds its default.

So what was hashed before keeps its hash, and can still be read.
"""


def to_data(value: Any) -> Any:
    """``value`` as dictionaries, lists, strings, integers, booleans and None.

    Raises:
        TypeError: ``value`` holds something without a canonical form, such as a float.
    """
    kind: Any = type(value)
    return _writer(kind)(value)


def canonical_json(value: Any) -> str:
    """The one JSON text of ``value``: sorted keys, no spaces, Polish letters as they are."""
    return _ENCODER.encode(to_data(value))


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@cache
def _writer(kind: type) -> Callable[[Any], Any]:
    if kind in (type(None), bool, int, str):
        return _as_it_is
    if issubclass(kind, Enum):
        return operator.attrgetter("value")
    if kind is Decimal:
        return "{:f}".format
    if issubclass(kind, date):
        return operator.methodcaller("isoformat")
    if issubclass(kind, tuple | list):
        return lambda items: [to_data(item) for item in items]
    if issubclass(kind, frozenset):
        return lambda items: sorted(to_data(item) for item in items)
    if issubclass(kind, Mapping):
        return lambda items: {str(to_data(key)): to_data(item) for key, item in items.items()}
    if is_dataclass(kind):
        return _dataclass_writer(kind)
    raise TypeError(f"no canonical form for {kind.__name__}")


def _dataclass_writer(kind: Any) -> Callable[[Any], Any]:
    names = [field.name for field in fields(kind) if not field.metadata.get("later")]
    later = [(field.name, field.default) for field in fields(kind) if field.metadata.get("later")]
    values = operator.attrgetter(*names) if len(names) > 1 else lambda held: (getattr(held, names[0]),)

    def write(held: Any) -> Any:
        data = {name: to_data(item) for name, item in zip(names, values(held), strict=True)}
        for name, default in later:
            item = getattr(held, name)
            if item != default:
                data[name] = to_data(item)
        return data

    return write


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Sealed:
    """The canonical JSON of something, and the hex SHA-256 of that text."""

    text: str
    sha256: str


def seal(value: Any) -> Sealed:
    """``value`` written down once, with its hash."""
    text = canonical_json(value)
    return Sealed(text=text, sha256=hashlib.sha256(text.encode()).hexdigest())


def content_sha256(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON."""
    return seal(value).sha256


def from_data(kind: type[T], data: Any) -> T:
    """Rebuild a ``kind`` from what ``to_data`` made of it.

    Raises:
        KeyError, ValueError, TypeError: ``data`` is not of that shape.
    """
    return cast("T", _reader(cast("Any", kind))(data))


def from_json(kind: type[T], text: str) -> T:
    """Rebuild a ``kind`` from its canonical JSON; raises as ``from_data`` does."""
    return from_data(kind, json.loads(text))


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(argument for argument in arguments if argument is not type(None)))
        return lambda data: None if data is None else inner(data)
    if origin in (tuple, frozenset):
        item = _reader(arguments[0])
        return lambda data: origin(item(entry) for entry in data)
    if origin is not None and issubclass(origin, Mapping):
        key, item = _reader(arguments[0]), _reader(arguments[1])
        return lambda data: {key(name): item(entry) for name, entry in data.items()}
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if kind in (date, datetime):
        return cast("Callable[[Any], Any]", kind.fromisoformat)
    if kind in (Decimal, str, int) or issubclass(kind, Enum):
        return cast("Callable[[Any], Any]", kind)
    return lambda data: data


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    readers = [(field.name, _reader(hints[field.name])) for field in fields(kind) if not field.metadata.get("later")]
    later = [(field.name, _reader(hints[field.name])) for field in fields(kind) if field.metadata.get("later")]

    def read(data: Any) -> Any:
        given = {name: reader(data[name]) for name, reader in readers}
        return kind(**given, **{name: reader(data[name]) for name, reader in later if name in data})

    return read
