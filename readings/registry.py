"""Registry files: one row of each to one checked fact. ``LAYOUTS`` gives the files in the order of their import."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from stdnum.pl import nip as nip_number

from billing.identifiers import is_nrb, is_postcode, is_route
from readings import fields
from readings.fields import RowRefused

PARTY_KINDS = ("natural_person", "organisation")
ROLES = ("payer", "nabywca", "odbiorca", "correspondence")
SERVICES = ("water", "sewage")
EMAIL_STATES = ("unconfirmed", "confirmed", "dead")
CONFIRMATIONS = ("click", "signed_paper", "delivered_without_bounce")


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
    """A unit that receives one invoice; ``bank_account`` is the NRB that it pays to, 26 digits."""

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
class PointRow:
    """A point of supply and its address."""

    point_no: str
    street: str
    postcode: str
    city: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """A contract on one point for one account, half-open in time."""

    contract_no: str
    account_no: str
    point_no: str
    tariff_class: str
    services: tuple[str, ...]
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRow:
    """A register of a meter installed at a point, with the index of that day, in m³.

    ``replaces_meter_no`` names the meter that was removed on the same day, ``removal_index_m3`` its last index; None
    means that nobody noted it, and the account is held until somebody does.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRow:
    """The e-mail address of an account, and how it was confirmed."""

    account_no: str
    email: str
    state: str
    confirmation_kind: str | None
    confirmed_at: datetime | None
    valid_from: date | None


Fact = PartyRow | AccountRow | AccountPartyRow | PointRow | ContractRow | MeterRow | EmailRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of one registry file, and how a row of it is read."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[dict[str, str]], Fact]


def _party(row: dict[str, str]) -> PartyRow:
    nip = row["nip"].replace("-", "").replace(" ", "") or None
    if nip is not None and not nip_number.is_valid(nip):
        raise RowRefused("R103", "nip")
    return PartyRow(
        party_no=fields.number(row, "party_no"),
        kind=fields.choice(row, "kind", PARTY_KINDS),
        name=fields.words(row, "name"),
        nip=nip,
        street=fields.words(row, "street"),
        postcode=_postcode(row),
        city=fields.words(row, "city"),
    )


def _account(row: dict[str, str]) -> AccountRow:
    bank_account = row["bank_account"].replace(" ", "").removeprefix("PL")
    if not is_nrb(bank_account):
        raise RowRefused("R104", "bank_account")
    if not is_route(row["route"]):
        raise RowRefused("R101", "route: capital letters and digits only")
    return AccountRow(account_no=fields.number(row, "account_no"), route=row["route"], bank_account=bank_account)


def _account_party(row: dict[str, str]) -> AccountPartyRow:
    valid_from, valid_until = fields.period(row)
    return AccountPartyRow(
        account_no=fields.number(row, "account_no"),
        role=fields.choice(row, "role", ROLES),
        party_no=fields.number(row, "party_no"),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _point(row: dict[str, str]) -> PointRow:
    return PointRow(
        point_no=fields.number(row, "point_no"),
        street=fields.words(row, "street"),
        postcode=_postcode(row),
        city=fields.words(row, "city"),
    )


def _contract(row: dict[str, str]) -> ContractRow:
    services = tuple(sorted(set(row["services"].split("+"))))
    if not set(services) <= set(SERVICES):
        raise RowRefused("R102", f"services {row['services']!r}: water, sewage or water+sewage")
    valid_from, valid_until = fields.period(row)
    return ContractRow(
        contract_no=fields.number(row, "contract_no"),
        account_no=fields.number(row, "account_no"),
        point_no=fields.number(row, "point_no"),
        tariff_class=fields.words(row, "tariff_class"),
        services=services,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _meter(row: dict[str, str]) -> MeterRow:
    dials = fields.integer(row, "dials", least=3, most=9)
    replaces = fields.number(row, "replaces_meter_no", optional=True) or None
    removal = fields.index(row, "removal_index", dials=9) if row["removal_index"] else None
    if removal is not None and replaces is None:
        raise RowRefused("R111", "a removal index without the meter that it belongs to")
    return MeterRow(
        meter_no=fields.number(row, "meter_no"),
        module_no=fields.number(row, "module_no", optional=True) or None,
        point_no=fields.number(row, "point_no"),
        register=fields.integer(row | {"register": row["register"] or "0"}, "register", least=0, most=99),
        dials=dials,
        decimals=fields.integer(row, "decimals", least=0, most=3),
        installed_on=fields.day(row, "installed_on"),
        legalised_until=fields.optional_day(row, "legalised_until"),
        opening_index_m3=fields.index(row, "opening_index", dials=dials),
        replaces_meter_no=replaces,
        removal_index_m3=removal,
        removal_quality=fields.choice(
            row | {"removal_quality": row["removal_quality"] or "actual"}, "removal_quality", ("actual", "estimated")
        ),
    )


def _email(row: dict[str, str]) -> EmailRow:
    state = fields.choice(row, "state", EMAIL_STATES)
    kind = fields.choice(row, "confirmation_kind", CONFIRMATIONS) if row["confirmation_kind"] else None
    confirmed_at = fields.moment(row, "confirmed_at") if row["confirmed_at"] else None
    if state == "confirmed" and (kind is None or confirmed_at is None):
        raise RowRefused("R114", "confirmation_kind, confirmed_at")
    return EmailRow(
        account_no=fields.number(row, "account_no"),
        email=fields.email(row, "email"),
        state=state,
        confirmation_kind=kind,
        confirmed_at=confirmed_at,
        valid_from=fields.optional_day(row, "valid_from"),
    )


def _postcode(row: dict[str, str]) -> str:
    if not is_postcode(row["postcode"]):
        raise RowRefused("R105", f"postcode {row['postcode']!r}")
    return row["postcode"]


LAYOUTS: Final[Mapping[str, Layout]] = {
    "parties": Layout(
        required=("party_no", "kind", "name", "nip", "street", "postcode", "city"), optional=(), read=_party
    ),
    "accounts": Layout(required=("account_no", "route", "bank_account"), optional=(), read=_account),
    "account_parties": Layout(
        required=("account_no", "role", "party_no", "valid_from", "valid_until"), optional=(), read=_account_party
    ),
    "points": Layout(required=("point_no", "street", "postcode", "city"), optional=(), read=_point),
    "contracts": Layout(
        required=("contract_no", "account_no", "point_no", "tariff_class", "services", "valid_from", "valid_until"),
        optional=(),
        read=_contract,
    ),
    "meters": Layout(
        required=("meter_no", "point_no", "dials", "decimals", "installed_on", "opening_index"),
        optional=(
            *("register", "legalised_until", "replaces_meter_no", "removal_index", "removal_quality", "module_no"),
        ),
        read=_meter,
    ),
    "emails": Layout(
        required=("account_no", "email", "state", "confirmation_kind", "confirmed_at"),
        optional=("valid_from",),
        read=_email,
    ),
}
"""``parties.csv`` and so on; a later file may name what an earlier one brings."""
