"""Charges beside metered water: stormwater, excess of industrial sewage, ordered services."""

from collections.abc import Sequence

from billing.accounts import AccountSnapshot, CycleTerms, PointSnapshot
from billing.charges import ChargeLine
from billing.excess import excess_lines
from billing.extra_services import order_lines
from billing.quantities import NotBillable
from billing.stormwater import stormwater_lines
from billing.tariffs import TariffBook


def lines_of_points(
    points: Sequence[PointSnapshot], *, lines: Sequence[ChargeLine], cycle: CycleTerms, tariffs: TariffBook
) -> list[ChargeLine] | NotBillable:
    """Excess and stormwater of each point; ``lines`` are what the bill charges for sewage."""
    made: list[ChargeLine] = []
    for point in points:
        made += excess_lines(point, lines=lines, issue_date=cycle.issue_date)
        rain = stormwater_lines(point=point, cycle=cycle, prices=tariffs.price_book)
        if isinstance(rain, NotBillable):
            return rain
        made += rain
    return made


def lines_of_account(
    account: AccountSnapshot, *, cycle: CycleTerms, tariffs: TariffBook
) -> list[ChargeLine] | NotBillable:
    """The ordered services of an account, whether or not a contract of it is in force."""
    return order_lines(account.orders, prices=tariffs.price_book, issue_date=cycle.issue_date)
