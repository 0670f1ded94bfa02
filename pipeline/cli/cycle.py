"""Commands for billing cycles."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline import approve as approval
from pipeline import drafts as ksef
from pipeline import open_cycle, statement
from pipeline.cli.answer import Answer, shown
from pipeline.cli.csv_file import list_answer
from pipeline.cli.proceed import proceed, step_line
from pipeline.open_cycle import CycleOrder
from pipeline.work import Work
from sql.cycles import list_cycles

LIST_COLUMNS = (
    *("cycle_key", "period_start", "period_until", "route_set", "revision", "issue_date"),
    *("dry_run", "state", "started_by", "airflow_run_id"),
)


def run(work: Work, options: Namespace) -> Answer:
    """``obieg cycle run``: opens a cycle and takes it to the approval."""
    order = CycleOrder(
        period=options.period,
        route_set=options.route_set,
        issue_date=options.issue_date,
        payment_days=options.payment_days,
        dry_run=options.dry_run,
    )
    return start(work, options, order=order)


def start(work: Work, options: Namespace, *, order: CycleOrder) -> Answer:
    """Open what is ordered, here or through Airflow, and take it to the approval."""
    if options.airflow:
        return _through_airflow(work, options, order=order)
    opened = open_cycle.run(work, order=order)
    tell(step_line("open", opened))
    return proceeded(work, opened["cycle_key"])


def go_on(work: Work, options: Namespace) -> Answer:
    """``obieg cycle continue KEY``."""
    return proceeded(work, options.key)


def approve(work: Work, options: Namespace) -> Answer:
    """``obieg cycle approve KEY``."""
    return _decide(work, options, "approved")


def reject(work: Work, options: Namespace) -> Answer:
    """``obieg cycle reject KEY``."""
    return _decide(work, options, "rejected")


def show(work: Work, options: Namespace) -> Answer:
    """``obieg cycle show KEY``."""
    found = statement.statement(work, cycle_key=options.key)
    return Answer(text=found.text(), data=found.to_data())


def summary(work: Work, options: Namespace) -> Answer:
    """``obieg cycle summary KEY``."""
    text = approval.summary(work, cycle_key=options.key)
    return Answer(text=text, data={"cycle_key": options.key, "summary": text})


def list_all(work: Work, options: Namespace) -> Answer:
    """``obieg cycle list``."""
    with work.engine.connect() as connection:
        rows = [dict(row._mapping) for row in list_cycles(connection)]  # noqa: SLF001 - SQLAlchemy's public way
    lines = [
        f"{row['cycle_key']:<24} {row['state']:<9} issue date {row['issue_date']}  started by {row['started_by']}"
        + (f"  {row['purpose']}" if row["purpose"] else "")
        for row in rows
    ]
    text = "\n".join(lines) or "no cycles yet"
    return list_answer(work, options, name="cycles", columns=LIST_COLUMNS, rows=rows, text=text)


def drafts(work: Work, options: Namespace) -> Answer:
    """``obieg cycle drafts KEY``: each draft in a file of its own, for the utility's KSeF gateway."""
    folder = work.settings.exports / "ksef" / options.key
    files = [str(_write_draft(folder, draft)) for draft in ksef.drafts(work, cycle_key=options.key)]
    text = "\n".join([f"{len(files)} drafts in {folder}", *files]) if files else f"{options.key} holds no drafts"
    return Answer(text=text, data={"cycle_key": options.key, "files": files})


def _write_draft(folder: Path, draft: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{draft['account_no'].replace('/', '_')}.json"
    file.write_text(json.dumps(draft, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return file


def _decide(work: Work, options: Namespace, decision: approval.Decision) -> Answer:
    if options.airflow:
        options.user = options.acting_as or options.user
        return _through_airflow(work, options)
    counts = approval.run(
        work,
        cycle_key=options.key,
        decision=decision,
        decided_by=work.actor.name,
        decided_via=work.actor.via,
        note=options.note,
    )
    follows = f"; go on: obieg cycle continue {options.key}" if decision == "approved" else ""
    return Answer(text=f"{options.key} is {decision} by {work.actor.name}{follows}", data=counts)


def proceeded(work: Work, cycle_key: str) -> Answer:
    """Take a cycle as far as it goes now, telling each step."""
    ended = proceed(work, cycle_key=cycle_key, tell=tell)
    return Answer(text=f"{cycle_key} {ended}", data={"cycle_key": cycle_key, "ended": ended})


def _through_airflow(work: Work, options: Namespace, **given: Any) -> Answer:
    answer: Answer = options.through_airflow(work, options, **given)
    return answer


def tell(line: str) -> None:
    """Progress goes to stderr, so that the answer on stdout stays one piece."""
    sys.stderr.write(f"{shown(line)}\n")
    sys.stderr.flush()
