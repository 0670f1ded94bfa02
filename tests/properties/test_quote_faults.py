"""Whatever is wrong with a described account, it is refused in one line or rated: never a traceback."""

import copy
import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.errors import DataRefused
from pipeline import quote
from pipeline.cli.quote import told_by
from pipeline.settings import read_settings

FILES = sorted((Path(__file__).parents[2] / "docs" / "quote").glob("*.toml"))
SETTINGS = read_settings({})
GONE = object()
JUNK = (
    *(0, -1, 10**9, True, "", "x", Decimal("1.5"), [], ["x"], {}, GONE),
    *(date(1, 1, 1), date(2026, 9, 15), date(9999, 12, 31)),
)


@cache
def described(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)


def leaves(table: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(table, dict):
        for name, value in table.items():
            yield from leaves(value, (*path, name))
    elif isinstance(table, list) and table and isinstance(table[0], dict):
        for number, value in enumerate(table):
            yield from leaves(value, (*path, number))
    else:
        yield path


def written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case date():
            return f"{value.year:04}-{value.month:02}-{value.day:02}"
        case list():
            return f"[{', '.join(written(one) for one in value)}]"
        case dict():
            return f"{{ {', '.join(f'{name} = {written(one)}' for name, one in value.items())} }}"
    return str(value)


@st.composite
def faults(draw: st.DrawFn) -> str:
    """A described account of the documentation with one of its values replaced or gone."""
    file = draw(st.sampled_from(FILES))
    path = draw(st.sampled_from(list(leaves(described(file)))))
    table = copy.deepcopy(described(file))
    *above, last = path
    place: Any = table
    for name in above:
        place = place[name]
    value = draw(st.sampled_from(JUNK))
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return "\n".join(f"{name} = {written(one)}" for name, one in table.items())


def answer_to(text: str) -> quote.Quote | DataRefused:
    try:
        return quote.run(SETTINGS, text=text, name="given.toml", folder=FILES[0].parent)
    except DataRefused as error:
        return error


@settings(max_examples=300)
@given(text=faults())
def test_one_wrong_value_is_refused_with_its_code_or_rated(text: str) -> None:
    answer = answer_to(text)

    if isinstance(answer, DataRefused):
        assert answer.code.startswith(("CASE_", "UTILITY_MISSING", "LAW_NO_VALUE"))
        assert "\n" not in str(answer)
    else:
        assert all(told_by(answer, auditor=auditor).text for auditor in (False, True))
