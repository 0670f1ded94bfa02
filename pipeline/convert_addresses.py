"""Addresses that acceptances name: a signed form confirms its address, any other way leaves it to be confirmed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Connection

from sql.consents import NewAddress, close_email, insert_emails, open_emails


def settle_addresses(
    connection: Connection, *, accepted: Iterable[Any], starts: Mapping[int, date], recorded_by: str
) -> None:
    """Make the addresses of acceptances, in order of arrival, the accounts' own from the day they count.

    An address that is confirmed stays until a confirmed one replaces it: mail goes where it is known to arrive.
    """
    for row in accepted:
        current = next(iter(open_emails(connection, account_nos=[row.account_no])), None)
        fresh = _address(row, starts[row.consent_id])
        if current is not None:
            if not _replaces(current, fresh):
                continue
            fresh = replace(fresh, valid_from=max(fresh.valid_from, current.valid_from))
            close_email(
                connection,
                email_id=current.email_id,
                until=fresh.valid_from,
                ended_by=recorded_by,
                change_id=row.change_id,
            )
        insert_emails(connection, addresses=[fresh], recorded_by=recorded_by)


def _address(row: Any, start: date) -> NewAddress:
    signed = row.method == "paper_form"
    return NewAddress(
        account_id=row.account_id,
        address=row.email,
        state="confirmed" if signed else "unconfirmed",
        confirmation_kind="signed_paper" if signed else None,
        confirmed_at=row.received_at if signed else None,
        valid_from=start,
        file_id=row.file_id,
        line_no=row.line_no,
        change_id=row.change_id,
    )


def _replaces(current: Any, fresh: NewAddress) -> bool:
    if current.state == "confirmed" and current.valid_from > fresh.valid_from:
        return False  # a statement that was typed in late does not undo a newer address
    same = current.address.casefold() == fresh.address.casefold()
    if same:
        return fresh.state == "confirmed" and current.state != "confirmed"
    return fresh.state == "confirmed" or current.state != "confirmed"
