"""A last look at a bill before it may be approved: no meter passes more than it physically can.

The full validation of readings comes before rating; this stops what it would let through as a wrong invoice.
"""

from decimal import Decimal

from billing.accounts import Service
from billing.charges import Bill, Hold
from billing.holds import HoldCode


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
