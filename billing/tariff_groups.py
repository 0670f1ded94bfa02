"""Groups of a tariff: whom each is for, and the named models of its abonament."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from billing.accounts import Channel, PartyKind


class StandingMonths(StrEnum):
    """Which months owe the abonament. ``touched``: each calendar month with a day under contract owes a whole one."""

    TOUCHED = "touched"


class StandingPrice(StrEnum):
    """Which day's price a month owes. ``first_day``: the month's first day under contract."""

    FIRST_DAY = "first_day"


class StandingPer(StrEnum):
    """Who owes the abonament: the ``recipient`` once (Rozp. 2018 par. 2 pkt 6), or each ``point``."""

    RECIPIENT = "recipient"
    POINT = "point"


class StandingPart(StrEnum):
    """What is owed for some months of a billing period. ``by_months``: as many parts of the rate as months."""

    BY_MONTHS = "by_months"


class Metering(StrEnum):
    """Whose group it is: it decides which components an abonament may have (Rozp. 2018 par. 13 ust. 3-4)."""

    MAIN_METER = "main_meter"
    FLAT = "flat"
    NORM = "norm"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Diameters:
    """Nominal diameters of meters from ``from_mm`` up to, not including, ``until_mm`` (None: all above)."""

    from_mm: int
    until_mm: int | None

    def __contains__(self, diameter_mm: int) -> bool:
        return self.from_mm <= diameter_mm and (self.until_mm is None or diameter_mm < self.until_mm)

    def overlap(self, other: "Diameters") -> bool:
        """Whether some diameter lies in both."""
        return self.from_mm in other or other.from_mm in self


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffGroup:
    """A grupa taryfowa; two channels mean that the manner of invoicing does not change the price.

    With ``diameters`` it is for meters of these alone, and for a point whose meter's diameter nobody knows it is none;
    with ``payer`` it is for nabywcy of that kind alone.
    """

    code: str
    tariff_class: str
    channels: frozenset[Channel]
    name: str
    diameters: tuple[Diameters, ...] = ()
    payer: PartyKind | None = None
    metering: Metering | None = None

    def takes(self, *, tariff_class: str, channel: Channel, diameter_mm: int | None, payer: PartyKind | None) -> bool:
        """Whether it prices a point of that class and meter, invoiced in that manner to a nabywca of that kind."""
        if tariff_class != self.tariff_class or channel not in self.channels:
            return False
        return self.payer in {None, payer} and self.measures(diameter_mm)

    def measures(self, diameter_mm: int | None) -> bool:
        """Whether it is for meters of that diameter (None: unknown, or no meter)."""
        return not self.diameters or (
            diameter_mm is not None and any(diameter_mm in diameters for diameters in self.diameters)
        )

    def meets(self, other: "TariffGroup") -> bool:
        """Whether some point may belong to both."""
        return (
            self.tariff_class == other.tariff_class
            and bool(self.channels & other.channels)
            and (self.payer is None or other.payer in {None, self.payer})
            and (
                not self.diameters
                or not other.diameters
                or any(one.overlap(two) for one, two in product(self.diameters, other.diameters))
            )
        )
