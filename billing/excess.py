"""Industrial sewage above its permitted indicators (Rozp. 2018 par. 5 pkt 5; the formula is a tariff's).

For each indicator quantity × price of sewage × (measured − permitted) / permitted, for the days from the sampling until
a re-test has proved the fault gone; the quantity of sewage is shared by days where these days do not fill a line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from billing.accounts import PointSnapshot, Service
from billing.beside_meters import SewageExcess
from billing.charges import ChargeLine, LineExcess, LineShare, Origin
from billing.law import charge_basis, vat_rate
from billing.money import PRICE, VOLUME, round_zl
from billing.periods import Period
from billing.shares import volume_by
from billing.subsidies import SubsidyMode

_PLACES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sewage:
    """Sewage charged at one price of the tariff, on this bill or on an earlier one."""

    period: Period
    quantity_m3: Decimal
    price_zl: Decimal
    group: str
    sha256: str


def excess_lines(point: PointSnapshot, *, lines: Sequence[ChargeLine], issue_date: date) -> list[ChargeLine]:
    """One line an indicator for each part of days with the same indicators; ``lines`` are those of this bill.

    Sewage of days that were charged before the fault was known is made up for.
    """
    if not point.excesses:
        return []
    made: list[ChargeLine] = []
    rows: dict[Period, int] = {}
    for sewage in sorted(_sewage(point, lines), key=lambda one: one.period):
        for part in _parts(sewage.period, point):
            found = [one for one in point.excesses if _holds(one, part.start)]
            for one in sorted(found, key=lambda excess: excess.indicator):
                rows[part] = rows.get(part, 0) + 1
                made.append(_line(point, sewage, part, one, row_no=rows[part], issue_date=issue_date))
    return made


def excess_zl(*, quantity_m3: Decimal, price_zl: Decimal, measured: Decimal, permitted: Decimal) -> Decimal:
    """The charge of one indicator: multiplied first, divided, and rounded once to the grosz."""
    return round_zl(quantity_m3 * price_zl * (measured - permitted) / permitted)


def _sewage(point: PointSnapshot, lines: Iterable[ChargeLine]) -> Iterator[_Sewage]:
    for billed in point.sewage_billed:
        yield _Sewage(
            period=billed.period,
            quantity_m3=billed.quantity_m3,
            price_zl=billed.price_zl,
            group=billed.tariff_group,
            sha256=billed.tariff_sha256,
        )
    for line in lines:
        counts = line.origin not in {Origin.FORECAST, Origin.SETTLED_FORECAST}
        if line.point_no == point.point_no and line.service is Service.SEWAGE and counts:
            paid = line.subsidy.zl_m3 if line.subsidy and line.subsidy.mode is SubsidyMode.NET else Decimal(0)
            yield _Sewage(
                period=line.period,
                quantity_m3=line.quantity,
                price_zl=line.price_zl + paid,
                group=line.tariff_group,
                sha256=line.tariff_sha256,
            )


def _holds(one: SewageExcess, day: date) -> bool:
    return one.sampled_on <= day and (one.cleared_on is None or day < one.cleared_on)


def _parts(period: Period, point: PointSnapshot) -> Iterator[Period]:
    """The days of a period, cut where an indicator comes or goes, without those charged already."""
    charged_until = point.excess_from or period.start
    days = {charged_until, *(day for one in point.excesses for day in (one.sampled_on, one.cleared_on) if day)}
    inner = sorted(day for day in days if period.start < day < period.until)
    for start, until in pairwise((period.start, *inner, period.until)):
        if start >= charged_until:
            yield Period(start=start, until=until)


def _line(
    point: PointSnapshot, sewage: _Sewage, part: Period, one: SewageExcess, *, row_no: int, issue_date: date
) -> ChargeLine:
    reached, before = (
        volume_by(day, period=sewage.period, volume_m3=sewage.quantity_m3, places=_PLACES)
        for day in (part.until, part.start)
    )
    quantity = (reached - before).quantize(VOLUME)
    whole = sewage.period
    share = LineShare(
        days=part.days, of_days=whole.days, of_m3=sewage.quantity_m3, after_days=(part.start - whole.start).days
    )
    return ChargeLine(
        point_no=point.point_no,
        service=Service.EXCESS,
        description=f"Przekroczenie warunków wprowadzania ścieków: {one.indicator}",
        period=part,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=quantity,
        unit="m3",
        price_zl=sewage.price_zl.quantize(PRICE),
        net_zl=excess_zl(
            quantity_m3=quantity, price_zl=sewage.price_zl, measured=one.measured, permitted=one.permitted
        ),
        vat_rate=vat_rate(service=Service.EXCESS, on=issue_date),
        tariff_group=sewage.group,
        tariff_sha256=sewage.sha256,
        basis=f"{charge_basis(service=Service.EXCESS)}; sprawozdanie {one.report_no}",
        row_no=row_no,
        share=share if part != whole else None,
        excess=LineExcess(indicator=one.indicator, measured=one.measured, permitted=one.permitted),
    )
