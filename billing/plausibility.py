"""A last look at a bill, and at the share of estimates of a cycle, before it may be approved.

The validation of readings comes before rating; this stops what it would let through as a wrong invoice.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from decimal import Decimal

from billing.accounts import AccountSnapshot, Service
from billing.charges import Bill, Hold
from billing.holds import HoldCode
from billing.reading_checks import SELF_SOURCES, Severity
from billing.reading_rules import CheckRules


def too_much(bill: Bill, *, volume_max_m3_day: Decimal) -> Hold | None:
    """A hold for a bill with a line above ``volume_max_m3_day`` m³ for each of its days, naming meter and figures."""
    for line in bill.lines:
        if line.service is Service.WATER and line.quantity > volume_max_m3_day * line.period.days:
            facts = {
                "meter_no": str(line.meter_no),
                "volume_m3": format(line.quantity, "f"),
                "days": str(line.period.days),
                "volume_max_m3_day": format(volume_max_m3_day, "f"),
            }
            return Hold(account_no=bill.account_no, code=HoldCode.CONSUMPTION_HIGH, facts=facts)
    return None


def too_costly(bill: Bill, account: AccountSnapshot, *, self_invoice_max_zl: Decimal) -> Hold | None:
    """V23: a hold for an invoice above the sum that a customer's own reading may make without anybody's approval."""
    if bill.gross_zl <= self_invoice_max_zl:
        return None
    own = _unconfirmed_self_readings(account)
    if not own:
        return None
    facts = {
        "check": "V23",
        "meters": ",".join(own.values()),
        "reading_ids": ",".join(str(reading_id) for reading_id in own),
        "gross_zl": format(bill.gross_zl, "f"),
        "self_invoice_max_zl": format(self_invoice_max_zl, "f"),
    }
    return Hold(account_no=bill.account_no, code=HoldCode.SELF_READING_COSTLY, facts=facts)


def _unconfirmed_self_readings(account: AccountSnapshot) -> dict[int, str]:
    """The customer's own closing readings that nobody of the utility has confirmed, each with its meter's number."""
    return {
        register.current.reading_id: register.meter_no
        for point in account.points
        for register in point.registers
        if register.current is not None
        and register.current.source in SELF_SOURCES
        and not register.current.is_confirmed
    }


def with_confirmed(account: AccountSnapshot, reading_ids: AbstractSet[int]) -> AccountSnapshot:
    """The account with those of its closing readings marked as confirmed."""
    if not any(
        register.current is not None and register.current.reading_id in reading_ids
        for point in account.points
        for register in point.registers
    ):
        return account
    points = tuple(
        replace(
            point,
            registers=tuple(
                replace(register, current=replace(register.current, is_confirmed=True))
                if register.current is not None and register.current.reading_id in reading_ids
                else register
                for register in point.registers
            ),
        )
        for point in account.points
    )
    return replace(account, points=points)


def estimates_verdict(*, readings: int, estimated: int, rules: CheckRules) -> Severity:
    """V24: ``none``, ``warn`` or ``stop`` for so many estimates among the readings that close a cycle's charges."""
    if not estimated or estimated <= rules.estimate_share_warn * readings:
        return Severity.NONE
    if estimated < rules.estimates_stop_from or estimated <= rules.estimate_share_stop * readings:
        return Severity.WARN
    return Severity.STOP
