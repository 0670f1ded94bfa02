"""Accounts that were not billed and wait for their end: ``obieg hold list|show|waive``."""

from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from billing.holds import MEANINGS, HoldCode
from billing.periods import Period
from pipeline import waive_hold
from pipeline.cli.answer import Answer, shown
from pipeline.cli.commands import command_of, person_decides, topic_of
from pipeline.errors import OperatorError
from pipeline.registry.csv import write_csv
from pipeline.work import Work, warsaw_day
from sql.holds import find_hold, open_holds

COLUMNS = ("cycle_key", "account_no", "code", "period", "issue_date", "age_days", "facts", "what_next")


def add(topics: Any) -> None:
    """Register the commands."""
    topic = topic_of(topics, "hold", "accounts that were not billed, until they are billed or waived")
    listing = command_of(topic, "list", "the open holds, with what to do next", list_open)
    listing.add_argument("--code", choices=list(HoldCode), metavar="CODE", help="only this code")
    listing.add_argument("--csv", type=Path, metavar="FILE", help="write them to a file as well")
    show_one = command_of(topic, "show", "one hold: its facts, what to do next, or how it ended", show)
    waive = command_of(topic, "waive", "end a hold without a bill; an approver decides", waive_one)
    for parser in (show_one, waive):
        parser.add_argument("cycle", metavar="CYCLE", help="key of the cycle that held the account")
        parser.add_argument("account", metavar="ACCOUNT", help="number of the account")
    waive.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the decision")
    person_decides(waive)


def list_open(work: Work, options: Namespace) -> Answer:
    """``obieg hold list``."""
    with work.engine.connect() as connection:
        rows = [_listed(row) for row in open_holds(connection, code=options.code)]
    lines = [_line(row) for row in rows]
    for code, count in Counter(row["code"] for row in rows).items():
        lines.append(f"{count} {code}: {MEANINGS[HoldCode(code)]}")
    if options.csv:
        _write(options.csv, rows)
        lines.append(f"written to {options.csv}")
    return Answer(text="\n".join(lines) or "no account is held", data=rows)


def show(work: Work, options: Namespace) -> Answer:
    """``obieg hold show CYCLE ACCOUNT``."""
    with work.engine.connect() as connection:
        row = find_hold(connection, cycle_key=options.cycle, account_no=options.account)
    if row is None:
        raise OperatorError("HOLD_UNKNOWN", f"{options.cycle} has no hold of account {options.account}")
    found = _listed(row) | {"is_open": row.is_open, "outcome": row.outcome, "reason": row.reason, "by": row.resolved_by}
    found |= {"via": row.resolved_via, "ended_at": row.ended_at, "invoice_no": row.invoice_no, "draft": row.draft_cycle}
    lines = [
        f"{row.account_no} in {row.cycle_key}: {row.code}, {MEANINGS[HoldCode(row.code)]}",
        f"  facts   {shown(row.facts)}",
        f"  state   {_state(row)}",
    ]
    return Answer(text="\n".join(lines), data=found)


def waive_one(work: Work, options: Namespace) -> Answer:
    """``obieg hold waive CYCLE ACCOUNT --reason TEXT``."""
    done = waive_hold.run(work, cycle_key=options.cycle, account_no=options.account, reason=options.reason)
    lost = f"; {done['contracts_given_up']} ended contracts are given up" if done["contracts_given_up"] else ""
    text = f"{options.account} in {options.cycle}: {done['code']} is waived by {work.actor.name}{lost}"
    return Answer(text=text, data=done)


def _listed(row: Any) -> dict[str, Any]:
    named = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to a row's names
    period = Period(start=row.period_start, until=row.period_until).word()
    known = named | {"period": period, "what_next": MEANINGS[HoldCode(row.code)]}
    return {name: known[name] for name in COLUMNS if name in known}


def _line(row: dict[str, Any]) -> str:
    known = f"{row['code']:<20} {row['account_no']:<12} {row['cycle_key']:<20} {row['age_days']:>4} days"
    return f"{known}  {shown(row['facts'])}"


def _state(row: Any) -> str:
    if row.is_open:
        return "open"
    if row.outcome is None:
        return "excluded: nobody needs to do anything" if row.excluded else f"not open yet: the cycle is {row.state}"
    on = warsaw_day(row.ended_at)
    match row.outcome:
        case "billed":
            return f"billed with {row.invoice_no} on {on}"
        case "drafted":
            return f"drafted for KSeF with {row.draft_cycle} on {on}"
    return f"waived by {row.resolved_by} ({row.resolved_via}) on {on}: {row.reason}"


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    try:
        write_csv(file, columns=COLUMNS, rows=[[shown(row[name]) for name in COLUMNS] for row in rows])
    except OSError as error:
        raise OperatorError("FILE_UNWRITABLE", f"{file}: {error.strerror}") from None
