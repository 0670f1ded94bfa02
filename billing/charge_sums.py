"""The lines of one charge of a point taken together: how much, of how many days, at what price.

A charge may stand on several lines: one for each price of its days, each block of a progressive price, each component
of an abonament.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from billing.charges import ChargeLine
from billing.money import VOLUME, ZERO_ZL
from billing.subsidies import SubsidyMode, total_zl


def quantity_of(lines: Sequence[ChargeLine]) -> Decimal:
    """All m³, with a share in a difference and every surface, or the months: components of one abonament count once."""
    counting = [line for line in lines if line.row_no == 1 or line.block or line.difference or line.area]
    return sum((line.quantity for line in counting), Decimal(0))


def per_day(lines: Sequence[ChargeLine], *, days: int) -> Decimal:
    """Use of one day, to three places."""
    return (quantity_of(lines) / days).quantize(VOLUME, rounding=ROUND_HALF_UP)


def days_of(lines: Sequence[ChargeLine]) -> int:
    """How many days the lines are of; one that several are of counts once."""
    days, reached = 0, min(line.period.start for line in lines)
    for line in sorted(lines, key=begins):
        days += max(0, (line.period.until - max(reached, line.period.start)).days)
        reached = max(reached, line.period.until)
    return days


def begins(line: ChargeLine) -> tuple[date, date]:
    """What lines are put in order of days by."""
    return (line.period.start, line.period.until)


def has_one_price(*, was: Sequence[ChargeLine], now: Sequence[ChargeLine]) -> bool:
    """Whether no price changed, so that the whole difference is one of quantity."""
    rows = [{(line.row_no, full_price(line)) for line in lines} for lines in (was, now)]
    return rows[0] == rows[1] and len({no for no, _ in rows[0]}) == len(rows[0]) and not any(x.block for x in was)


def is_one_rate(lines: Sequence[ChargeLine]) -> bool:
    """Whether one unit costs what one line says: no blocks, no components."""
    return all(line.row_no == 1 and line.block is None for line in lines)


def has_same_blocks(*, was: Sequence[ChargeLine], now: Sequence[ChargeLine]) -> bool:
    """Whether both are priced by blocks of which none changed its price."""
    former, present = ({full_price(line) for line in lines if line.block} for lines in (was, now))
    return bool(former and present) and (former <= present or present <= former)


def full_zl(lines: Iterable[ChargeLine]) -> Decimal:
    """Net at the tariff's prices: a subsidy off the price is a cause of its own."""
    lines = tuple(lines)
    return sum((line.net_zl for line in lines), ZERO_ZL) + total_zl((x.subsidy for x in lines), mode=SubsidyMode.NET)


def full_price(line: ChargeLine) -> Decimal:
    """The tariff's net price, before a subsidy off it."""
    paid = line.subsidy
    return line.price_zl + (paid.zl_m3 if paid and paid.mode is SubsidyMode.NET else 0)
