"""An account described by hand, as the cases of the tests and ``obieg quote`` read it (``given.toml``).

``utility`` names the folder whose tariffs apply; ``[cycle]``, ``[account]``, ``[[party]]`` and ``[[point]]`` with its
``[[point.meter]]`` describe the account, with what is charged beside metered water in the tables that
``billing.case_extras`` reads; ``[expected]`` is left to the reader of the case.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    CycleTerms,
    Party,
    PartyKind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
)
from billing.case_extras import read_excess, read_forecast, read_order, read_sewage, read_surface
from billing.periods import months_period
from billing.toml_fields import Fields, read_fields

_LONG_AGO = date(2015, 1, 1)
_NO_ACCOUNT = "00 0000 0000 0000 0000 0000 0000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A described account: what is asked (``why``), of which utility, and what the author expects."""

    why: str
    utility: str
    account: AccountSnapshot
    cycle: CycleTerms
    expected: Mapping[str, Any]


def read_case(text: str, *, name: str) -> Case:
    """The case that a ``given.toml`` describes; readings are numbered in the order of the text, from 1.

    Raises:
        DataRefused: ``CASE_UNREADABLE``, ``CASE_FIELD_MISSING`` or ``CASE_FIELD_WRONG``.
    """
    top = read_fields(text, name=name, kind="CASE")
    top.known("why", "utility", "cycle", "account", "party", "point", "service", "expected")
    return Case(
        why=top.text("why"),
        utility=top.text("utility"),
        account=_account(top),
        cycle=_cycle(top.within("cycle")),
        expected=top.within("expected", default={}).table,
    )


def _cycle(fields: Fields) -> CycleTerms:
    fields.known("key", "period", "issue_date", "payment_days")
    word = fields.text("period")
    try:
        period = months_period(word)
    except ValueError as error:
        raise fields.refuse("FIELD_WRONG", str(error)) from None
    return CycleTerms(
        cycle_key=fields.text("key", default=f"{word}/1"),
        period=period,
        issue_date=fields.day("issue_date"),
        payment_days=fields.integer("payment_days", default=14),
    )


def _account(top: Fields) -> AccountSnapshot:
    fields = top.within("account")
    fields.known("account_no", "bank_account", "channel", "carrier", "email", "consent_id")
    channel = fields.choice("channel", Channel)
    reading_ids = iter(range(1, 1_000_000))
    return AccountSnapshot(
        account_no=fields.text("account_no"),
        parties={role: party for table in top.each("party") for role, party in _roles(table)},
        bank_account=fields.text("bank_account", default=_NO_ACCOUNT),
        channel=channel,
        carrier=fields.choice("carrier", Channel, default=channel.value),
        email=fields.text("email") if "email" in fields.table else None,
        consent_id=fields.integer("consent_id") if "consent_id" in fields.table else None,
        channel_reason="described by hand",
        points=tuple(_point(table, reading_ids) for table in top.each("point")),
        orders=tuple(read_order(table, number) for number, table in enumerate(top.each("service"), start=1)),
    )


def _roles(fields: Fields) -> list[tuple[Role, Party]]:
    fields.known("roles", "party_no", "kind", "name", "nip", "street", "postcode", "city")
    party = Party(
        party_no=fields.text("party_no", default="P1"),
        kind=fields.choice("kind", PartyKind, default=PartyKind.NATURAL_PERSON.value),
        name=fields.text("name"),
        nip=fields.text("nip") if "nip" in fields.table else None,
        address=_address(fields),
    )
    roles = fields.texts("roles", default=(Role.PAYER.value, Role.BUYER.value, Role.RECIPIENT.value))
    if not set(roles) <= set(Role):
        raise fields.refuse("FIELD_WRONG", f"roles must be some of {', '.join(Role)}")
    return [(Role(role), party) for role in roles]


def _address(fields: Fields) -> Address:
    return Address(street=fields.text("street"), postcode=fields.text("postcode"), city=fields.text("city"))


def _point(fields: Fields, reading_ids: Iterator[int]) -> PointSnapshot:
    fields.known(
        *("point_no", "street", "postcode", "city", "contract_no", "contract_from", "contract_until"),
        *("tariff_class", "services", "gmina", "meter"),
        *("surface", "stormwater_from", "excess", "excess_from", "sewage_billed", "forecast"),
    )
    services = fields.texts("services")
    if not set(services) <= set(Service):
        raise fields.refuse("FIELD_WRONG", f"services must be some of {', '.join(Service)}")
    point_no = fields.text("point_no")
    return PointSnapshot(
        point_no=point_no,
        address=_address(fields),
        contract_no=fields.text("contract_no", default=f"U/{point_no}"),
        contract_from=fields.day("contract_from", default=_LONG_AGO),
        contract_until=fields.day("contract_until") if "contract_until" in fields.table else None,
        tariff_class=fields.text("tariff_class"),
        services=frozenset(Service(service) for service in services),
        registers=tuple(_meter(table, reading_ids) for table in fields.each("meter")),
        gmina=fields.text("gmina") if "gmina" in fields.table else None,
        surfaces=tuple(read_surface(table) for table in fields.each("surface")),
        stormwater_from=fields.day("stormwater_from") if "stormwater_from" in fields.table else None,
        excesses=tuple(read_excess(table) for table in fields.each("excess")),
        excess_from=fields.day("excess_from") if "excess_from" in fields.table else None,
        sewage_billed=tuple(read_sewage(table) for table in fields.each("sewage_billed")),
        forecast=read_forecast(fields.within("forecast"), point_no=point_no) if "forecast" in fields.table else None,
    )


def _meter(fields: Fields, reading_ids: Iterator[int]) -> RegisterSnapshot:
    fields.known(
        *("meter_no", "register", "dials", "decimals", "installed_on", "removed_on"),
        *("previous", "current", "missing_reason"),
    )
    has_current = "current" in fields.table
    return RegisterSnapshot(
        meter_no=fields.text("meter_no"),
        register=fields.integer("register", default=1),
        dials=fields.integer("dials", default=5),
        decimals=fields.integer("decimals", default=0),
        installed_on=fields.day("installed_on", default=_LONG_AGO),
        removed_on=fields.day("removed_on") if "removed_on" in fields.table else None,
        previous=_reading(fields.within("previous"), next(reading_ids)),
        current=_reading(fields.within("current"), next(reading_ids)) if has_current else None,
        missing_reason=fields.text("missing_reason") if "missing_reason" in fields.table else None,
    )


def _reading(fields: Fields, reading_id: int) -> Reading:
    fields.known("on", "index_m3", "source", "quality")
    return Reading(
        reading_id=reading_id,
        read_on=fields.day("on"),
        index_m3=fields.decimal("index_m3", places=3),
        source=fields.text("source", default="reader"),
        quality=fields.text("quality", default="actual"),
    )
