"""From the registers of a point to the quantities of its services (uzzwś art. 27)."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from billing.accounts import PointSnapshot, Service, Unmetered
from billing.differences import below_zero, is_shared_out, shared
from billing.holds import HoldCode
from billing.models import Models
from billing.parts import Metered, Share, counts_in_full, metered_at, percent_of, shares_of
from billing.periods import Period
from billing.quantities import NotBillable, Quantity
from billing.registers import Consumption
from billing.together import combined
from billing.unmetered import reckoned

METERED = (Service.WATER, Service.SEWAGE)


def quantities(point: PointSnapshot, *, until: date, models: Models) -> list[Quantity] | NotBillable:
    """What a point took of each metered service under its contract, or why that cannot be told.

    What no meter counts is reckoned up to ``until``; where the contract names a quantity, no meter is asked.
    """
    services = [service for service in METERED if service in point.services]
    if point.refused_by is not None:
        facts = {"point_no": point.point_no, "front": point.refused_by}
        return NotBillable(code=HoldCode.DIFFERENCE_NEGATIVE, facts=facts)
    shares = sorted(point.difference_shares, key=lambda one: (METERED.index(one.service), one.period, one.share_id))
    if not services or point.is_settled:
        return [shared(share) for share in shares]
    found: list[Quantity] = []
    counted = metered_at(point, models=models)
    for service in services:
        given = reckoned(point, service=service, until=until) if point.unmetered else []
        metered = _metered(point, counted, service, models)
        if isinstance(metered, NotBillable):
            return NotBillable(code=metered.code, facts={"point_no": point.point_no, **metered.facts})
        if is_shared_out(point):
            refused = below_zero(metered)
            if refused is not None:
                return NotBillable(code=refused.code, facts={"point_no": point.point_no, **refused.facts})
            continue
        made = [*given, *metered]
        found += sorted(made, key=lambda one: one.period) if len(made) > 1 else made
    return found + [shared(share) for share in shares]


def _metered(
    point: PointSnapshot, counted: Sequence[Metered], service: Service, models: Models
) -> list[Quantity] | NotBillable:
    """What meters counted of a service on the days of which the contract names no quantity."""
    terms = [one for one in point.unmetered if one.service is service]
    if terms:
        counted = [one for one in counted if not _is_given(one.register.previous.read_on, terms)]
    if not counted:
        facts = {"service": service.value}
        return [] if terms else NotBillable(code=HoldCode.NO_METER, facts=facts)
    if not terms and not point.behind and all(counts_in_full(one.register, service) for one in counted):
        return _each_alone(service, counted)
    shares = shares_of(point, metered=counted, service=service, models=models)
    if isinstance(shares, NotBillable):
        return shares
    if not shares and not terms and all(percent_of(one.register, service) == 0 for one in counted):
        return NotBillable(code=HoldCode.NO_METER, facts={"service": service.value})
    for share in shares if terms else ():
        if any(_overlaps(share.used.period, one) for one in terms):
            facts = {"meter_no": share.used.counted.meter_no, "reason": "quantity_in_contract"}
            return NotBillable(code=HoldCode.METERS_UNCLEAR, facts=facts)
    if _one_by_one(shares):
        return [_alone(service, share.used) for share in shares]
    return combined(shares, service=service, models=models)


def _is_given(day: date, terms: Iterable[Unmetered]) -> bool:
    """Whether the contract names the quantity from a day on, or from the next, until further notice."""
    edge = day + timedelta(days=1)
    for one in sorted(terms, key=lambda one: one.valid_from):
        if one.valid_from <= edge:
            if one.valid_until is None:
                return True
            edge = max(edge, one.valid_until)
    return False


def _overlaps(period: Period, terms: Unmetered) -> bool:
    return terms.valid_from < period.until and (terms.valid_until is None or period.start < terms.valid_until)


def _one_by_one(shares: Sequence[Share]) -> bool:
    """Whether each register stands on a line of its own: they are of one purpose, and billed in full."""
    return all(share.is_whole for share in shares) and len({share.used.register.purpose for share in shares}) <= 1


def _each_alone(service: Service, counted: Iterable[Metered]) -> list[Quantity] | NotBillable:
    found: list[Quantity] = []
    for one in counted:
        if isinstance(one.used, NotBillable):
            return one.used
        found += [_alone(service, used) for used in one.used]
    return found


def _alone(service: Service, used: Consumption) -> Quantity:
    return Quantity(
        service=service,
        period=used.period,
        volume_m3=used.volume_m3,
        places=used.register.decimals,
        estimated=used.estimated,
        settles_estimate=used.settles_estimate,
        counted=used.counted,
        billed=used.billed,
        known=used.known,
    )
