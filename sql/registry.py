"""The registry: parties, accounts, points, contracts, meters and addresses, by the numbers that files name them by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from sql.copying import copy_rows, days
from sql.queries import queries

_Q = queries("registry")
_SOURCE = ("file_id", "line_no", "change_id", "recorded_by")
ALWAYS = "(,)"
"""The days of a fact of which nobody has said when it began or will end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What brought something, a file or a person's change, and who wrote it down; a row of a file adds its line."""

    recorded_by: str
    file_id: int | None = None
    change_id: int | None = None

    def of_line(self, line_no: int) -> tuple[int | None, int | None, int | None, str]:
        """What a row says of where it came from."""
        return self.file_id, None if self.file_id is None else line_no, self.change_id, self.recorded_by


def find(connection: Connection, kind: str, *, keys: Iterable[str], point_nos: Iterable[str] = ()) -> Sequence[Any]:
    """What the registry has of one kind (a name of ``registry.sql``) under the keys, or at the points."""
    parameters = {"keys": sorted(set(keys))}
    if kind in {"contracts", "installations"}:
        parameters["point_nos"] = sorted(set(point_nos))
    return connection.execute(_Q[kind], parameters).all()


def ids_by_no(connection: Connection, kind: str, *, keys: Iterable[str]) -> dict[str, int]:
    """Ids by number (``kind``: ``party_ids``, ``account_ids`` and so on); unknown numbers are left out."""
    rows = find(connection, kind, keys=keys)
    return {str(row[1]): int(row[0]) for row in rows}


def insert_facts(
    connection: Connection,
    *,
    table: str,
    columns: Sequence[str],
    rows: Iterable[tuple[int, Sequence[Any]]],
    source: Source,
) -> int:
    """Write rows of (line number, values of ``columns``) of one registry table by COPY; how many."""
    return copy_rows(
        connection,
        table=table,
        columns=(*columns, *_SOURCE),
        rows=((*values, *source.of_line(line_no)) for line_no, values in rows),
    )


def valid(start: date, until: date | None) -> str:
    """The half-open range as it is copied."""
    return days(start, until)


def end_account_party(
    connection: Connection, *, account_no: str, role: str, valid_from: date, until: date, ended_by: str
) -> None:
    """End what a party is to an account."""
    parameters = {"account_no": account_no, "role": role, "valid_from": valid_from, "valid_until": until}
    parameters["ended_by"] = ended_by
    _one(connection, "end_account_party", parameters)


def end_contract(connection: Connection, *, contract_no: str, until: date, ended_by: str) -> None:
    """End a contract."""
    _one(connection, "end_contract", {"contract_no": contract_no, "valid_until": until, "ended_by": ended_by})


def remove_installation(connection: Connection, *, installation_id: int, removed_on: date, source: Source) -> None:
    """Note the day on which a meter was taken away."""
    parameters = {"installation_id": installation_id, "removed_on": removed_on, "ended_by": source.recorded_by}
    _one(connection, "remove_installation", parameters | {"change_id": source.change_id})


def end_quantity(connection: Connection, *, key: tuple[str, str, date], until: date, source: Source) -> None:
    """End what a contract says of a service; ``key`` is its contract, service and first day."""
    contract_no, service, valid_from = key
    parameters = {"contract_no": contract_no, "service": service, "valid_from": valid_from, "valid_until": until}
    _one(connection, "end_quantity", parameters | {"ended_by": source.recorded_by, "change_id": source.change_id})


def end_route_stop(connection: Connection, *, stop_id: int, until: date) -> None:
    """End a point's place in a walk; the first day itself when it never held."""
    _one(connection, "end_route_stop", {"stop_id": stop_id, "valid_until": until})


def _one(connection: Connection, name: str, parameters: Mapping[str, Any]) -> None:
    if connection.execute(_Q[name], parameters).rowcount != 1:
        raise LookupError(f"{name} did not change one row: {dict(parameters)}")
