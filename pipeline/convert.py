"""Convert: pending acceptances and withdrawals into the channel of each day, once each.

``delivery_preference`` is derived: it is what ``billing.consents.preference`` makes of an account's statements, and
``rebuild`` makes it again from nothing but them. A late statement counts from its own day, but a frozen cycle keeps
what it read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from billing.accounts import Service
from billing.canonical import to_data
from billing.consents import (
    ConsentEvent,
    ConsentKind,
    ConsentMethod,
    ConsentRule,
    Preference,
    effective_from,
    preference,
    price_effect_zl_year,
)
from billing.errors import DataRefused
from billing.tariffs import TariffBook
from pipeline.convert_addresses import settle_addresses
from pipeline.utility_files import LoadedUtility, load_folder
from pipeline.work import Work, step
from sql.clock import business_now
from sql.consents import (
    NewConversion,
    NewPreference,
    accounts_pending,
    contracts_of_accounts,
    events_of_accounts,
    insert_conversions,
    replace_preferences,
)
from sql.evidence import Event, append_events
from sql.intake import lock_intake

_OUTCOMES = ("applied", "no_change", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What conversions need besides the statements."""

    rule: ConsentRule
    tariffs: TariffBook
    contracts: Mapping[str, Sequence[Any]]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A stored statement and what became of it."""

    stored: Any
    conversion: NewConversion


def run(work: Work) -> dict[str, int]:
    """Convert every statement that waits; how many, by outcome. Nothing is written when none waits.

    An acceptance is ``refused`` when the account has no contract from its day on, and ``no_change`` when the same
    already holds.

    Raises:
        DataRefused: ``UTILITY_...`` or ``TARIFF_...``, the utility's folder is not usable.
    """
    with work.engine.connect() as connection:
        if not accounts_pending(connection):
            return dict.fromkeys(("pending", *_OUTCOMES), 0)
    loaded = load_folder(work.settings.utility, seller_needed=False)
    with step(work, "convert") as (connection, record):
        lock_intake(connection)
        record.tariff_sha256s = loaded.tariff_sha256s
        record.counts = convert_accounts(connection, work, loaded, account_nos=accounts_pending(connection))
    return record.counts


def convert_accounts(
    connection: Connection, work: Work, loaded: LoadedUtility, *, account_nos: Sequence[str]
) -> dict[str, int]:
    """Convert what waits of some accounts inside the caller's transaction, which holds the turn of the intake."""
    terms = _Terms(
        rule=loaded.utility.consents.rule,
        tariffs=loaded.tariffs,
        contracts=_by_account(contracts_of_accounts(connection, account_nos=account_nos)),
        now=business_now(connection),
    )
    stored = _by_account(events_of_accounts(connection, account_nos=account_nos))
    converted = [one for events in stored.values() for one in _convert_account(events, terms)]
    _write(connection, work, stored=stored, converted=converted, terms=terms)
    outcomes = Counter(one.conversion.outcome for one in converted)
    return {"pending": len(converted)} | {outcome: outcomes[outcome] for outcome in _OUTCOMES}


def rebuild(connection: Connection, *, account_no: str, rule: ConsentRule) -> tuple[Preference, ...]:
    """The channels of an account by day, from its converted statements alone."""
    stored = events_of_accounts(connection, account_nos=[account_no])
    return preference(events=[_event(row) for row in stored if row.outcome in {"applied", "no_change"}], rule=rule)


def _convert_account(stored: Sequence[Any], terms: _Terms) -> list[Converted]:
    """The pending statements of one account, each against those taken before it."""
    taken = [_event(row) for row in stored if row.outcome in {"applied", "no_change"}]
    converted = []
    for row in stored:
        if row.outcome is not None:
            continue
        conversion = _convert(_event(row), row.account_no, taken=taken, terms=terms)
        if conversion.outcome != "refused":
            taken.append(_event(row))
        converted.append(Converted(stored=row, conversion=conversion))
    return converted


def _convert(event: ConsentEvent, account_no: str, *, taken: Sequence[ConsentEvent], terms: _Terms) -> NewConversion:
    start = effective_from(event=event, rule=terms.rule)
    reason = _refusal(event, terms.contracts.get(account_no, ()), start)
    if reason is not None:
        return _conversion(event, now=terms.now, outcome="refused", reason=reason)
    if preference(events=[*taken, event], rule=terms.rule) == preference(events=taken, rule=terms.rule):
        return _conversion(event, now=terms.now, outcome="no_change", reason="holds_already")
    effect_zl = _price_effect_zl(event, terms, account_no, start)
    return _conversion(
        event, now=terms.now, outcome="applied", reason=event.kind.value, start=start, effect_zl=effect_zl
    )


def _event(row: Any) -> ConsentEvent:
    return ConsentEvent(
        consent_id=row.consent_id,
        kind=ConsentKind(row.event),
        method=ConsentMethod(row.method),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        terms_version=row.terms_label or "",
        terms_sha256=row.terms_sha256,
        requested_from=row.requested_from,
    )


def _refusal(event: ConsentEvent, contracts: Sequence[Any], start: date) -> str | None:
    if event.kind is ConsentKind.WITHDRAW:
        return None
    lasting = [row for row in contracts if row.valid_until is None or row.valid_until > start]
    return None if lasting else "no_contract"


def _price_effect_zl(event: ConsentEvent, terms: _Terms, account_no: str, start: date) -> Decimal | None:
    """The change of the yearly price; None when no contract or tariff of that day tells it."""
    contracts = terms.contracts.get(account_no, ())
    current = [row for row in contracts if row.valid_until is None or row.valid_until > start]
    if not current:
        return None
    try:
        saved_zl = price_effect_zl_year(
            tariffs=terms.tariffs,
            tariff_class=current[0].tariff_class,
            on=start,
            services={Service(service) for row in current for service in row.services},
        )
    except DataRefused:
        return None
    return -saved_zl if event.kind is ConsentKind.ACCEPT else saved_zl


def _conversion(
    event: ConsentEvent,
    *,
    now: datetime,
    outcome: str,
    reason: str,
    start: date | None = None,
    effect_zl: Decimal | None = None,
) -> NewConversion:
    return NewConversion(
        consent_id=event.consent_id,
        outcome=outcome,
        reason=reason,
        effective_from=start,
        price_effect_zl_year=effect_zl,
        event_at=now,
    )


def _write(
    connection: Connection,
    work: Work,
    *,
    stored: Mapping[str, Sequence[Any]],
    converted: Sequence[Converted],
    terms: _Terms,
) -> None:
    insert_conversions(connection, conversions=[one.conversion for one in converted])
    refused = {one.conversion.consent_id for one in converted if one.conversion.outcome == "refused"}
    preferences = [
        NewPreference(
            account_id=rows[0].account_id,
            channel=span.channel.value,
            valid_from=span.valid_from,
            valid_until=span.valid_until,
            consent_id=span.consent_id,
        )
        for rows in stored.values()
        for span in preference(
            events=[_event(row) for row in rows if row.outcome != "refused" and row.consent_id not in refused],
            rule=terms.rule,
        )
    ]
    account_ids = [rows[0].account_id for rows in stored.values()]
    replace_preferences(connection, account_ids=account_ids, preferences=preferences)
    accepted = [one.stored for one in converted if one.conversion.outcome != "refused" and one.stored.event == "accept"]
    starts = {row.consent_id: effective_from(event=_event(row), rule=terms.rule) for row in accepted}
    settle_addresses(connection, accepted=accepted, starts=starts, recorded_by=work.actor.name)
    append_events(connection, [_evidence(one) for one in converted])


def _evidence(one: Converted) -> Event:
    conversion = one.conversion
    return Event(
        event_at=conversion.event_at,
        subject=f"consent:{conversion.consent_id}",
        kind=f"consent_{conversion.outcome}",
        body={
            "reason": conversion.reason,
            "effective_from": to_data(conversion.effective_from),
            "price_effect_zl_year": to_data(conversion.price_effect_zl_year),
        },
    )


def _by_account(rows: Iterable[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.account_no].append(row)
    return groups
