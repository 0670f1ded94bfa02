"""Charges: quantity times price with the legal reference, or a hold that says why not and what next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from billing.accounts import Channel, Service
from billing.canonical import LATER
from billing.holds import HoldCode
from billing.money import ZERO_ZL
from billing.periods import Period
from billing.subsidies import LineSubsidy, SubsidyMode, total_zl


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLine:
    """One line: what, for which days, from which readings, at which price of which tariff, and why.

    ``quantity`` is m³ (three places) or months; ``price_zl`` is net, four places; ``net_zl`` two places.
    ``previous_reading_id`` and ``current_reading_id`` are None for the standing charge. With a subsidy in ``net`` mode
    ``price_zl`` is what is left for the customer; in ``gross`` mode price and net are the full ones.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class VatSum:
    """Net, VAT and gross of all lines of one rate (VAT act art. 106e ust. 1 pkt 13-14)."""

    vat_rate: Decimal
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The charges of one account in one cycle; sums equal their parts or it cannot be made.

    ``subsidy_net_zl`` has come off the net already; ``subsidy_gross_zl`` comes off the gross, and leaves
    ``payable_zl`` to the customer.
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

    @property
    def payable_zl(self) -> Decimal:
        """What the customer pays: the gross less what the gmina pays of it."""
        return self.gross_zl - self.subsidy_gross_zl

    def __post_init__(self) -> None:
        if self.net_zl != sum(line.net_zl for line in self.lines):
            raise ValueError(f"lines of {self.account_no} do not add up to its net")
        if (self.net_zl, self.vat_zl, self.gross_zl) != (
            sum(part.net_zl for part in self.vat_sums),
            sum(part.vat_zl for part in self.vat_sums),
            sum(part.gross_zl for part in self.vat_sums),
        ):
            raise ValueError(f"rate sums of {self.account_no} do not add up to its totals")
        if self.gross_zl != self.net_zl + self.vat_zl:
            raise ValueError(f"net and VAT of {self.account_no} do not add up to its gross")
        subsidies = [line.subsidy for line in self.lines]
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
