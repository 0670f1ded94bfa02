"""What a person may ask to be changed in the registry: one order a kind, as it is written down and decided on.

``on`` is the first day on which the new state holds. ``confirmed_meters`` are those whose index is right although a
check of readings doubts it, as the person says who asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from billing.canonical import LATER


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenReading:
    """The index of a register, in m³, read on the day of the change."""

    meter_no: str
    register: int
    index_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class NewParty:
    """A person or organisation that the registry does not have yet; it plays no role so far."""

    on: date
    party_no: str
    kind: str
    name: str
    nip: str | None
    street: str
    postcode: str
    city: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyChange:
    """Other particulars of a party; None leaves one as it is, an empty ``nip`` is a NIP no longer used."""

    on: date
    party_no: str
    kind: str | None
    name: str | None
    nip: str | None
    street: str | None
    postcode: str | None
    city: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChange:
    """Another odbiorca or correspondence address; ``party_no`` None means that there is none any more."""

    on: date
    account_no: str
    role: str
    party_no: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerChange:
    """Points of an account (all, when none is named) go to another payer, on an account of his own.

    ``bank_account`` and ``route`` describe the account when it is new; an empty route is that of the former account.
    """

    on: date
    account_no: str
    point_nos: tuple[str, ...]
    party_no: str
    new_account_no: str
    bank_account: str | None
    route: str | None
    readings: tuple[GivenReading, ...]
    confirmed_meters: tuple[str, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """Another tariff class of a contract, and so another price group."""

    on: date
    contract_no: str
    tariff_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BankAccountChange:
    """Another bank account that an account's invoices are paid to."""

    on: date
    account_no: str
    bank_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """Another route, and so another set of cycles."""

    on: date
    account_no: str
    route: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelChange:
    """A customer's acceptance or withdrawal of e-invoices; ``on`` is the start that the customer named, or earlier."""

    on: date
    account_no: str
    event: str
    method: str
    occurred_at: datetime
    received_at: datetime
    terms_label: str | None
    email: str | None
    signer_name: str | None
    scan_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChange:
    """Another address for e-invoices; without ``confirmation_kind`` it is not confirmed, and invoices go on paper."""

    on: date
    account_no: str
    email: str
    confirmation_kind: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterExchange:
    """A meter put in at a point, in the place of another when ``replaces_meter_no`` names it; indexes in m³."""

    on: date
    point_no: str
    meter_no: str
    register: int
    dials: int
    decimals: int
    opening_index_m3: Decimal
    replaces_meter_no: str | None
    removal_index_m3: Decimal | None
    removal_quality: str
    legalised_until: date | None
    module_no: str | None
    confirmed_meters: tuple[str, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractClose:
    """The end of a contract: ``on`` is the first day that no longer belongs to it."""

    on: date
    contract_no: str
    readings: tuple[GivenReading, ...]
    confirmed_meters: tuple[str, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractOpen:
    """A contract for a point; when ``party_no`` is given, the account is made for that payer unless it is there.

    Without a ``contract_no`` the next free number of the account is taken.
    """

    on: date
    account_no: str
    point_no: str
    contract_no: str | None
    tariff_class: str
    services: tuple[str, ...]
    party_no: str | None
    bank_account: str | None
    route: str | None
    readings: tuple[GivenReading, ...]
    confirmed_meters: tuple[str, ...] = field(default=(), metadata=LATER)


Order = (
    NewParty
    | PartyChange
    | RoleChange
    | PayerChange
    | GroupChange
    | BankAccountChange
    | RouteChange
    | ChannelChange
    | EmailChange
    | MeterExchange
    | ContractClose
    | ContractOpen
)

KINDS: Final[Mapping[str, type[Order]]] = {
    "new_party": NewParty,
    "party": PartyChange,
    "role": RoleChange,
    "payer": PayerChange,
    "group": GroupChange,
    "bank_account": BankAccountChange,
    "route": RouteChange,
    "channel": ChannelChange,
    "email": EmailChange,
    "meter": MeterExchange,
    "contract_close": ContractClose,
    "contract_open": ContractOpen,
}
_KIND_OF: Final = {order: kind for kind, order in KINDS.items()}


def kind_of(order: Order) -> str:
    """The word for the kind of an order."""
    return _KIND_OF[type(order)]
