"""What a command has to say: a text for people and the same as data for machines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from billing.canonical import to_data

LISTED_MOST = 10
"""Names that a line of text holds; ``--json`` has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``text`` for the terminal, ``data`` for ``--json``; decimals and dates travel as strings.

    ``exit_code`` is not 0 when the answer itself says that something is wrong.
    """

    text: str
    data: Any
    exit_code: int = 0

    def as_json(self) -> str:
        """``data`` as one JSON document."""
        return json.dumps(self.data, default=_plain, ensure_ascii=False, indent=2)


def counts_answer(title: str, counts: Mapping[str, Any]) -> Answer:
    """A step's counts, one line each."""
    width = max((len(name) for name in counts), default=0)
    lines = [f"  {name:<{width}}  {shown(value)}" for name, value in counts.items()]
    return Answer(text="\n".join([title, *lines]), data=dict(counts))


def shown(value: Any) -> str:
    """One value as a person reads it."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name} {shown(item)}" for name, item in value.items()) or "–"
        case list() | tuple():
            named = ", ".join(shown(item) for item in value[:LISTED_MOST])
            return f"{named}, … {len(value)} in all" if len(value) > LISTED_MOST else named or "–"
        case Decimal():
            return f"{value:f}"
    return str(value)


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case Path() | UUID():
            return str(value)
    if is_dataclass(value):
        return to_data(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
