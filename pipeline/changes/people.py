"""Parties, their particulars, and the parts that they play without being invoiced."""

from billing.changes import NewParty, PartyChange, RoleChange
from pipeline.changes.applying import Applying, end, id_of, insert, succeed
from pipeline.errors import OperatorError
from sql import changes, registry
from sql.dated import open_fact

_PARTICULARS = ("kind", "name", "nip", "street", "postcode", "city")
_INVOICED = ("kind", "name", "nip")


def new_party(at: Applying, order: NewParty) -> None:
    """A party that is known from now on, as it is described from ever on."""
    if registry.ids_by_no(at.connection, "party_ids", keys=[order.party_no]):
        raise OperatorError("NUMBER_TAKEN", f"there is a party {order.party_no} already")
    insert(at, "party", {"party_no": order.party_no, "event_at": at.now})
    party_id = id_of(at, "party", order.party_no)
    particulars = {name: getattr(order, name) for name in _PARTICULARS}
    insert(at, "party_details", {"party_id": party_id, **particulars, "valid": registry.ALWAYS})


def party(at: Applying, order: PartyChange) -> None:
    """Other particulars from a day on."""
    key = {"party_id": id_of(at, "party", order.party_no)}
    current = open_fact(at.connection, table="party_details", key=key)
    if current is None:
        raise OperatorError("CHANGE_OVERLAPS", f"party {order.party_no} has no particulars until further notice")
    told = {name: getattr(order, name) for name in _PARTICULARS if getattr(order, name) is not None}
    present = {name: getattr(current, name) for name in _PARTICULARS}
    values = {name: value or None for name, value in (present | told).items()}
    if values == present:
        raise OperatorError("NO_CHANGE", f"party {order.party_no} is described so already")
    if any(values[name] != present[name] for name in _INVOICED):
        issued_on = changes.invoiced_since(at.connection, party_id=key["party_id"], on_day=order.on)
        if issued_on is not None:
            text = f"an invoice of {issued_on} bears the former particulars; take a later day, or correct it"
            raise OperatorError("BILLED_ALREADY", text)
    succeed(at, table="party_details", key=key, values=values, on=order.on)


def role(at: Applying, order: RoleChange) -> None:
    """Another odbiorca or correspondence address, or none any more."""
    key = {"account_id": id_of(at, "account", order.account_no), "role": order.role}
    current = open_fact(at.connection, table="account_party", key=key)
    if order.party_no is None:
        if current is None:
            raise OperatorError("NO_CHANGE", f"account {order.account_no} has no {order.role}")
        end(at, table="account_party", key=key, on=order.on, current=current)
        return
    party_id = id_of(at, "party", order.party_no)
    if current is not None and current.party_id == party_id:
        raise OperatorError("NO_CHANGE", f"{order.role} of account {order.account_no} is {order.party_no} already")
    succeed(at, table="account_party", key=key, values={"party_id": party_id}, on=order.on)
