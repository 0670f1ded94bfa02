"""Differences between buildings and their flats, shared out when a cycle is frozen."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from billing.differences import Difference, differences
from billing.holds import HoldCode
from billing.models import Models
from billing.periods import Period
from billing.quantities import NotBillable
from sql.cycles import Cycle
from sql.queries import queries
from sql.snapshot_rows import point_of
from sql.snapshots import measured_at, shared_out, whom

_Q = queries("snapshots")


def settle_differences(
    connection: Connection,
    *,
    cycle: Cycle,
    reading_window: Period,
    cut_days: Sequence[date],
    models: Models,
) -> Mapping[str, str]:
    """Share out what the buildings of the cycle counted beyond their flats, where the flats pay it.

    The point in front by the numbers of contracts whose difference is below zero; their accounts are not billed.
    """
    days = {"start": cycle.period.start, "until": cycle.period.until, "issue_date": cycle.issue_date} | whom(cycle)
    buildings = connection.execute(_Q["accounts_in_front"]).scalars().all()
    if cycle.is_off_cycle or not buildings:
        return {}
    days |= {"named": buildings, "only_named": True}
    taken = [row.account_id for row in connection.execute(_Q["accounts_in_other_cycles"], days)]
    contracts = {
        row.contract_id: row
        for row in connection.execute(_Q["contracts"], days)
        if not row.is_settled and row.points_behind and shared_out(row, models.difference)
    }
    fronts = connection.execute(_Q["fronts"], days | {"contract_ids": list(contracts), "taken": taken}).scalars().all()
    behind, registers = measured_at(
        connection, cycle=cycle, contract_ids=fronts, reading_window=reading_window, cut_days=cut_days
    )
    refused: dict[str, str] = {}
    for contract_id in fronts:
        point = point_of(contracts[contract_id], registers[contract_id], behind=behind[contract_id], beside={})
        found = differences(point, models=models) if point.behind else []
        if isinstance(found, NotBillable):
            if found.code is HoldCode.DIFFERENCE_NEGATIVE:
                refused |= {other.contract_no: point.point_no for other in point.behind}
        elif found:
            _insert_difference(connection, cycle, contract_id, found)
    return refused


def _insert_difference(connection: Connection, cycle: Cycle, contract_id: int, found: Sequence[Difference]) -> None:
    front = {"cycle_id": cycle.cycle_id, "contract_id": contract_id}
    span = {"start": min(one.period.start for one in found), "until": max(one.period.until for one in found)}
    connection.execute(_Q["insert_difference"], front | span)
    indexes = {part.current_reading_id: part.current_index_m3 for one in found for part in one.parts}
    for reading_id, index_m3 in indexes.items():
        connection.execute(_Q["insert_difference_index"], front | {"reading_id": reading_id, "index_m3": index_m3})
    for one in found:
        for contract_no, (before_m3, own_m3, volume_m3) in one.shares.items():
            share = {
                "contract_no": contract_no,
                "service": one.service.value,
                "start": one.period.start,
                "until": one.period.until,
                "of_m3": one.of_m3,
                "before_m3": before_m3,
                "own_m3": own_m3,
                "all_m3": one.all_m3,
                "volume_m3": volume_m3,
            }
            connection.execute(_Q["insert_difference_share"], front | share)
