"""Named queries: ``sql/queries/<topic>.sql`` holds them, each after a line ``-- name: <name>``."""

import re
from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

_FOLDER = Path(__file__).parent / "queries"
_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def queries(topic: str) -> dict[str, TextClause]:
    """The queries of one file by their names.

    Raises:
        ValueError: a name stands twice.
    """
    _, *parts = _NAME.split((_FOLDER / f"{topic}.sql").read_text(encoding="utf-8"))
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a query name stands twice in {topic}.sql")
    return {name: text(body.strip()) for name, body in zip(names, bodies, strict=True)}
