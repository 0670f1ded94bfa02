"""Where an account's money and invoices go: bank account, route, e-mail address, channel."""

from typing import Any

from billing.changes import BankAccountChange, ChannelChange, EmailChange, RouteChange
from pipeline.changes.applying import Applying, id_of, succeed
from pipeline.changes.bank_accounts import payable_to
from pipeline.convert import convert_accounts
from pipeline.errors import OperatorError
from pipeline.import_commitment import commitment_key
from pipeline.import_consents import (
    STAFF_IMPORT,
    check_statement,
    new_consent,
    register_all_terms,
    statement_recorded,
)
from pipeline.import_consents_parties import check_parties, parties_of
from pipeline.utility_files import load_folder
from readings.checks import FUTURE_TOLERANCE
from readings.consents import ConsentRow, read_consent
from readings.rows import noon
from sql import changes
from sql.consents import events_of_accounts, known_terms
from sql.dated import open_fact
from sql.evidence import append_events


def bank_account(at: Applying, order: BankAccountChange) -> None:
    """Another bank account to pay to; that of another account is refused where each has its own (``R118``)."""
    value = payable_to(at, account_no=order.account_no, bank_account=order.bank_account)
    _describe(at, order.account_no, order, name="bank_account", value=value)


def route(at: Applying, order: RouteChange) -> None:
    """Another route; refused while cycles of either route bill by that day, or nobody would bill the account."""
    account_id = id_of(at, "account", order.account_no)
    current = open_fact(at.connection, table="account_details", key={"account_id": account_id})
    routes = {order.route} | ({current.route} if current else set())
    billing = changes.cycle_of_routes(at.connection, routes=routes, on_day=order.on)
    if billing is not None:
        text = f"{billing.cycle_key} bills by routes as they are on {billing.issue_date}: choose a later day"
        raise OperatorError("ROUTE_BILLED", text)
    _describe(at, order.account_no, order, name="route", value=order.route)


def _describe(at: Applying, account_no: str, order: BankAccountChange | RouteChange, *, name: str, value: str) -> None:
    key = {"account_id": id_of(at, "account", account_no)}
    current = open_fact(at.connection, table="account_details", key=key)
    if current is None:
        raise OperatorError("CHANGE_OVERLAPS", f"account {account_no} has no description until further notice")
    if getattr(current, name) == value:
        raise OperatorError("NO_CHANGE", f"account {account_no} has {name.replace('_', ' ')} {value} already")
    values = {"route": current.route, "bank_account": current.bank_account, name: value}
    succeed(at, table="account_details", key=key, values=values, on=order.on)


def email(at: Applying, order: EmailChange) -> None:
    """Another address; that of somebody else's account is refused (``C203``)."""
    key = {"account_id": id_of(at, "account", order.account_no)}
    if order.confirmed_at is not None and order.confirmed_at > at.now + FUTURE_TOLERANCE:
        raise OperatorError("R114", "confirmed_at lies in the future")
    values = {
        "address": order.email,
        "state": "unconfirmed" if order.confirmation_kind is None else "confirmed",
        "confirmation_kind": order.confirmation_kind,
        "confirmed_at": order.confirmed_at,
    }
    current = open_fact(at.connection, table="email_address", key=key)
    if current is not None and all(getattr(current, name) == value for name, value in values.items()):
        raise OperatorError("NO_CHANGE", f"account {order.account_no} has that address already")
    _check_holders(at, order)
    succeed(at, table="email_address", key=key, values=values, on=order.on)


def _check_holders(at: Applying, order: EmailChange) -> None:
    """Whether the address is another customer's: asked as of an acceptance that names it on that day."""
    moment = noon(order.on)
    row = ConsentRow(
        account_no=order.account_no,
        event="accept",
        method=STAFF_IMPORT,
        occurred_at=moment,
        received_at=moment,
        terms_label=None,
        email=order.email,
        signer_name=None,
        scan_sha256=None,
        requested_from=None,
        evidence=None,
    )
    check_parties(row, parties_of(at.connection, [row], today=at.today))


def channel(at: Applying, order: ChannelChange) -> None:
    """An acceptance or a withdrawal, judged and converted like one of a consents file.

    Raises:
        OperatorError: ``NO_CHANGE``, ``NO_CONTRACT``, ``C201``.
        RowRefused: ``C101`` to ``C108``, ``C202``, ``C203``.
    """
    loaded = load_folder(at.work.settings.utility, seller_needed=False)
    account_id = id_of(at, "account", order.account_no)
    methods = {method.value for method in loaded.utility.consents.methods} | {STAFF_IMPORT}
    row = read_consent(_fields(order), methods=methods)
    register_all_terms(at.connection, at.work.settings, loaded.utility)
    terms = {version.label: version for version in known_terms(at.connection)}
    check_statement(row, {order.account_no: account_id}, terms, at.now)
    stored = events_of_accounts(at.connection, account_nos=[order.account_no])
    if any((one.event, one.received_at) == (row.event, row.received_at) for one in stored):
        raise OperatorError("C201", f"a statement of {row.received_at.isoformat()} stands already")
    check_parties(row, parties_of(at.connection, [row], today=at.today))
    new = new_consent(row, account_id, terms[row.terms_label].terms_id if row.terms_label else None, line_no=0)
    values = {name: getattr(new, name) for name in new.__slots__ if name != "line_no"}
    values |= {"change_id": at.change_id, "recorded_by": at.source.recorded_by}
    consent_id = changes.insert_consent(at.connection, values)
    key = commitment_key(home=at.work.settings.home)
    append_events(at.connection, [statement_recorded(new, consent_id, key)])
    convert_accounts(at.connection, at.work, loaded, account_nos=[order.account_no])
    made = changes.conversion_of(at.connection, consent_id=consent_id)
    if made.outcome == "no_change":
        raise OperatorError("NO_CHANGE", f"account {order.account_no} has that channel already")
    if made.outcome == "refused":
        raise OperatorError("NO_CONTRACT", f"account {order.account_no} has no contract that lasts beyond that day")


def _fields(order: ChannelChange) -> dict[str, str]:
    """The order as a row of a consents file."""
    named: dict[str, Any] = {name: getattr(order, name) for name in order.__slots__ if name != "on"}
    moments = {name: named[name].isoformat() for name in ("occurred_at", "received_at")}
    return (
        {name: value or "" for name, value in named.items()}
        | moments
        | {
            "requested_from": order.on.isoformat(),
            "evidence": "",
        }
    )
