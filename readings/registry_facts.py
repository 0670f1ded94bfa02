"""What one row of each registry file says, once it is read."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from readings.route_stops import RouteStopRow


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyRow:
    """A person or organisation."""

    party_no: str
    kind: str
    name: str
    nip: str | None
    street: str
    postcode: str
    city: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """A unit that receives one invoice; ``bank_account`` is the NRB that it pays to, or empty for the utility's own."""

    account_no: str
    route: str
    bank_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPartyRow:
    """What a party is to an account, half-open in time."""

    account_no: str
    role: str
    party_no: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """A przyłącze: the pipe between the network and one or more points."""

    connection_no: str
    service: str
    street: str
    postcode: str
    city: str
    diameter_mm: int | None
    built_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """A point of supply and its address; ``parent_point_no`` is the point whose main meter counts its water too."""

    point_no: str
    street: str
    postcode: str
    city: str
    water_connection_no: str | None
    sewage_connection_no: str | None
    parent_point_no: str | None
    gmina: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """A contract on one point for one account, half-open in time.

    ``difference`` is who pays what a building's meter counts beyond its flats', None for the utility's usual model.
    """

    contract_no: str
    account_no: str
    point_no: str
    tariff_class: str
    services: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    difference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRow:
    """A register of a meter installed at a point, with the index of that day, in m³.

    ``replaces_meter_no`` names the meter that was removed on the same day, ``removal_index_m3`` its last index; None
    means that nobody noted it, and the account is held until somebody does. ``purpose`` is what the meter counts at
    its point; the percentages are the shares of its m³ billed as water and as sewage. ``removed_on`` and
    ``last_index_m3`` tell of a meter that history has taken away already.
    """

    meter_no: str
    module_no: str | None
    point_no: str
    register: int
    dials: int
    decimals: int
    installed_on: date
    legalised_until: date | None
    opening_index_m3: Decimal
    replaces_meter_no: str | None
    removal_index_m3: Decimal | None
    removal_quality: str
    purpose: str
    water_percent: Decimal
    sewage_percent: Decimal
    removed_on: date | None
    last_index_m3: Decimal | None
    diameter_mm: int | None = None
    q3_m3h: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityRow:
    """What a contract says of a service that no meter counts, half-open in time: by a norm, or m³ a month."""

    contract_no: str
    service: str
    basis: str
    norm: str | None
    persons: int | None
    m3_month: Decimal | None
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRow:
    """The e-mail address of an account, and how it was confirmed."""

    account_no: str
    email: str
    state: str
    confirmation_kind: str | None
    confirmed_at: datetime | None
    valid_from: date | None


Fact = (
    PartyRow
    | AccountRow
    | AccountPartyRow
    | ConnectionRow
    | PointRow
    | ContractRow
    | MeterRow
    | QuantityRow
    | EmailRow
    | RouteStopRow
)
