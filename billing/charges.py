"""Charges: quantity times price with the legal reference, or a hold that says why not and what next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Channel, Service
from billing.canonical import LATER
from billing.holds import HoldCode
from billing.money import ZERO_ZL, round_zl
from billing.periods import Period
from billing.quick import quick
from billing.subsidies import LineSubsidy, SubsidyMode, total_zl


class LineRounding(StrEnum):
    """Where a net is rounded to the grosz; the law speaks of sums only (VAT act art. 106e ust. 11).

    ``each_line``: quantity times price is rounded on its line, and sums are of rounded lines. ``rate_sum``: unrounded
    nets are summed by VAT rate and the sum is rounded; what a line prints is rounded for show.
    """

    EACH_LINE = "each_line"
    RATE_SUM = "rate_sum"


class Origin(StrEnum):
    """What named a quantity that no register measured.

    ``norm``: the norms of consumption; ``contract``: the quantity in the contract; ``area``: the surface that rain runs
    off; ``order``: a service that was ordered; ``difference``: a share in what a building's meter counted beyond its
    flats'; ``forecast`` and ``settled_forecast``: a prognoza, and what it had charged as it comes off the settlement.
    """

    NORM = "norm"
    CONTRACT = "contract"
    AREA = "area"
    ORDER = "order"
    DIFFERENCE = "difference"
    FORECAST = "forecast"
    SETTLED_FORECAST = "settled_forecast"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePart:
    """A register's part in a quantity: ``percent`` of ``volume_m3`` between two readings (below 0: it comes off).

    ``purpose`` is the register's, or ``behind`` for one of a point behind this one. ``lapsed_on`` is the last day of a
    legalisation that has lapsed, so that nothing comes off. ``billed`` are the days of its volume, where contracts
    share what is between the readings, which are of the first day of ``read`` and of that after its last.
    """

    meter_no: str
    purpose: str
    previous_reading_id: int
    current_reading_id: int
    previous_index_m3: Decimal
    current_index_m3: Decimal
    volume_m3: Decimal
    percent: Decimal
    lapsed_on: date | None = field(default=None, metadata=LATER)
    billed: Period | None = field(default=None, metadata=LATER)
    read: Period | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTerms:
    """What a quantity without a meter was reckoned from: m³ a month, of so many persons where it is a norm."""

    norm: str | None
    persons: int | None
    m3_month: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDifference:
    """Whose share a line bills of what a building's meter counted beyond its flats': see ``DifferenceShare``."""

    share_id: int
    front_point_no: str
    of_m3: Decimal
    before_m3: Decimal
    own_m3: Decimal
    all_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShare:
    """Which part of the m³ between two readings stands on a line: ``days`` after the first ``after_days`` of them all.

    The quantity is what the volume reaches by the line's last day less what it reached before its first, each reckoned
    by days and rounded; so the parts always sum to ``of_m3``.
    """

    days: int
    of_days: int
    of_m3: Decimal
    after_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBlock:
    """The part of a volume above ``from_m3`` and up to ``until_m3`` (None: all the rest), of a progressive price."""

    from_m3: Decimal
    until_m3: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineExcess:
    """An indicator of industrial sewage above its permitted value; it costs quantity × price × excess / permitted."""

    indicator: str
    measured: Decimal
    permitted: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LineArea:
    """The surface that rain runs off: ``area_m2`` times the months of the line, a twelfth of a year each.

    ``m3_per_m2_year`` is set where the price is for m³.
    """

    surface: str
    area_m2: Decimal
    m3_per_m2_year: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettled:
    """The line of a prognoza that this one takes off, and the document that charged it."""

    forecast_line_id: int
    document: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLine:
    """One line: what, for which days, from which readings, at which price of which tariff, and why.

    ``quantity`` is m³ (three places) or months; ``price_zl`` is net, four places; ``net_zl`` two places.
    The readings and indexes are those of the one register that measured it, and None where none or several did; then
    ``parts`` tells them. With a subsidy in ``net`` mode ``price_zl`` is what is left for the customer; in ``gross``
    mode price and net are the full ones. ``origin`` is None for registers and for months of abonament. ``row_no``
    numbers lines of the same service and days; the first occupies them. ``extra_service_id`` names the order of an
    extra service. Where a price list sets the price, ``tariff_group`` is its item and ``tariff_sha256`` its file.
    """

    point_no: str | None
    service: Service
    description: str
    period: Period
    meter_no: str | None
    previous_reading_id: int | None
    current_reading_id: int | None
    previous_index_m3: Decimal | None
    current_index_m3: Decimal | None
    quantity: Decimal
    unit: str
    price_zl: Decimal
    net_zl: Decimal
    vat_rate: Decimal
    tariff_group: str
    tariff_sha256: str
    basis: str
    subsidy: LineSubsidy | None = field(default=None, metadata=LATER)
    origin: Origin | None = field(default=None, metadata=LATER)
    row_no: int = field(default=1, metadata=LATER)
    parts: tuple[LinePart, ...] = field(default=(), metadata=LATER)
    share: LineShare | None = field(default=None, metadata=LATER)
    block: LineBlock | None = field(default=None, metadata=LATER)
    excess: LineExcess | None = field(default=None, metadata=LATER)
    terms: LineTerms | None = field(default=None, metadata=LATER)
    difference: LineDifference | None = field(default=None, metadata=LATER)
    extra_service_id: int | None = field(default=None, metadata=LATER)
    area: LineArea | None = field(default=None, metadata=LATER)
    settles: LineSettled | None = field(default=None, metadata=LATER)

    def summed_zl(self, rounding: LineRounding) -> Decimal:
        """What the line adds to the net of its rate: its net or, unrounded, what that was rounded from."""
        if rounding is LineRounding.EACH_LINE:
            return self.net_zl
        whole_zl = self.quantity * self.price_zl
        if self.excess is None:
            return whole_zl
        return whole_zl * (self.excess.measured - self.excess.permitted) / self.excess.permitted


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class VatSum:
    """Net, VAT and gross of all lines of one rate (VAT act art. 106e ust. 1 pkt 13-14)."""

    vat_rate: Decimal
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The charges of one account in one cycle; sums equal their parts or it cannot be made.

    ``subsidy_net_zl`` has come off the net already; ``subsidy_gross_zl`` comes off the gross, and leaves
    ``payable_zl`` to the customer. With ``line_rounding`` ``rate_sum`` the nets printed on the lines may miss the total
    by grosze.
    """

    account_no: str
    channel: Channel
    lines: tuple[ChargeLine, ...]
    vat_sums: tuple[VatSum, ...]
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal
    subsidy_net_zl: Decimal = field(default=ZERO_ZL, metadata=LATER)
    subsidy_gross_zl: Decimal = field(default=ZERO_ZL, metadata=LATER)
    line_rounding: LineRounding = field(default=LineRounding.EACH_LINE, metadata=LATER)

    @property
    def payable_zl(self) -> Decimal:
        """What the customer pays: the gross less what the gmina pays of it."""
        return self.gross_zl - self.subsidy_gross_zl

    def __post_init__(self) -> None:
        nets_zl = {part.vat_rate: ZERO_ZL for part in self.vat_sums}
        for line in self.lines:
            nets_zl[line.vat_rate] = nets_zl.get(line.vat_rate, ZERO_ZL) + line.summed_zl(self.line_rounding)
        if {rate: round_zl(net_zl) for rate, net_zl in nets_zl.items()} != {
            part.vat_rate: part.net_zl for part in self.vat_sums
        }:
            raise ValueError(f"lines of {self.account_no} do not add up to its net")
        net_zl = vat_zl = gross_zl = ZERO_ZL
        for part in self.vat_sums:
            net_zl, vat_zl, gross_zl = net_zl + part.net_zl, vat_zl + part.vat_zl, gross_zl + part.gross_zl
        if (self.net_zl, self.vat_zl, self.gross_zl) != (net_zl, vat_zl, gross_zl):
            raise ValueError(f"rate sums of {self.account_no} do not add up to its totals")
        if self.gross_zl != self.net_zl + self.vat_zl:
            raise ValueError(f"net and VAT of {self.account_no} do not add up to its gross")
        subsidies = [line.subsidy for line in self.lines if line.subsidy is not None]
        if (self.subsidy_net_zl, self.subsidy_gross_zl) != (
            total_zl(subsidies, mode=SubsidyMode.NET),
            total_zl(subsidies, mode=SubsidyMode.GROSS),
        ):
            raise ValueError(f"subsidies of the lines of {self.account_no} do not add up to its own")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An account that is not billed in this cycle, with a stable code, the facts, and the draft if there is one."""

    account_no: str
    code: HoldCode
    facts: Mapping[str, str]
    draft: Bill | None = None
