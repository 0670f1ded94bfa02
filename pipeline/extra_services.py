"""Services outside the tariff: recorded when they were done, billed once, cancelled only before."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from billing.accounts import Service
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.extra_services import (
    account_and_point,
    cancel_service,
    cycle_that_charges,
    find_service,
    insert_service,
    list_services,
)
from sql.locks import take_turn


def add(
    work: Work,
    *,
    account_no: str,
    item_code: str,
    quantity: Decimal,
    performed_on: date,
    ordered_by: str,
    note: str,
    point_no: str | None = None,
) -> dict[str, Any]:
    """Record that a service was done for an account; the next bill of the account charges for it.

    Raises:
        OperatorError: ``NOTE_MISSING``, ``NOTE_UNREADABLE``, ``ACCOUNT_UNKNOWN``, ``POINT_UNKNOWN``, ``ITEM_UNKNOWN``,
            ``QUANTITY_WRONG`` or ``DAY_WRONG``.
        DataRefused: the utility's folder cannot be used.
    """
    words, orderer = note_words(note), note_words(ordered_by)
    if quantity <= 0 or quantity != round(quantity, 3):
        raise OperatorError("QUANTITY_WRONG", f"{quantity}: above zero, with three places at most")
    prices = load_folder(work.settings.utility, seller_needed=False).tariffs.price_book
    price = prices.price_on(code=item_code, day=performed_on)
    if price is None or price.item.service is not Service.EXTRA:
        known = ", ".join(prices.codes(Service.EXTRA)) or "none"
        raise OperatorError("ITEM_UNKNOWN", f"no price list prices {item_code} on {performed_on}; services: {known}")
    with step(work, "add_service") as (connection, record):
        take_turn(connection, "books")
        if performed_on > warsaw_day(business_now(connection)):
            raise OperatorError("DAY_WRONG", f"{performed_on} is still to come; record the service when it is done")
        account_id, point_id = _places(connection, account_no, point_no)
        service_id = insert_service(
            connection,
            account_id=account_id,
            point_id=point_id,
            item_code=item_code,
            quantity=quantity,
            performed_on=performed_on,
            ordered_by=orderer,
            note=words,
            recorded_by=work.actor.name,
            recorded_via=work.actor.via,
        )
        body = {"item": item_code, "quantity": quantity, "performed_on": performed_on, "by": work.actor.name}
        _append(connection, service_id, "service_recorded", body)
        record.counts = {"services": 1}
    return {"service": service_id, "account_no": account_no, "item": item_code, "net_zl": str(price.item.net_zl)}


def cancel(work: Work, *, service_id: int, reason: str) -> dict[str, Any]:
    """Take back a service that is on no document; what is billed is for a correction.

    Raises:
        OperatorError: ``REASON_MISSING``, ``REASON_UNREADABLE``, ``SERVICE_UNKNOWN``, ``SERVICE_BILLED``,
            ``SERVICE_CANCELLED``, or ``SERVICE_IN_WORK``: a cycle is about to bill it.
    """
    words = note_words(reason, missing="REASON_MISSING", unreadable="REASON_UNREADABLE")
    with step(work, "cancel_service") as (connection, record):
        take_turn(connection, "books")
        found = find_service(connection, service_id=service_id)
        if found is None:
            raise OperatorError("SERVICE_UNKNOWN", f"there is no service {service_id}; see obieg service list")
        if found.document is not None:
            raise OperatorError("SERVICE_BILLED", f"service {service_id} is on {found.document}; it needs a correction")
        if found.cancelled_by is not None:
            raise OperatorError("SERVICE_CANCELLED", f"{found.cancelled_by} has cancelled service {service_id} already")
        cycle_key = cycle_that_charges(connection, account_id=found.account_id)
        if cycle_key:
            raise OperatorError(
                "SERVICE_IN_WORK", f"{cycle_key} has {found.account_no} in work; end or reject it first"
            )
        cancel_service(
            connection,
            service_id=service_id,
            reason=words,
            recorded_by=work.actor.name,
            recorded_via=work.actor.via,
        )
        _append(connection, service_id, "service_cancelled", {"by": work.actor.name})
        record.counts = {"cancelled": 1}
    return {"service": service_id, "account_no": found.account_no, "item": found.item_code}


def listed(work: Work, *, account_no: str | None = None, only_open: bool = True) -> list[dict[str, Any]]:
    """The services that wait for their bill, or all."""
    with work.engine.connect() as connection:
        rows = list_services(connection, account_no=account_no, only_open=only_open)
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public way to a row's names


def _places(connection: Connection, account_no: str, point_no: str | None) -> tuple[int, int | None]:
    found = account_and_point(connection, account_no=account_no, point_no=point_no)
    if found.account_id is None:
        raise OperatorError("ACCOUNT_UNKNOWN", f"there is no account {account_no}")
    if point_no is not None and not found.is_of_account:
        raise OperatorError("POINT_UNKNOWN", f"{point_no} is no point of account {account_no}")
    return found.account_id, found.point_id


def _append(connection: Connection, service_id: int, kind: str, body: dict[str, Any]) -> None:
    event = Event(event_at=business_now(connection), subject=f"extra_service:{service_id}", kind=kind, body=body)
    append_events(connection, [event])
