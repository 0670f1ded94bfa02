"""How many cubic metres of a service a point took between two days, and where the figure comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.accounts import Service
from billing.charges import LinePart, LineTerms, Origin
from billing.holds import HoldCode
from billing.periods import Period

_WITH_RULES = ("garden", "behind")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBillable:
    """Why a part of an account stops the whole of it; ``facts`` hold no personal data."""

    code: HoldCode
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one register counted between two readings; the indexes are already cut, all to three places."""

    meter_no: str
    previous_reading_id: int
    current_reading_id: int
    previous_index_m3: Decimal
    current_index_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Cubic metres of one service in a period, to three places.

    ``counted`` is set when one register alone measured it, ``parts`` when several did, ``origin`` when none did, with
    the ``terms`` that it was reckoned from. ``billed`` are the days of it that are this contract's (None: all).
    ``known`` tells the volume reached by days within; ``places`` are the digits that a share by days is rounded to.
    """

    service: Service
    period: Period
    volume_m3: Decimal
    places: int
    estimated: bool = False
    counted: Counted | None = None
    parts: tuple[LinePart, ...] = ()
    origin: Origin | None = None
    billed: Period | None = None
    known: tuple["Known", ...] = ()
    terms: LineTerms | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which rules beside that of its service say how much it is (``[[quantity]]`` of the law data)."""
        if self.origin is not None:
            return (f"{self.origin}_{self.service}",)
        purposes = dict.fromkeys(part.purpose for part in self.parts)
        return tuple(f"{purpose}_{self.service}" for purpose in purposes if purpose in _WITH_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The volume that a quantity reached by a day within it.

    Of one register with the reading of that day and its index, of several with their ``parts`` up to then, of none when
    it is reckoned.
    """

    day: date
    volume_m3: Decimal
    reading_id: int | None = None
    index_m3: Decimal | None = None
    parts: tuple[LinePart, ...] = ()
