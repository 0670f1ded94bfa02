"""What the approver of a run of corrections reads: before, after and difference, and what is not corrected and why."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row

from billing.holds import MEANINGS, HoldCode
from billing.polish import format_zl
from pipeline.check import totals
from pipeline.cycles import require_cycle
from pipeline.errors import OperatorError
from pipeline.work import Work
from sql.charges import breakdown
from sql.corrections import find_run, found
from sql.cycles import Cycle

SHOWN = 10
CAUSES = {
    "readings": "other readings",
    "prices": "rated again by the tariffs as they are now",
    "reversal": "a whole cycle is reversed, nothing of it has left",
}


def preview(work: Work, *, cycle_key: str, most: int | None = None) -> dict[str, Any]:
    """A run of corrections as plain data: cause, readings, sums, and ``most`` of its drafts (None: all).

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``, or ``CORRECTION_UNKNOWN`` when the key is that of a billing cycle.
    """
    with work.engine.connect() as connection:
        cycle = require_run(connection, cycle_key=cycle_key)
        run = find_run(connection, cycle_id=cycle.cycle_id)
        return {
            "cycle_key": cycle.cycle_key,
            "state": cycle.state,
            "cause": run.cause,
            "reason": run.reason,
            "order_id": run.order_id,
            "reverses": run.reversed_key,
            "issue_date": cycle.issue_date,
            "started_by": cycle.started_by,
            "looked_at": run.invoices,
            "readings": _plain(connection, "run_readings", cycle),
            "tariffs_new": _plain(connection, "unbilled_tariffs", cycle),
            "sums": dict(found(connection, "sums_of_run", cycle_id=cycle.cycle_id)[0]._mapping),  # noqa: SLF001 - SQLAlchemy's public way
            "held": _plain(connection, "held_accounts", cycle),
            "drafts": _plain(connection, "drafts_of_run", cycle, most=most),
        }


def require_run(connection: Connection, *, cycle_key: str) -> Cycle:
    """The run of that key.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN`` or ``CORRECTION_UNKNOWN``.
    """
    cycle = require_cycle(connection, cycle_key=cycle_key)
    if not cycle.is_correction:
        raise OperatorError("CORRECTION_UNKNOWN", f"{cycle_key} is no run of corrections; see obieg correction list")
    return cycle


def preview_text(connection: Connection, cycle: Cycle) -> str:
    """The approver's page, in Markdown."""
    return "\n\n".join(part for part in _parts(connection, cycle) if part)


def _parts(connection: Connection, cycle: Cycle) -> Iterator[str]:
    run = find_run(connection, cycle_id=cycle.cycle_id)
    sums = found(connection, "sums_of_run", cycle_id=cycle.cycle_id)[0]
    counts = totals(connection, cycle)
    yield f"`{cycle.cycle_key}` · issue date {cycle.issue_date} · started by {cycle.started_by}"
    yield f"Corrections: **{CAUSES[run.cause]}**{f', cycle `{run.reversed_key}`' if run.reversed_key else ''}."
    yield f"Reason, as it will be printed: {run.reason}"
    accounts = f"{sums.corrections} of {run.invoices} invoices are corrected, of {sums.accounts} accounts"
    yield f"{accounts}; {counts['held']} accounts held, {counts['excluded']} without a difference."
    yield _table(
        ("", "net", "gross"),
        [
            ("before", format_zl(sums.before_net_zl), format_zl(sums.before_gross_zl)),
            ("after", format_zl(sums.after_net_zl), format_zl(sums.after_gross_zl)),
            ("**difference**", format_zl(counts["net_zl"]), f"**{format_zl(counts['gross_zl'])}**"),
            (f"{sums.up} up", "", format_zl(sums.up_gross_zl)),
            (f"{sums.down} down", "", format_zl(sums.down_gross_zl)),
        ],
    )
    yield _table(
        ("reading", "meter", "day", "was", "becomes"),
        [
            (str(row.reading_id), row.meter_no, str(row.read_on), f"{row.was_m3} m³", f"{row.index_m3} m³")
            for row in found(connection, "run_readings", cycle_id=cycle.cycle_id)
        ],
    )
    for row in found(connection, "unbilled_tariffs", cycle_id=cycle.cycle_id):
        yield f"**New tariff file** `{row.name}`, sha256 {row.sha256[:12]}…: with this run every cycle bills by it."
    yield _table(
        ("not corrected", "accounts", "what next"),
        [
            (row.code, str(row.accounts), MEANINGS[HoldCode(row.code)])
            for row in breakdown(connection, cycle=cycle, name="holds_by_code")
        ],
    )
    drafts = found(connection, "drafts_of_run", cycle_id=cycle.cycle_id, most=SHOWN)
    yield _table(("largest differences", "invoice", "before", "after", "difference"), [_draft(row) for row in drafts])


def _draft(row: Row[Any]) -> tuple[str, ...]:
    amounts = (row.before_gross_zl, row.after_gross_zl, row.gross_zl)
    return (row.account_no, row.invoice_no, *(format_zl(amount) for amount in amounts))


def _plain(connection: Connection, name: str, cycle: Cycle, **parameters: Any) -> list[dict[str, Any]]:
    rows = found(connection, name, cycle_id=cycle.cycle_id, **parameters)
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public way


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
