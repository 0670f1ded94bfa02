"""What is wrong with an order before anybody looks at the database, and whether one person alone may give it.

Whoever pays, what price group he has, where his money and his invoices go: these are never changed by one person.
The codes are those of registry and consents files (``docs/import.md``) wherever the fault is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from billing.accounts import PartyKind
from billing.changes import (
    BankAccountChange,
    ChannelChange,
    ContractClose,
    ContractOpen,
    EmailChange,
    GivenReading,
    GroupChange,
    MeterExchange,
    Order,
    PartyChange,
    PayerChange,
)
from billing.consents import ConsentKind, ConsentMethod
from billing.identifiers import is_email, is_nip, is_nrb, is_number_word, is_postcode, is_route

DAYS_FAR = 400
"""An order of a day further away than this is a slip of the pen."""
ROLES = ("odbiorca", "correspondence")
SERVICES = ("water", "sewage", "stormwater")
CONFIRMATIONS = ("click", "signed_paper", "delivered_without_bounce")
REMOVAL_QUALITIES = ("actual", "estimated")
_TEXT_LENGTH = 200
_DIALS = range(3, 10)
_DECIMALS = range(4)
_REGISTERS = range(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why an order cannot be taken: a stable code, and a line that names the field."""

    code: str
    text: str


def needs_second_person(order: Order) -> bool:
    """Whether another person must agree: whoever pays, price group, bank account and e-mail address.

    An address alone needs none; name, kind and NIP decide who is invoiced and by which route.
    """
    match order:
        case PartyChange():
            return any(value is not None for value in (order.name, order.kind, order.nip))
        case ChannelChange():
            return order.event == ConsentKind.ACCEPT
    return isinstance(order, PayerChange | GroupChange | BankAccountChange | EmailChange | ContractOpen)


def fault(order: Order, *, today: date) -> Fault | None:
    """The first thing that is wrong with an order by itself; None when only the registry can tell."""
    for field in fields(order):
        value = getattr(order, field.name)
        if value is None or field.name not in _RULES:
            continue
        code, fits = _RULES[field.name]
        if not fits(value) and not (field.name == "nip" and isinstance(order, PartyChange) and value == ""):
            return Fault(code=code, text=f"{field.name} {value!r}")
    if abs((order.on - today).days) > DAYS_FAR:
        return Fault(code="EFFECTIVE_FAR", text=f"{order.on} is more than {DAYS_FAR} days away from {today}")
    return _together(order)


def _together(order: Order) -> Fault | None:
    """Fields that are right each, and wrong beside each other."""
    match order:
        case PartyChange():
            given = (order.kind, order.name, order.nip, order.street, order.postcode, order.city)
            if all(value is None for value in given):
                return Fault(code="NO_CHANGE", text="nothing is given that should change")
        case EmailChange():
            return _unconfirmed(order)
        case MeterExchange():
            return _exchange(order)
        case PayerChange() | ContractClose() | ContractOpen():
            meters = [(reading.meter_no, reading.register) for reading in order.readings]
            if len(set(meters)) < len(meters):
                return Fault(code="R107", text="two readings of one meter")
    return None


def _unconfirmed(order: EmailChange) -> Fault | None:
    if (order.confirmation_kind is None) != (order.confirmed_at is None):
        return Fault(code="R114", text="a confirmed address needs the kind and the day of its confirmation")
    return None


def _exchange(order: MeterExchange) -> Fault | None:
    if order.removal_index_m3 is not None and order.replaces_meter_no is None:
        return Fault(code="R111", text="a removal index without the meter that it belongs to")
    if order.replaces_meter_no is not None and order.removal_index_m3 is None:
        return Fault(code="READING_NEEDED", text=f"the removal index of meter {order.replaces_meter_no}")
    if order.opening_index_m3 >= 10**order.dials:
        return Fault(code="R115", text=f"opening_index_m3 {order.opening_index_m3} on {order.dials} dials")
    return None


def _is_text(value: str) -> bool:
    return 0 < len(value.strip()) <= _TEXT_LENGTH and value.isprintable()


def _is_index(value: Decimal) -> bool:
    return value.is_finite() and 0 <= value < 10 ** max(_DIALS) and value == value.quantize(Decimal("0.001"))


def _are_readings(values: tuple[GivenReading, ...]) -> bool:
    return all(
        is_number_word(one.meter_no) and one.register in _REGISTERS and _is_index(one.index_m3) for one in values
    )


_NUMBER: tuple[str, Callable[[Any], bool]] = ("R101", is_number_word)
_TEXT: tuple[str, Callable[[Any], bool]] = ("R101", _is_text)
_RULES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    **dict.fromkeys(("party_no", "account_no", "new_account_no", "point_no", "contract_no"), _NUMBER),
    **dict.fromkeys(("meter_no", "replaces_meter_no", "module_no"), _NUMBER),
    **dict.fromkeys(("name", "street", "city", "tariff_class", "signer_name"), _TEXT),
    "point_nos": ("R101", lambda value: all(map(is_number_word, value)) and len(set(value)) == len(value)),
    "kind": ("R102", lambda value: value in tuple(PartyKind)),
    "role": ("R102", lambda value: value in ROLES),
    "event": ("C102", lambda value: value in tuple(ConsentKind)),
    "method": ("C102", lambda value: value in tuple(ConsentMethod)),
    "confirmation_kind": ("R102", lambda value: value in CONFIRMATIONS),
    "removal_quality": ("R102", lambda value: value in REMOVAL_QUALITIES),
    "services": ("R102", lambda value: bool(value) and set(value) <= set(SERVICES) and len(set(value)) == len(value)),
    "nip": ("R103", is_nip),
    "bank_account": ("R104", is_nrb),
    "route": ("R101", is_route),
    "postcode": ("R105", is_postcode),
    "email": ("R113", is_email),
    "register": ("R107", lambda value: value in _REGISTERS),
    "dials": ("R107", lambda value: value in _DIALS),
    "decimals": ("R107", lambda value: value in _DECIMALS),
    "opening_index_m3": ("R107", _is_index),
    "removal_index_m3": ("R107", _is_index),
    "readings": ("R107", _are_readings),
    "confirmed_meters": ("R101", lambda value: all(map(is_number_word, value)) and len(set(value)) == len(value)),
}
