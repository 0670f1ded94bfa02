"""Canonical JSON is the same text that the standard library's writer makes of the same data, character by character."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.canonical import LATER, canonical_json, content_sha256, from_json, seal, to_data
from pipeline.read_back import read_back


class Colour(StrEnum):
    RED = "czerwony"
    QUOTED = 'z "cudzysłowem"\n'


class Step(IntEnum):
    FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    only: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """Its later fields sort before, between and behind the others."""

    name: str
    kind: Colour
    leaves: tuple[Leaf, ...]
    day: date | None
    between: int = field(default=0, metadata=LATER)
    aside: str | None = field(default=None, metadata=LATER)
    zone: tuple[Leaf, ...] = field(default=(), metadata=LATER)


def plain(value: Any) -> Any:
    """What canonical JSON is defined as: plain data, to be written by the standard library."""
    if is_dataclass(value):
        pairs = [(one, getattr(value, one.name)) for one in fields(value)]
        return {one.name: plain(item) for one, item in pairs if not one.metadata.get("later") or item != one.default}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(plain(item) for item in value)
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def written(value: Any) -> str:
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


texts = st.text(max_size=20)
decimals = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal("0E-9"), Decimal("1E+3"), Decimal("-0.00"), Decimal("1.250E-3")]
)
leaves = st.builds(Leaf, only=decimals)
grown = st.builds(
    Grown,
    name=texts,
    kind=st.sampled_from(Colour),
    leaves=st.tuples(leaves, leaves) | st.just(()),
    day=st.dates() | st.none(),
    between=st.integers(),
    aside=texts | st.none(),
    zone=st.just(()) | st.tuples(leaves),
)
simple = st.one_of(
    *(st.none(), st.booleans(), st.integers(), texts, decimals, st.dates(), st.datetimes()),
    *(st.sampled_from(Colour), st.sampled_from(Step), grown),
)
values = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(texts | st.sampled_from(Colour) | st.integers() | st.dates(), inner, max_size=3),
        st.frozensets(texts | st.sampled_from(Colour), max_size=4),
        st.frozensets(st.integers(), max_size=4),
    ),
    max_leaves=12,
)


@given(value=values)
def test_the_text_is_that_of_the_standard_writer(value: Any) -> None:
    assert canonical_json(value) == written(value)
    assert to_data(value) == json.loads(written(value))


@given(held=grown)
def test_what_was_written_is_read_again(held: Grown) -> None:
    assert from_json(Grown, canonical_json(held)) == held
    assert read_back(Grown, canonical_json(held)) == held


def test_a_later_field_is_left_out_only_while_it_holds_its_default() -> None:
    held = Grown(name="n", kind=Colour.RED, leaves=(), day=date(2026, 7, 1))
    assert canonical_json(held) == '{"day":"2026-07-01","kind":"czerwony","leaves":[],"name":"n"}'
    told = Grown(name="n", kind=Colour.RED, leaves=(), day=None, aside="a")
    assert canonical_json(told) == '{"aside":"a","day":null,"kind":"czerwony","leaves":[],"name":"n"}'


def test_the_hash_is_of_the_text_in_utf_8() -> None:
    # sha256 of {"day":null,"kind":"czerwony","leaves":[{"only":"1000"}],"name":"Żółć"} by sha256sum
    held = Grown(name="Żółć", kind=Colour.RED, leaves=(Leaf(only=Decimal("1E+3")),), day=None)
    assert seal(held).text == '{"day":null,"kind":"czerwony","leaves":[{"only":"1000"}],"name":"Żółć"}'
    assert content_sha256(held) == "b6a986079402aeeccef0699f8b4096e2395c6d2efa9abd1122c3596d87ea7683"


@pytest.mark.parametrize("value", [1.5, b"bytes", object(), datetime, {"a": {1.5}}, [{"b": 0.1}]])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        canonical_json(value)
