"""Quantities that contracts name: a row follows the one before it and ends it, so a change of persons is a row."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection

from pipeline.registry.rows import Decision
from pipeline.registry.write import Plan, Rows, named
from readings.checks import Outcome
from readings.fields import RowRefused
from readings.registry_facts import QuantityRow
from readings.table import Line
from sql import registry
from sql.registry import Source

_Key = tuple[str, str]
_Stored = tuple[str, str, date]


@dataclass(slots=True, kw_only=True)
class QuantityBook:
    """What became of the rows: those to write, by line, with their last day, and the days on which stored ones end."""

    newest: dict[_Key, tuple[QuantityRow, int | None]]
    decisions: list[Decision[QuantityRow]] = field(default_factory=list)
    untils: dict[int, date | None] = field(default_factory=dict)
    ended: dict[_Stored, date] = field(default_factory=dict)

    def take(self, line: Line, row: QuantityRow, services: Mapping[str, Collection[str]]) -> None:
        """One row, later or the same as the newest one of its contract and service."""
        before, before_line = self.newest.get((row.contract_no, row.service), (None, None))
        try:
            _check_service(row, services)
            if before is not None and _says(before, row):
                self.decisions.append(Decision(line=line, outcome=Outcome.DUPLICATE, fact=row))
                return
            self._follow(before, before_line, row)
        except RowRefused as refusal:
            outcome = Outcome.QUARANTINED if refusal.code == "R201" else Outcome.REJECTED
            decision = Decision(line=line, outcome=outcome, fact=row, code=refusal.code, note=refusal.note)
            self.decisions.append(decision)
            return
        self.untils[line.line_no] = row.valid_until
        self.newest[row.contract_no, row.service] = row, line.line_no
        self.decisions.append(Decision(line=line, outcome=Outcome.ACCEPTED, fact=row))

    def _follow(self, before: QuantityRow | None, before_line: int | None, row: QuantityRow) -> None:
        if before is None or (before.valid_until is not None and before.valid_until <= row.valid_from):
            return
        if before.valid_from == row.valid_from:
            raise RowRefused("R201", f"another quantity holds from {row.valid_from} on")
        if before.valid_from > row.valid_from or before.valid_until is not None:
            raise RowRefused(
                "R112", f"a quantity holds from {before.valid_from} to {before.valid_until or 'further on'}"
            )
        if before_line is None:
            self.ended[before.contract_no, before.service, before.valid_from] = row.valid_from
        else:
            self.untils[before_line] = row.valid_from


def _check_service(row: QuantityRow, services: Mapping[str, Collection[str]]) -> None:
    if row.service not in services.get(row.contract_no, ()):
        raise RowRefused("R121", f"contract_no {row.contract_no}, service {row.service}")


def quantity_book(
    rows: Iterable[tuple[Line, QuantityRow]],
    *,
    known: Iterable[QuantityRow],
    services: Mapping[str, Collection[str]],
) -> QuantityBook:
    """Rows in the order of their days; ``known`` are the stored ones, oldest first, ``services`` those of contracts."""
    book = QuantityBook(newest={(row.contract_no, row.service): (row, None) for row in known})
    for line, row in sorted(rows, key=lambda pair: (pair[1].valid_from, pair[0].line_no)):
        book.take(line, row, services)
    return book


def plan_quantities(connection: Connection, rows: Rows, _now: datetime) -> Plan:
    """New quantities, and the end of those that they follow."""
    numbers = {row.contract_no for _, row in rows}
    contracts = registry.find(connection, "contracts", keys=numbers)
    services = {row.contract_no: frozenset(row.services) for row in contracts}
    known = [QuantityRow(**named(row)) for row in registry.find(connection, "quantities", keys=numbers)]
    book = quantity_book(rows, known=known, services=services)

    def write(connection: Connection, source: Source) -> None:
        ids = registry.ids_by_no(connection, "contract_ids", keys=numbers)
        for key, until in book.ended.items():
            registry.end_quantity(connection, key=key, until=until, source=source)
        taken = [(one.line.line_no, one.fact) for one in book.decisions if one.outcome is Outcome.ACCEPTED]
        registry.insert_facts(
            connection,
            table="contract_quantity",
            columns=("contract_id", "service", "basis", "norm", "persons", "m3_month", "valid"),
            rows=(
                (
                    line_no,
                    (
                        *(ids[row.contract_no], row.service, row.basis, row.norm, row.persons, row.m3_month),
                        registry.valid(row.valid_from, book.untils[line_no]),
                    ),
                )
                for line_no, row in taken
            ),
            source=source,
        )

    return book.decisions, write


def _says(before: QuantityRow, row: QuantityRow) -> bool:
    """Whether a row repeats the newest one: on its first day, or without an end on a later one."""
    told = ("basis", "norm", "persons", "m3_month")
    same = all(getattr(before, name) == getattr(row, name) for name in told)
    if before.valid_from == row.valid_from:
        return same and row.valid_until in (None, before.valid_until)
    return same and before.valid_until is None and row.valid_until is None and before.valid_from < row.valid_from
