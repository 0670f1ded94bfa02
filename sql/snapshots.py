"""Frozen inputs: the registry and the readings of a cycle, gathered set-wise into one snapshot per account."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row

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
from billing.canonical import seal
from billing.models import DifferenceModel
from billing.periods import Period
from sql.copying import copy_rows
from sql.cycles import Cycle
from sql.extras import gather_beside
from sql.queries import queries

_Q = queries("snapshots")

AT_ONCE: Final = 5000
"""Accounts gathered at once: what is held in memory does not grow with the town."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One account of the cycle: its snapshot, and the other cycle that already has it, if any."""

    account_id: int
    snapshot: AccountSnapshot
    other_cycle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """Who pays the differences of buildings where a contract names nobody.

    ``refused`` names the point in front, by the numbers of contracts behind it whose difference is below zero.
    """

    usual: DifferenceModel = DifferenceModel.OWNER
    refused: Mapping[str, str] = field(default_factory=dict)


_USUAL: Final = Sharing()


def count_eligible(connection: Connection, *, cycle: Cycle) -> int:
    """How many accounts lie on the cycle's routes, or are named by it."""
    count: int = connection.execute(_Q["count_eligible"], {"issue_date": cycle.issue_date} | whom(cycle)).scalar_one()
    return count


def gather(
    connection: Connection,
    *,
    cycle: Cycle,
    reading_window: Period,
    cut_days: Sequence[date],
    named: Sequence[int] = (),
    sharing: Sharing = _USUAL,
) -> Iterator[Gathered]:
    """Every account of the cycle as it stands now, in the order of account numbers.

    A reading of ``reading_window`` closes the bill; a contract that has ended by the end of the period (for an
    off-cycle by the window's last day) is closed only by its final reading. Readings of ``cut_days`` are kept too.
    With ``named`` (account ids) a cycle that nobody has opened shows how these accounts would be gathered.
    """
    days = {"start": cycle.period.start, "until": cycle.period.until, "issue_date": cycle.issue_date} | whom(cycle)
    days |= {"named": list(named), "only_named": bool(named)}
    others = {row.account_id: row.cycle_key for row in connection.execute(_Q["accounts_in_other_cycles"], days)}
    streamed = _Q["eligible_accounts"].execution_options(stream_results=True, yield_per=AT_ONCE)
    accounts = iter(connection.execute(streamed, days))
    while batch := list(islice(accounts, AT_ONCE)):
        days |= {"named": [row.account_id for row in batch], "only_named": True}
        snapshots = _snapshots(
            connection, batch, days=days, cycle=cycle, window=reading_window, cut_days=cut_days, sharing=sharing
        )
        for account, snapshot in zip(batch, snapshots, strict=True):
            yield Gathered(account_id=account.account_id, snapshot=snapshot, other_cycle=others.get(account.account_id))


def _snapshots(
    connection: Connection,
    accounts: Sequence[Row[Any]],
    *,
    days: Mapping[str, Any],
    cycle: Cycle,
    window: Period,
    cut_days: Sequence[date],
    sharing: Sharing,
) -> Iterator[AccountSnapshot]:
    parties = _grouped(connection.execute(_Q["parties"], days), "account_id")
    contracts = connection.execute(_Q["contracts"], days).all()
    contract_ids = [row.contract_id for row in contracts if not row.is_settled]
    behind, registers = measured_at(
        connection, cycle=cycle, contract_ids=contract_ids, reading_window=window, cut_days=cut_days
    )
    asked = {"contract_ids": [row.contract_id for row in contracts], "cycle_id": cycle.cycle_id}
    shares = _grouped(connection.execute(_Q["difference_shares"], asked), "contract_id")
    beside = gather_beside(
        connection,
        contract_ids=[row.contract_id for row in contracts],
        account_ids=[row.account_id for row in accounts],
        until=cycle.period.until,
        issue_date=cycle.issue_date,
    )
    by_account = _grouped(contracts, "account_id")
    for account in accounts:
        points = [
            point_of(
                row,
                registers[row.contract_id],
                behind=behind[row.contract_id],
                beside={
                    **beside.points.get(row.contract_id, {}),
                    "difference": shared_out(row, sharing.usual),
                    "difference_shares": tuple(_share(one) for one in shares[row.contract_id]),
                    "refused_by": sharing.refused.get(row.contract_no),
                },
            )
            for row in by_account[account.account_id]
        ]
        orders = beside.orders.get(account.account_id, ())
        yield account_snapshot(account, parties[account.account_id], points, orders)


def measured_at(
    connection: Connection,
    *,
    cycle: Cycle,
    contract_ids: Sequence[int],
    reading_window: Period,
    cut_days: Sequence[date],
) -> tuple[Mapping[int, list[Row[Any]]], Mapping[int, list[Row[Any]]]]:
    """Contracts on points behind, and registers, by the ids of the contracts asked for."""
    closing_day = reading_window.last_day if cycle.is_off_cycle else cycle.period.until
    asked = {"contract_ids": list(contract_ids), "issue_date": cycle.issue_date}
    window = {
        "closing_day": closing_day,
        "period_start": cycle.period.start,
        "window_start": reading_window.start,
        "window_until": reading_window.until,
        "cut_days": list(cut_days),
    }
    return (
        _grouped(connection.execute(_Q["behind"], asked), "contract_id"),
        _grouped(connection.execute(_Q["registers"], asked | window), "contract_id"),
    )


def shared_out(row: Row[Any], usual: DifferenceModel) -> str | None:
    """``flats`` where the contracts behind a contract's point pay what its meter counts beyond theirs."""
    named = row.difference or usual.value
    return named if named == DifferenceModel.FLATS else None


def _share(row: Row[Any]) -> DifferenceShare:
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


def whom(cycle: Cycle) -> dict[str, Any]:
    """Which accounts a cycle is for, as queries ask it."""
    return {
        "cycle_id": cycle.cycle_id,
        "off_cycle": cycle.is_off_cycle,
        "all_routes": cycle.route_set == "ALL",
        "routes": cycle.route_set.split("+"),
    }


def _grouped(rows: Iterable[Row[Any]], key: str) -> Mapping[int, list[Row[Any]]]:
    groups: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups


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


def insert_snapshots(connection: Connection, *, cycle: Cycle, gathered: Iterable[tuple[Gathered, int]]) -> int:
    """Write the snapshots with their chunk numbers; how many."""
    return copy_rows(
        connection,
        table="snapshot_account",
        columns=("cycle_id", "account_id", "chunk_no", "content", "sha256"),
        rows=(
            (cycle.cycle_id, account.account_id, chunk_no, sealed.text, sealed.sha256)
            for account, chunk_no in gathered
            for sealed in (seal(account.snapshot),)
        ),
    )


def snapshot_totals(connection: Connection, *, cycle: Cycle) -> Row[Any]:
    """Number of frozen accounts and of chunks, and one hash over all of them."""
    return connection.execute(_Q["snapshot_totals"], {"cycle_id": cycle.cycle_id}).one()


def load_chunk(connection: Connection, *, cycle: Cycle, chunk_no: int) -> list[tuple[int, str]]:
    """Account ids and frozen snapshots (canonical JSON) of a chunk, without those excluded at the freeze."""
    rows = connection.execute(_Q["snapshot_chunk"], {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no})
    return [(row.account_id, row.content) for row in rows]
