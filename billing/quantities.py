"""How many cubic metres of a service a point took between two days, and where the figure comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.accounts import Service
from billing.charges import LinePart, Origin
from billing.holds import HoldCode
from billing.periods import Period


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

    ``estimated``: up to an estimate; ``settles_estimate``: from one up to a reading, and perhaps below zero.
    ``counted`` is set when one register alone measured it, ``parts`` when several did, ``origin`` when none did.
    ``billed`` are the days of it that are this contract's (None: all). ``known`` tells the volume reached by days on
    which it was read in between, with the reading and its cut index; ``places`` are the digits that a share by days
    is rounded to.
    """

    service: Service
    period: Period
    volume_m3: Decimal
    places: int
    estimated: bool = False
    settles_estimate: bool = False
    counted: Counted | None = None
    parts: tuple[LinePart, ...] = ()
    origin: Origin | None = None
    billed: Period | None = None
    known: tuple["Known", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A reading between the first and the last one of a quantity: the volume reached by its day."""

    day: date
    volume_m3: Decimal
    reading_id: int
    index_m3: Decimal
