"""Where a meter was: the registry's places, and which of them a row speaks of."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from readings.rows import ReadingRow

REMOVAL = "exchange_removal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A register of a meter at a point, from ``installed_on`` to ``removed_on`` (that day being the next meter's).

    ``q3_m3h`` is the flow for which the meter was made, None when it is not known.
    """

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
    q3_m3h: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The places by the numbers that a row may name."""

    by_meter: Mapping[str, Sequence[Place]]
    by_point: Mapping[str, Sequence[Place]]
    points: frozenset[str]


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
    return max(fitting, key=lambda place: (is_removal(row, place), place.installed_on))


def is_removal(row: ReadingRow, place: Place) -> bool:
    """Whether a row is the reading with which the meter was taken away."""
    return row.source == REMOVAL and place.removed_on == row.read_on


def _only_place(row: ReadingRow, places: Sequence[Place]) -> Place | str:
    fitting = [place for place in places if place.register == row.register and _installed(place, row)]
    if len(fitting) > 1:  # the day of an exchange belongs to the new meter, except for the removal itself
        removal = row.source == REMOVAL
        fitting = [place for place in fitting if (place.removed_on == row.read_on) == removal]
    return fitting[0] if len(fitting) == 1 else "E102"


def _installed(place: Place, row: ReadingRow) -> bool:
    return place.installed_on <= row.read_on and (place.removed_on is None or row.read_on <= place.removed_on)
