"""Claims on gminas: what each of them owes the utility for the subsidised lines of issued invoices.

Derived from the lines as they were billed, by issue date: no day is billed twice, so none is claimed twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.money import ZERO_ZL
from billing.subsidies import SubsidyMode
from billing.vat import VatModel, vat_sums
from pipeline.errors import OperatorError
from pipeline.registry.csv import write_csv
from pipeline.work import Work
from sql.subsidies import claimed_lines, known_gminas


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedLine:
    """One line of an issued invoice with what the gmina pays of it; ``period_until`` does not belong any more."""

    gmina: str
    invoice_no: str
    issue_date: date
    account_no: str
    point_no: str
    service: str
    period_from: date
    period_until: date
    tariff_group: str
    volume_m3: Decimal
    mode: SubsidyMode
    subsidy_zl_m3: Decimal
    subsidy_zl: Decimal
    vat_rate: Decimal
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The lines of one gmina, group, service and rate; ``subsidy_zl`` is net in ``net`` mode, else gross."""

    gmina: str
    tariff_group: str
    service: str
    mode: SubsidyMode
    subsidy_zl_m3: Decimal
    vat_rate: Decimal
    basis: str
    invoices: int
    volume_m3: Decimal
    subsidy_zl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GminaTotal:
    """What a gmina owes: net subsidies with the VAT on their sum of each rate, and gross ones, whose VAT is paid."""

    gmina: str
    invoices: int
    net_zl: Decimal
    vat_zl: Decimal
    off_gross_zl: Decimal
    claim_zl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyClaims:
    """Invoices issued from ``start`` up to, not including, ``until``."""

    start: date
    until: date
    claims: tuple[Claim, ...]
    totals: tuple[GminaTotal, ...]
    lines: tuple[ClaimedLine, ...]


def run(
    work: Work, *, start: date, until: date, gmina: str | None = None, csv_file: Path | None = None
) -> SubsidyClaims:
    """The claims of a period on all gminas or on one; ``csv_file`` gets the supporting list, line by line.

    Raises:
        OperatorError: ``PERIOD_WRONG``, the period ends before it begins; ``GMINA_UNKNOWN``, no tariff that a cycle has
            used names it; ``FILE_UNWRITABLE``, the list cannot be written.
    """
    if until <= start:
        raise OperatorError("PERIOD_WRONG", f"--until {until} must lie after --from {start}; it does not belong itself")
    with work.engine.connect() as connection:
        known = known_gminas(connection)
        if gmina is not None and gmina not in known:
            raise OperatorError("GMINA_UNKNOWN", f"no cycle knows a subsidy of {gmina!r}: {', '.join(known) or 'none'}")
        rows = claimed_lines(connection, start=start, until=until, gmina=gmina)
    lines = tuple(_line(row) for row in rows)
    if csv_file is not None:
        _write(csv_file, lines)
    totals = tuple(_total(name, of_gmina) for (name,), of_gmina in _grouped(lines, ("gmina",)))
    return SubsidyClaims(start=start, until=until, claims=tuple(_claims(lines)), totals=totals, lines=lines)


def _line(row: Any) -> ClaimedLine:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to a row's names
    values["mode"] = SubsidyMode(values["mode"])
    return ClaimedLine(**values)


def _claims(lines: Iterable[ClaimedLine]) -> Iterator[Claim]:
    names = ("gmina", "tariff_group", "service", "mode", "subsidy_zl_m3", "vat_rate", "basis")
    for key, alike in _grouped(lines, names):
        yield Claim(
            **dict(zip(names, key, strict=True)),
            invoices=_invoices(alike),
            volume_m3=sum((line.volume_m3 for line in alike), Decimal(0)),
            subsidy_zl=sum((line.subsidy_zl for line in alike), ZERO_ZL),
        )


def _total(gmina: str, lines: Sequence[ClaimedLine]) -> GminaTotal:
    nets = [(line.vat_rate, line.subsidy_zl) for line in lines if line.mode is SubsidyMode.NET]
    sums = vat_sums(lines=nets, model=VatModel.ON_RATE_SUM)
    off_gross_zl = sum((line.subsidy_zl for line in lines if line.mode is SubsidyMode.GROSS), ZERO_ZL)
    return GminaTotal(
        gmina=gmina,
        invoices=_invoices(lines),
        net_zl=sum((part.net_zl for part in sums), ZERO_ZL),
        vat_zl=sum((part.vat_zl for part in sums), ZERO_ZL),
        off_gross_zl=off_gross_zl,
        claim_zl=sum((part.gross_zl for part in sums), off_gross_zl),
    )


def _grouped(lines: Iterable[ClaimedLine], names: Sequence[str]) -> list[tuple[tuple[Any, ...], list[ClaimedLine]]]:
    groups: dict[tuple[Any, ...], list[ClaimedLine]] = defaultdict(list)
    for line in lines:
        groups[tuple(getattr(line, name) for name in names)].append(line)
    return sorted(groups.items())


def _invoices(lines: Iterable[ClaimedLine]) -> int:
    return len({line.invoice_no for line in lines})


def _write(path: Path, lines: Iterable[ClaimedLine]) -> None:
    columns = [field.name for field in fields(ClaimedLine)]
    try:
        write_csv(path, columns=columns, rows=([getattr(line, name) for name in columns] for line in lines))
    except OSError as error:
        raise OperatorError("FILE_UNWRITABLE", f"{path}: {error.strerror}") from None
