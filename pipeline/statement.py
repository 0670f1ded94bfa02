"""The closing statement of a cycle: a ledger that balances, or the list of what does not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.canonical import to_data
from billing.holds import MEANINGS, HoldCode
from billing.polish import format_zl
from pipeline.cycles import require_cycle
from pipeline.outside import OutsideCount, count_outside
from pipeline.work import Work
from sql.charges import breakdown
from sql.cycles import Approval, Cycle, find_approval
from sql.deliveries import listing
from sql.statement import figures, rows

ISSUED_STATES = ("issued", "closed")
ENTRIES_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Customers who changed between paper and e-mail before this cycle, and by how much their yearly price changes."""

    event: str
    outcome: str
    accounts: int
    price_effect_zl_year: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A cycle's figures, and what keeps it from closing.

    ``forgotten`` counts the services of points with days under contract that are neither billed nor held nor
    excluded (None before the issue); ``differences`` are broken equalities, and name those days; ``waiting`` is work
    that has not come to its end yet.
    """

    cycle_key: str
    state: str
    issue_date: date
    purpose: str | None
    started_by: str
    approval: Approval | None
    figures: Mapping[str, Any]
    holds: Mapping[str, int]
    deliveries: Mapping[str, int]
    forgotten: int | None
    outside: OutsideCount | None
    moves: tuple[Move, ...]
    packages: tuple[str, ...]
    differences: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether the cycle may close."""
        return not self.differences and not self.waiting

    def to_data(self) -> Any:
        """Plain data, for machines."""
        return to_data(self) | {"balanced": self.balanced}

    def text(self) -> str:
        """The page that people read."""
        return "\n".join(_lines(self))


def statement(work: Work, *, cycle_key: str) -> Statement:
    """The statement of a cycle as it stands now.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``.
        Retryable: the archive cannot be read.
    """
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
        issued = cycle.state in ISSUED_STATES
        found = dict(figures(connection, cycle=cycle)._mapping)  # noqa: SLF001 - SQLAlchemy's public way to names
        outside = count_outside(connection, work.settings, cycle=cycle) if issued else None
        forgotten = rows(connection, "forgotten_days", cycle=cycle) if issued else []
        return Statement(
            cycle_key=cycle.cycle_key,
            state=cycle.state,
            issue_date=cycle.issue_date,
            purpose=cycle.purpose,
            started_by=cycle.started_by,
            approval=find_approval(connection, cycle),
            figures=found,
            holds={row.code: row.accounts for row in breakdown(connection, cycle=cycle, name="holds_by_code")},
            deliveries={
                f"{row.channel} {row.state}": row.deliveries
                for row in listing(connection, "delivery_counts", cycle_id=cycle.cycle_id)
            },
            forgotten=len(forgotten) if issued else None,
            outside=outside,
            moves=tuple(
                Move(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to names
                for row in rows(connection, "conversions", cycle=cycle)
            ),
            packages=tuple(row.path for row in listing(connection, "packages", cycle_id=cycle.cycle_id)),
            differences=tuple(_differences(found, forgotten, outside)) if issued else (),
            waiting=tuple(_waiting(connection, cycle)),
        )


def _equalities(found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        "eligible = issued + held + excluded": (
            found["eligible"],
            found["invoiced"] + found["held"] + found["excluded"],
        ),
        "invoices = approved charges - holds at issue": (
            found["invoices"],
            found["charges_to_issue"],
        ),
        "invoices = documents": (found["invoices"], found["documents"]),
        "invoices = invoices with a delivery": (found["invoices"], found["invoices_with_delivery"]),
        "sum of lines = sum of invoices (net)": (found["lines_net_zl"], found["invoices_net_zl"]),
        "sum of charges = sum of invoices (gross)": (found["charged_gross_zl"], found["invoices_gross_zl"]),
        "net + VAT = gross": (found["invoices_net_zl"] + found["invoices_vat_zl"], found["invoices_gross_zl"]),
        "sum of subsidies of lines = of invoices (net)": (
            found["lines_subsidy_net_zl"],
            found["invoices_subsidy_net_zl"],
        ),
        "sum of subsidies of lines = of invoices (gross)": (
            found["lines_subsidy_gross_zl"],
            found["invoices_subsidy_gross_zl"],
        ),
        "payable + subsidies = gross": (
            found["invoices_payable_zl"] + found["lines_subsidy_gross_zl"],
            found["invoices_gross_zl"],
        ),
        "series with gaps = 0": (found["series_with_gaps"], 0),
    }


def _differences(
    found: Mapping[str, Any], forgotten: Sequence[Row[Any]], outside: OutsideCount | None
) -> Iterator[str]:
    for name, (left, right) in _equalities(found).items():
        if left != right:
            yield f"{name}: {left} against {right}"
    for row in forgotten:
        yield f"forgotten: account {row.account_no}, point {row.point_no}, {row.service}, days {row.days}"
    if outside is not None:
        yield from outside.differences


def _waiting(connection: Connection, cycle: Cycle) -> Iterator[str]:
    if cycle.state in ("opened", "frozen", "checked", "approved"):
        yield f"the cycle is {cycle.state}"
    for row in rows(connection, "deliveries_open", cycle=cycle):
        yield f"{row.invoice_no} by {row.channel} is {row.state}"


def _lines(made: Statement) -> Iterator[str]:
    found = made.figures
    key = f"{made.cycle_key} · {made.purpose}" if made.purpose else made.cycle_key
    yield f"Cycle {key} · {made.state} · issue date {made.issue_date} · started by {made.started_by}"
    if made.approval:
        yield f"  {made.approval.decision} by {made.approval.decided_by}: {made.approval.note or '(no note)'}"
    sides = f"{found['invoiced']} issued + {found['held']} held + {found['excluded']} excluded"
    yield f"  accounts    {found['eligible']} eligible = {sides}"
    if found["looked_at"]:
        yield f"  corrections {found['invoices']} of {found['looked_at']} invoices"
    for code, accounts in made.holds.items():
        yield f"              {accounts:>6} {code}: {MEANINGS[HoldCode(code)]}"
    if not found["invoices"]:
        yield f"  charged     {found['charged']} accounts, gross {format_zl(found['charged_gross_zl'])}"
    else:
        net, vat, gross = (format_zl(found[f"invoices_{part}_zl"]) for part in ("net", "vat", "gross"))
        yield f"  amounts     net {net} + VAT {vat} = gross {gross}; lines net {format_zl(found['lines_net_zl'])}"
        yield from _subsidies(found)
        yield f"  invoices    {found['first_no']} … {found['last_no']}, {found['documents']} documents"
    if made.forgotten is not None:
        yield f"  complete    {made.forgotten} services of points under contract with days neither billed nor held"
    yield from _outcome(made)


def _subsidies(found: Mapping[str, Any]) -> Iterator[str]:
    net_zl, gross_zl = found["invoices_subsidy_net_zl"], found["invoices_subsidy_gross_zl"]
    if net_zl or gross_zl:
        gminas = f"gminas pay {format_zl(net_zl)} net and {format_zl(gross_zl)} gross"
        yield f"  subsidies   {gminas}; payable {format_zl(found['invoices_payable_zl'])}"


def _outcome(made: Statement) -> Iterator[str]:
    if made.deliveries:
        yield "  deliveries  " + ", ".join(f"{count} {name}" for name, count in made.deliveries.items())
    if made.outside:
        yield f"  outside     {made.outside.text}"
    yield from (f"  moved       {_move(move)}" for move in made.moves)
    yield from (f"  print       {path}" for path in made.packages)
    for word, entries in (("DIFFERENCE", made.differences), ("WAITING", made.waiting)):
        yield from (f"  {word:<11} {entry}" for entry in entries[:ENTRIES_SHOWN])
        if len(entries) > ENTRIES_SHOWN:
            yield f"  {word:<11} and {len(entries) - ENTRIES_SHOWN} more"
    yield f"  => {'BALANCED' if made.balanced else 'NOT BALANCED'}"


def _move(move: Move) -> str:
    verb = {"accept": "accepted e-faktura", "withdraw": "went back to paper"}[move.event]
    effect = move.price_effect_zl_year or Decimal(0)
    words = "oszczędza" if effect < 0 else "dopłaca"
    price = f" ({words} {format_zl(abs(effect))} rocznie)" if effect else ""
    return f"{move.accounts} {verb}, {move.outcome}{price}"
