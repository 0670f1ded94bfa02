"""Dopłata gminy: what a gmina pays of a price, by resolution of its council (uzzwś art. 24 ust. 6, to verify)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Service
from billing.law import subsidy_basis
from billing.money import ZERO_ZL, multiply_zl

UNKNOWN = "unknown"
"""A resolution that nobody knows is written so, never invented."""


class SubsidyMode(StrEnum):
    """Where the subsidy comes off. Both are in use, so the tariff says which.

    ``net``: off the net price, and VAT is on the remainder. ``gross``: VAT is on the full net, and the subsidy comes
    off the gross of the invoice.
    """

    NET = "net"
    GROSS = "gross"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffSubsidy:
    """What a gmina pays for 1 m³ of a service in a group from ``valid_from`` up to, not including, ``valid_until``."""

    gmina: str
    group: str
    service: Service
    mode: SubsidyMode
    zl_m3: Decimal
    valid_from: date
    valid_until: date | None
    basis: str

    def holds_on(self, day: date) -> bool:
        """Whether it is paid for that day."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSubsidy:
    """What the gmina pays of one line; rate (four places) and amount are net in ``net`` mode, else gross.

    ``basis`` is the council's resolution as the tariff file names it, ``unknown`` when nobody knows it.
    """

    gmina: str
    mode: SubsidyMode
    zl_m3: Decimal
    subsidy_zl: Decimal
    basis: str


def subsidy_of(*, agreed: TariffSubsidy | None, volume_m3: Decimal, tariff_zl: Decimal) -> LineSubsidy | None:
    """What the gmina pays for ``volume_m3`` at the net tariff price ``tariff_zl``, to the grosz; None without subsidy.

    ``net``: the line at the tariff's price less the line at the customer's, so that both parts make the whole.
    ``gross``: volume times rate, half up.
    """
    if agreed is None:
        return None
    if agreed.mode is SubsidyMode.GROSS:
        amount_zl = multiply_zl(quantity=volume_m3, price_zl=agreed.zl_m3)
    else:
        whole_zl = multiply_zl(quantity=volume_m3, price_zl=tariff_zl)
        amount_zl = whole_zl - multiply_zl(quantity=volume_m3, price_zl=tariff_zl - agreed.zl_m3)
    return LineSubsidy(
        gmina=agreed.gmina, mode=agreed.mode, zl_m3=agreed.zl_m3, subsidy_zl=amount_zl, basis=agreed.basis
    )


def price_left_zl(tariff_zl: Decimal, *, subsidy: LineSubsidy | None) -> Decimal:
    """The net price that stands on the line: the tariff's, less a subsidy in ``net`` mode."""
    return tariff_zl - subsidy.zl_m3 if subsidy and subsidy.mode is SubsidyMode.NET else tariff_zl


def price_basis(basis: str, *, subsidy: LineSubsidy | None) -> str:
    """The basis of a price and, with a subsidy, its provision and the council's resolution as far as it is known."""
    if subsidy is None:
        return basis
    known = [subsidy.basis] if subsidy.basis != UNKNOWN else []
    return "; ".join((basis, subsidy_basis(), *known))


def total_zl(subsidies: Iterable[LineSubsidy | None], *, mode: SubsidyMode) -> Decimal:
    """The sum of the subsidies of one mode; lines without one count for nothing."""
    return sum([one.subsidy_zl for one in subsidies if one is not None and one.mode is mode], ZERO_ZL)


def divide(
    *, start: date, until: date | None, subsidies: Sequence[TariffSubsidy]
) -> Iterator[tuple[date, date | None, TariffSubsidy | None]]:
    """The days from ``start`` up to ``until`` (None: open-ended) in parts with one subsidy, or none, throughout."""
    bounds = {day for one in subsidies for day in (one.valid_from, one.valid_until) if day is not None and day > start}
    starts = [start, *sorted(day for day in bounds if until is None or day < until)]
    for begins, ends in zip(starts, (*starts[1:], until), strict=True):
        yield begins, ends, next((one for one in subsidies if one.holds_on(begins)), None)
