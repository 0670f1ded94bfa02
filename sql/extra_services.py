"""Services outside the tariff: appended once, and cancelled at most once."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from sql.queries import queries

_Q = queries("extra_services")


def account_and_point(connection: Connection, *, account_no: str, point_no: str | None) -> Row[Any]:
    """Ids of both (None: unknown), and whether the point was ever under a contract of the account."""
    return connection.execute(_Q["account_and_point"], {"account_no": account_no, "point_no": point_no}).one()


def insert_service(
    connection: Connection,
    *,
    account_id: int,
    point_id: int | None,
    item_code: str,
    quantity: Decimal,
    performed_on: date,
    ordered_by: str,
    note: str,
    recorded_by: str,
    recorded_via: str,
) -> int:
    """Write a service down; its id."""
    values: dict[str, Any] = {
        "account_id": account_id,
        "point_id": point_id,
        "item_code": item_code,
        "quantity": quantity,
    }
    values |= {"performed_on": performed_on, "ordered_by": ordered_by, "note": note}
    service_id: int = connection.execute(
        _Q["insert_service"], values | {"recorded_by": recorded_by, "recorded_via": recorded_via}
    ).scalar_one()
    return service_id


def cancel_service(
    connection: Connection, *, service_id: int, reason: str, recorded_by: str, recorded_via: str
) -> None:
    """Write down that a service is not charged."""
    values = {"service_id": service_id, "reason": reason, "recorded_by": recorded_by, "recorded_via": recorded_via}
    connection.execute(_Q["cancel_service"], values)


def find_service(connection: Connection, *, service_id: int) -> Row[Any] | None:
    """A service with the document that it stands on, or None."""
    named = {"account_no": None, "service_id": service_id, "only_open": False}
    return connection.execute(_Q["services"], named).one_or_none()


def list_services(connection: Connection, *, account_no: str | None, only_open: bool) -> Sequence[Row[Any]]:
    """Services of an account or of all, in the order in which they were recorded."""
    named = {"account_no": account_no, "service_id": None, "only_open": only_open}
    return connection.execute(_Q["services"], named).all()


def cycle_that_charges(connection: Connection, *, account_id: int) -> str | None:
    """The key of a cycle that has the account frozen and not issued yet, or None."""
    key: str | None = connection.execute(_Q["cycle_that_charges"], {"account_id": account_id}).scalar_one_or_none()
    return key
