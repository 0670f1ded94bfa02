"""How many cubic metres of a service a point took between two days, and where the figure comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.accounts import Service
from billing.charges import LineDifference, LinePart, LineTerms, Origin
from billing.holds import HoldCode
from billing.law import quantity_basis
from billing.periods import Period
from billing.polish import NBSP, format_date, format_quantity
from billing.quick import quick

_WITH_RULES = ("garden", "behind")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBillable:
    """Why a part of an account stops the whole of it; ``facts`` hold no personal data."""

    code: HoldCode
    facts: Mapping[str, str]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What one register counted between two readings; the indexes are already cut, all to three places."""

    meter_no: str
    previous_reading_id: int
    current_reading_id: int
    previous_index_m3: Decimal
    current_index_m3: Decimal


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Cubic metres of one service in a period, to three places.

    ``estimated``: up to an estimate; ``settles_estimate``: from one up to a reading, and perhaps below zero.
    ``counted`` is set when one register alone measured it, ``parts`` when several did, ``origin`` when none did, with
    the ``terms`` that it was reckoned from. ``billed`` are the days of it that are this contract's (None: all).
    ``known`` tells the volume reached by days within; ``places`` are the digits that a share by days is rounded to.
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
    terms: LineTerms | None = None
    difference: LineDifference | None = None

    @property
    def bases(self) -> tuple[str, ...]:
        """The provisions beside that of its service that say how much it is.

        Raises:
            DataRefused: ``LAW_NO_VALUE``, the law data lacks one.
        """
        if self.difference is not None:
            return (quantity_basis(kind=f"behind_{self.service}"),)
        if self.terms is not None:
            return (quantity_basis(kind=f"{self.origin}_{self.service}"),)
        if not self.parts:
            return ()
        purposes = dict.fromkeys(part.purpose for part in self.parts if part.purpose in _WITH_RULES)
        return tuple(quantity_basis(kind=f"{purpose}_{self.service}") for purpose in purposes)

    @property
    def remark(self) -> str:
        """What a customer is told beside the service: persons, a lapsed legalisation, a meter that passed zero."""
        if self.terms is not None:
            return f" ({_terms(self.terms)})"
        if self.difference is not None:
            return " (udział w różnicy wodomierza głównego i wodomierzy lokali)"
        if self.counted is not None and not self.parts:
            return _turned(self.counted, self.volume_m3)
        lapsed = (
            f" (bez odliczenia: legalizacja wodomierza {part.meter_no} do {format_date(part.lapsed_on)})"
            for part in self.parts
            if part.lapsed_on is not None
        )
        return "".join((*lapsed, *(_turned(part, part.volume_m3) for part in self.parts)))


def _turned(one: Counted | LinePart, volume_m3: Decimal) -> str:
    is_past_zero = one.current_index_m3 < one.previous_index_m3 and volume_m3 >= 0
    return f" (wodomierz {one.meter_no} przeszedł przez zero)" if is_past_zero else ""


def _terms(terms: LineTerms) -> str:
    if terms.persons is None:
        return f"{format_quantity(terms.m3_month)}{NBSP}m³ miesięcznie"
    each_m3 = format_quantity(terms.m3_month / terms.persons)
    return f"{terms.persons}{NBSP}os. po {each_m3}{NBSP}m³ miesięcznie"


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
