"""A past cycle of the old system as it comes in: invoices with their lines, and readings by register."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from billing.errors import DataRefused
from billing.old_invoices import OldInvoice, OldLine
from pipeline.errors import OperatorError
from pipeline.import_files import RowResult, read_facts, receive
from pipeline.registry.csv import write_csv
from readings.parallel import (
    INVOICES,
    INVOICES_OPTIONAL,
    LINES,
    LINES_OPTIONAL,
    READINGS,
    OldHead,
    OldReading,
    read_head,
    read_line,
    read_old_reading,
)
from readings.table import read_table

T = TypeVar("T")
Register = tuple[str, str, int]
"""Number of the point, number of the meter, register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldReadingAt:
    """A reading with the line of ``readings.csv`` that it stands in."""

    line_no: int
    reading: OldReading


@dataclass(frozen=True, slots=True, kw_only=True)
class OldCycle:
    """Everything that was handed over of one cycle; readings of a register in the order of their days."""

    invoices: Mapping[str, OldInvoice]
    readings: Mapping[Register, Sequence[OldReadingAt]]
    sha256s: tuple[str, ...]


def read_cycle(folder: Path, *, unreadable: Path) -> OldCycle:
    """The three files of a folder; ``invoices`` by account number.

    Raises:
        OperatorError: ``FILE_MISSING``, or ``PARALLEL_UNREADABLE``, with the rows in the file ``unreadable``.
        DataRefused: ``FILE_UNREADABLE``, ``FILE_HEADER`` or ``FILE_HASH``.
    """
    bad: list[tuple[str, RowResult]] = []
    heads, sha_heads = _rows(folder, "invoices", required=INVOICES, optional=INVOICES_OPTIONAL, read=read_head, bad=bad)
    lines, sha_lines = _rows(folder, "lines", required=LINES, optional=LINES_OPTIONAL, read=read_line, bad=bad)
    readings, sha_readings = _rows(folder, "readings", required=READINGS, optional=(), read=read_old_reading, bad=bad)
    strays = _strays([head for _, head in heads], [(line_no, number) for line_no, (number, _) in lines])
    if bad or strays:
        rows = [(name, row.line_no, row.codes[0], row.note, row.raw) for name, row in bad] + strays
        write_csv(unreadable, columns=("file", "line_no", "code", "note", "raw"), rows=rows)
        first = "; ".join(f"{row[0]} line {row[1]} {row[2]}: {row[3]}" for row in rows[:3])
        raise OperatorError("PARALLEL_UNREADABLE", f"{len(rows)} rows, see {unreadable}: {first}")
    return OldCycle(
        invoices=_invoices([head for _, head in heads], [line for _, line in lines]),
        readings=_by_register(readings),
        sha256s=(sha_heads, sha_lines, sha_readings),
    )


def _rows(
    folder: Path,
    name: str,
    *,
    required: Sequence[str],
    optional: Sequence[str],
    read: Callable[[dict[str, str]], T],
    bad: list[tuple[str, RowResult]],
) -> tuple[list[tuple[int, T]], str]:
    received, refusal = receive(folder / f"{name}.csv", kind="parallel", profile="standard")
    try:
        if refusal is not None:
            raise refusal
        table = read_table(received.content, required=required, optional=optional)
    except DataRefused as error:
        said = str(error).removeprefix(f"{error.code}: ")
        raise DataRefused(error.code, f"{received.path.name}: {said}") from None
    rows, refused = read_facts(table, optional=optional, read=read, prefix="R")
    bad += [(received.path.name, replace(row, codes=(f"P{row.codes[0][1:]}",))) for row in refused]
    return [(line.line_no, fact) for line, fact in rows], received.facts.sha256


def _strays(
    heads: Sequence[OldHead], lines: Sequence[tuple[int, str]]
) -> list[tuple[str, int | str, str, str | None, str]]:
    """Lines of no invoice, and invoices that stand twice."""
    numbers = {head.invoice_no for head in heads}
    found: list[tuple[str, int | str, str, str | None, str]] = [
        ("lines.csv", line_no, "P120", f"invoice_no {number}", "") for line_no, number in lines if number not in numbers
    ]
    seen: set[str] = set()
    for head in heads:
        if head.invoice_no in seen:
            found.append(("invoices.csv", "", "P121", f"invoice_no {head.invoice_no}", ""))
        seen.add(head.invoice_no)
    return found


def _invoices(heads: Sequence[OldHead], lines: Sequence[tuple[str, OldLine]]) -> dict[str, OldInvoice]:
    by_number: dict[str, list[OldLine]] = defaultdict(list)
    for number, line in lines:
        by_number[number].append(line)
    found: dict[str, OldInvoice] = {}
    for head in heads:
        own = tuple(replace(line, tariff_group=line.tariff_group or head.group) for line in by_number[head.invoice_no])
        made = OldInvoice(
            account_no=head.account_no,
            invoice_nos=(head.invoice_no,),
            period=head.period,
            issue_date=head.issue_date,
            channel=head.channel,
            net_zl=head.net_zl,
            vat_zl=head.vat_zl,
            gross_zl=head.gross_zl,
            lines=own,
        )
        before = found.get(head.account_no)
        found[head.account_no] = made if before is None else _together(before, made)
    return found


def _together(one: OldInvoice, other: OldInvoice) -> OldInvoice:
    """Two invoices of one account in one cycle, as if they were one issued with the first."""
    return replace(
        one,
        invoice_nos=one.invoice_nos + other.invoice_nos,
        lines=one.lines + other.lines,
        net_zl=one.net_zl + other.net_zl,
        vat_zl=one.vat_zl + other.vat_zl,
        gross_zl=one.gross_zl + other.gross_zl,
    )


def _by_register(readings: Sequence[tuple[int, OldReading]]) -> dict[Register, list[OldReadingAt]]:
    found: dict[Register, list[OldReadingAt]] = defaultdict(list)
    for line_no, one in sorted(readings, key=lambda pair: (pair[1].read_on, pair[0])):
        found[one.point_no, one.meter_no, one.register].append(OldReadingAt(line_no=line_no, reading=one))
    return dict(found)
