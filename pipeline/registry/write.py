"""Registry rows against the database, all but meters: what is known of them, and the writing of those taken."""

from collections.abc import Callable, Iterable, Sequence
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
    point_decisions,
)
from pipeline.work import warsaw_day
from readings.checks import Outcome
from readings.registry import AccountPartyRow, AccountRow, ContractRow, EmailRow, PartyRow, PointRow
from readings.table import Line
from sql import registry
from sql.registry import Source

Rows = Sequence[tuple[Line, Any]]
Writer = Callable[[Connection, Source], None]
Plan = tuple[Sequence[Decision[Any]], Writer]


def plan_parties(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New parties."""
    columns = ("party_no", "kind", "name", "nip", "street", "postcode", "city")
    return _plan_simple(connection, rows, now, kind="parties", table="party", columns=columns, fact=PartyRow)


def plan_accounts(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New accounts."""
    columns = ("account_no", "route", "bank_account")
    return _plan_simple(connection, rows, now, kind="accounts", table="account", columns=columns, fact=AccountRow)


def plan_points(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New points of supply, and the gminas of points."""
    columns = ("point_no", "street", "postcode", "city")
    stored = registry.find(connection, "points", keys=(fact.point_no for _, fact in rows))
    known = [PointRow(**{name: getattr(row, name) for name in (*columns, "gmina")}) for row in stored]
    decisions = list(point_decisions(rows, known=known))

    def write(connection: Connection, source: Source) -> None:
        values = ((line_no, [getattr(fact, name) for name in columns]) for line_no, fact in taken(decisions))
        registry.insert_facts(connection, table="point", columns=columns, rows=values, source=source)
        named_ones = [one for one in decisions if one.outcome is Outcome.ACCEPTED and one.fact.gmina]
        ids = registry.ids_by_no(connection, "points", keys=(one.fact.point_no for one in named_ones))
        gminas = ((one.line.line_no, (ids[one.fact.point_no], one.fact.gmina, now)) for one in named_ones)
        columns_of_gmina = ("point_id", "gmina", "event_at")
        registry.insert_facts(connection, table="point_gmina", columns=columns_of_gmina, rows=gminas, source=source)

    return decisions, write


def plan_account_parties(connection: Connection, rows: Rows, _now: datetime) -> Plan:
    """New roles of parties, and ended ones."""
    accounts = registry.ids_by_no(connection, "accounts", keys=(fact.account_no for _, fact in rows))
    parties = registry.ids_by_no(connection, "parties", keys=(fact.party_no for _, fact in rows))
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
    accounts = registry.ids_by_no(connection, "accounts", keys=(fact.account_no for _, fact in rows))
    points = registry.ids_by_no(connection, "points", keys=(fact.point_no for _, fact in rows))
    stored = registry.find(connection, "contracts", keys=(fact.contract_no for _, fact in rows), point_nos=points)
    known = [ContractRow(**named(row) | {"services": tuple(sorted(row.services))}) for row in stored]
    decisions = list(contract_decisions(rows, known=known, account_nos=accounts, point_nos=points))

    def write(connection: Connection, source: Source) -> None:
        for fact in _ended(decisions):
            registry.end_contract(connection, contract_no=fact.contract_no, until=fact.valid_until)
        values = (
            (
                line_no,
                (
                    f.contract_no,
                    accounts[f.account_no],
                    points[f.point_no],
                    f.tariff_class,
                    f.services,
                    registry.valid(f.valid_from, f.valid_until),
                ),
            )
            for line_no, f in taken(decisions)
        )
        columns = ("contract_no", "account_id", "point_id", "tariff_class", "services", "valid")
        registry.insert_facts(connection, table="contract", columns=columns, rows=values, source=source)

    return decisions, write


def plan_emails(connection: Connection, rows: Rows, now: datetime) -> Plan:
    """New addresses."""
    today = warsaw_day(now)
    accounts = registry.ids_by_no(connection, "accounts", keys=(fact.account_no for _, fact in rows))
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


def _plan_simple(
    connection: Connection,
    rows: Rows,
    event_at: datetime,
    *,
    kind: str,
    table: str,
    columns: Sequence[str],
    fact: type[Any],
) -> Plan:
    def key(row: Any) -> str:
        return cast("str", getattr(row, columns[0]))

    stored = registry.find(connection, kind, keys=(key(row) for _, row in rows))
    known = [fact(**{name: getattr(row, name) for name in columns}) for row in stored]
    decisions = list(decide(rows, key=key, known=known))

    def write(connection: Connection, source: Source) -> None:
        values = ((line_no, (*(getattr(row, name) for name in columns), event_at)) for line_no, row in taken(decisions))
        registry.insert_facts(connection, table=table, columns=(*columns, "event_at"), rows=values, source=source)

    return decisions, write


def named(row: Row[Any]) -> dict[str, Any]:
    """A database row by its column names."""
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row's names


def taken(decisions: Iterable[Decision[Any]]) -> Iterable[tuple[int, Any]]:
    """Line numbers and facts that are to be written."""
    return ((one.line.line_no, one.fact) for one in decisions if one.outcome is Outcome.ACCEPTED and not one.ends)


def _ended(decisions: Iterable[Decision[Any]]) -> Iterable[Any]:
    return (one.fact for one in decisions if one.ends)
