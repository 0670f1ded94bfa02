"""Derive: starter registry files out of a readings file of one's own, to be completed before anything is issued.

What the readings cannot say is not invented: names and addresses are marked placeholders, and a removal reading that
nobody took stays empty (the account is then held until it is entered), unless ``removal="last-reading"`` asks for the
last known index of the old meter, which is marked as estimated.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal

from pipeline.errors import OperatorError
from pipeline.registry.csv import account_number, write_registry_file
from readings.profile import named_profile
from readings.rows import ReadingRow, read_rows
from readings.table import read_table

Removal = Literal["empty", "last-reading"]
_TO_COMPLETE = "DO UZUPEŁNIENIA"
_LEAST_DIALS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meter:
    """A register as its readings show it: ``readings`` in the order of time."""

    point_no: str
    meter_no: str
    register: int
    readings: tuple[ReadingRow, ...]


def run(
    *, file: Path, folder: Path, removal: Removal = "empty", tariff_class: str = "household", route: str = "R1"
) -> dict[str, int]:
    """Write the registry files that fit a readings file into a new folder; how many of each thing.

    Every point becomes one account of one natural person, with water and sewage; a later meter at the same point is an
    exchange on the day of its first reading. Points whose meters overlap in time are left out and counted.

    Raises:
        DataRefused: ``FILE_...``, the readings file is refused as a whole.
        OperatorError: ``FOLDER_EXISTS``, there is something in the folder already; ``FOLDER_UNWRITABLE``;
            ``FILE_MISSING``.
    """
    try:
        taken = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise OperatorError("FOLDER_UNWRITABLE", f"{folder}: {error.strerror}") from None
    if taken:
        raise OperatorError("FOLDER_EXISTS", f"{folder} is not empty")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{file}: {error.strerror}") from None
    rows = list(_rows(content))
    usable = [row for row in rows if not row.errors and row.index_m3 is not None]
    points = _by_point(usable)
    overlapping = {point for point, meters in points.items() if _overlap(meters)}
    kept = {point: meters for point, meters in sorted(points.items()) if point not in overlapping}
    _write(folder, kept, removal=removal, tariff_class=tariff_class, route=route)
    return {
        "rows": len(rows),
        "unusable": len(rows) - len(usable),
        "points": len(kept),
        "meters": sum(len(meters) for meters in kept.values()),
        "exchanges": sum(len(list(_exchanges(meters))) for meters in kept.values()),
        "overlapping": len(overlapping),
    }


def _rows(content: bytes) -> Iterator[ReadingRow]:
    profile = named_profile("standard")
    required = ("read_at", "index", "unit", "source", "quality")
    table = read_table(content, required=required, optional=profile.columns.values())
    return read_rows(table, profile=profile)


def _by_point(rows: Iterable[ReadingRow]) -> dict[str, list[_Meter]]:
    """The meters of each point in the order of their first readings."""
    grouped: dict[tuple[str, str, int], list[ReadingRow]] = defaultdict(list)
    for row in rows:
        grouped[row.service_point or row.meter_no, row.meter_no or row.service_point, row.register].append(row)
    points: dict[str, list[_Meter]] = defaultdict(list)
    for (point_no, meter_no, register), found in grouped.items():
        ordered = tuple(sorted(found, key=lambda row: row.read_at))
        points[point_no].append(_Meter(point_no=point_no, meter_no=meter_no, register=register, readings=ordered))
    for meters in points.values():
        meters.sort(key=lambda meter: (meter.register, meter.readings[0].read_at))
    return points


def _exchanges(meters: Sequence[_Meter]) -> Iterator[tuple[_Meter, _Meter]]:
    """Meters that follow each other on one register of a point."""
    for _, group in groupby(meters, key=lambda meter: meter.register):
        yield from pairwise(group)


def _overlap(meters: Sequence[_Meter]) -> bool:
    return any(old.readings[-1].read_on > new.readings[0].read_on for old, new in _exchanges(meters))


def _write(
    folder: Path, points: Mapping[str, Sequence[_Meter]], *, removal: Removal, tariff_class: str, route: str
) -> None:
    numbers = {point_no: account_number(number) for number, point_no in enumerate(points, start=1)}
    since = {
        point_no: min(meter.readings[0].read_on for meter in meters).isoformat() for point_no, meters in points.items()
    }
    address = (_TO_COMPLETE, "00-000", _TO_COMPLETE)
    person = "natural_person"
    rows: dict[str, list[tuple[object, ...]]] = {
        "parties": [(point_no, person, f"Odbiorca {point_no}", "", *address) for point_no in points],
        "accounts": [(point_no, route, numbers[point_no]) for point_no in points],
        "account_parties": [
            (point_no, role, point_no, since[point_no], "") for point_no in points for role in ("payer", "nabywca")
        ],
        "points": [(point_no, *address, "") for point_no in points],
        "contracts": [
            (point_no, point_no, point_no, tariff_class, "water+sewage", since[point_no], "") for point_no in points
        ],
        "meters": [row for meters in points.values() for row in _meter_rows(meters, removal)],
    }
    try:
        for kind, lines in rows.items():
            write_registry_file(folder, kind, lines)
    except OSError as error:
        for kind in rows:
            with suppress(OSError):  # half a registry would look like a whole one
                (folder / f"{kind}.csv").unlink(missing_ok=True)
        raise OperatorError("FOLDER_UNWRITABLE", f"{folder}: {error.strerror}") from None


def _meter_rows(meters: Sequence[_Meter], removal: Removal) -> Iterator[tuple[object, ...]]:
    before = {id(new): old for old, new in _exchanges(meters)}
    for meter in meters:
        first = meter.readings[0]
        old = before.get(id(meter))
        estimated = removal == "last-reading" and old is not None
        last_m3 = old.readings[-1].index_m3 if old is not None and estimated else ""
        yield (
            meter.meter_no,
            meter.point_no,
            _dials(meter),
            _decimals(meter),
            first.read_on,
            first.index_m3,
            meter.register,
            "",
            "" if old is None else old.meter_no,
            last_m3,
            "estimated" if estimated else "",
            "",
        )


def _dials(meter: _Meter) -> int:
    highest = max(row.index_m3 or Decimal(0) for row in meter.readings)
    return max(_LEAST_DIALS, len(str(int(highest))))


def _decimals(meter: _Meter) -> int:
    """The decimal places that the readings use."""
    places = Counter(len(f"{row.index_m3:f}".partition(".")[2].rstrip("0")) for row in meter.readings)
    return max(places)
