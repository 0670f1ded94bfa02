"""What is known of a register before a row is judged: stored readings, its uses, and what others of its class use."""

from bisect import insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from billing.models import Models
from billing.reading_life import USABLE
from billing.reading_rules import CheckRules
from billing.reading_series import Shown
from billing.reading_use import Use

_Key = tuple[int, int, datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A reading as it came; ``counts_m3``: what others must agree with, None for estimates and what does not count."""

    installation_id: int
    meter_id: int
    register: int
    read_at: datetime
    source: str
    index_m3: Decimal | None
    quality: str
    reason_code: str | None
    state: str
    external_id: str | None
    counts_m3: Decimal | None


@dataclass(slots=True, kw_only=True)
class Seen:
    """The readings so far: stored ones and those of this file, by key, by external id, by place in time."""

    by_key: dict[_Key, Known] = field(default_factory=dict)
    by_external_id: dict[str, Known] = field(default_factory=dict)
    indexes: dict[int, list[tuple[datetime, Decimal]]] = field(default_factory=lambda: defaultdict(list))
    exchanges: dict[tuple[int, str], list[Known]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reading: Known, *, exchange: bool = False) -> None:
        """Remember a reading; only a usable one is a measure for others."""
        self.by_key[reading.meter_id, reading.register, reading.read_at, reading.source] = reading
        if reading.external_id is not None:
            self.by_external_id[reading.external_id] = reading
        if reading.counts_m3 is not None:
            insort(self.indexes[reading.installation_id], (reading.read_at, reading.counts_m3))
        if exchange and reading.index_m3 is not None and reading.state in USABLE:
            self.exchanges[reading.installation_id, reading.source].append(reading)


@dataclass(frozen=True, slots=True)
class Point:
    """A usable index at the end of an interval."""

    read_on: date
    index_m3: Decimal
    estimated: bool


@dataclass(slots=True, kw_only=True)
class History:
    """The intervals of a register, oldest first: ``uses`` may begin before it, with the meter or system before.

    ``points`` are the register's own readings that end them.
    """

    points: list[Point] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)

    def before(self, read_on: date, *, days_min: int) -> tuple[Point, Sequence[Use]] | None:
        """The newest point at least ``days_min`` before a day, with the uses up to it; None when there is none."""
        for place in range(len(self.points) - 1, -1, -1):
            point = self.points[place]
            if (read_on - point.read_on).days >= days_min:
                if place == len(self.points) - 1:
                    return point, self.uses
                return point, [use for use in self.uses if use.until <= point.read_on]
        return None

    def add(self, point: Point, *, use: Use | None) -> None:
        """A point that follows, with the use that leads to it, if one does."""
        if use is not None:
            self.uses.append(use)
        self.points.append(point)

    def estimates(self) -> tuple[int, date | None]:
        """How many estimates the register ends with, and the day of the reading before them."""
        count = 0
        for point in reversed(self.points):
            if not point.estimated:
                return count, point.read_on
            count += 1
        return count, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What rows are measured by: the utility's rules and models, and what is stored, by installation.

    ``group_m3_day`` is the median of the tariff class, for registers without enough intervals of their own; ``series``
    the last month of those that are read several times a day; ``sent_at`` when the supplier wrote the file.
    """

    rules: CheckRules = field(default_factory=CheckRules)
    models: Models = field(default_factory=Models)
    histories: Mapping[int, History] = field(default_factory=dict)
    group_m3_day: Mapping[int, Decimal] = field(default_factory=dict)
    series: Mapping[int, Sequence[Shown]] = field(default_factory=dict)
    sent_at: datetime | None = None
