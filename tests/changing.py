"""Orders for changes in the small town of the tests, and the two people who give and decide them."""

import dataclasses
from datetime import date
from decimal import Decimal
from typing import Any

from town import bank_account

from billing.changes import (
    BankAccountChange,
    ContractClose,
    ContractOpen,
    GivenReading,
    GroupChange,
    MeterExchange,
    NewParty,
    Order,
    PayerChange,
)
from pipeline.changes import decide, propose
from pipeline.work import Actor, Work

NEWCOMER = "P99"
REASON = "the office was told"


def approver(work: Work) -> Work:
    """The same work, done by the second person."""
    return dataclasses.replace(work, actor=Actor(name="approver", via="cli"))


def ask(work: Work, order: Order) -> dict[str, Any]:
    """What becomes of an order when the operator asks for it."""
    return propose.run(work, order=order, reason=REASON)


def change(work: Work, order: Order) -> int:
    """Ask for a change and have it applied, by a second person where one is needed; its number."""
    asked = ask(work, order)
    if asked["state"] == "pending":
        decide.run(approver(work), change_id=asked["change_id"], decision="applied", note="seen")
    return int(asked["change_id"])


def index(meter_no: str, index_m3: int | str) -> GivenReading:
    return GivenReading(meter_no=meter_no, register=0, index_m3=Decimal(index_m3))


def newcomer(party_no: str = NEWCOMER, **values: Any) -> NewParty:
    given = {"kind": "natural_person", "name": "Nowy Nabywca", "nip": None, "street": "ul. Nowa 9"}
    given |= {"on": date(2026, 8, 1), "postcode": "00-001", "city": "Zdroje"} | values
    return NewParty(party_no=party_no, **given)


def to_payer(no: str, on: date, *readings: GivenReading, **values: Any) -> PayerChange:
    """The whole account goes to the newcomer, on account A99."""
    given = {"point_nos": (), "party_no": NEWCOMER, "new_account_no": "A99", "route": None}
    given |= {"bank_account": bank_account("0099")} | values
    return PayerChange(on=on, account_no=f"A{no}", readings=readings, **given)


def to_group(no: str, on: date, tariff_class: str = "business") -> GroupChange:
    return GroupChange(on=on, contract_no=f"C{no}", tariff_class=tariff_class)


def to_bank_account(no: str, on: date, number: str | None = None) -> BankAccountChange:
    return BankAccountChange(on=on, account_no=f"A{no}", bank_account=number or bank_account("0077"))


def exchange(no: str, on: date, *, removal: int, opening: int = 0, **values: Any) -> MeterExchange:
    given = {"meter_no": f"N{no}", "replaces_meter_no": f"M{no}", "register": 0, "dials": 5, "decimals": 0}
    given |= {"removal_quality": "actual", "legalised_until": None, "module_no": None, "point_no": f"PP{no}"}
    given |= {"opening_index_m3": Decimal(opening), "removal_index_m3": Decimal(removal)} | values
    return MeterExchange(on=on, **given)


def close(contract_no: str, on: date, *readings: GivenReading) -> ContractClose:
    return ContractClose(on=on, contract_no=contract_no, readings=readings)


def open_contract(account_no: str, point_no: str, on: date, *readings: GivenReading, **values: Any) -> ContractOpen:
    given = {"contract_no": None, "tariff_class": "household", "services": ("water", "sewage"), "party_no": None}
    given |= {"bank_account": None, "route": None} | values
    return ContractOpen(on=on, account_no=account_no, point_no=point_no, readings=readings, **given)
