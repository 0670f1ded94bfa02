"""Half-open periods of Warsaw calendar days: the first day belongs, ``until`` does not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from billing.quick import quick

_WORD = re.compile(r"(2[01]\d\d)-(0[1-9]|1[0-2])(?:\.\.(2[01]\d\d)-(0[1-9]|1[0-2]))?", re.ASCII)


@quick
@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Period:
    """Days from ``start`` up to, not including, ``until``."""

    start: date
    until: date

    def __post_init__(self) -> None:
        if self.start >= self.until:
            raise ValueError(f"a period must hold a day: {self.start}..{self.until}")

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.until - self.start).days

    @property
    def last_day(self) -> date:
        """The last day that belongs; what documents print as the period's end."""
        return self.until - timedelta(days=1)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.until

    def overlap(self, other: "Period") -> "Period | None":
        """The days that both hold, or None."""
        start, until = max(self.start, other.start), min(self.until, other.until)
        return Period(start=start, until=until) if start < until else None

    def months(self) -> Iterator["Period"]:
        """The calendar months that the period touches, each cut to the period."""
        first = self.start.replace(day=1)
        while first < self.until:
            following = next_month(first)
            yield Period(start=max(first, self.start), until=min(following, self.until))
            first = following

    def word(self) -> str:
        """``2026-09`` or ``2026-07..2026-09``: the form that keys and forms use. Whole months only."""
        last = self.last_day
        start = f"{self.start:%Y-%m}"
        return start if (last.year, last.month) == (self.start.year, self.start.month) else f"{start}..{last:%Y-%m}"


def next_month(day: date) -> date:
    """The first day of the month after ``day``."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def months_period(word: str) -> Period:
    """The period that ``2026-09`` or ``2026-07..2026-09`` names.

    Raises:
        ValueError: the word has another form, or its end lies before its start.
    """
    match = _WORD.fullmatch(word)
    if not match:
        raise ValueError(f"not a period of months: {word!r} (write 2026-09 or 2026-07..2026-09)")
    year, month, last_year, last_month = match.groups()
    start = date(int(year), int(month), 1)
    last = date(int(last_year or year), int(last_month or month), 1)
    if last < start:
        raise ValueError(f"the period {word!r} ends before it starts")
    return Period(start=start, until=next_month(last))


def months_later(day: date, *, months: int) -> date:
    """The first day of the month so many months after the one that begins with ``day``.

    Where that month has no such day it ends with its last one (KC art. 112, to verify), and the next begins on the 1st:
    12 months after 29 February comes 1 March.
    """
    place = day.month - 1 + months
    first = date(day.year + place // 12, place % 12 + 1, 1)
    return min(first + timedelta(days=day.day - 1), next_month(first))


def days_from(day: date, *, days: int) -> Period:
    """So many days, the first of them ``day``."""
    return Period(start=day, until=day + timedelta(days=days))
