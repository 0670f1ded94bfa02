"""Several registers in one quantity: every m³ at the percentages of the innermost meter that counted it.

Water that a garden meter counted was used irretrievably and is no sewage (uzzwś art. 27 ust. 6); what a sub-meter, or a
meter of a point behind this one, counted has percentages, or a payer, of its own. So the main meter counts in full, and
what they counted comes off it as far as they are billed less.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from billing.accounts import ALL, PointSnapshot, RegisterSnapshot, Service
from billing.charges import LinePart
from billing.holds import HoldCode
from billing.models import LegalisationModel, MissingSub, Models, SplitPlaces
from billing.money import VOLUME
from billing.periods import Period
from billing.quantities import Known, NotBillable
from billing.quick import quick
from billing.registers import Consumption, Tenure, consumptions
from billing.shares import volume_by

MAIN, GARDEN, SUB, INTAKE, SEWAGE, BEHIND = "main", "garden", "sub", "intake", "sewage", "behind"
USUAL_PERCENTS: Final[Mapping[str, tuple[Decimal, Decimal]]] = {
    MAIN: (ALL, ALL),
    GARDEN: (ALL, Decimal(0)),
    SUB: (ALL, ALL),
    INTAKE: (Decimal(0), ALL),
    SEWAGE: (Decimal(0), ALL),
}
"""Percentages of a meter's m³ that are billed as water and as sewage unless somebody says otherwise."""
WITHIN = (GARDEN, SUB, BEHIND)
"""What they count, the main meter counted as well."""
_NONE = Decimal(0)
_THREE = 3
_UNREAD = (HoldCode.READING_MISSING, HoldCode.READING_NOT_READ)


class Metered(NamedTuple):
    """A register of a point, and what it counted for the contract or why that cannot be told."""

    register: RegisterSnapshot
    tenure: Tenure
    used: tuple[Consumption, ...] | NotBillable


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A consumption of which ``percent`` is billed as the service; ``volume_m3`` are its own days of it.

    ``purpose`` is the register's, or ``behind``; ``span`` is from its first reading to its last, ``tenure`` the
    contract that it is counted for, with its number where it is one behind.
    """

    used: Consumption
    purpose: str
    percent: Decimal
    volume_m3: Decimal
    span: Period
    tenure: Tenure
    lapsed_on: date | None = None
    contract_no: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all that the register counted is billed."""
        return self.percent == ALL

    def part(self, known: Known | None = None) -> LinePart:
        """How it stands beside a line; up to a reading in between when ``known`` is given."""
        counted = self.used.counted
        reading_id, index_m3 = counted.current_reading_id, counted.current_index_m3
        if known is not None and known.reading_id is not None and known.index_m3 is not None:
            reading_id, index_m3 = known.reading_id, known.index_m3
        return LinePart(
            meter_no=counted.meter_no,
            purpose=self.purpose,
            previous_reading_id=counted.previous_reading_id,
            current_reading_id=reading_id,
            previous_index_m3=counted.previous_index_m3,
            current_index_m3=index_m3,
            volume_m3=(self.volume_m3 if known is None else known.volume_m3).quantize(VOLUME),
            percent=self.percent.normalize() + 0,
            lapsed_on=self.lapsed_on,
            billed=self.used.billed if self.purpose == BEHIND else None,
            read=Period(start=self.used.period.start, until=self.used.period.until if known is None else known.day),
        )


def metered_at(point: PointSnapshot, *, models: Models) -> list[Metered]:
    """The registers of a point with what they counted, by day and number."""
    tenure = Tenure(start=point.contract_from, until=point.contract_until, others=point.other_contracts)
    ordered: Sequence[RegisterSnapshot] = point.registers
    if len(ordered) > 1:
        ordered = sorted(ordered, key=lambda one: (one.previous.read_on, one.meter_no, one.register))
    return [Metered(one, tenure, consumptions(register=one, tenure=tenure, models=models)) for one in ordered]


def shares_of(
    point: PointSnapshot, *, metered: Sequence[Metered], service: Service, models: Models
) -> list[Share] | NotBillable:
    """What each register, and each meter of a point behind, adds to a service or takes off it; by day and number."""
    purposes = {one.register.purpose for one in metered}
    by_device = service is Service.SEWAGE and SEWAGE in purposes
    if SEWAGE in purposes:
        metered = [one for one in metered if (one.register.purpose == SEWAGE) is by_device]
    behind = [] if by_device else [one for one in point.behind if service in one.services]
    main_percent, closing = ALL, None
    if behind or not purposes.isdisjoint(WITHIN):
        mains = {percent_of(one.register, service) for one in metered if one.register.purpose == MAIN}
        if len(mains) != 1 and (behind or any(one.register.purpose in WITHIN for one in metered)):
            reason = "percentages_differ" if mains else "no_main_meter"
            return NotBillable(code=HoldCode.METERS_UNCLEAR, facts={"reason": reason})
        main_percent, closing = next(iter(mains), ALL), _closing_day(metered)
    found: list[Share] = []
    for one in metered:
        percent = percent_of(one.register, service)
        if one.register.purpose in WITHIN:
            percent -= main_percent
        made = _shares(one, percent, models, closing)
        if isinstance(made, NotBillable):
            return made
        found += made
    for other in sorted(behind, key=lambda one: (one.point_no, one.contract_from)):
        tenure = Tenure(start=other.contract_from, until=other.contract_until, others=other.other_contracts)
        for register in other.registers:
            used = consumptions(register=register, tenure=tenure, models=models)
            if isinstance(used, NotBillable):
                return NotBillable(code=used.code, facts={**used.facts, "behind": other.point_no})
            made_of = [_behind(one, _span(used), tenure, -main_percent, models) for one in used]
            found += [replace(one, contract_no=other.contract_no) for one in made_of]
    return found


def volume_of(parts: Iterable[LinePart]) -> Decimal:
    """The m³ that parts make together: multiplied first, rounded once, half up, to three places."""
    total = sum((part.volume_m3 * part.percent for part in parts), _NONE)
    return (total / ALL).quantize(VOLUME, rounding=ROUND_HALF_UP) + 0


def percent_of(register: RegisterSnapshot, service: Service) -> Decimal:
    """The share of a register's m³ that is billed as a service."""
    return register.water_percent if service is Service.WATER else register.sewage_percent


def counts_in_full(register: RegisterSnapshot, service: Service) -> bool:
    """Whether a register is a main meter of which every m³ is billed as a service."""
    return register.purpose == MAIN and percent_of(register, service) == ALL


def _closing_day(metered: Iterable[Metered]) -> date | None:
    """The day of the newest reading of the main meter."""
    mains = [one.current for one, _, _ in metered if one.purpose == MAIN]
    return max([current.read_on for current in mains if current is not None], default=None)


def _shares(metered: Metered, percent: Decimal, models: Models, closing: date | None) -> list[Share] | NotBillable:
    """What one register of the point adds or takes off; nothing when that is no m³ at all."""
    if percent == _NONE:
        return []
    register, tenure, used = metered
    comes_off = percent < _NONE
    until = register.legalised_until
    counts_to = register.current.read_on if register.current is not None else closing
    lapsed_on = None
    if comes_off and models.legalisation is LegalisationModel.CLOSING_READING:
        lapsed_on = until if until is not None and counts_to is not None and until < counts_to else None
    if isinstance(used, NotBillable):
        unread = used.code in _UNREAD and comes_off
        passed_over = lapsed_on is not None or models.missing_sub is MissingSub.NO_DEDUCTION
        return [] if unread and passed_over else used
    billed = _NONE if lapsed_on is not None else percent
    if not used:
        return []
    span = _span(used)
    return [
        Share(
            used=one,
            purpose=register.purpose,
            percent=billed,
            volume_m3=one.volume_m3,
            span=span,
            tenure=tenure,
            lapsed_on=lapsed_on,
        )
        for one in used
    ]


def _span(used: Sequence[Consumption]) -> Period:
    if len(used) == 1:
        return used[0].period
    return Period(start=used[0].period.start, until=used[-1].period.until)


def _behind(used: Consumption, span: Period, tenure: Tenure, percent: Decimal, models: Models) -> Share:
    """What a contract on a point behind is billed for itself, its share by days where it has one."""
    volume_m3 = used.volume_m3
    if used.billed is not None:
        places = used.register.decimals if models.split_places is SplitPlaces.METERED else _THREE
        reached = [
            volume_m3
            if day == used.period.until
            else volume_by(day, period=used.period, volume_m3=volume_m3, places=places)
            for day in (used.billed.start, used.billed.until)
        ]
        volume_m3 = reached[1] - reached[0]
    return Share(used=used, purpose=BEHIND, percent=percent, volume_m3=volume_m3, span=span, tenure=tenure)
