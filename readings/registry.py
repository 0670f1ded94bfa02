"""Registry files: one row of each to one checked fact. ``LAYOUTS`` gives the files in the order of their import."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from stdnum.pl import nip as nip_number

from billing.identifiers import is_nrb, is_postcode
from billing.law import norm_codes
from billing.parts import USUAL_PERCENTS
from readings import fields
from readings.fields import RowRefused
from readings.registry_facts import (
    AccountPartyRow,
    AccountRow,
    ConnectionRow,
    ContractRow,
    EmailRow,
    Fact,
    MeterRow,
    PartyRow,
    PointRow,
    QuantityRow,
)
from readings.route_stops import route_stop

PARTY_KINDS = ("natural_person", "organisation")
ROLES = ("payer", "nabywca", "odbiorca", "correspondence")
SERVICES = ("water", "sewage")
CONTRACT_SERVICES = (*SERVICES, "stormwater")
EMAIL_STATES = ("unconfirmed", "confirmed", "dead")
METER_PURPOSES = tuple(USUAL_PERCENTS)
BASES = ("norm", "contract")
DIFFERENCES = ("owner", "flats")
_FLOW_DIGITS, _M3_DIGITS = 3, 9
CONFIRMATIONS = ("click", "signed_paper", "delivered_without_bounce")


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
    if bank_account and not is_nrb(bank_account):
        raise RowRefused("R104", "bank_account")
    return AccountRow(
        account_no=fields.number(row, "account_no"), route=fields.route(row, "route"), bank_account=bank_account
    )


def _account_party(row: dict[str, str]) -> AccountPartyRow:
    valid_from, valid_until = fields.period(row)
    return AccountPartyRow(
        account_no=fields.number(row, "account_no"),
        role=fields.choice(row, "role", ROLES),
        party_no=fields.number(row, "party_no"),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _connection(row: dict[str, str]) -> ConnectionRow:
    diameter = fields.integer(row, "diameter_mm", least=1, most=9999) if row["diameter_mm"] else None
    return ConnectionRow(
        connection_no=fields.number(row, "connection_no"),
        service=fields.choice(row, "service", SERVICES),
        street=fields.words(row, "street"),
        postcode=_postcode(row),
        city=fields.words(row, "city"),
        diameter_mm=diameter,
        built_on=fields.optional_day(row, "built_on"),
    )


def _point(row: dict[str, str]) -> PointRow:
    return PointRow(
        point_no=fields.number(row, "point_no"),
        street=fields.words(row, "street"),
        postcode=_postcode(row),
        city=fields.words(row, "city"),
        water_connection_no=fields.number(row, "water_connection_no", optional=True) or None,
        sewage_connection_no=fields.number(row, "sewage_connection_no", optional=True) or None,
        parent_point_no=fields.number(row, "parent_point_no", optional=True) or None,
        gmina=fields.words(row, "gmina", optional=True) or None,
    )


def _contract(row: dict[str, str]) -> ContractRow:
    services = tuple(sorted(set(row["services"].split("+"))))
    if not set(services) <= set(CONTRACT_SERVICES):
        raise RowRefused("R102", f"services {row['services']!r}: water, sewage, stormwater, joined by +")
    valid_from, valid_until = fields.period(row)
    return ContractRow(
        contract_no=fields.number(row, "contract_no"),
        account_no=fields.number(row, "account_no"),
        point_no=fields.number(row, "point_no"),
        tariff_class=fields.words(row, "tariff_class"),
        services=services,
        difference=fields.choice(row, "difference", DIFFERENCES) if row["difference"] else None,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _meter(row: dict[str, str]) -> MeterRow:
    dials = fields.integer(row, "dials", least=3, most=9)
    replaces = fields.number(row, "replaces_meter_no", optional=True) or None
    removal = fields.index(row, "removal_index", dials=9) if row["removal_index"] else None
    if removal is not None and replaces is None:
        raise RowRefused("R111", "a removal index without the meter that it belongs to")
    purpose = fields.choice(row | {"purpose": row["purpose"] or "main"}, "purpose", METER_PURPOSES)
    water, sewage = (str(percent) for percent in USUAL_PERCENTS[purpose])
    installed_on, removed_on = fields.day(row, "installed_on"), fields.optional_day(row, "removed_on")
    if removed_on is not None and removed_on < installed_on:
        raise RowRefused("R106", f"removed_on {removed_on} lies before installed_on {installed_on}")
    last_index = fields.index(row, "last_index", dials=dials) if row["last_index"] else None
    if last_index is not None and removed_on is None:
        raise RowRefused("R106", "a last index without the day of the removal")
    return MeterRow(
        meter_no=fields.number(row, "meter_no"),
        module_no=fields.number(row, "module_no", optional=True) or None,
        point_no=fields.number(row, "point_no"),
        register=fields.integer(row | {"register": row["register"] or "0"}, "register", least=0, most=99),
        dials=dials,
        decimals=fields.integer(row, "decimals", least=0, most=3),
        installed_on=installed_on,
        legalised_until=fields.optional_day(row, "legalised_until"),
        opening_index_m3=fields.index(row, "opening_index", dials=dials),
        replaces_meter_no=replaces,
        removal_index_m3=removal,
        removal_quality=fields.choice(
            row | {"removal_quality": row["removal_quality"] or "actual"}, "removal_quality", ("actual", "estimated")
        ),
        purpose=purpose,
        water_percent=fields.percent(row | {"water_percent": row["water_percent"] or water}, "water_percent"),
        sewage_percent=fields.percent(row | {"sewage_percent": row["sewage_percent"] or sewage}, "sewage_percent"),
        removed_on=removed_on,
        last_index_m3=last_index,
        diameter_mm=fields.integer(row, "diameter_mm", least=1, most=9999) if row["diameter_mm"] else None,
        q3_m3h=fields.index(row, "q3_m3h", dials=_FLOW_DIGITS) if row["q3_m3h"] else None,
    )


def _quantity(row: dict[str, str]) -> QuantityRow:
    basis = fields.choice(row, "basis", BASES)
    by_norm = basis == "norm"
    if by_norm and row["norm"] not in norm_codes():
        raise RowRefused("R120", f"norm {row['norm']!r}")
    if (by_norm and row["m3_month"]) or (not by_norm and (row["norm"] or row["persons"])):
        raise RowRefused("R102", "norm and persons belong to basis norm, m3_month to basis contract")
    valid_from, valid_until = fields.period(row)
    return QuantityRow(
        contract_no=fields.number(row, "contract_no"),
        service=fields.choice(row, "service", SERVICES),
        basis=basis,
        norm=row["norm"] if by_norm else None,
        persons=fields.integer(row, "persons", least=1, most=9999) if by_norm else None,
        m3_month=None if by_norm else fields.index(row, "m3_month", dials=_M3_DIGITS),
        valid_from=valid_from,
        valid_until=valid_until,
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
    "connections": Layout(
        required=("connection_no", "service", "street", "postcode", "city"),
        optional=("diameter_mm", "built_on"),
        read=_connection,
    ),
    "points": Layout(
        required=("point_no", "street", "postcode", "city"),
        optional=("water_connection_no", "sewage_connection_no", "parent_point_no", "gmina"),
        read=_point,
    ),
    "contracts": Layout(
        required=("contract_no", "account_no", "point_no", "tariff_class", "services", "valid_from", "valid_until"),
        optional=("difference",),
        read=_contract,
    ),
    "meters": Layout(
        required=("meter_no", "point_no", "dials", "decimals", "installed_on", "opening_index"),
        optional=(
            *("register", "legalised_until", "replaces_meter_no", "removal_index", "removal_quality", "module_no"),
            *("purpose", "water_percent", "sewage_percent", "removed_on", "last_index", "diameter_mm", "q3_m3h"),
        ),
        read=_meter,
    ),
    "quantities": Layout(
        required=("contract_no", "service", "basis", "valid_from"),
        optional=("norm", "persons", "m3_month", "valid_until"),
        read=_quantity,
    ),
    "emails": Layout(
        required=("account_no", "email", "state", "confirmation_kind", "confirmed_at"),
        optional=("valid_from",),
        read=_email,
    ),
    "route_stops": Layout(
        required=("point_no", "route", "seq", "place"), optional=("note", "valid_from"), read=route_stop
    ),
}
"""``parties.csv`` and so on; a later file may name what an earlier one brings."""
