"""What is known of an account beside its meters: surfaces, faults of its sewage, ordered services, agreed forecasts."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.canonical import LATER
from billing.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """A surface that rain runs off into the sewer, from ``valid_from`` up to, not including, ``valid_until``.

    ``area_m2`` has two places; ``item_code`` is the item of the price list that charges for it.
    """

    surface: str
    area_m2: Decimal
    item_code: str
    valid_from: date
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledSewage:
    """Sewage that an earlier document charged for while its excess was not known yet."""

    document: str
    period: Period
    quantity_m3: Decimal
    price_zl: Decimal
    tariff_group: str
    tariff_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SewageExcess:
    """An indicator found above what is permitted on ``sampled_on``, until a re-test of ``cleared_on`` (None: still).

    ``measured`` and ``permitted`` are in the unit of the indicator, four places.
    """

    indicator: str
    measured: Decimal
    permitted: Decimal
    sampled_on: date
    report_no: str
    cleared_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOrder:
    """A service outside the tariff that was ordered and done, and is on no invoice yet; three places of quantity."""

    extra_service_id: int
    item_code: str
    quantity: Decimal
    performed_on: date
    point_no: str | None = None


class ForecastBasis(StrEnum):
    """What a prognoza follows (Rozp. 2018 par. 16 ust. 5).

    ``contract``: the quantity in the contract; ``norm``: norms of consumption, as the office reckoned them; ``mean``:
    the mean of the previous settlement period.
    """

    CONTRACT = "contract"
    NORM = "norm"
    MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """What the previous settlement period charged for real: m³ of a service in so many days."""

    volume_m3: Decimal
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastCharge:
    """A line that a prognoza charged and no settlement has taken off yet; ``content`` is its canonical JSON."""

    forecast_line_id: int
    document: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """That a point is charged by prognozy and settled every so many months (Rozp. 2018 par. 16 ust. 4-5, 17 ust. 2-3).

    m³ of a month to three places, None for a service without one. ``start`` is the first month neither forecast (for
    whomever) nor settled, ``settled_from`` the first month since the last settlement (None: the cycle's first).
    ``payment_day`` is the day of the month on which the contract lets forecasts be paid.
    """

    basis: ForecastBasis
    settle_every_months: int
    water_m3_month: Decimal | None = None
    sewage_m3_month: Decimal | None = None
    start: date | None = None
    settled_from: date | None = None
    payment_day: int | None = field(default=None, metadata=LATER)
    water_mean: Mean | None = None
    sewage_mean: Mean | None = None
    charged: tuple[ForecastCharge, ...] = ()
