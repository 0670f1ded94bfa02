"""Registers reckoned together: the days that they share, and whether they were read on the same ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.accounts import ALL, Service
from billing.charges import LinePart
from billing.holds import HoldCode
from billing.models import MissingSub, Models
from billing.parts import BEHIND, GARDEN, INTAKE, MAIN, SEWAGE, SUB, WITHIN, Share, volume_of
from billing.periods import Period
from billing.quantities import Known, NotBillable, Quantity
from billing.registers import Consumption

_ORDER = (MAIN, SEWAGE, INTAKE, GARDEN, SUB, BEHIND)
_NONE = Decimal(0)
_THREE = 3
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Days that are reckoned as one; ``billed`` are the contract's days of them, None for all."""

    period: Period
    billed: Period | None


def combined(shares: Sequence[Share], *, service: Service, models: Models) -> list[Quantity] | NotBillable:
    """One quantity of the days that the main meter, or whatever stands in its place, counted."""
    leading = min((share.purpose for share in shares), key=_ORDER.index)
    runs = _runs([share.used for share in shares if share.purpose == leading])
    if runs is None:
        meters = ",".join(sorted({share.used.counted.meter_no for share in shares if share.purpose == leading}))
        return NotBillable(code=HoldCode.METERS_OVERLAP, facts={"meters": meters})
    members: dict[_Run, list[Share]] = {run: [] for run in runs}
    for share in shares:
        run = _run_of(share.used, runs)
        if run is None or not (share.purpose == leading or _is_beside(share, run, runs, models)):
            return _apart(share, runs)
        members[run].append(share)
    found = []
    for run, its in members.items():
        made = _quantity(service, run, sorted(its, key=_rank))
        if isinstance(made, NotBillable):
            return made
        found.append(made)
    return found


def _runs(leading: Iterable[Consumption]) -> list[_Run] | None:
    """Consecutive consumptions in one, those shared with another contract each alone; None when they overlap."""
    runs: list[_Run] = []
    for used in sorted(leading, key=lambda one: one.period):
        last = runs[-1] if runs else None
        if last is not None and used.period.start < last.period.until:
            return None
        if last is not None and last.billed is None and used.billed is None:
            runs[-1] = _Run(period=Period(start=last.period.start, until=used.period.until), billed=None)
        else:
            runs.append(_Run(period=used.period, billed=used.billed))
    return runs


def _run_of(used: Consumption, runs: Sequence[_Run]) -> _Run | None:
    """The run that a consumption has most of its days in."""

    def days(run: _Run) -> int:
        shared = run.period.overlap(used.period)
        return shared.days if shared is not None else 0

    best = max(runs, key=days)
    return best if days(best) else None


def _is_beside(share: Share, run: _Run, runs: Sequence[_Run], models: Models) -> bool:
    """Whether a register was read on the same days; one that came or went in between has its own day."""
    apart = timedelta(days=models.sub_days_apart)
    span, tenure, register = share.span, share.tenure, share.used.register
    start, until = runs[0].period.start, runs[-1].period.until
    late_off = models.missing_sub is MissingSub.NO_DEDUCTION and share.purpose != BEHIND and span.start < start
    begins = (
        late_off
        or abs(span.start - start) <= apart
        or (span.start > start and span.start in {register.installed_on, tenure.start, tenure.start - _ONE_DAY})
    )
    gone = {register.removed_on} | ({tenure.until, tenure.until - _ONE_DAY} if tenure.until is not None else set())
    ends = abs(span.until - until) <= apart or (span.until < until and span.until in gone)
    return begins and ends and (share.purpose == BEHIND or _shares_days(share.used, run, apart))


def _shares_days(used: Consumption, run: _Run, apart: timedelta) -> bool:
    """Whether days that two contracts share are those that the main meter's are."""
    if run.billed is None:
        return used.billed is None
    same = abs(used.period.start - run.period.start) <= apart and abs(used.period.until - run.period.until) <= apart
    return same and used.billed is not None


def _apart(share: Share, runs: Sequence[_Run]) -> NotBillable:
    facts = {
        "meter_no": share.used.counted.meter_no,
        "read_from": share.used.period.start.isoformat(),
        "read_until": share.used.period.until.isoformat(),
        "wanted_from": runs[0].period.start.isoformat(),
        "wanted_until": runs[-1].period.until.isoformat(),
    }
    return NotBillable(code=HoldCode.SUB_READINGS_APART, facts=facts)


def _rank(share: Share) -> tuple[int, date, str]:
    return _ORDER.index(share.purpose), share.used.period.start, share.used.counted.meter_no


def _quantity(service: Service, run: _Run, shares: Sequence[Share]) -> Quantity | NotBillable:
    parts = tuple(share.part() for share in shares)
    volume_m3 = volume_of(parts)
    refused = _too_much_off(shares, volume_m3)
    if refused is not None:
        return refused
    whole = all(share.percent % ALL == _NONE for share in shares)
    return Quantity(
        service=service,
        period=run.period,
        volume_m3=volume_m3,
        places=max(share.used.register.decimals for share in shares) if whole else _THREE,
        estimated=any(share.used.estimated for share in shares),
        settles_estimate=any(share.used.settles_estimate for share in shares),
        parts=parts,
        billed=run.billed,
        known=tuple(_known(run, shares, volume_m3)) if run.billed is None else (),
    )


def _too_much_off(shares: Sequence[Share], volume_m3: Decimal) -> NotBillable | None:
    """A hold when the meters behind counted more than the main one, whatever their percentages."""
    counted = [share for share in shares if _is_metered_water(share)]
    sums: Mapping[bool, Decimal] = {
        within: sum((share.volume_m3 for share in counted if (share.purpose in WITHIN) is within), _NONE)
        for within in (True, False)
    }
    settles = any(share.used.settles_estimate for share in shares)
    if settles or (volume_m3 >= _NONE and sums[True] <= sums[False]):
        return None
    behind = [share for share in shares if share.purpose == BEHIND]
    code = HoldCode.DIFFERENCE_NEGATIVE if behind else HoldCode.DEDUCTION_TOO_HIGH
    facts = {
        "meters": ",".join(sorted({one.used.counted.meter_no for one in shares if one.purpose in WITHIN})),
        "main_m3": format(sums[False], "f"),
        "behind_m3": format(sums[True], "f"),
        "volume_m3": format(volume_m3, "f"),
    }
    return NotBillable(code=code, facts=facts)


def _is_metered_water(share: Share) -> bool:
    """Whether the main meter, or one behind it, counted it, and nothing says that it did not."""
    return share.purpose == MAIN or (share.purpose in WITHIN and share.lapsed_on is None)


def _known(run: _Run, shares: Sequence[Share], volume_m3: Decimal) -> Iterator[Known]:
    """The days within on which every register was read, put in or taken away: what they made together by then.

    Like the readings of one register, a day that tells of less than one before it is passed over.
    """
    least_m3 = _NONE
    days = {one.day for share in shares for one in share.used.known}
    days |= {day for share in shares for day in (share.used.period.start, share.used.period.until)}
    for day in sorted(day for day in days if run.period.start < day < run.period.until):
        parts = _parts_by(day, shares)
        if parts is not None and least_m3 <= volume_of(parts) <= volume_m3:
            least_m3 = volume_of(parts)
            yield Known(day=day, volume_m3=least_m3, parts=parts)


def _parts_by(day: date, shares: Iterable[Share]) -> tuple[LinePart, ...] | None:
    parts = []
    for share in shares:
        if share.used.period.until <= day:
            parts.append(share.part())
        elif share.used.period.start < day:
            known = next((one for one in share.used.known if one.day == day), None)
            if known is None or share.used.billed is not None:
                return None
            parts.append(share.part(known))
    return tuple(parts)
