"""What a register counted between two readings.

Each index is cut to the digits that the register bills (never the difference), so that what is cut off this time
is counted next time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

from billing.accounts import Reading, RegisterSnapshot
from billing.holds import HoldCode
from billing.models import Models, SplitModel
from billing.money import VOLUME
from billing.periods import Period
from billing.quantities import Counted, Known, NotBillable
from billing.quick import quick

REMOVAL_SOURCE = "exchange_removal"
ESTIMATED = "estimated"
SUSPECT = "suspect"
_ONE_DAY = timedelta(days=1)
_MISSING = {None: HoldCode.READING_MISSING, SUSPECT: HoldCode.READING_SUSPECT}
_ONES = tuple(Decimal(1).scaleb(-decimals) for decimals in range(4))
_NOTHING = VOLUME * 0


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """The days of a contract at a point; ``others`` are those of contracts of others there."""

    start: date
    until: date | None
    others: tuple[Period, ...] = ()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """Cubic metres that a register counted in a period, to three places.

    ``estimated``: up to an estimate. ``settles_estimate``: from one, up to what somebody read; only then may it be
    below zero. ``billed`` are the days of it that are the contract's, where it shares what is between the two readings
    with another contract. ``known`` tells the volume reached by readings in between.
    """

    register: RegisterSnapshot
    period: Period
    counted: Counted
    volume_m3: Decimal
    estimated: bool
    settles_estimate: bool
    billed: Period | None = None
    known: tuple[Known, ...] = ()


def truncate_index(*, index_m3: Decimal, decimals: int) -> Decimal:
    """``index_m3`` without the digits that the register does not bill, written to three places."""
    return index_m3.quantize(_ONES[decimals], ROUND_DOWN).quantize(VOLUME)


def is_cut(index_m3: Decimal, billed_m3: Decimal) -> bool:
    """Whether ``billed_m3`` is ``index_m3`` without its last digits."""
    cuts = (truncate_index(index_m3=index_m3, decimals=decimals) for decimals in range(3))
    return billed_m3 < index_m3 and billed_m3 in cuts


def consumptions(
    *, register: RegisterSnapshot, tenure: Tenure, models: Models
) -> tuple[Consumption, ...] | NotBillable:
    """What a register counted for a contract; nothing when both readings are of one day and nothing was used.

    Nor is there anything when the contract has no day between them.
    The readings must lie within the contract, so that nobody pays for the days of another customer; the reading of
    the day before its first one closes the contract before it, and opens this one. Where nobody read the meter when one
    contract followed another, ``contract_split`` decides whether both share by days what was used between the reading
    before and the one after. Then there is one consumption for those readings and one for the rest.
    """
    current, previous = register.current, register.previous
    removed = register.removed_on is not None and (tenure.until is None or register.removed_on <= tenure.until)
    if removed and (current is None or (current.source, current.read_on) != (REMOVAL_SOURCE, register.removed_on)):
        return refusal(HoldCode.EXCHANGE_INCOMPLETE, register, removed_on=str(register.removed_on))
    if current is not None and register.missing_reason == SUSPECT:
        return refusal(HoldCode.READING_SUSPECT, register, reason="contradicted")
    if current is None:
        code = _MISSING.get(register.missing_reason, HoldCode.READING_NOT_READ)
        return refusal(code, register, reason=register.missing_reason or "none")
    shares = models.contract_split is SplitModel.BY_DAYS
    if previous.read_on < tenure.start - _ONE_DAY and not (
        shares and _followed(tenure, previous.read_on, tenure.start)
    ):
        facts = {"reason": "before_contract", "wanted_on": tenure.start.isoformat()}
        return refusal(HoldCode.READING_MISSING, register, **facts)
    if (
        tenure.until is not None
        and current.read_on > tenure.until
        and not (shares and _followed(tenure, tenure.until, current.read_on))
    ):
        facts = {"reason": "after_contract", "wanted_on": tenure.until.isoformat()}
        return refusal(HoldCode.READING_MISSING, register, **facts)
    if current.read_on < previous.read_on:
        return refusal(HoldCode.READING_SUSPECT, register, reason="older_than_previous")
    if _is_of_others(previous, current, tenure):
        return ()
    return _counted(register, _hinges(register, current, tenure), tenure, models)


def settles_estimate(previous: Reading, current: Reading) -> bool:
    """Whether somebody has read what was billed by an estimate; the difference may then be below zero."""
    return previous.quality == ESTIMATED and current.quality != ESTIMATED


def refusal(code: HoldCode, register: RegisterSnapshot, **facts: str) -> NotBillable:
    """A hold for what is wrong with a register, naming the meter and its readings."""
    known = {
        "meter_no": register.meter_no,
        "register": str(register.register),
        "previous_read_on": register.previous.read_on.isoformat(),
        "previous_index_m3": format(register.previous.index_m3, "f"),
    }
    if register.current is not None:
        known["read_on"] = register.current.read_on.isoformat()
        known["index_m3"] = format(register.current.index_m3, "f")
    return NotBillable(code=code, facts=known | facts)


def _followed(tenure: Tenure, start: date, until: date) -> bool:
    """Whether other contracts hold every day from ``start`` on, so that nothing that is shared goes unbilled."""
    day = start
    for period in sorted(tenure.others):
        if period.start <= day < period.until:
            day = period.until
    return day >= until


def _is_of_others(previous: Reading, current: Reading, tenure: Tenure) -> bool:
    """Whether all days between two readings are those of contracts before or after this one."""
    before = previous.read_on < tenure.start - _ONE_DAY and current.read_on <= tenure.start
    return before or (tenure.until is not None and previous.read_on >= tenure.until and current.read_on > tenure.until)


def _hinges(register: RegisterSnapshot, current: Reading, tenure: Tenure) -> list[Reading]:
    """The readings, in order, between which consumption is reckoned: first, last, nearest to an edge of a contract.

    Both contracts beside an edge take the same two readings, so that their shares make the whole: the last before it
    and the first after it, or one of the day itself. What was read further on is no business of this one.
    """
    chain = [register.previous, *register.between, current]
    is_early = register.previous.read_on < tenure.start - _ONE_DAY
    is_late = tenure.until is not None and current.read_on > tenure.until
    if not is_early and not is_late:
        return [register.previous, current]
    if is_early:
        chain = chain[max(place for place, one in enumerate(chain) if one.read_on <= tenure.start) :]
    if tenure.until is not None and current.read_on > tenure.until:
        days = [one.read_on for one in chain]
        closing = [place for place, day in enumerate(days) if place and tenure.until - _ONE_DAY <= day <= tenure.until]
        chain = chain[: (closing or [place for place, day in enumerate(days) if day > tenure.until][:1])[-1] + 1]
    used = {0, len(chain) - 1}
    if chain[0].read_on < tenure.start - _ONE_DAY:
        used.add(1)
    if tenure.until is not None and chain[-1].read_on > tenure.until:
        used.add(len(chain) - 2)
    return [chain[place] for place in sorted(used)]


def _counted(
    register: RegisterSnapshot, chain: Sequence[Reading], tenure: Tenure, models: Models
) -> tuple[Consumption, ...] | NotBillable:
    found: list[Consumption] = []
    index_m3 = chain[0].billed_index_m3
    if index_m3 is None:
        index_m3 = truncate_index(index_m3=chain[0].index_m3, decimals=register.decimals)
    for previous, current in pairwise(chain):
        made = _between(register, (previous, index_m3), current, tenure, models)
        if isinstance(made, NotBillable):
            return made
        if made is not None:
            found.append(made)
            index_m3 = made.counted.current_index_m3
    return tuple(found)


def _between(
    register: RegisterSnapshot, start: tuple[Reading, Decimal], current: Reading, tenure: Tenure, models: Models
) -> Consumption | NotBillable | None:
    previous, previous_index_m3 = start
    reached = _reached(register, start, current, models)
    if reached is None:
        return refusal(HoldCode.CONSUMPTION_NEGATIVE, register)
    index_m3, volume_m3 = reached
    if current.read_on == previous.read_on:
        return refusal(HoldCode.READING_SUSPECT, register, reason="used_in_no_time") if volume_m3 else None
    period = Period(start=previous.read_on, until=current.read_on)
    return Consumption(
        register=register,
        period=period,
        counted=Counted(
            meter_no=register.meter_no,
            previous_reading_id=previous.reading_id,
            current_reading_id=current.reading_id,
            previous_index_m3=previous_index_m3,
            current_index_m3=index_m3,
        ),
        volume_m3=volume_m3,
        estimated=current.quality == ESTIMATED,
        settles_estimate=settles_estimate(previous, current),
        billed=_own_days(period, tenure),
        known=tuple(_known(register, start, period, volume_m3, models)),
    )


def _own_days(period: Period, tenure: Tenure) -> Period | None:
    """The contract's days of a period that reaches beyond it; None when it does not."""
    early = period.start < tenure.start - _ONE_DAY
    late = tenure.until is not None and period.until > tenure.until
    if not early and not late:
        return None
    until = tenure.until if tenure.until is not None and late else period.until
    return Period(start=tenure.start if early else period.start, until=until)


def _reached(
    register: RegisterSnapshot, start: tuple[Reading, Decimal], current: Reading, models: Models
) -> tuple[Decimal, Decimal] | None:
    """The index up to which ``current`` bills, and the m³ from ``start`` to it; None when they are below zero.

    One that has passed its last digit goes on from zero, if it then passed no more than a meter can. What settles an
    estimate may be below zero. A register that ran back by no more than ``jitter_m3`` stands still, and goes on from
    the index billed before.
    """
    previous, previous_index_m3 = start
    highest_m3 = max(previous.index_m3, previous_index_m3)
    index_m3 = truncate_index(index_m3=current.index_m3, decimals=register.decimals)
    if current.index_m3 >= highest_m3:
        return index_m3, index_m3 - previous_index_m3
    range_m3 = Decimal(10) ** register.dials
    turned_m3 = index_m3 + range_m3 - previous_index_m3
    days = (current.read_on - previous.read_on).days
    if (
        previous.index_m3 >= models.rollover_share * range_m3
        and current.index_m3 <= (1 - models.rollover_share) * range_m3
        and turned_m3 <= models.volume_max_m3_day * days
    ):
        return index_m3, turned_m3
    if settles_estimate(previous, current):
        return index_m3, index_m3 - previous_index_m3
    if highest_m3 - current.index_m3 <= models.jitter_m3:
        return previous_index_m3, _NOTHING
    return None


def _known(
    register: RegisterSnapshot, start: tuple[Reading, Decimal], period: Period, volume_m3: Decimal, models: Models
) -> Iterator[Known]:
    """Readings in between that tell of a volume between nothing and the whole, and no less than the one before."""
    least_m3 = _NOTHING
    for one in register.between:
        reached = _reached(register, start, one, models) if period.start < one.read_on < period.until else None
        if reached is not None and least_m3 <= reached[1] <= volume_m3:
            index_m3, least_m3 = reached
            yield Known(day=one.read_on, volume_m3=least_m3, reading_id=one.reading_id, index_m3=index_m3)
