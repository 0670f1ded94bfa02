"""Accounts as our registry had them on the old day of issue, with the old system's own readings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    Party,
    PartyKind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
)
from billing.registers import REMOVAL_SOURCE
from pipeline.parallel.files import OldReadingAt, Register

_DAY = timedelta(days=1)
_SOURCE = "old_system"

Rows = Mapping[str, Sequence[Any]]
Readings = Mapping[Register, Sequence[OldReadingAt]]


def snapshots(rows: Rows, *, readings: Readings) -> Iterator[AccountSnapshot]:
    """One snapshot for each account that the registry knows; ids of readings are lines of ``readings.csv``."""
    parties = _grouped(rows["parties"], "account_id")
    contracts = _grouped(rows["contracts"], "account_id")
    installations = _grouped(rows["installations"], "contract_id")
    for account in rows["accounts"]:
        points = [_point(row, installations[row.contract_id], readings) for row in contracts[account.account_id]]
        channel = Channel(account.channel)
        yield AccountSnapshot(
            account_no=account.account_no,
            parties={Role(row.role): _party(row) for row in parties[account.account_id]},
            bank_account="",
            channel=channel,
            carrier=channel,
            email=None,
            consent_id=account.consent_id,
            channel_reason="parallel",
            handed_over_on=account.handed_over_on,
            points=tuple(point for point in points if point is not None),
        )


def _grouped(rows: Iterable[Any], key: str) -> Mapping[int, list[Any]]:
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups


def _party(row: Any) -> Party:
    return Party(
        party_no=row.party_no,
        kind=PartyKind(row.kind),
        name=row.name,
        nip=row.nip,
        address=Address(street=row.street, postcode=row.postcode, city=row.city),
    )


def _point(row: Any, installations: Sequence[Any], readings: Readings) -> PointSnapshot | None:
    """A point under contract; None for an ended contract that this cycle did not bill."""
    keys = [(row.point_no, each.meter_no, each.register) for each in installations]
    newest = max((readings[key][-1].reading.read_on for key in keys if key in readings), default=None)
    registers = [
        made
        for each, key in zip(installations, keys, strict=True)
        if (made := _register(each, row, readings.get(key, ()), newest)) is not None
    ]
    if not row.in_force and all(register.current is None for register in registers):
        return None
    return PointSnapshot(
        point_no=row.point_no,
        address=Address(street=row.street, postcode=row.postcode, city=row.city),
        contract_no=row.contract_no,
        contract_from=row.contract_from,
        contract_until=row.contract_until,
        tariff_class=row.tariff_class,
        services=frozenset(Service(service) for service in row.services),
        registers=tuple(registers),
        points_behind=row.points_behind,
        gmina=row.gmina,
    )


def _register(
    installed: Any, contract: Any, found: Sequence[OldReadingAt], newest: date | None
) -> RegisterSnapshot | None:
    """A register between its two readings under the contract; None when it was not there in this cycle."""
    until = contract.contract_until or date.max
    own = [one for one in found if contract.contract_from - _DAY <= one.reading.read_on <= until] or list(found)
    last_day = newest or contract.period_until
    if not own and (_is_by(installed.removed_on, last_day) or installed.installed_on >= min(last_day, until)):
        return None
    removed_on = installed.removed_on if _is_by(installed.removed_on, last_day) else None
    previous = _reading(own[0], removed_on) if own else _at_installation(installed)
    current = _reading(own[-1], removed_on) if len(own) > 1 else None
    return RegisterSnapshot(
        meter_no=installed.meter_no,
        register=installed.register,
        dials=installed.dials,
        decimals=installed.decimals,
        installed_on=installed.installed_on,
        removed_on=removed_on,
        previous=previous,
        current=current,
        missing_reason=None,
        purpose=installed.purpose,
        water_percent=installed.water_percent,
        sewage_percent=installed.sewage_percent,
        legalised_until=installed.legalised_until,
        diameter_mm=installed.diameter_mm,
    )


def _is_by(removed_on: date | None, day: date) -> bool:
    return removed_on is not None and removed_on <= day


def _reading(one: OldReadingAt, removed_on: date | None) -> Reading:
    read = one.reading
    source = REMOVAL_SOURCE if removed_on == read.read_on else _SOURCE
    return Reading(
        reading_id=one.line_no, read_on=read.read_on, index_m3=read.index_m3, source=source, quality=read.quality
    )


def _at_installation(installed: Any) -> Reading:
    return Reading(
        reading_id=0,
        read_on=installed.installed_on,
        index_m3=Decimal("0.000"),
        source="exchange_install",
        quality="actual",
    )
