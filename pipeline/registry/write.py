"""Registry rows against the database, all but meters: what is known of them, and the writing of those taken."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row

from pipeline.registry.rows import (
    Decision,
    account_party_decisions,
    contract_decisions,
    decide,
    email_decisions,
    email_start,
)
from pipeline.work import warsaw_day
from readings.checks import Outcome
from readings.fields import RowRefused
from readings.registry_facts import AccountPartyRow, AccountRow, ContractRow, EmailRow, PartyRow
from readings.table import Line
from sql import registry
from sql.registry import Source

Rows = Sequence[tuple[Line, Any]]
Writer = Callable[[Connection, Source], None]
Plan = tuple[Sequence[Decision[Any]], Writer]


def plan_parties(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New parties, described from ever on."""
    columns = ("party_no", "kind", "name", "nip", "street", "postcode", "city")
    decisions = decide_simple(connection, rows, kind="parties", columns=columns, fact=PartyRow)

    def write(connection: Connection, source: Source) -> None:
        new = [(line_no, (row.party_no, now)) for line_no, row in taken(decisions)]
        registry.insert_facts(connection, table="party", columns=("party_no", "event_at"), rows=new, source=source)
        ids = registry.ids_by_no(connection, "party_ids", keys=(row.party_no for _, row in taken(decisions)))
        _describe(connection, decisions, source, table="party_details", ids=ids, columns=columns)

    return decisions, write


def plan_accounts(connection: Connection, rows: Rows, now: datetime, *, own: str | None, individual: bool) -> Plan:
    """New accounts, described from ever on.

    ``own`` is the utility's bank account, for accounts without one; with ``individual`` each needs one of its own.
    """
    columns = ("account_no", "route", "bank_account")
    fallback = "" if individual else own or ""
    rows = [(line, replace(row, bank_account=row.bank_account or fallback)) for line, row in rows]
    stored = (
        registry.find(connection, "bank_accounts", keys=(row.bank_account for _, row in rows)) if individual else ()
    )
    payers = {row.bank_account: row.account_no for row in stored}

    def check(row: AccountRow) -> None:
        if not row.bank_account or (individual and row.bank_account in payers):
            raise RowRefused("R118", "bank_account")
        payers[row.bank_account] = row.account_no

    decisions = decide_simple(connection, rows, kind="accounts", columns=columns, fact=AccountRow, check=check)

    def write(connection: Connection, source: Source) -> None:
        new = [(line_no, (row.account_no, now)) for line_no, row in taken(decisions)]
        registry.insert_facts(connection, table="account", columns=("account_no", "event_at"), rows=new, source=source)
        ids = registry.ids_by_no(connection, "account_ids", keys=(row.account_no for _, row in taken(decisions)))
        _describe(connection, decisions, source, table="account_details", ids=ids, columns=columns)

    return decisions, write


def plan_account_parties(connection: Connection, rows: Rows, _now: datetime) -> Plan:
    """New roles of parties, and ended ones."""
    accounts = registry.ids_by_no(connection, "account_ids", keys=(fact.account_no for _, fact in rows))
    parties = registry.ids_by_no(connection, "party_ids", keys=(fact.party_no for _, fact in rows))
    known = [AccountPartyRow(**named(row)) for row in registry.find(connection, "account_parties", keys=accounts)]
    decisions = list(account_party_decisions(rows, known=known, account_nos=accounts, party_nos=parties))

    def write(connection: Connection, source: Source) -> None:
        for fact in _ended(decisions):
            registry.end_account_party(
                connection,
                account_no=fact.account_no,
                role=fact.role,
                valid_from=fact.valid_from,
                until=fact.valid_until,
                ended_by=source.recorded_by,
            )
        values = (
            (
                line_no,
                (accounts[f.account_no], f.role, parties[f.party_no], registry.valid(f.valid_from, f.valid_until)),
            )
            for line_no, f in taken(decisions)
        )
        columns = ("account_id", "role", "party_id", "valid")
        registry.insert_facts(connection, table="account_party", columns=columns, rows=values, source=source)

    return decisions, write


def plan_contracts(connection: Connection, rows: Rows, _now: datetime) -> Plan:
    """New contracts, and ended ones."""
    accounts = registry.ids_by_no(connection, "account_ids", keys=(fact.account_no for _, fact in rows))
    points = registry.ids_by_no(connection, "point_ids", keys=(fact.point_no for _, fact in rows))
    stored = registry.find(connection, "contracts", keys=(fact.contract_no for _, fact in rows), point_nos=points)
    known = [ContractRow(**named(row) | {"services": tuple(sorted(row.services))}) for row in stored]
    decisions = list(contract_decisions(rows, known=known, account_nos=accounts, point_nos=points))

    def write(connection: Connection, source: Source) -> None:
        for fact in _ended(decisions):
            registry.end_contract(
                connection, contract_no=fact.contract_no, until=fact.valid_until, ended_by=source.recorded_by
            )
        values = (
            (
                line_no,
                (
                    f.contract_no,
                    accounts[f.account_no],
                    points[f.point_no],
                    registry.valid(f.valid_from, f.valid_until),
                ),
            )
            for line_no, f in taken(decisions)
        )
        columns = ("contract_no", "account_id", "point_id", "valid")
        registry.insert_facts(connection, table="contract", columns=columns, rows=values, source=source)
        ids = registry.ids_by_no(connection, "contract_ids", keys=(f.contract_no for _, f in taken(decisions)))
        terms = ("contract_no", "tariff_class", "services", "difference")
        _describe(connection, decisions, source, table="contract_terms", ids=ids, columns=terms)

    return decisions, write


def plan_emails(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New addresses."""
    today = warsaw_day(now)
    accounts = registry.ids_by_no(connection, "account_ids", keys=(fact.account_no for _, fact in rows))
    stored = registry.find(connection, "emails", keys=accounts)
    known = []
    for row in stored:
        values = named(row)
        until = values.pop("valid_until")
        known.append((EmailRow(**values), until))
    decisions = list(email_decisions(rows, known=known, account_nos=accounts, today=today))

    def write(connection: Connection, source: Source) -> None:
        values = (
            (
                line_no,
                (
                    accounts[f.account_no],
                    f.email,
                    f.state,
                    f.confirmation_kind,
                    f.confirmed_at,
                    registry.valid(email_start(f, today=today), None),
                ),
            )
            for line_no, f in taken(decisions)
        )
        columns = ("account_id", "address", "state", "confirmation_kind", "confirmed_at", "valid")
        registry.insert_facts(connection, table="email_address", columns=columns, rows=values, source=source)

    return decisions, write


def decide_simple(
    connection: Connection,
    rows: Rows,
    *,
    kind: str,
    columns: Sequence[str],
    fact: type[Any],
    check: Callable[[Any], None] = lambda _row: None,
) -> Sequence[Decision[Any]]:
    """Rows whose first column is their whole key, against what the registry has at present."""

    def key(row: Any) -> str:
        return cast("str", getattr(row, columns[0]))

    stored = registry.find(connection, kind, keys=(key(row) for _, row in rows))
    known = [fact(**{name: getattr(row, name) for name in columns}) for row in stored]
    return list(decide(rows, key=key, known=known, check=check))


def _describe(
    connection: Connection,
    decisions: Iterable[Decision[Any]],
    source: Source,
    *,
    table: str,
    ids: Mapping[str, int],
    columns: Sequence[str],
) -> None:
    """What new parties, accounts or contracts are like; the first of ``columns`` is the number that ``ids`` knows."""
    number, *described = columns
    rows = (
        (line_no, (ids[getattr(row, number)], *(getattr(row, name) for name in described), registry.ALWAYS))
        for line_no, row in taken(decisions)
    )
    names = (number.replace("_no", "_id"), *described, "valid")
    registry.insert_facts(connection, table=table, columns=names, rows=rows, source=source)


def named(row: Row[Any]) -> dict[str, Any]:
    """A database row by its column names."""
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row's names


def taken(decisions: Iterable[Decision[Any]]) -> Iterable[tuple[int, Any]]:
    """Line numbers and facts that are to be written."""
    return ((one.line.line_no, one.fact) for one in decisions if one.outcome is Outcome.ACCEPTED and not one.ends)


def _ended(decisions: Iterable[Decision[Any]]) -> Iterable[Any]:
    return (one.fact for one in decisions if one.ends)
