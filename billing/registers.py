"""What a register counted between two readings.

Each index is cut to the digits that the register bills (never the difference), so that what is cut off this time
is counted next time.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from billing.accounts import Reading, RegisterSnapshot
from billing.holds import HoldCode
from billing.money import VOLUME
from billing.periods import Period
from billing.quantities import Counted, NotBillable

REMOVAL_SOURCE = "exchange_removal"
ESTIMATED = "estimated"
SUSPECT = "suspect"
_ONE_DAY = timedelta(days=1)
_MISSING = {None: HoldCode.READING_MISSING, SUSPECT: HoldCode.READING_SUSPECT}
_ONES = tuple(Decimal(1).scaleb(-decimals) for decimals in range(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """Cubic metres that a register counted in a period, to three places.

    ``estimated``: up to an estimate. ``settles_estimate``: from one, up to what somebody read; only then may it be
    below zero.
    """

    period: Period
    counted: Counted
    volume_m3: Decimal
    estimated: bool
    settles_estimate: bool


def truncate_index(*, index_m3: Decimal, decimals: int) -> Decimal:
    """``index_m3`` without the digits that the register does not bill, written to three places."""
    return index_m3.quantize(_ONES[decimals], rounding=ROUND_DOWN).quantize(VOLUME)


def consumption(
    *, register: RegisterSnapshot, contract_from: date, contract_until: date | None
) -> Consumption | NotBillable | None:
    """Consumption of a register between its two readings; None when they are of one day and nothing was used.

    Both readings must lie within the contract, so that nobody pays for the days of another customer; the reading of
    the day before its first one closes the contract before it, and opens this one.
    """
    current, previous = register.current, register.previous
    removed = register.removed_on is not None and (contract_until is None or register.removed_on <= contract_until)
    if removed and (current is None or (current.source, current.read_on) != (REMOVAL_SOURCE, register.removed_on)):
        return _refusal(HoldCode.EXCHANGE_INCOMPLETE, register, removed_on=str(register.removed_on))
    if current is not None and register.missing_reason == SUSPECT:
        return _refusal(HoldCode.READING_SUSPECT, register, reason="contradicted")
    if current is None:
        code = _MISSING.get(register.missing_reason, HoldCode.READING_NOT_READ)
        return _refusal(code, register, reason=register.missing_reason or "none")
    if previous.read_on < contract_from - _ONE_DAY:
        facts = {"reason": "before_contract", "wanted_on": contract_from.isoformat()}
        return _refusal(HoldCode.READING_MISSING, register, **facts)
    if contract_until is not None and current.read_on > contract_until:
        facts = {"reason": "after_contract", "wanted_on": contract_until.isoformat()}
        return _refusal(HoldCode.READING_MISSING, register, **facts)
    if current.read_on < previous.read_on:
        return _refusal(HoldCode.READING_SUSPECT, register, reason="older_than_previous")
    return _difference(register, previous, current)


def _difference(register: RegisterSnapshot, previous: Reading, current: Reading) -> Consumption | NotBillable | None:
    previous_index_m3 = truncate_index(index_m3=previous.index_m3, decimals=register.decimals)
    current_index_m3 = truncate_index(index_m3=current.index_m3, decimals=register.decimals)
    volume_m3 = current_index_m3 - previous_index_m3
    if volume_m3 < 0 and not settles_estimate(previous, current):
        return _refusal(HoldCode.CONSUMPTION_NEGATIVE, register)
    if current.read_on == previous.read_on:
        return _refusal(HoldCode.READING_SUSPECT, register, reason="used_in_no_time") if volume_m3 else None
    return Consumption(
        period=Period(start=previous.read_on, until=current.read_on),
        counted=Counted(
            meter_no=register.meter_no,
            previous_reading_id=previous.reading_id,
            current_reading_id=current.reading_id,
            previous_index_m3=previous_index_m3,
            current_index_m3=current_index_m3,
        ),
        volume_m3=volume_m3,
        estimated=current.quality == ESTIMATED,
        settles_estimate=settles_estimate(previous, current),
    )


def settles_estimate(previous: Reading, current: Reading) -> bool:
    """Whether somebody has read what was billed by an estimate; the difference may then be below zero."""
    return previous.quality == ESTIMATED and current.quality != ESTIMATED


def _refusal(code: HoldCode, register: RegisterSnapshot, **facts: str) -> NotBillable:
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
