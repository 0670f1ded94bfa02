"""What is known of an account when a cycle freezes its inputs: the only thing that rating may read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.beside_meters import BilledSewage, Forecast, ServiceOrder, SewageExcess, Surface
from billing.canonical import LATER
from billing.periods import Period
from billing.quick import quick

ALL = Decimal(100)
"""Per cent."""


class Channel(StrEnum):
    """The manner of invoicing agreed with the buyer; tariffs may price it."""

    PAPER = "paper"
    EMAIL = "email"


class Role(StrEnum):
    """What a party is to an account."""

    PAYER = "payer"
    BUYER = "nabywca"
    RECIPIENT = "odbiorca"
    CORRESPONDENCE = "correspondence"


class PartyKind(StrEnum):
    """Decides the KSeF duty: only natural persons are outside it (VAT act art. 106ga ust. 2 pkt 4)."""

    NATURAL_PERSON = "natural_person"
    ORGANISATION = "organisation"


class Service(StrEnum):
    """What a line charges for.

    ``abonament_sewage`` is the abonament of sewage where a tariff has one of its own (Rozp. 2018 par. 5); ``excess`` is
    for industrial sewage above its permitted indicators; ``extra`` are services outside the tariff.
    """

    WATER = "water"
    SEWAGE = "sewage"
    STANDING = "abonament"
    STANDING_SEWAGE = "abonament_sewage"
    STORMWATER = "stormwater"
    EXCESS = "excess"
    EXTRA = "extra"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A Polish postal address."""

    street: str
    postcode: str
    city: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A person or organisation. ``nip`` is set only when it is used for the contract."""

    party_no: str
    kind: PartyKind
    name: str
    nip: str | None
    address: Address


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One usable index of one register; ``index_m3`` as it counts, in m³ to three places.

    ``billed_index_m3`` is the index up to which it was billed where that is not just ``index_m3`` cut to the digits of
    the register (a meter that ran back a little). ``is_confirmed``: a customer's own reading that a person of the
    utility has confirmed.
    """

    reading_id: int
    read_on: date
    index_m3: Decimal
    source: str
    quality: str
    billed_index_m3: Decimal | None = field(default=None, metadata=LATER)
    is_confirmed: bool = field(default=False, metadata=LATER)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSnapshot:
    """A meter's register at a point, between its last billed reading and the newest one of this cycle.

    ``previous`` is the last billed reading or, before the first bill, the one taken at installation.
    ``current`` is None when no usable reading arrived; ``missing_reason`` then says why (``suspect``, or the
    reader's reason such as ``no_access``), None meaning that nothing at all came.
    ``removed_on`` is set for a meter that was exchanged; its ``current`` must be the removal reading.
    ``purpose`` is ``main``; or says which part of the main meter's water it counts (``garden``, ``sub``), or what it
    counts beside it (``intake``: the customer's own well; ``sewage``: what runs off). The percentages are the shares of
    its m³ that are billed as water and as sewage. ``between`` are readings taken after ``previous`` and before
    ``current``: actual ones of days on which a price begins, and the nearest ones to the day on which a contract does.
    ``diameter_mm`` is the meter's.
    """

    meter_no: str
    register: int
    dials: int
    decimals: int
    installed_on: date
    removed_on: date | None
    previous: Reading
    current: Reading | None
    missing_reason: str | None
    purpose: str = field(default="main", metadata=LATER)
    water_percent: Decimal = field(default=ALL, metadata=LATER)
    sewage_percent: Decimal = field(default=ALL, metadata=LATER)
    legalised_until: date | None = field(default=None, metadata=LATER)
    between: tuple[Reading, ...] = field(default=(), metadata=LATER)
    diameter_mm: int | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmetered:
    """What a contract says of a service that no meter counts, on the days from ``valid_from`` on.

    ``basis`` is ``norm`` (the norm of that code for so many persons) or ``contract`` (``m3_month``).
    ``billed_until`` is the first day of the service at the point that is not billed yet (None: nothing is).
    """

    service: Service
    basis: str
    norm: str | None
    persons: int | None
    m3_month: Decimal | None
    valid_from: date
    valid_until: date | None
    billed_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceShare:
    """A contract's share in what a building's meter counted beyond its flats': of ``of_m3`` in the building's days.

    What was used before it in the order of points, by itself and by all, is ``before_m3``, ``own_m3`` and ``all_m3``.
    """

    share_id: int
    front_point_no: str
    service: Service
    period: Period
    of_m3: Decimal
    before_m3: Decimal
    own_m3: Decimal
    all_m3: Decimal
    volume_m3: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PointBehind:
    """A contract on a point whose water the main meter of another point counts too, with its main registers.

    ``previous`` of each is what the point in front was billed up to.
    """

    point_no: str
    contract_no: str
    contract_from: date
    contract_until: date | None
    services: frozenset[Service]
    registers: tuple[RegisterSnapshot, ...]
    other_contracts: tuple[Period, ...] = ()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PointSnapshot:
    """A point of supply under contract.

    ``points_behind`` counts the points that lie behind its main meter; ``behind`` are the contracts on those of them
    that have meters. ``gmina`` is where it lies, as the utility writes it, for subsidies. ``is_settled``: the contract
    has ended and its water is billed to the end or was given up; only its standing charge may still be owed.
    ``standing_from`` is set where each point owes one: the first month not
    billed to this point. ``other_contracts`` are the days of contracts of others at this point, for a meter that was
    not read on the day on which one followed the other. ``unmetered`` says what is taken without a meter.
    ``difference`` is ``flats`` where the contracts behind it pay what their meters do not explain;
    ``difference_shares`` are such shares of this contract that nobody has billed; ``refused_by`` is the point in front
    whose meter counted less than the meters behind it.
    ``surfaces`` are charged for stormwater from ``stormwater_from`` on (None: never charged yet). ``excesses`` are
    faults of its sewage, charged from ``excess_from`` on, and ``sewage_billed`` what of it was charged before they were
    known. ``forecast`` is set where it is charged by prognozy.
    """

    point_no: str
    address: Address
    contract_no: str
    contract_from: date
    contract_until: date | None
    tariff_class: str
    services: frozenset[Service]
    registers: tuple[RegisterSnapshot, ...]
    points_behind: int = field(default=0, metadata=LATER)
    gmina: str | None = field(default=None, metadata=LATER)
    is_settled: bool = field(default=False, metadata=LATER)
    standing_from: date | None = field(default=None, metadata=LATER)
    unmetered: tuple[Unmetered, ...] = field(default=(), metadata=LATER)
    behind: tuple[PointBehind, ...] = field(default=(), metadata=LATER)
    other_contracts: tuple[Period, ...] = field(default=(), metadata=LATER)
    difference: str | None = field(default=None, metadata=LATER)
    difference_shares: tuple[DifferenceShare, ...] = field(default=(), metadata=LATER)
    refused_by: str | None = field(default=None, metadata=LATER)
    surfaces: tuple[Surface, ...] = field(default=(), metadata=LATER)
    stormwater_from: date | None = field(default=None, metadata=LATER)
    excesses: tuple[SewageExcess, ...] = field(default=(), metadata=LATER)
    excess_from: date | None = field(default=None, metadata=LATER)
    sewage_billed: tuple[BilledSewage, ...] = field(default=(), metadata=LATER)
    forecast: Forecast | None = field(default=None, metadata=LATER)

    @property
    def diameter_mm(self) -> int | None:
        """Diameter of the main meter that was installed last: it picks the tariff group for the whole bill."""
        mains = [register for register in self.registers if register.purpose == "main"]
        if len(mains) <= 1:
            return mains[0].diameter_mm if mains else None
        return max(mains, key=lambda one: (one.installed_on, one.diameter_mm or 0)).diameter_mm


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """Everything that decides the bill of one account, frozen and hashed at the start of a cycle.

    ``channel`` is the agreed manner as of the issue date (it picks the tariff group); ``carrier`` is how the
    document travels (paper in spite of an agreed e-mail when there is no confirmed address).
    ``standing_from`` begins the first month whose abonament is not billed yet (None: the cycle's first day), so that a
    month in which the account was held is not lost; ``waived_months`` are the first days of months from then on that
    were given up with a hold. ``handed_over_on`` is the day on which payer or nabywca last changed. ``orders`` are
    services that were done and are on no invoice yet.
    """

    account_no: str
    parties: Mapping[Role, Party]
    bank_account: str
    channel: Channel
    carrier: Channel
    email: str | None
    consent_id: int | None
    channel_reason: str
    points: tuple[PointSnapshot, ...]
    standing_from: date | None = None
    handed_over_on: date | None = None
    waived_months: tuple[date, ...] = field(default=(), metadata=LATER)
    orders: tuple[ServiceOrder, ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleTerms:
    """The terms of one cycle: the months of the standing charge and the dates that the document will bear.

    ``purpose`` is None for a regular cycle, else what single accounts are billed for (``final`` shows).
    """

    cycle_key: str
    period: Period
    issue_date: date
    payment_days: int
    purpose: str | None = None
