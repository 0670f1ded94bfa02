"""``[[route]]`` of ``utility.toml``: which months close a route's periods, and when its readers walk."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from billing.toml_fields import Fields

MONTHS = 12
EVERY_MONTHS = (1, 2, 3, 6, 12)
"""The lengths of a period that divide a year."""

_CODE = re.compile(r"[A-Z0-9]{1,20}")
_DAYS = range(1, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route's calendar: periods of ``every_months`` months; ``first_month`` is the first that ends one in a year.

    ``read_days`` are the first and the last day of a period's last month on which readers walk, both belonging.
    """

    code: str
    every_months: int
    first_month: int
    read_days: tuple[int, int]

    @property
    def closing_months(self) -> tuple[int, ...]:
        """The months of a year (1 to 12) that end a period of this route."""
        return tuple(range(self.first_month, MONTHS + 1, self.every_months))


def read_routes(top: Fields) -> Iterator[Route]:
    """The routes of a utility file; one that cannot be read is left out where faults are kept."""
    seen: set[str] = set()
    for fields in top.each("route"):
        route = _route(fields)
        if route.code in seen:
            with fields.keeping("code"):
                raise fields.refuse("FIELD_WRONG", f"route {route.code} is described twice")
        seen.add(route.code)
        if fields.is_sound():
            yield route


def _route(fields: Fields) -> Route:
    fields.known("code", "every_months", "first_month", "read_days")
    return Route(
        code=_code(fields),
        every_months=_one_of(fields, "every_months", EVERY_MONTHS),
        first_month=_one_of(fields, "first_month", range(1, MONTHS + 1)),
        read_days=_read_days(fields),
    )


def _code(fields: Fields) -> str:
    code = fields.text("code")
    if code and not _CODE.fullmatch(code):
        with fields.keeping("code"):
            raise fields.refuse("FIELD_WRONG", f"code = {code!r}: capital letters and digits, as in accounts.csv")
    return code


def _one_of(fields: Fields, name: str, allowed: range | tuple[int, ...]) -> int:
    value = fields.integer(name)
    if value not in allowed and fields.is_sound(name):
        with fields.keeping(name):
            raise fields.refuse("FIELD_WRONG", f"{name} = {value}, it must be one of {', '.join(map(str, allowed))}")
    return value


def _read_days(fields: Fields) -> tuple[int, int]:
    with fields.keeping("read_days"):
        match fields.integers("read_days"):
            case (first, last) if first in _DAYS and last in _DAYS and first <= last:
                return first, last
        if fields.is_sound("read_days"):
            raise fields.refuse("FIELD_WRONG", "read_days must be the first and the last day, such as [22, 28]")
    return 1, 1
