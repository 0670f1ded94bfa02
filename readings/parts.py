"""A large file in parts that can be judged one after the other, with the same outcome as all of it at once.

What rows may have to do with each other: they are of one meter, or they name one external id. Such rows come into the
same part. What only the whole file tells, the newest first day of a register, is told to every part.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from readings.places import Place
from readings.rows import ReadingRow

UNPLACED: Final = ("E101", "E102", "E103", "E104", "E107")
"""The codes of rows whose place is not found; see ``locate``."""
_NOBODY: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a file, each the places of its rows in the file's order.

    ``on_day`` is the newest of the first days of registers, None when no row has an index at a known place.
    """

    places: Sequence[Sequence[int]]
    on_day: date | None
    installations: Sequence[int]
    named: bytearray

    def is_named(self, place: int) -> bool:
        """Whether a stored reading has the external id of a row."""
        return bool(self.named[place])

    def where(self, place: int, *, registers: Mapping[int, Place]) -> Place | str:
        """Where a row's register is, as ``locate`` found it; ``registers`` by installation id."""
        installation_id = self.installations[place]
        return registers[installation_id] if installation_id > 0 else UNPLACED[-installation_id]

    def installation_ids(self, places: Sequence[int]) -> set[int]:
        """The registers of a part."""
        return {found for found in map(self.installations.__getitem__, places) if found > 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What must be known of every row before the first is judged, row by row in the file's order."""

    installations: "array[int]" = field(default_factory=lambda: array("q"))
    meters: "array[int]" = field(default_factory=lambda: array("q"))
    days: "array[int]" = field(default_factory=lambda: array("i"))
    external_ids: "array[int]" = field(default_factory=lambda: array("q"))
    named: bytearray = field(default_factory=bytearray)
    joined: dict[int, int] = field(default_factory=dict)

    def add(self, row: ReadingRow, place: Place | str, *, stored: int | None) -> None:
        """The next row; ``stored`` is the meter of the stored reading that has its external id, if one has."""
        self.named.append(stored is not None)
        if isinstance(place, str):
            self.installations.append(-UNPLACED.index(place))
            self.meters.append(stored or _NOBODY)
            self.days.append(0)
            self.external_ids.append(0)  # it is rejected: no other row is measured by it
            return
        self.installations.append(place.installation_id)
        self.meters.append(place.meter_id)
        self.days.append(row.read_on.toordinal() if row.index_m3 is not None else 0)
        self.external_ids.append(hash(row.external_id) or 1 if row.external_id else 0)
        if stored is not None and stored != place.meter_id:
            self._join(place.meter_id, stored)

    def parts(self, *, size: int) -> Parts:
        """Parts of at most ``size`` rows, or more where so many belong together."""
        for meter, *others in self._namesakes():
            for other in others:
                self._join(meter, other)
        joined = array("q", map(self._first, self.meters)) if self.joined else self.meters
        return Parts(
            places=_parted(joined, size=size),
            on_day=self._newest_first_day(),
            installations=self.installations,
            named=self.named,
        )

    def _newest_first_day(self) -> date | None:
        first: dict[int, int] = {}
        for installation_id, day in zip(self.installations, self.days, strict=True):
            if day and day < first.get(installation_id, date.max.toordinal()):
                first[installation_id] = day
        return date.fromordinal(max(first.values())) if first else None

    def _namesakes(self) -> Iterator[list[int]]:
        """Meters whose rows name the same external id; a chance of equal hashes does no harm."""
        named = [one for one in self.external_ids if one]
        if len(set(named)) == len(named):
            return
        meters: dict[int, list[int]] = {one: [] for one, count in Counter(named).items() if count > 1}
        for one, meter in zip(self.external_ids, self.meters, strict=True):
            if one in meters:
                meters[one].append(meter)
        yield from meters.values()

    def _join(self, one: int, other: int) -> None:
        first, second = self._first(one), self._first(other)
        if first != second:
            self.joined[second] = first

    def _first(self, meter: int) -> int:
        """The meter that stands for all that are joined to it."""
        found = meter
        while found in self.joined:
            found = self.joined[found]
        if found != meter:
            self.joined[meter] = found
        return found


def _parted(meters: Sequence[int], *, size: int) -> list["array[int]"]:
    several = {meter: count for meter, count in Counter(meters).items() if count > 1 and meter != _NOBODY}
    part_of: dict[int, int] = {}
    parts: list[array[int]] = []
    filled = size
    for place, meter in enumerate(meters):
        if meter in part_of:
            parts[part_of[meter]].append(place)
            continue
        count = several.get(meter, 1)
        if filled + count > size:
            parts.append(array("I"))
            filled = 0
        filled += count
        parts[-1].append(place)
        if count > 1:
            part_of[meter] = len(parts) - 1
    return parts
