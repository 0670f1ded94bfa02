"""approve: a person who did not start the cycle takes responsibility for its figures, or sends it back."""

from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection

from billing.holds import MEANINGS, HoldCode
from billing.polish import format_zl
from billing.reading_checks import Severity
from pipeline.approvers import require_approver
from pipeline.check import totals, totals_sha256
from pipeline.corrections.preview import preview_text
from pipeline.cycles import frozen_utility, has_passed, require_cycle, require_reached
from pipeline.errors import OperatorError
from pipeline.estimate_share import estimate_share
from pipeline.work import Work, step, warsaw_day
from sql.charges import breakdown
from sql.clock import business_now
from sql.cycles import Cycle, find_approval, insert_approval, move_cycle, record
from sql.holds import holds_to_end
from sql.subsidies import subsidies_of_cycle

Decision = Literal["approved", "rejected"]

MOVERS_SHOWN = 5
PURPOSE_WORDS = {
    "first": "first bills of new accounts",
    "final": "final bills, the contracts have ended",
    "released_hold": "bills of accounts that were held",
    "on_demand": "bills on demand",
}


def run(
    work: Work, *, cycle_key: str, decision: Decision, decided_by: str, decided_via: str, note: str
) -> dict[str, int | str]:
    """Record the decision. The same decision again changes nothing; another one is refused.

    A rejection ends the cycle and leaves its key free; anybody may reject, until the invoices are issued.

    Raises:
        OperatorError: ``SELF_APPROVAL``, ``NOT_AN_APPROVER``, ``ISSUE_DATE_PAST``, ``ALREADY_DECIDED``,
            ``ESTIMATES_TOO_MANY``, ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
    """
    with step(work, "approve") as (connection, step_record):
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="writer")
        step_record.cycle_id = cycle.cycle_id
        if _is_decided(connection, cycle, decision):
            step_record.counts = {"already": 1}
        elif decision == "rejected":
            _reject(connection, cycle, decided_by=decided_by, decided_via=decided_via, note=note)
            step_record.counts = {decision: 1}
        else:
            _approve(connection, cycle, decided_by=decided_by, decided_via=decided_via, note=note)
            step_record.counts = {decision: 1}
        return {"decision": decision, **step_record.counts}


def _is_decided(connection: Connection, cycle: Cycle, decision: Decision) -> bool:
    if decision == "rejected":
        return cycle.state == "rejected"
    return has_passed(cycle, state="checked") and find_approval(connection, cycle) is not None


def _approve(connection: Connection, cycle: Cycle, *, decided_by: str, decided_via: str, note: str) -> None:
    if has_passed(cycle, state="checked"):
        raise OperatorError("ALREADY_DECIDED", f"{cycle.cycle_key} is {cycle.state}")
    require_reached(cycle, state="checked")
    if decided_by == cycle.started_by:
        raise OperatorError("SELF_APPROVAL", f"{decided_by} started {cycle.cycle_key}; another approver must answer")
    require_approver(decided_by, approvers=frozen_utility(connection, cycle).utility.approvers)
    today = warsaw_day(business_now(connection))
    if today > cycle.issue_date:
        raise OperatorError("ISSUE_DATE_PAST", f"the issue date {cycle.issue_date} is past; reject and start anew")
    share = estimate_share(connection, cycle)
    if share.verdict is Severity.STOP:
        raise OperatorError(
            "ESTIMATES_TOO_MANY", f"{share.text}; get readings and start anew, or see docs/law/checks.md"
        )
    figures = totals_sha256(connection, cycle)
    insert_approval(
        connection,
        cycle,
        decision="approved",
        decided_by=decided_by,
        decided_via=decided_via,
        note=note,
        totals_sha256=figures,
    )
    body = {"by": decided_by, "via": decided_via, "totals_sha256": figures}
    move_cycle(connection, cycle, source="checked", target="approved", body=body)


def _reject(connection: Connection, cycle: Cycle, *, decided_by: str, decided_via: str, note: str) -> None:
    if cycle.state not in ("opened", "frozen", "checked", "approved"):
        raise OperatorError("ALREADY_DECIDED", f"{cycle.cycle_key} is {cycle.state}, it cannot be rejected any more")
    body = {"by": decided_by, "via": decided_via}
    if cycle.state == "approved":  # the approval stands as it was given; that it was taken back is a new fact
        record(connection, cycle, kind="approval_withdrawn", body=body)
    else:
        insert_approval(
            connection,
            cycle,
            decision="rejected",
            decided_by=decided_by,
            decided_via=decided_via,
            note=note,
            totals_sha256=totals_sha256(connection, cycle),
        )
    move_cycle(connection, cycle, source=cycle.state, target="rejected", body=body)


def summary(work: Work, *, cycle_key: str) -> str:
    """What the approver reads, in Markdown: totals, largest bills, and what is not billed and why."""
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
        if cycle.is_correction:
            return preview_text(connection, cycle)
        found = totals(connection, cycle)
        services = breakdown(connection, cycle=cycle, name="totals_by_service")
        groups = breakdown(connection, cycle=cycle, name="totals_by_group")
        holds = breakdown(connection, cycle=cycle, name="holds_by_code")
        subsidies = _subsidies(connection, cycle)
        movers = breakdown(connection, cycle=cycle, name="movers", most=MOVERS_SHOWN)
        ending = holds_to_end(connection, cycle=cycle)
        share = estimate_share(connection, cycle)
    key = f"`{cycle.cycle_key}` · issue date {cycle.issue_date} · {cycle.payment_days} days to pay"
    accounts = f"{found['eligible']} accounts = {found['charged']} charged + {found['held']} held"
    sums = (
        f"Net {format_zl(found['net_zl'])}, VAT {format_zl(found['vat_zl'])}, gross **{format_zl(found['gross_zl'])}**."
    )
    parts = (
        f"{key} · started by {cycle.started_by}",
        f"Off-cycle: **{PURPOSE_WORDS[cycle.purpose]}**." if cycle.purpose else "",
        f"{accounts} + {found['excluded']} excluded. {sums}",
        "" if share.verdict is Severity.NONE else f"V24: {share.text}.",
        f"Ends {ending} open holds of earlier cycles." if ending or cycle.purpose else "",
        _table(
            ("service", "quantity", "net"),
            [(row.service, f"{row.quantity.normalize():f} {row.unit}", format_zl(row.net_zl)) for row in services],
        ),
        _table(
            ("group", "channel", "invoices", "net"),
            [(row.tariff_group, row.channel, str(row.charges), format_zl(row.net_zl)) for row in groups],
        ),
        subsidies,
        _table(
            ("not billed", "accounts", "what next"),
            [(row.code, str(row.accounts), MEANINGS[HoldCode(row.code)]) for row in holds],
        ),
        _table(
            ("largest bills", "gross", "before"),
            [(row.account_no, format_zl(row.gross_zl), _before(row.previous_gross_zl)) for row in movers],
        ),
    )
    return "\n\n".join(part for part in parts if part)


def _subsidies(connection: Connection, cycle: Cycle) -> str:
    rows: list[tuple[str, ...]] = [
        (
            *(row.gmina, row.service, f"{row.subsidy_zl_m3} {row.mode}"),
            *(f"{row.volume_m3.normalize():f}", format_zl(row.subsidy_zl)),
        )
        for row in subsidies_of_cycle(connection, cycle=cycle)
    ]
    return _table(("subsidy of gmina", "service", "zł per m³", "m³", "amount"), rows)


def _before(gross_zl: Decimal | None) -> str:
    return "–" if gross_zl is None else format_zl(gross_zl)


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
