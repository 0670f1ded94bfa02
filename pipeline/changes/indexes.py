"""The indices with which a contract ends or begins: given with the change, or there already."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.changes import GivenReading
from billing.registers import truncate_index
from pipeline.changes.applying import Applying
from pipeline.changes.doubts import Told, findings_of, note
from pipeline.errors import OperatorError
from readings.rows import noon
from sql.changes import meters_at
from sql.readings import insert_readings, plain_reading

_ONE_DAY = timedelta(days=1)


def settle_indexes(
    at: Applying,
    *,
    point_ids: Collection[int],
    on: date,
    given: Sequence[GivenReading],
    confirmed: Collection[str],
) -> None:
    """Make sure that every register at the points has an index of ``on``, or of the day before; write those given.

    A meter that is taken away, or put in, on that very day brings its index itself. ``confirmed`` are meters whose
    index stands although a check doubts it.

    Raises:
        OperatorError: ``READING_NEEDED``, or what is wrong with an index: ``E102``, ``E106``, ``R115``, ``V05``,
            ``BILLED_ALREADY``, ``READING_DOUBTED``.
    """
    wanted = {(reading.meter_no, reading.register): reading.index_m3 for reading in given}
    fresh = []
    for place in meters_at(at.connection, point_ids=point_ids, on_day=on):
        exchanged = place.removed_on == on
        index_m3 = None if exchanged else wanted.pop((place.meter_no, place.register), None)
        if index_m3 is not None:
            if _adds(at, place, on=on, index_m3=index_m3):
                moment = _moment(at, place, on)
                reading = plain_reading(
                    place, read_at=moment, read_on=on, source="staff", index_m3=index_m3, line_no=None
                )
                fresh.append(Told(at=place, reading=reading))
        elif not exchanged and (place.near_on is None or place.near_on < on - _ONE_DAY):
            text = f"meter {place.meter_no} at point {place.point_no} has no reading of {on}; give --reading"
            raise OperatorError("READING_NEEDED", f"{text} {place.meter_no}=INDEX")
    if wanted:
        meters = ", ".join(sorted(meter_no for meter_no, _ in wanted))
        raise OperatorError("E102", f"no index of {on} is wanted of {meters}: not at these points, or just taken away")
    findings = findings_of(at, fresh, confirmed=confirmed)
    insert_readings(at.connection, change_id=at.change_id, readings=[one.reading for one in fresh])
    note(at, findings)


def check_index(at: Applying, place: Any, *, on: date, index_m3: Decimal) -> None:
    """Whether an index of ``on`` fits the dials, the calendar and what is billed.

    Raises:
        OperatorError: ``E106``, ``R115``, ``BILLED_ALREADY``.
    """
    named = f"index {index_m3} of meter {place.meter_no} on {on}"
    if on > at.today:
        raise OperatorError("E106", f"{named} lies in the future")
    if index_m3 >= 10**place.dials:
        raise OperatorError("R115", f"{named} has more digits than its {place.dials} dials")
    if place.billed_m3 is not None:
        billed, told = (
            truncate_index(index_m3=index, decimals=place.decimals) for index in (place.billed_m3, index_m3)
        )
        if billed != told:
            raise OperatorError("BILLED_ALREADY", f"meter {place.meter_no} is billed up to {on} with {place.billed_m3}")


def _adds(at: Applying, place: Any, *, on: date, index_m3: Decimal) -> bool:
    """Whether an index says more than the reading of that day; refused when it cannot stand."""
    check_index(at, place, on=on, index_m3=index_m3)
    if place.installed_on == on and index_m3 != place.near_m3:
        raise OperatorError("V05", f"meter {place.meter_no} was put in on {on} with {place.near_m3}")
    return bool(place.near_on != on or place.near_m3 != index_m3) and place.billed_m3 is None


def _moment(at: Applying, place: Any, on: date) -> datetime:
    """Noon, or now when noon is still to come; after the last reading of that day."""
    moment = min(noon(on), at.now) if on == at.today else noon(on)
    if place.near_on == on and place.near_at >= moment:
        later: datetime = place.near_at + timedelta(seconds=1)
        return later
    return moment
