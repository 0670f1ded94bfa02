"""Changes of the registry that people asked for: what is asked, what is decided, and what stands in the way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row

from sql.queries import queries

_Q = queries("changes")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """An order as it is written down; ``content`` is its canonical JSON."""

    kind: str
    account_id: int | None
    effective_on: date
    content: str
    sha256: str
    reason: str
    second_person: bool
    recorded_by: str
    recorded_via: str


def insert_change(connection: Connection, change: NewChange) -> int:
    """Write an order down; its number."""
    names = NewChange.__slots__
    parameters = {name: getattr(change, name) for name in names}
    number: int = connection.execute(_Q["insert_change"], parameters).scalar_one()
    return number


def insert_decision(
    connection: Connection, *, change_id: int, decision: str, decided_by: str, decided_via: str, note: str
) -> None:
    """Write down what was decided; once."""
    connection.execute(
        _Q["insert_decision"],
        {
            "change_id": change_id,
            "decision": decision,
            "decided_by": decided_by,
            "decided_via": decided_via,
            "note": note,
        },
    )


def find_change(connection: Connection, *, change_id: int) -> Row[Any] | None:
    """An order with its state: pending, applied or refused."""
    parameters = {"change_id": change_id, "pending": False, "account_no": None}
    return connection.execute(_Q["changes"], parameters).one_or_none()


def list_changes(connection: Connection, *, pending: bool, account_no: str | None) -> Sequence[Row[Any]]:
    """Orders by number: all, those that wait for a decision, those that concern an account."""
    parameters = {"change_id": None, "pending": pending, "account_no": account_no}
    return connection.execute(_Q["changes"], parameters).all()


def facts_of_change(connection: Connection, *, change_id: int) -> Sequence[Row[Any]]:
    """The facts that an order ended and began, with their fields."""
    return connection.execute(_Q["facts_of_change"], {"change_id": change_id}).all()


def findings_of_change(connection: Connection, *, change_id: int) -> Sequence[Row[Any]]:
    """What the checks of readings say of the indexes that an order brought."""
    return connection.execute(_Q["findings_of_change"], {"change_id": change_id}).all()


def doubted_readings(connection: Connection, *, change_id: int) -> list[int]:
    """Readings of an order that a file's would be set aside for."""
    return list(connection.execute(_Q["doubted_readings"], {"change_id": change_id}).scalars())


def reason_of(connection: Connection, *, change_id: int) -> str:
    """Why somebody asked for a change."""
    reason: str = connection.execute(_Q["reason_of"], {"change_id": change_id}).scalar_one()
    return reason


def roles(connection: Connection, *, account_id: int, on_day: date) -> dict[str, str]:
    """Party numbers by role on a day."""
    rows = connection.execute(_Q["roles"], {"account_id": account_id, "on_day": on_day})
    return {row.role: row.party_no for row in rows}


def contracts_in_force(connection: Connection, *, account_id: int, on_day: date) -> Sequence[Row[Any]]:
    """Contracts of an account on a day, with their class and services."""
    return connection.execute(_Q["contracts_in_force"], {"account_id": account_id, "on_day": on_day}).all()


def find_contract(connection: Connection, *, contract_no: str) -> Row[Any] | None:
    """A contract by its number."""
    return connection.execute(_Q["contract"], {"contract_no": contract_no}).one_or_none()


def contract_at_point(connection: Connection, *, point_id: int, on_day: date) -> Row[Any] | None:
    """The contract that a point has on a day, or else its next one."""
    return connection.execute(_Q["contract_at_point"], {"point_id": point_id, "on_day": on_day}).one_or_none()


def account_of_point(connection: Connection, *, point_no: str, on_day: date) -> int | None:
    """The account whose contract a point has on a day."""
    return connection.execute(_Q["account_of_point"], {"point_no": point_no, "on_day": on_day}).scalar_one_or_none()


def taken_contract_numbers(connection: Connection, *, contract_nos: Collection[str]) -> frozenset[str]:
    """Those of the numbers that a contract has."""
    rows = connection.execute(_Q["contract_numbers"], {"contract_nos": sorted(contract_nos)})
    return frozenset(rows.scalars())


def is_forecast(connection: Connection, *, contract_id: int) -> bool:
    """Whether prognozy charged days of a contract, and wait to be taken off."""
    found: bool = connection.execute(_Q["is_forecast"], {"contract_id": contract_id}).scalar_one()
    return found


def billed_until(connection: Connection, *, point_ids: Collection[int]) -> Row[Any] | None:
    """The point that is billed furthest, and up to which day; None when none is."""
    return connection.execute(_Q["billed_until"], {"point_ids": sorted(point_ids)}).first()


def invoiced_since(connection: Connection, *, party_id: int, on_day: date) -> date | None:
    """The issue date of the last invoice with a party as payer or nabywca, from a day on."""
    found: date | None = connection.execute(_Q["invoiced_since"], {"party_id": party_id, "on_day": on_day}).scalar_one()
    return found


def meters_at(connection: Connection, *, point_ids: Collection[int], on_day: date) -> Sequence[Row[Any]]:
    """The registers at points on a day, with their readings around it."""
    return connection.execute(_Q["meters_at"], {"point_ids": sorted(point_ids), "on_day": on_day}).all()


def insert_consent(connection: Connection, statement: Mapping[str, Any]) -> int:
    """Record a customer's statement that a change brought; its number."""
    number: int = connection.execute(_Q["insert_consent"], dict(statement)).scalar_one()
    return number


def conversion_of(connection: Connection, *, consent_id: int) -> Row[Any]:
    """What became of a statement."""
    return connection.execute(_Q["conversion"], {"consent_id": consent_id}).one()


def registry_on(
    connection: Connection, *, account_no: str, on_day: date | None, known_at: datetime | None
) -> Sequence[Row[Any]]:
    """The contracts of an account on a day (None: today) as they were known at a moment (None: now)."""
    parameters = {"account_no": account_no, "on_day": on_day, "known_at": known_at}
    return connection.execute(_Q["registry_on"], parameters).all()


def registry_history(connection: Connection, *, account_no: str) -> Sequence[Row[Any]]:
    """Every dated fact of an account: from when, until when, what, and who began and ended it."""
    return connection.execute(_Q["registry_history"], {"account_no": account_no}).all()


def cycle_of_routes(connection: Connection, *, routes: Collection[str], on_day: date) -> Any:
    """The newest cycle of one of the routes that is issued on the day or later, or None."""
    return connection.execute(_Q["cycle_of_routes"], {"routes": sorted(routes), "on_day": on_day}).one_or_none()
