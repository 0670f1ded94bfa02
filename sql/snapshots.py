"""Frozen inputs: the registry and the readings of a cycle, gathered set-wise into one snapshot per account."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row

from billing.accounts import (
    AccountSnapshot,
)
from billing.canonical import seal
from billing.models import DifferenceModel
from billing.periods import Period
from sql.copying import copy_rows
from sql.cycles import Cycle
from sql.extras import gather_beside
from sql.queries import queries
from sql.snapshot_rows import account_snapshot, point_of, share_of

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
                    "difference_shares": tuple(share_of(one) for one in shares[row.contract_id]),
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
    return [(account_id, content) for account_id, content in rows]
