"""Cenniki: prices of what the approved taryfa does not price, stormwater and services that are ordered.

The regulation closes the list of what a taryfa prices (Rozp. 2018 par. 5); for the rest the utility sets its own
prices, so no regulator approves them and no switch-on is asked for: they are dated, and frozen with each cycle by hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Service
from billing.errors import DataRefused
from billing.law import VatClass


class AreaUnit(StrEnum):
    """What a price of stormwater is for: a m² in a month, a m² in a year, or a m³."""

    M2_MONTH = "m2_month"
    M2_YEAR = "m2_year"
    M3 = "m3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceItem:
    """Net price of one unit from ``valid_from`` until the next price of the same code.

    ``unit`` of stormwater is one of ``AreaUnit``, of a service what is printed (``szt.``). ``m3_per_m2_year`` is set
    for stormwater priced by m³: what runs off a m² in a year, three places.
    """

    code: str
    service: Service
    name: str
    unit: str
    net_zl: Decimal
    vat: VatClass
    valid_from: date
    basis: str
    m3_per_m2_year: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceExample:
    """A published amount, or a sum done by hand, that an item must reproduce on a day."""

    item: str
    on: date
    quantity: Decimal
    net_zl: Decimal
    gross_zl: Decimal
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """One cennik, read from one file; ``sha256`` is of the file's bytes."""

    name: str
    title: str
    basis: str
    sha256: str
    items: tuple[PriceItem, ...]
    examples: tuple[PriceExample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrice:
    """The price of a day, and the list that it stands in; ``until`` begins the next price (None: open-ended)."""

    item: PriceItem
    until: date | None
    name: str
    title: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """Every cennik of a utility; a code has one price a day.

    Raises:
        DataRefused: ``PRICE_LIST_OVERLAP``, two lists price a code from the same day; ``PRICE_LIST_FIELD_WRONG``, a
            code changes its service.
    """

    lists: tuple[PriceList, ...] = ()
    _prices: Mapping[str, tuple[ListedPrice, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[tuple[PriceItem, PriceList]]] = {}
        for one in self.lists:
            for item in one.items:
                found.setdefault(item.code, []).append((item, one))
        object.__setattr__(self, "_prices", {code: _timeline(code, priced) for code, priced in found.items()})

    def price_on(self, *, code: str, day: date) -> ListedPrice | None:
        """What a code costs on a day; None when no list prices it then."""
        begun = [price for price in self._prices.get(code, ()) if price.item.valid_from <= day]
        return begun[-1] if begun else None

    def service_of(self, code: str) -> Service | None:
        """What a code charges for; None for a code of no list."""
        priced = self._prices.get(code)
        return priced[0].item.service if priced else None

    def codes(self, service: Service) -> list[str]:
        """The codes that charge for a service."""
        return sorted(code for code in self._prices if self.service_of(code) is service)


def _timeline(code: str, priced: list[tuple[PriceItem, PriceList]]) -> tuple[ListedPrice, ...]:
    priced.sort(key=lambda pair: pair[0].valid_from)
    prices = []
    for place, (item, one) in enumerate(priced):
        following = priced[place + 1][0] if place + 1 < len(priced) else None
        if following and following.valid_from == item.valid_from:
            raise DataRefused("PRICE_LIST_OVERLAP", f"{code} has two prices from {item.valid_from}")
        if following and following.service is not item.service:
            raise DataRefused("PRICE_LIST_FIELD_WRONG", f"{code} is {item.service} and later {following.service}")
        until = following.valid_from if following else None
        prices.append(ListedPrice(item=item, until=until, name=one.name, title=one.title, sha256=one.sha256))
    return tuple(prices)
