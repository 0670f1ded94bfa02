"""An account described by hand, as the cases of the tests and ``obieg quote`` read it (``given.toml``).

``utility`` names the folder whose tariffs apply; ``[cycle]``, ``[account]``, ``[[party]]`` and ``[[point]]`` with its
``[[point.meter]]``, ``[[point.unmetered]]`` and ``[[point.behind]]`` describe the account, with what is charged beside
metered water in the tables that ``billing.case_extras`` reads; ``[expected]`` is left to the reader of the case.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    CycleTerms,
    Party,
    PartyKind,
    PointBehind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
    Unmetered,
)
from billing.case_extras import read_excess, read_forecast, read_order, read_period, read_sewage, read_surface
from billing.charges import Origin
from billing.errors import DataRefused
from billing.parts import MAIN, USUAL_PERCENTS
from billing.periods import Period, months_period
from billing.toml_fields import Fault, Fields, read_fields

E = TypeVar("E", bound=StrEnum)

_LONG_AGO = date(2015, 1, 1)
_ANY_PERIOD = months_period("2015-01")
"""Stands for a refused one until all faults are known."""
_UNMETERED = (Origin.NORM, Origin.CONTRACT)
_PLACES = 3
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
        DataRefused: ``CASE_UNREADABLE``, ``CASE_FIELD_MISSING`` or ``CASE_FIELD_WRONG``: the code of the first fault,
            and every fault with its place.
    """
    faults: list[Fault] = []
    top = read_fields(text, name=name, kind="CASE", faults=faults)
    top.known("why", "utility", "cycle", "account", "party", "point", "service", "expected")
    case = Case(
        why=top.text("why"),
        utility=top.text("utility"),
        account=_account(top),
        cycle=_cycle(top.within("cycle")),
        expected=top.within("expected", default={}).table,
    )
    if faults:
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise DataRefused(faults[0].code, f"{name}: {told}")
    return case


def _cycle(fields: Fields) -> CycleTerms:
    fields.known("key", "period", "issue_date", "payment_days", "purpose")
    word = fields.text("period")
    return CycleTerms(
        cycle_key=fields.text("key", default=f"{word}/1"),
        period=_months(fields, word),
        issue_date=fields.day("issue_date"),
        payment_days=fields.integer("payment_days", default=14),
        purpose=fields.text("purpose") if "purpose" in fields.table else None,
    )


def _months(fields: Fields, word: str) -> Period:
    with fields.keeping("period"):
        try:
            return months_period(word)
        except ValueError as error:
            raise fields.refuse("FIELD_WRONG", str(error)) from None
    return _ANY_PERIOD


def _account(top: Fields) -> AccountSnapshot:
    fields = top.within("account")
    fields.known(
        *("account_no", "bank_account", "channel", "carrier", "email", "consent_id"),
        *("standing_from", "waived_months", "handed_over_on"),
    )
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
        standing_from=_optional_day(fields, "standing_from"),
        handed_over_on=_optional_day(fields, "handed_over_on"),
        waived_months=_waived(fields),
        orders=tuple(read_order(table, number) for number, table in enumerate(top.each("service"), start=1)),
    )


def _waived(fields: Fields) -> tuple[date, ...]:
    words = fields.texts("waived_months", default=())
    return tuple(_months(fields, word).start for word in words)


def _optional_day(fields: Fields, name: str) -> date | None:
    return fields.day(name) if name in fields.table else None


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
    return [(role, party) for role in _some_of(fields, "roles", roles, Role)]


def _some_of(fields: Fields, name: str, words: Collection[str], kind: type[E]) -> list[E]:
    """The words as members of an enumeration, or a refusal."""
    with fields.keeping(name):
        if not set(words) <= set(kind):
            raise fields.refuse("FIELD_WRONG", f"{name} must be some of {', '.join(kind)}")
    return [kind(word) for word in words if word in set(kind)]


def _address(fields: Fields) -> Address:
    return Address(street=fields.text("street"), postcode=fields.text("postcode"), city=fields.text("city"))


def _point(fields: Fields, reading_ids: Iterator[int]) -> PointSnapshot:
    fields.known(
        *("point_no", "street", "postcode", "city", "contract_no", "contract_from", "contract_until"),
        *("is_settled", "tariff_class", "services", "gmina", "meter", "unmetered", "behind", "other_contract"),
        *("surface", "stormwater_from", "excess", "excess_from", "sewage_billed", "forecast"),
    )
    services = fields.texts("services")
    point_no = fields.text("point_no")
    return PointSnapshot(
        point_no=point_no,
        address=_address(fields),
        contract_no=fields.text("contract_no", default=f"U/{point_no}"),
        contract_from=fields.day("contract_from", default=_LONG_AGO),
        contract_until=_optional_day(fields, "contract_until"),
        tariff_class=fields.text("tariff_class"),
        services=frozenset(_some_of(fields, "services", services, Service)),
        registers=tuple(_meter(table, reading_ids) for table in fields.each("meter")),
        gmina=fields.text("gmina") if "gmina" in fields.table else None,
        is_settled=fields.flag("is_settled", default=False),
        unmetered=tuple(_unmetered(table) for table in fields.each("unmetered")),
        behind=tuple(_behind(table, reading_ids) for table in fields.each("behind")),
        other_contracts=_others(fields),
        surfaces=tuple(read_surface(table) for table in fields.each("surface")),
        stormwater_from=fields.day("stormwater_from") if "stormwater_from" in fields.table else None,
        excesses=tuple(read_excess(table) for table in fields.each("excess")),
        excess_from=fields.day("excess_from") if "excess_from" in fields.table else None,
        sewage_billed=tuple(read_sewage(table) for table in fields.each("sewage_billed")),
        forecast=read_forecast(fields.within("forecast"), point_no=point_no) if "forecast" in fields.table else None,
    )


def _others(fields: Fields) -> tuple[Period, ...]:
    """Days of contracts of others at the same point."""
    return tuple(_other(table) for table in fields.each("other_contract"))


def _other(fields: Fields) -> Period:
    fields.known("from", "until")
    start, until = fields.day("from", default=_LONG_AGO), fields.day("until", default=date.max)
    return read_period(fields, start, until)


def _unmetered(fields: Fields) -> Unmetered:
    fields.known("service", "basis", "norm", "persons", "m3_month", "valid_from", "valid_until", "billed_until")
    basis = fields.text("basis")
    with fields.keeping("basis"):
        if basis and basis not in _UNMETERED:
            raise fields.refuse("FIELD_WRONG", f"basis must be one of {', '.join(_UNMETERED)}")
    by_norm = basis == Origin.NORM
    persons = fields.integer("persons") if by_norm or "persons" in fields.table else None
    with fields.keeping("persons"):
        if persons == 0 and fields.is_sound("persons"):
            raise fields.refuse("FIELD_WRONG", "persons must be one or more")
    return Unmetered(
        service=fields.choice("service", Service),
        basis=basis,
        norm=fields.text("norm") if by_norm or "norm" in fields.table else None,
        persons=persons,
        m3_month=fields.decimal("m3_month", places=3) if not by_norm or "m3_month" in fields.table else None,
        valid_from=fields.day("valid_from"),
        valid_until=_optional_day(fields, "valid_until"),
        billed_until=_optional_day(fields, "billed_until"),
    )


def _behind(fields: Fields, reading_ids: Iterator[int]) -> PointBehind:
    fields.known("point_no", "contract_from", "contract_until", "services", "meter", "other_contract")
    services = fields.texts("services", default=(Service.WATER.value, Service.SEWAGE.value))
    point_no = fields.text("point_no")
    return PointBehind(
        point_no=point_no,
        contract_no=f"U/{point_no}",
        contract_from=fields.day("contract_from", default=_LONG_AGO),
        contract_until=fields.day("contract_until") if "contract_until" in fields.table else None,
        services=frozenset(_some_of(fields, "services", services, Service)),
        registers=tuple(_meter(table, reading_ids) for table in fields.each("meter")),
        other_contracts=_others(fields),
    )


def _meter(fields: Fields, reading_ids: Iterator[int]) -> RegisterSnapshot:
    fields.known(
        *("meter_no", "register", "dials", "decimals", "installed_on", "removed_on"),
        *("previous", "current", "missing_reason", "between", "diameter_mm"),
        *("purpose", "water_percent", "sewage_percent", "legalised_until"),
    )
    has_current = "current" in fields.table
    purpose = fields.text("purpose", default=MAIN)
    with fields.keeping("purpose"):
        if purpose not in USUAL_PERCENTS:
            raise fields.refuse("FIELD_WRONG", f"purpose must be one of {', '.join(USUAL_PERCENTS)}")
    water, sewage = USUAL_PERCENTS.get(purpose, USUAL_PERCENTS[MAIN])
    decimals = fields.integer("decimals", default=0)
    with fields.keeping("decimals"):
        if decimals > _PLACES:
            raise fields.refuse("FIELD_WRONG", f"decimals = {decimals}, a register bills at most {_PLACES}")
    return RegisterSnapshot(
        meter_no=fields.text("meter_no"),
        register=fields.integer("register", default=1),
        dials=fields.integer("dials", default=5),
        decimals=decimals,
        installed_on=fields.day("installed_on", default=_LONG_AGO),
        removed_on=_optional_day(fields, "removed_on"),
        previous=_reading(fields.within("previous"), next(reading_ids)),
        current=_reading(fields.within("current"), next(reading_ids)) if has_current else None,
        missing_reason=fields.text("missing_reason") if "missing_reason" in fields.table else None,
        purpose=purpose,
        water_percent=fields.decimal("water_percent", places=2, default=water),
        sewage_percent=fields.decimal("sewage_percent", places=2, default=sewage),
        legalised_until=fields.day("legalised_until") if "legalised_until" in fields.table else None,
        between=tuple(_reading(table, next(reading_ids)) for table in fields.each("between")),
        diameter_mm=fields.integer("diameter_mm") if "diameter_mm" in fields.table else None,
    )


def _reading(fields: Fields, reading_id: int) -> Reading:
    fields.known("on", "index_m3", "source", "quality", "billed_index_m3")
    return Reading(
        reading_id=reading_id,
        read_on=fields.day("on"),
        index_m3=fields.decimal("index_m3", places=3),
        source=fields.text("source", default="reader"),
        quality=fields.text("quality", default="actual"),
        billed_index_m3=fields.decimal("billed_index_m3", places=3) if "billed_index_m3" in fields.table else None,
    )
