"""From the registers of a point to the quantities of its services (uzzwś art. 27)."""

from collections.abc import Sequence

from billing.accounts import PointSnapshot, Service
from billing.holds import HoldCode
from billing.quantities import Known, NotBillable, Quantity
from billing.registers import Consumption, consumption, truncate_index

METERED = (Service.WATER, Service.SEWAGE)
MAIN = "main"


def quantities(point: PointSnapshot) -> list[Quantity] | NotBillable:
    """What a point took of each metered service under its contract, or why that cannot be told."""
    services = [service for service in METERED if service in point.services]
    if not services or point.is_settled:
        return []
    if not point.registers:
        return NotBillable(code=HoldCode.NO_METER, facts={"point_no": point.point_no})
    behind = [register.meter_no for register in point.registers if register.purpose != MAIN]
    if behind or point.points_behind:
        facts = {"point_no": point.point_no, "meters": ",".join(behind), "points_behind": str(point.points_behind)}
        return NotBillable(code=HoldCode.SUB_METERS, facts=facts)
    used = _consumptions(point)
    if isinstance(used, NotBillable):
        return used
    return [_quantity(service, part, places, known) for service in services for part, places, known in used]


def _quantity(service: Service, used: Consumption, places: int, known: tuple[Known, ...]) -> Quantity:
    return Quantity(
        service=service,
        period=used.period,
        volume_m3=used.volume_m3,
        places=places,
        estimated=used.estimated,
        settles_estimate=used.settles_estimate,
        counted=used.counted,
        known=known,
    )


def _consumptions(point: PointSnapshot) -> Sequence[tuple[Consumption, int, tuple[Known, ...]]] | NotBillable:
    used: list[tuple[Consumption, int, tuple[Known, ...]]] = []
    for register in sorted(point.registers, key=lambda item: (item.previous.read_on, item.meter_no, item.register)):
        part = consumption(register=register, contract_from=point.contract_from, contract_until=point.contract_until)
        if isinstance(part, NotBillable):
            return NotBillable(code=part.code, facts={"point_no": point.point_no, **part.facts})
        if part is not None:
            known = tuple(
                Known(
                    day=one.read_on,
                    reading_id=one.reading_id,
                    index_m3=index_m3,
                    volume_m3=index_m3 - part.counted.previous_index_m3,
                )
                for one in register.between
                for index_m3 in (truncate_index(index_m3=one.index_m3, decimals=register.decimals),)
            )
            used.append((part, register.decimals, known))
    return used
