"""Seasons of a year: days of a month up to days of a month, both as printed, the same in every year."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

_WORD = re.compile(r"(\d\d)-(\d\d)\.\.(\d\d)-(\d\d)", re.ASCII)
_LEAP_YEAR = 2024
_LEAP_DAY = (2, 29)
MonthDay = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Season:
    """From the day ``first`` to the day ``last``, both included; it passes New Year where ``last`` comes before.

    29 February counts in leap years only: a season up to it ends on the 28th in other years, one from it begins on
    1 March then; a season that ends on the 28th leaves the 29th out.
    """

    first: MonthDay
    last: MonthDay

    def holds(self, day: date) -> bool:
        """Whether the day belongs to it, whatever the year."""
        place = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= place <= self.last
        return place >= self.first or place <= self.last

    def edges(self, year: int) -> tuple[date, date]:
        """The day of that year with which it begins, and the one before which it has ended."""
        return _day(self.first, year), _after(self.last, year)

    def word(self) -> str:
        """``05-01..09-30``: as it is written in a tariff file."""
        return "..".join(f"{month:02}-{day:02}" for month, day in (self.first, self.last))


def read_season(word: str) -> Season:
    """The season that ``05-01..09-30`` names.

    Raises:
        ValueError: another form, a day that no year has, or the whole year.
    """
    match = _WORD.fullmatch(word)
    if not match:
        raise ValueError(f"not a season: {word!r} (write 05-01..09-30, both days included)")
    first, last = ((int(month), int(day)) for month, day in (match.groups()[:2], match.groups()[2:]))
    for month, day in (first, last):
        date(_LEAP_YEAR, month, day)
    season = Season(first=first, last=last)
    if all(season.holds(day) for day in days_of_a_leap_year()):
        raise ValueError(f"{word!r} is the whole year: leave the season out")
    return season


@cache
def days_of_a_leap_year() -> tuple[date, ...]:
    """Every day that any year has."""
    start = date(_LEAP_YEAR, 1, 1)
    return tuple(start + timedelta(days=number) for number in range(366))


@cache
def window(seasons: tuple[Season, ...], day: date) -> tuple[date, date]:
    """The days about ``day``, from the first up to the second, in which none of the seasons begins or ends."""
    years = (day.year - 1, day.year, day.year + 1)
    edges = {edge for season in seasons for year in years for edge in season.edges(year)}
    return max(edge for edge in edges if edge <= day), min(edge for edge in edges if edge > day)


def _day(place: MonthDay, year: int) -> date:
    return date(year, 3, 1) if place == _LEAP_DAY and not _is_leap(year) else date(year, *place)


def _after(place: MonthDay, year: int) -> date:
    return date(year, 3, 1) if place == _LEAP_DAY and not _is_leap(year) else date(year, *place) + timedelta(days=1)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
