"""Rows against the registry and the readings already there: what becomes of each, and why.

Pure: the caller brings the registry's places and the stored readings that matter, and the business time.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from billing.reading_life import USABLE
from readings.rows import WARSAW, ReadingRow

JITTER_M3 = Decimal("0.050")
FUTURE_TOLERANCE = timedelta(minutes=10)
REMOVAL = "exchange_removal"
ESTIMATED = "estimated"
EXCHANGES = frozenset({"exchange_install", REMOVAL})


class Outcome(StrEnum):
    """What became of a row; the five add up to the rows of the file."""

    ACCEPTED = "ACCEPTED"
    ACCEPTED_WARN = "ACCEPTED_WARN"
    QUARANTINED = "QUARANTINED"
    REJECTED = "REJECTED"
    DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A register of a meter at a point, from ``installed_on`` to ``removed_on`` (that day being the next meter's)."""

    installation_id: int
    meter_id: int
    point_no: str
    meter_no: str
    module_no: str | None
    register: int
    dials: int
    decimals: int
    installed_on: date
    removed_on: date | None
    last_billed_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A reading that is there already, as it came; ``counts_m3`` is the index that others must agree with.

    It is None for a reading that does not count and for an estimate, which says nothing about the meter.
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A failed check of a reading that is kept; ``facts`` hold figures and dates."""

    code: str
    severity: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row and what became of it. ``place`` is set when it becomes a reading, in ``state`` VALID or SUSPECT."""

    row: ReadingRow
    outcome: Outcome
    codes: tuple[str, ...]
    note: str | None = None
    place: Place | None = None
    state: str = "VALID"
    finding: Finding | None = None


_UNPLACEABLE = frozenset({"E100", "E105"})  # without a day, a meter's whereabouts say nothing
_Key = tuple[int, int, datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The places by the numbers that a row may name."""

    by_meter: Mapping[str, Sequence[Place]]
    by_point: Mapping[str, Sequence[Place]]
    points: frozenset[str]


@dataclass(slots=True, kw_only=True)
class _Seen:
    """The readings so far: stored ones and those of this file, by key, by external id, by place in time."""

    by_key: dict[_Key, Known] = field(default_factory=dict)
    by_external_id: dict[str, Known] = field(default_factory=dict)
    indexes: dict[int, list[tuple[datetime, Decimal]]] = field(default_factory=lambda: defaultdict(list))
    exchanges: dict[tuple[int, str], list[Known]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reading: Known) -> None:
        self.by_key[reading.meter_id, reading.register, reading.read_at, reading.source] = reading
        if reading.external_id is not None:
            self.by_external_id[reading.external_id] = reading
        if reading.counts_m3 is not None:
            insort(self.indexes[reading.installation_id], (reading.read_at, reading.counts_m3))
        if reading.index_m3 is not None and reading.state in USABLE and reading.source in EXCHANGES:
            self.exchanges[reading.installation_id, reading.source].append(reading)


def registry_of(places: Iterable[Place], *, points: Iterable[str]) -> Registry:
    """The registry's places, found by meter and by point; ``points`` are all known points, metered or not."""
    by_meter: dict[str, list[Place]] = defaultdict(list)
    by_point: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_meter[place.meter_no].append(place)
        by_point[place.point_no].append(place)
    return Registry(by_meter=by_meter, by_point=by_point, points=frozenset(points))


def locate(row: ReadingRow, *, registry: Registry) -> Place | str:
    """The place that a row speaks of, or the code that says why there is none (E101 to E104, E107)."""
    if row.service_point and row.service_point not in registry.points:
        return "E101"
    if not row.meter_no:
        return _only_place(row, registry.by_point.get(row.service_point, ()))
    places = registry.by_meter.get(row.meter_no, ())
    if not places:
        return "E103"
    if row.service_point:
        places = [place for place in places if place.point_no == row.service_point]
        if not places:
            return "E102"
    places = [place for place in places if place.register == row.register]
    if not places:
        return "E104"
    fitting = [place for place in places if _installed(place, row)]
    if not fitting:
        return "E107"
    return max(fitting, key=lambda place: (_is_removal(row, place), place.installed_on))


def judge(located: Iterable[tuple[ReadingRow, Place | str]], *, known: Iterable[Known], now: datetime) -> list[Judged]:
    """What becomes of every row, in the order of reading time; ``known`` are the stored readings around them."""
    seen = _Seen()
    for reading in known:
        seen.add(reading)
    ordered = sorted(located, key=lambda pair: (pair[0].read_at, pair[0].line.line_no))
    return [_judge(row, place, seen, now) for row, place in ordered]


def _only_place(row: ReadingRow, places: Sequence[Place]) -> Place | str:
    fitting = [place for place in places if place.register == row.register and _installed(place, row)]
    if len(fitting) > 1:  # the day of an exchange belongs to the new meter, except for the removal itself
        removal = row.source == REMOVAL
        fitting = [place for place in fitting if (place.removed_on == row.read_on) == removal]
    return fitting[0] if len(fitting) == 1 else "E102"


def _installed(place: Place, row: ReadingRow) -> bool:
    return place.installed_on <= row.read_on and (place.removed_on is None or row.read_on <= place.removed_on)


def _judge(row: ReadingRow, place: Place | str, seen: _Seen, now: datetime) -> Judged:
    errors = list(row.errors)
    if isinstance(place, str):
        return _rejected(row, errors if _UNPLACEABLE.intersection(errors) else [*errors, place])
    if row.visited_at > now + FUTURE_TOLERANCE:
        errors.append("E106")
    if row.index_m3 is not None and row.index_m3 >= 10**place.dials:
        errors.append("E109")
    if errors:
        return _rejected(row, errors)
    reading = _as_known(row, place)
    twin = seen.by_key.get((place.meter_id, place.register, row.read_at, row.source))
    namesake = seen.by_external_id.get(row.external_id) if row.external_id else None
    if namesake is not None and namesake is not twin:
        return _rejected(row, ["E113"])
    if row.source in EXCHANGES:
        exchange = _exchange(row, place, seen, reading)
        if exchange is not None:
            return exchange
    if twin is not None:
        return _repeated(row, twin, reading)
    return _new(row, place, seen, reading)


def _exchange(row: ReadingRow, place: Place, seen: _Seen, reading: Known) -> Judged | None:
    """What becomes of an exchange reading at once; None for the first removal reading on the day of the removal.

    A meter is billed from its installation to its removal, and both days are the registry's: a file repeats what the
    registry has of them, or fills in the removal that it lacks.
    """
    stored = seen.exchanges[place.installation_id, row.source]
    same_day = [other for other in stored if other.read_at.astimezone(WARSAW).date() == row.read_on]
    if any(_values(other) == _values(reading) for other in same_day):
        return Judged(row=row, outcome=Outcome.DUPLICATE, codes=())
    if _is_removal(row, place) and not stored:
        return None
    note = "; ".join(f"{other.read_at.astimezone(WARSAW):%Y-%m-%d} {other.index_m3} m³" for other in stored)
    return Judged(
        row=row, outcome=Outcome.QUARANTINED, codes=("V03",), note=f"the registry has {note or 'no such reading'}"
    )


def _is_removal(row: ReadingRow, place: Place) -> bool:
    return row.source == REMOVAL and place.removed_on == row.read_on


def _new(row: ReadingRow, place: Place, seen: _Seen, reading: Known) -> Judged:
    codes = [*row.warnings, *_warnings(row, place)]
    finding = _order_finding(reading, seen.indexes[place.installation_id])
    suspect = finding is not None and finding.severity == "quarantine"
    if finding is not None:
        codes.append(finding.code)
    if suspect:
        outcome, state = Outcome.QUARANTINED, "SUSPECT"
    else:
        outcome, state = Outcome.ACCEPTED_WARN if codes else Outcome.ACCEPTED, "VALID"
    seen.add(replace(reading, state=state, counts_m3=None) if suspect else reading)
    note = ", ".join(f"{name} {value}" for name, value in finding.facts.items()) if finding else None
    return Judged(row=row, outcome=outcome, codes=tuple(codes), note=note, place=place, state=state, finding=finding)


def _order_finding(reading: Known, indexes: Sequence[tuple[datetime, Decimal]]) -> Finding | None:
    """V02 for another index at the same moment; V04 or V05 when it does not lie between those before and after it."""
    if reading.index_m3 is None or not indexes:
        return None
    place = bisect_left(indexes, (reading.read_at, reading.index_m3))
    there = [index_m3 for moment, index_m3 in indexes[max(place - 1, 0) : place + 1] if moment == reading.read_at]
    if there and reading.index_m3 not in there:
        facts = {"index_m3": str(reading.index_m3), "other_index_m3": str(there[0])}
        return Finding(code="V02", severity="quarantine", facts=facts)
    before = indexes[place - 1] if place else None
    after = indexes[place] if place < len(indexes) else None
    steps = []
    if before is not None and before[1] > reading.index_m3:
        steps.append(("previous", before, before[1] - reading.index_m3))
    if after is not None and after[0] > reading.read_at and after[1] < reading.index_m3:
        steps.append(("next", after, reading.index_m3 - after[1]))
    if not steps:
        return None
    side, (moment, index_m3), difference_m3 = max(steps, key=lambda step: step[2])
    small = difference_m3 <= JITTER_M3
    facts = {"index_m3": str(reading.index_m3), f"{side}_index_m3": str(index_m3), f"{side}_at": moment.isoformat()}
    return Finding(code="V04" if small else "V05", severity="warn" if small else "quarantine", facts=facts)


def _warnings(row: ReadingRow, place: Place) -> list[str]:
    codes = []
    if row.module_no and row.module_no != (place.module_no or ""):
        codes.append("W201")
    if place.last_billed_on is not None and row.read_on < place.last_billed_on:
        codes.append("W202")
    if row.index_m3 is not None and row.index_m3 != round(row.index_m3, place.decimals):
        codes.append("W204")
    return codes


def _repeated(row: ReadingRow, twin: Known, reading: Known) -> Judged:
    if _values(twin) == _values(reading):
        return Judged(row=row, outcome=Outcome.DUPLICATE, codes=())
    note = f"the reading that stands has index {twin.index_m3}, quality {twin.quality}"
    return Judged(row=row, outcome=Outcome.QUARANTINED, codes=("V01",), note=note)


def _values(reading: Known) -> tuple[Decimal | None, str, str | None]:
    return reading.index_m3, reading.quality, reading.reason_code


def _as_known(row: ReadingRow, place: Place) -> Known:
    return Known(
        installation_id=place.installation_id,
        meter_id=place.meter_id,
        register=place.register,
        read_at=row.read_at,
        source=row.source,
        index_m3=row.index_m3,
        quality=row.quality,
        reason_code=row.reason_code,
        state="VALID",
        external_id=row.external_id,
        counts_m3=None if row.quality == ESTIMATED else row.index_m3,
    )


def _rejected(row: ReadingRow, codes: Iterable[str]) -> Judged:
    return Judged(row=row, outcome=Outcome.REJECTED, codes=tuple(sorted(set(codes))))
