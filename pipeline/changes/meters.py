"""A meter put in at a point, in the place of another or as its first, by the rules of the registry's own files."""

from dataclasses import replace
from decimal import Decimal

from billing.changes import MeterExchange
from pipeline.changes.applying import Applying, id_of, refuse_billed
from pipeline.changes.doubts import Told, findings_of, note
from pipeline.changes.indexes import check_index
from pipeline.errors import OperatorError
from pipeline.registry.meters_write import plan_meters
from readings.checks import Outcome
from readings.places import REMOVAL
from readings.registry_facts import MeterRow
from readings.rows import noon
from readings.table import Line
from sql import registry
from sql.changes import meters_at
from sql.readings import NewFinding, plain_reading

MAIN_METER = ("main", Decimal(100), Decimal(100))


def meter(at: Applying, order: MeterExchange) -> None:
    """Remove the old meter with its last index and install the new one with its first.

    Raises:
        OperatorError: ``R111``, ``R112``, ``R115``, ``R201`` as for ``meters.csv``; ``BILLED_ALREADY``, ``V05``,
            ``READING_DOUBTED`` or ``E106``.
    """
    point_id = id_of(at, "point", order.point_no)
    if order.on > at.today:
        raise OperatorError("E106", f"the exchange of {order.on} lies in the future")
    refuse_billed(at, point_ids=[point_id], on=order.on)
    findings = _check_removal(at, order, point_id)
    purpose, water_percent, sewage_percent = _shares(at, order)
    row = MeterRow(
        meter_no=order.meter_no,
        module_no=order.module_no,
        point_no=order.point_no,
        register=order.register,
        dials=order.dials,
        decimals=order.decimals,
        installed_on=order.on,
        legalised_until=order.legalised_until,
        opening_index_m3=order.opening_index_m3,
        replaces_meter_no=order.replaces_meter_no,
        removal_index_m3=order.removal_index_m3,
        removal_quality=order.removal_quality,
        purpose=purpose,
        water_percent=water_percent,
        sewage_percent=sewage_percent,
        removed_on=None,
        last_index_m3=None,
    )
    line = Line(line_no=0, raw="", fields=())
    decisions, write = plan_meters(at.connection, [(line, row)], at.now)
    made = decisions[0]
    if made.outcome is Outcome.DUPLICATE:
        raise OperatorError("NO_CHANGE", f"meter {order.meter_no} stands at point {order.point_no} since that day")
    if made.outcome is not Outcome.ACCEPTED:
        raise OperatorError(made.code or "R201", made.note or "the registry says otherwise")
    write(at.connection, at.source)
    note(at, findings)


def _shares(at: Applying, order: MeterExchange) -> tuple[str, Decimal, Decimal]:
    """What the meter counts and how its m³ are shared: as the one did that it replaces."""
    named = [order.replaces_meter_no] if order.replaces_meter_no else []
    for one in registry.find(at.connection, "installations", keys=named):
        if (one.point_no, one.register, one.removed_on) == (order.point_no, order.register, None):
            return one.purpose, one.water_percent, one.sewage_percent
    return MAIN_METER


def _check_removal(at: Applying, order: MeterExchange, point_id: int) -> list[NewFinding]:
    """What the checks of readings say of the last index of the meter that is taken away."""
    if order.replaces_meter_no is None or order.removal_index_m3 is None:
        return []
    told = []
    for place in meters_at(at.connection, point_ids=[point_id], on_day=order.on):
        if (place.meter_no, place.register, place.removed_on) == (order.replaces_meter_no, order.register, None):
            if place.later_on is not None:
                text = f"meter {place.meter_no} was read after that day, on {place.later_on}"
                raise OperatorError("CHANGE_OVERLAPS", text)
            check_index(at, place, on=order.on, index_m3=order.removal_index_m3)
            reading = plain_reading(
                place,
                read_at=noon(order.on),
                read_on=order.on,
                source=REMOVAL,
                index_m3=order.removal_index_m3,
                line_no=None,
            )
            told.append(Told(at=place, reading=replace(reading, quality=order.removal_quality)))
    return findings_of(at, told, confirmed=order.confirmed_meters)
