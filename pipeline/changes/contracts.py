"""Contracts: closed, opened, of another class, and handed over to another payer on an account of his own."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import count
from typing import Any

from billing.changes import ContractClose, ContractOpen, GroupChange, PayerChange
from billing.identifiers import is_number_word
from pipeline.changes.applying import Applying, end, id_of, insert, refuse_billed, succeed
from pipeline.changes.bank_accounts import payable_to
from pipeline.changes.indexes import settle_indexes
from pipeline.errors import OperatorError
from pipeline.utility_files import load_folder
from sql import changes, registry
from sql.dated import open_fact

_BILLED_ROLES = ("payer", "nabywca")


def payer(at: Applying, order: PayerChange) -> None:
    """Close the former payer's contracts and open the same for the new one, on an account whose nabywca he is too."""
    account_id = id_of(at, "account", order.account_no)
    party_id = id_of(at, "party", order.party_no)
    roles = changes.roles(at.connection, account_id=account_id, on_day=order.on)
    if order.new_account_no == order.account_no or all(roles.get(role) == order.party_no for role in _BILLED_ROLES):
        raise OperatorError("NO_CHANGE", f"account {order.account_no} is that of {order.party_no}; name another")
    contracts = _contracts(at, order, account_id)
    point_ids = [row.point_id for row in contracts]
    refuse_billed(at, point_ids=point_ids, on=order.on)
    confirmed = order.confirmed_meters
    settle_indexes(at, point_ids=point_ids, on=order.on, given=order.readings, confirmed=confirmed)
    former = open_fact(at.connection, table="account_details", key={"account_id": account_id})
    route = order.route or (former.route if former is not None else None)
    target_id = _account_of(at, order.new_account_no, party_id, order, route=route)
    for row in contracts:
        _close(at, row.contract_no, on=order.on)
    numbers = _free_numbers(at, order.new_account_no, wanted=len(contracts))
    for row, number in zip(contracts, numbers, strict=True):
        terms = {
            "tariff_class": row.tariff_class,
            "services": tuple(row.services),
            "difference": row.difference,
        }
        _open(at, number, {"account_id": target_id, "point_id": row.point_id}, terms, on=order.on)


def _contracts(at: Applying, order: PayerChange, account_id: int) -> Sequence[Any]:
    found = changes.contracts_in_force(at.connection, account_id=account_id, on_day=order.on)
    by_point = {row.point_no: row for row in found}
    for point_no in order.point_nos:
        if point_no not in by_point:
            text = f"account {order.account_no} has no contract for point {point_no} on {order.on}"
            raise OperatorError("NO_CONTRACT", text)
    contracts = [by_point[point_no] for point_no in order.point_nos] or found
    if not contracts:
        raise OperatorError("NO_CONTRACT", f"account {order.account_no} has no contract on {order.on}")
    return contracts


def contract_close(at: Applying, order: ContractClose) -> None:
    """End a contract with the indices of that day."""
    row = _contract(at, order.contract_no)
    if row.valid_until == order.on:
        raise OperatorError("NO_CHANGE", f"contract {order.contract_no} ends on {order.on} already")
    refuse_billed(at, point_ids=[row.point_id], on=order.on)
    _close(at, order.contract_no, on=order.on)
    confirmed = order.confirmed_meters
    settle_indexes(at, point_ids=[row.point_id], on=order.on, given=order.readings, confirmed=confirmed)


def contract_open(at: Applying, order: ContractOpen) -> None:
    """Begin a contract with the indices of that day; an account that is named with its payer is made if need be."""
    point_id = id_of(at, "point", order.point_no)
    _check_class(at, order.tariff_class, on=order.on)
    standing = changes.contract_at_point(at.connection, point_id=point_id, on_day=order.on)
    if standing is not None:
        text = f"point {order.point_no} has contract {standing.contract_no} of account {standing.account_no}"
        raise OperatorError("CHANGE_OVERLAPS", f"{text} from {standing.valid_from}; close it first")
    refuse_billed(at, point_ids=[point_id], on=order.on)
    if order.party_no is None:
        account_id = id_of(at, "account", order.account_no)
        _check_parties(at, account_id, order)
    else:
        party_id = id_of(at, "party", order.party_no)
        account_id = _account_of(at, order.account_no, party_id, order, route=order.route)
    confirmed = order.confirmed_meters
    settle_indexes(at, point_ids=[point_id], on=order.on, given=order.readings, confirmed=confirmed)
    if order.contract_no is None:
        number = _free_numbers(at, order.account_no, wanted=1)[0]
    elif changes.taken_contract_numbers(at.connection, contract_nos=[order.contract_no]):
        raise OperatorError("NUMBER_TAKEN", f"there is a contract {order.contract_no} already")
    else:
        number = order.contract_no
    terms = {"tariff_class": order.tariff_class, "services": tuple(sorted(order.services))}
    _open(at, number, {"account_id": account_id, "point_id": point_id}, terms, on=order.on)


def group(at: Applying, order: GroupChange) -> None:
    """Another class of a contract, that the tariff of that day knows."""
    row = _contract(at, order.contract_no)
    key = {"contract_id": row.contract_id}
    current = open_fact(at.connection, table="contract_terms", key=key)
    beyond = row.valid_until is not None and order.on >= row.valid_until
    if current is None or beyond or order.on < row.valid_from:
        raise OperatorError("NO_CONTRACT", f"contract {order.contract_no} is not in force on {order.on}")
    if current.tariff_class == order.tariff_class:
        raise OperatorError("NO_CHANGE", f"contract {order.contract_no} is of class {order.tariff_class} already")
    _check_class(at, order.tariff_class, on=order.on)
    refuse_billed(at, point_ids=[row.point_id], on=order.on)
    values = {
        "tariff_class": order.tariff_class,
        "services": tuple(current.services),
        "difference": current.difference,
    }
    succeed(at, table="contract_terms", key=key, values=values, on=order.on)


def _contract(at: Applying, contract_no: str) -> Any:
    row = changes.find_contract(at.connection, contract_no=contract_no)
    if row is None or row.never:
        raise OperatorError("CONTRACT_UNKNOWN", f"there is no contract {contract_no}")
    return row


def _check_class(at: Applying, tariff_class: str, *, on: date) -> None:
    tariff = load_folder(at.work.settings.utility, seller_needed=False).tariffs.tariff_on(on)
    if tariff is None or all(group.tariff_class != tariff_class for group in tariff.groups):
        raise OperatorError("CLASS_UNKNOWN", f"the tariff of {on} has no class {tariff_class}")


def _close(at: Applying, contract_no: str, *, on: date) -> None:
    key = {"contract_no": contract_no}
    current = open_fact(at.connection, table="contract", key=key)
    if current is None:
        raise OperatorError("CHANGE_OVERLAPS", f"contract {contract_no} has its last day already")
    if current.valid_from == on and changes.is_forecast(at.connection, contract_id=current.contract_id):
        text = f"prognozy were charged under contract {contract_no}, so it did hold; end it on a later day"
        raise OperatorError("FORECAST_CHARGED", text)
    end(at, table="contract", key=key, on=on, current=current)


def _open(at: Applying, number: str, place: Mapping[str, int], terms: Mapping[str, Any], *, on: date) -> None:
    insert(at, "contract", {"contract_no": number, **place, "valid": registry.valid(on, None)})
    contract_id = registry.ids_by_no(at.connection, "contract_ids", keys=[number])[number]
    insert(at, "contract_terms", {"contract_id": contract_id, **terms, "valid": registry.ALWAYS})


def _account_of(
    at: Applying, account_no: str, party_id: int, order: PayerChange | ContractOpen, *, route: str | None
) -> int:
    """The account of the new payer: the one of that number when it is his, else a new one."""
    known = registry.ids_by_no(at.connection, "account_ids", keys=[account_no])
    if known:
        _check_parties(at, known[account_no], order)
        return known[account_no]
    if route is None:
        raise OperatorError("ACCOUNT_INCOMPLETE", f"account {account_no} is new: give it a route")
    bank_account = payable_to(at, account_no=account_no, bank_account=order.bank_account)
    insert(at, "account", {"account_no": account_no, "event_at": at.now})
    account_id = id_of(at, "account", account_no)
    description = {"account_id": account_id, "route": route, "bank_account": bank_account}
    insert(at, "account_details", {**description, "valid": registry.ALWAYS})
    for role in _BILLED_ROLES:
        party = {"account_id": account_id, "role": role, "party_id": party_id}
        insert(at, "account_party", {**party, "valid": registry.valid(order.on, None)})
    return account_id


def _check_parties(at: Applying, account_id: int, order: PayerChange | ContractOpen) -> None:
    """Whether somebody pays for an account that exists, and whether it is whom the order names."""
    roles = changes.roles(at.connection, account_id=account_id, on_day=order.on)
    for role in _BILLED_ROLES:
        if role not in roles or order.party_no not in (None, roles[role]):
            held = f"its {role} on {order.on} is {roles.get(role, 'nobody')}"
            raise OperatorError("ACCOUNT_OF_OTHERS", f"{held}: name an account of the right payer, or a new one")


def _free_numbers(at: Applying, account_no: str, *, wanted: int) -> list[str]:
    """The next numbers ``ACCOUNT/1`` and so on that no contract has."""
    numbers: list[str] = []
    for place in count(1):
        number = f"{account_no}/{place}"
        if not is_number_word(number):
            raise OperatorError("R101", f"contract_no {number!r} would be too long: give a shorter account number")
        if not changes.taken_contract_numbers(at.connection, contract_nos=[number]):
            numbers.append(number)
        if len(numbers) == wanted:
            break
    return numbers
