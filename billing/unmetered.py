"""What no meter counts: by norms for each person, or the quantity that the contract names.

Water without a meter: uzzwś art. 27 ust. 1; sewage without a measuring device: ust. 5 and Rozp. 2018 par. 16 ust. 3.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from billing.accounts import PointSnapshot, Service, Unmetered
from billing.charges import LineTerms, Origin
from billing.law import norm_m3_month
from billing.money import VOLUME
from billing.periods import Period
from billing.quantities import Known, Quantity

_THREE = 3


def reckoned(point: PointSnapshot, *, service: Service, until: date) -> list[Quantity]:
    """The quantities that the contract names for a service, from its first day that is not billed up to ``until``.

    One for each row of what it says: another number of persons counts from its day.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data does not hold the norm.
    """
    found = []
    for terms in sorted(point.unmetered, key=lambda one: one.valid_from):
        if terms.service is not service:
            continue
        start = max(day for day in (point.contract_from, terms.valid_from, terms.billed_until) if day is not None)
        ends = min(day for day in (point.contract_until, terms.valid_until, until) if day is not None)
        if start < ends:
            found.append(_quantity(terms, Period(start=start, until=ends)))
    return found


def month_share_m3(*, m3_month: Decimal, month: Period) -> Decimal:
    """The m³ of a month, or of the days of one that are billed, to three places, half up."""
    first = month.start.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    share = m3_month * month.days / (following - first).days
    return share.quantize(VOLUME, rounding=ROUND_HALF_UP)


def _quantity(terms: Unmetered, period: Period) -> Quantity:
    m3_month = _m3_month(terms, period.start)
    reached = list(_by_months(period, m3_month))
    origin = Origin(terms.basis)
    norm = terms.norm if origin is Origin.NORM else None
    persons = terms.persons if origin is Origin.NORM else None
    return Quantity(
        service=terms.service,
        period=period,
        volume_m3=reached[-1].volume_m3,
        places=_THREE,
        origin=origin,
        known=tuple(reached[:-1]),
        terms=LineTerms(norm=norm, persons=persons, m3_month=m3_month),
    )


def _m3_month(terms: Unmetered, on: date) -> Decimal:
    if terms.m3_month is not None:
        return terms.m3_month.quantize(VOLUME)
    if terms.norm is None or terms.persons is None:
        raise ValueError("a quantity by norms needs the norm and the number of persons")
    return (norm_m3_month(code=terms.norm, on=on) * terms.persons).quantize(VOLUME)


def _by_months(period: Period, m3_month: Decimal) -> Iterator[Known]:
    """The volume reached by the end of each month."""
    reached = VOLUME * 0
    for month in period.months():
        reached += month_share_m3(m3_month=m3_month, month=month)
        yield Known(day=month.until, volume_m3=reached)
