"""Snapshots of accounts from the rows that were gathered for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    DifferenceShare,
    Party,
    PartyKind,
    PointBehind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
    Unmetered,
)
from billing.beside_meters import ServiceOrder
from billing.periods import Period


def share_of(row: Row[Any]) -> DifferenceShare:
    """A share in the difference of a building from its row."""
    return DifferenceShare(
        share_id=row.share_id,
        front_point_no=row.front_point_no,
        service=Service(row.service),
        period=Period(start=row.period_start, until=row.period_until),
        of_m3=row.of_m3,
        before_m3=row.before_m3,
        own_m3=row.own_m3,
        all_m3=row.all_m3,
        volume_m3=row.volume_m3,
    )


def account_snapshot(
    account: Row[Any],
    parties: Iterable[Row[Any]],
    points: Iterable[PointSnapshot],
    orders: tuple[ServiceOrder, ...] = (),
) -> AccountSnapshot:
    """An account from its rows: of the query ``eligible_accounts``, and of its parties."""
    channel = Channel(account.channel)
    reachable = account.email is not None and account.email_state == "confirmed"
    carrier = Channel.EMAIL if channel is Channel.EMAIL and reachable else Channel.PAPER
    if channel is Channel.PAPER:
        reason = "no_consent"
    else:
        reason = "consent" if reachable else f"address_{account.email_state or 'missing'}"
    return AccountSnapshot(
        account_no=account.account_no,
        parties={Role(row.role): _party(row) for row in parties},
        bank_account=account.bank_account,
        channel=channel,
        carrier=carrier,
        email=account.email if carrier is Channel.EMAIL else None,
        consent_id=account.consent_id,
        channel_reason=reason,
        standing_from=account.standing_from,
        handed_over_on=account.handed_over_on,
        waived_months=tuple(account.waived_months),
        orders=orders,
        points=tuple(points),
    )


def _party(row: Row[Any]) -> Party:
    return Party(
        party_no=row.party_no,
        kind=PartyKind(row.kind),
        name=row.name,
        nip=row.nip,
        address=Address(street=row.street, postcode=row.postcode, city=row.city),
    )


def point_of(
    row: Row[Any], registers: Sequence[Row[Any]], *, behind: Iterable[Row[Any]], beside: Mapping[str, Any]
) -> PointSnapshot:
    """A row of ``contracts`` with its registers, and what lies behind and beside them."""
    return PointSnapshot(
        point_no=row.point_no,
        address=Address(street=row.street, postcode=row.postcode, city=row.city),
        contract_no=row.contract_no,
        contract_from=row.contract_from,
        contract_until=row.contract_until,
        tariff_class=row.tariff_class,
        services=frozenset(Service(service) for service in row.services),
        registers=tuple(_register(register) for register in registers if register.behind_id is None),
        points_behind=row.points_behind,
        gmina=row.gmina,
        is_settled=row.is_settled,
        standing_from=row.standing_from,
        unmetered=tuple(_unmetered(data) for data in row.unmetered or ()),
        behind=tuple(made for one in behind if (made := _behind(one, registers)).registers),
        other_contracts=_periods(row.other_contracts),
        **beside,
    )


def _behind(row: Row[Any], registers: Iterable[Row[Any]]) -> PointBehind:
    return PointBehind(
        point_no=row.point_no,
        contract_no=row.contract_no,
        contract_from=row.contract_from,
        contract_until=row.contract_until,
        services=frozenset(Service(service) for service in row.services),
        registers=tuple(_register(register) for register in registers if register.behind_id == row.behind_id),
        other_contracts=_periods(row.other_contracts),
    )


def _periods(data: Iterable[Mapping[str, str | None]] | None) -> tuple[Period, ...]:
    """Half-open ranges; one that nobody has ended lasts as long as days do."""
    days = ((one["start"], one["until"]) for one in data or ())
    return tuple(
        Period(
            start=date.fromisoformat(start) if start else date.min,
            until=date.fromisoformat(until) if until else date.max,
        )
        for start, until in days
    )


def _unmetered(data: Mapping[str, Any]) -> Unmetered:
    valid_from, valid_until, billed_until = (
        date.fromisoformat(data[name]) if data[name] else None for name in ("valid_from", "valid_until", "billed_until")
    )
    if valid_from is None:
        raise AssertionError("a quantity of a contract has a first day")
    return Unmetered(
        service=Service(data["service"]),
        basis=data["basis"],
        norm=data["norm"],
        persons=data["persons"],
        m3_month=None if data["m3_month"] is None else Decimal(data["m3_month"]),
        valid_from=valid_from,
        valid_until=valid_until,
        billed_until=billed_until,
    )


def _register(row: Row[Any]) -> RegisterSnapshot:
    return RegisterSnapshot(
        meter_no=row.meter_no,
        register=row.register,
        dials=row.dials,
        decimals=row.decimals,
        installed_on=row.installed_on,
        removed_on=row.removed_on,
        previous=replace(
            _reading(row.previous_id, row.previous_on, row.previous_m3, row.previous_source, row.previous_quality),
            billed_index_m3=row.previous_billed_m3,
        ),
        current=None
        if row.current_id is None
        else _reading(row.current_id, row.current_on, row.current_m3, row.current_source, row.current_quality),
        missing_reason=row.missing_reason,
        purpose=row.purpose,
        water_percent=row.water_percent.normalize() + 0,
        sewage_percent=row.sewage_percent.normalize() + 0,
        legalised_until=row.legalised_until,
        between=tuple(_known(data) for data in row.known),
        diameter_mm=row.diameter_mm,
    )


def _known(data: Mapping[str, Any]) -> Reading:
    return _reading(
        data["reading_id"],
        date.fromisoformat(data["read_on"]),
        Decimal(data["index_m3"]),
        data["source"],
        data["quality"],
    )


def _reading(reading_id: int, read_on: date, index_m3: Decimal, source: str, quality: str) -> Reading:
    return Reading(reading_id=reading_id, read_on=read_on, index_m3=index_m3, source=source, quality=quality)
