"""The invoice as a document: pure data, everything that is printed and nothing that is looked up later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from billing.accounts import Address, Channel, Party, Role
from billing.canonical import LATER
from billing.charges import Bill, ChargeLine, VatSum
from billing.money import ZERO_ZL
from billing.periods import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """The utility as it stands on its invoices."""

    name: str
    address: Address
    nip: str
    regon: str
    phone: str
    email: str
    website: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOfSupply:
    """Where the water was used."""

    point_no: str
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceNumber:
    """``sequence`` within ``series`` (unique, without gaps) and the text that is printed."""

    series: str
    sequence: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedInvoice:
    """What a correction corrects: an invoice as it stood until now, and why it was wrong.

    ``previous_no`` is the correction before this one, if there is one: ``before`` is then what that one made owed.
    ``after_sums`` are the VAT sums of what is owed instead; nothing at all, when it is a reversal.
    """

    invoice_no: str
    issue_date: date
    correction_no: int
    previous_no: str | None
    reason: str
    before: Bill
    after_sums: tuple[VatSum, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedBefore:
    """Water that an earlier invoice of the account billed for its period, as it stands corrected."""

    period: Period
    volume_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class KsefMark:
    """What a structured invoice must bear outside KSeF (VAT act art. 106gb ust. 5): the link that its code holds.

    ``ksef_no`` is None until KSeF has given a number: the code is then marked OFFLINE.
    """

    link: str
    ksef_no: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An issued invoice; its canonical JSON is stored, hashed and never changed.

    ``due_date_basis`` says how the due date follows from the planned sending (Rozp. 2018 par. 17 ust. 1).
    ``carrier`` is how it was planned to travel on the issue date. The subsidies are those of ``Bill``.
    A correction has the lines of what is owed instead, and as its sums and subsidies the difference; its period is
    that of the invoice that it corrects. ``used_before`` are up to twelve earlier periods, oldest first.
    """

    number: InvoiceNumber
    kind: str
    cycle_key: str
    account_no: str
    issue_date: date
    due_date: date
    due_date_basis: str
    period: Period
    seller: Seller
    parties: Mapping[Role, Party]
    bank_account: str
    payment_title: str
    channel: Channel
    carrier: Channel
    points: tuple[PointOfSupply, ...]
    lines: tuple[ChargeLine, ...]
    vat_sums: tuple[VatSum, ...]
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal
    subsidy_net_zl: Decimal = field(default=ZERO_ZL, metadata=LATER)
    subsidy_gross_zl: Decimal = field(default=ZERO_ZL, metadata=LATER)
    corrects: CorrectedInvoice | None = field(default=None, metadata=LATER)
    used_before: tuple[UsedBefore, ...] = field(default=(), metadata=LATER)
    ksef: KsefMark | None = field(default=None, metadata=LATER)

    @property
    def payable_zl(self) -> Decimal:
        """What the customer pays: the gross less what a gmina pays of it."""
        return self.gross_zl - self.subsidy_gross_zl

    @property
    def addressee(self) -> Party:
        """To whom a letter goes: the correspondence address, else the payer."""
        return self.parties.get(Role.CORRESPONDENCE) or self.parties[Role.PAYER]
