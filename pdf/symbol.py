"""The dark modules of a square code as rectangles, put together from blocks that were drawn before."""

import re
from collections.abc import Sequence
from functools import cache

_DARK_RUN = re.compile(rb"\0+")
_BLOCK = 6


def dark_runs(rows: Sequence[bytes]) -> str:
    """Rectangles of one path, a module wide and high being 1, rows going down; dark modules are zero bytes."""
    modules = b"".join(rows)
    return "".join([runs[modules[block]] for block, runs in _blocks(len(rows))])


class _Runs(dict[bytes, str]):
    """The dark runs of a few modules at one place of a code, by those modules."""

    def __init__(self, *, row: int, start: int) -> None:
        super().__init__()
        self._row, self._start = row, start

    def __missing__(self, modules: bytes) -> str:
        runs = _DARK_RUN.finditer(modules)
        drawn = "".join(f"{self._start + run.start()} {self._row} {run.end() - run.start()} 1 re " for run in runs)
        self[modules] = drawn
        return drawn


@cache
def _blocks(side: int) -> tuple[tuple[slice, _Runs], ...]:
    """A code cut into blocks of so few modules that what they can hold was drawn before."""
    return tuple(
        (slice(row * side + start, row * side + min(start + _BLOCK, side)), _Runs(row=row, start=start))
        for row in range(side)
        for start in range(0, side, _BLOCK)
    )
