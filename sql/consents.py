"""Consents: what customers stated, what became of it, and which channel holds on which day."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from sql.copying import copy_rows, days
from sql.queries import queries

_Q = queries("consents")
TERMS_KIND = "einvoice_regulamin"
_ADDRESS = (
    *("account_id", "address", "state", "confirmation_kind", "confirmed_at", "file_id", "line_no", "change_id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """A statement to be recorded; ``terms_id`` is None for a withdrawal that names no terms."""

    line_no: int
    account_id: int
    event: str
    method: str
    terms_id: int | None
    occurred_at: datetime
    received_at: datetime
    email: str | None
    signer_name: str | None
    scan_sha256: str | None
    requested_from: date | None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConversion:
    """What became of a statement. ``price_effect_zl_year`` is the change of the customer's yearly price, gross."""

    consent_id: int
    outcome: str
    reason: str
    effective_from: date | None
    price_effect_zl_year: Decimal | None
    event_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPreference:
    """A channel from one day up to another, half-open."""

    account_id: int
    channel: str
    valid_from: date
    valid_until: date | None
    consent_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAddress:
    """An address that a statement named, open-ended from ``valid_from``; where that statement came from."""

    account_id: int
    address: str
    state: str
    confirmation_kind: str | None
    confirmed_at: datetime | None
    valid_from: date
    file_id: int | None
    line_no: int | None
    change_id: int | None


def register_terms(connection: Connection, *, label: str, sha256: str, body: bytes, effective_from: date) -> None:
    """Keep a version of the terms, once; the text under a label that is known never changes."""
    values = {"kind": TERMS_KIND, "label": label, "sha256": sha256, "body": body, "effective_from": effective_from}
    connection.execute(_Q["register_terms"], values)


def known_terms(connection: Connection) -> Sequence[Any]:
    """Every kept version of the terms."""
    return connection.execute(_Q["terms"], {"kind": TERMS_KIND}).all()


def events_of_accounts(connection: Connection, *, account_nos: Collection[str]) -> Sequence[Any]:
    """All statements of accounts by arrival, with what became of each (None: pending)."""
    return connection.execute(_Q["events_of_accounts"], {"account_nos": sorted(account_nos)}).all()


def accounts_pending(connection: Connection) -> list[str]:
    """Accounts with statements that wait for their conversion."""
    return list(connection.execute(_Q["accounts_pending"]).scalars())


def insert_consents(
    connection: Connection, *, file_id: int, recorded_by: str, consents: Sequence[NewConsent]
) -> dict[int, int]:
    """Record statements; their ids by line number."""
    columns = ("line_no", "account_id", "event", "method", "terms_id", "occurred_at", "received_at", "email")
    more = ("signer_name", "scan_sha256", "requested_from", "evidence")
    names = (*columns, *more)
    copy_rows(
        connection,
        table="consent_event",
        columns=(*names, "file_id", "recorded_by"),
        rows=((*(getattr(new, name) for name in names), file_id, recorded_by) for new in consents),
    )
    account_ids = [new.account_id for new in consents]
    found = connection.execute(_Q["ids_of_file"], {"file_id": file_id, "account_ids": account_ids})
    return {row.line_no: row.consent_id for row in found}


def parties_of_accounts(connection: Connection, *, account_nos: Collection[str]) -> Sequence[Any]:
    """Payers and nabywcy of accounts, with their names and days."""
    return connection.execute(_Q["parties_of_accounts"], {"account_nos": sorted(account_nos)}).all()


def holders_of_emails(connection: Connection, *, emails: Collection[str], on_day: date) -> Sequence[Any]:
    """Accounts that have one of the addresses (in small letters) confirmed on a day, with their payer and nabywca."""
    return connection.execute(_Q["holders_of_emails"], {"emails": sorted(emails), "on_day": on_day}).all()


def contracts_of_accounts(connection: Connection, *, account_nos: Collection[str]) -> Sequence[Any]:
    """Contracts of accounts with their tariff classes and days."""
    return connection.execute(_Q["contracts_of_accounts"], {"account_nos": sorted(account_nos)}).all()


def open_emails(connection: Connection, *, account_nos: Collection[str]) -> Sequence[Any]:
    """The address of each account that is valid until further notice."""
    return connection.execute(_Q["open_emails"], {"account_nos": sorted(account_nos)}).all()


def close_email(
    connection: Connection, *, email_id: int, until: date, ended_by: str, change_id: int | None = None
) -> None:
    """End an address; one that would begin later never held."""
    parameters = {"email_id": email_id, "until": until, "ended_by": ended_by, "change_id": change_id}
    connection.execute(_Q["close_email"], parameters)


def insert_emails(connection: Connection, *, addresses: Iterable[NewAddress], recorded_by: str) -> None:
    """Write addresses."""
    copy_rows(
        connection,
        table="email_address",
        columns=(*_ADDRESS, "valid", "recorded_by"),
        rows=(
            (*(getattr(new, name) for name in _ADDRESS), days(new.valid_from, None), recorded_by) for new in addresses
        ),
    )


def stored_preferences(connection: Connection, *, account_no: str) -> Sequence[Any]:
    """The channels of an account by day, as stored."""
    return connection.execute(_Q["preferences"], {"account_no": account_no}).all()


def replace_preferences(
    connection: Connection, *, account_ids: Collection[int], preferences: Iterable[NewPreference]
) -> None:
    """Put these preferences in the place of all that the accounts have."""
    connection.execute(_Q["forget_preferences"], {"account_ids": sorted(account_ids)})
    copy_rows(
        connection,
        table="delivery_preference",
        columns=("account_id", "channel", "valid", "consent_id"),
        rows=((p.account_id, p.channel, days(p.valid_from, p.valid_until), p.consent_id) for p in preferences),
    )


def insert_conversions(connection: Connection, *, conversions: Iterable[NewConversion]) -> None:
    """Record what became of statements."""
    names = ("consent_id", "outcome", "reason", "effective_from", "price_effect_zl_year", "event_at")
    rows = (tuple(getattr(new, name) for name in names) for new in conversions)
    copy_rows(connection, table="consent_conversion", columns=names, rows=rows)


def conversions_since(connection: Connection, *, after: int) -> Sequence[Any]:
    """Conversions of consents with ids above ``after``, for those who tell the customers."""
    return connection.execute(_Q["conversions_since"], {"after": after}).all()
