"""``obieg correction``: runs that put issued invoices right."""

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from billing.polish import format_zl
from pipeline.cli import through_airflow
from pipeline.cli.answer import Answer, shown
from pipeline.cli.commands import command_of, day, topic_of
from pipeline.cli.csv_file import list_answer, takes_csv
from pipeline.cli.cycle import go_on, proceeded, tell
from pipeline.cli.proceed import step_line
from pipeline.corrections import open as opening
from pipeline.corrections.open import CorrectionOrder
from pipeline.corrections.preview import preview
from pipeline.errors import OperatorError
from pipeline.work import Work, warsaw_day
from sql.clock import business_now
from sql.corrections import found

LIST_COLUMNS = (
    *("cycle_key", "state", "cause", "issue_date", "started_by", "invoices", "corrections", "gross_zl"),
    *("reversed_key", "order_id", "reason"),
)


def add(topics: Any) -> None:
    """Register the commands."""
    topic = topic_of(topics, "correction", "put issued invoices right; another person approves each run")
    run = command_of(topic, "open", "rate invoices again and lay the corrections before an approver", _open)
    what = run.add_mutually_exclusive_group(required=True)
    what.add_argument("--order", type=int, metavar="N", help="a correction that a complaint has led to")
    what.add_argument(
        "--reading",
        action="append",
        metavar="ID=INDEX",
        help="index in m³ that a reading should have had: every invoice that rests on it; may be given again",
    )
    what.add_argument("--invoice", action="append", metavar="NUMBER", help="by the tariffs as they are now; again")
    what.add_argument("--invoices", type=Path, metavar="FILE", help="the same, a file with a number a line")
    what.add_argument("--cycle", action="append", metavar="KEY", help="the same, every invoice of a cycle; again")
    reverse = command_of(topic, "reverse-cycle", "take back an issued cycle of which nothing has left", _reverse)
    reverse.add_argument("key", metavar="KEY")
    for parser in (run, reverse):
        _terms(parser)
    run.add_argument("--reason", default="", help="is printed on the corrections; of an order, the complaint's own")
    reverse.add_argument("--reason", required=True, help="is printed on the corrections")
    command_of(topic, "run", "take a run as far as it goes now", go_on).add_argument("key", metavar="KEY")
    show = command_of(topic, "show", "a run with its drafts: before, after, difference", _show)
    show.add_argument("key", metavar="KEY")
    show.add_argument("--most", type=int, default=20, metavar="N", help="drafts shown, the largest first (default: 20)")
    takes_csv(command_of(topic, "list", "all runs of corrections", _list_all))


def _terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--issue-date", type=day, metavar="YYYY-MM-DD", help="default: today")
    parser.add_argument("--payment-days", type=int, metavar="DAYS", help="default: the utility's")
    parser.add_argument("--dry-run", action="store_true", help="rate and check only")
    parser.add_argument("--airflow", action="store_true", help="through Airflow's scheduler")
    parser.add_argument("--user", default="operator", help="Airflow log-in, with --airflow (default: operator)")


def _open(work: Work, options: Namespace) -> Answer:
    return _start(
        work,
        options,
        order_id=options.order,
        readings=tuple(options.reading or ()),
        invoices=tuple(options.invoice or _listed(options.invoices)),
        cycles=tuple(options.cycle or ()),
    )


def _reverse(work: Work, options: Namespace) -> Answer:
    return _start(work, options, reverse=options.key)


def _start(work: Work, options: Namespace, **what: Any) -> Answer:
    order = CorrectionOrder(
        reason=options.reason,
        issue_date=options.issue_date or _today(work),
        payment_days=options.payment_days,
        dry_run=options.dry_run,
        **what,
    )
    if options.airflow:
        return through_airflow.start_corrections(work, options, order=order)
    opened = opening.run(work, order=order)
    tell(step_line("open", opened))
    return proceeded(work, opened["cycle_key"])


def _show(work: Work, options: Namespace) -> Answer:
    seen = preview(work, cycle_key=options.key, most=max(0, options.most))
    sums = seen["sums"]
    up, down = (f"{sums[way]} {way} by {format_zl(abs(sums[f'{way}_gross_zl']))}" for way in ("up", "down"))
    gross = f"{format_zl(sums['before_gross_zl'])} before, {format_zl(sums['after_gross_zl'])} after"
    what = f"{seen['cause']}, reverses {seen['reverses']}" if seen["reverses"] else seen["cause"]
    lines = [
        f"{seen['cycle_key']} · {seen['state']} · {what} · issue date {seen['issue_date']} · by {seen['started_by']}",
        f"  reason      {seen['reason']}",
        f"  invoices    {seen['looked_at']} looked at, {sums['corrections']} corrected, of {sums['accounts']} accounts",
        f"  gross       {gross}; {up}, {down}",
    ]
    lines += [
        f"  reading     {row['reading_id']} of {row['read_on']}, meter {row['meter_no']}: {row['index_m3']} m³"
        for row in seen["readings"]
    ]
    lines += [f"  new tariff  {row['name']}, sha256 {row['sha256']}" for row in seen["tariffs_new"]]
    lines += [f"  held        {row['account_no']} {row['code']}: {shown(row['facts'])}" for row in seen["held"]]
    lines += [_draft(row) for row in seen["drafts"]]
    return Answer(text="\n".join(lines), data=seen)


def _draft(row: dict[str, Any]) -> str:
    before, after, gross = (format_zl(row[name]) for name in ("before_gross_zl", "after_gross_zl", "gross_zl"))
    number = f" as {row['correction_invoice_no']}" if row["correction_invoice_no"] else ""
    head = f"  {row['account_no']}  {row['invoice_no']} correction {row['correction_no']}{number}"
    return f"{head}: {before} → {after}, difference {gross}"


def _list_all(work: Work, options: Namespace) -> Answer:
    with work.engine.connect() as connection:
        rows = [dict(row._mapping) for row in found(connection, "list_runs")]  # noqa: SLF001 - SQLAlchemy's public way
    text = "\n".join(_run_line(row) for row in rows) or "no corrections"
    return list_answer(work, options, name="corrections", columns=LIST_COLUMNS, rows=rows, text=text)


def _run_line(row: dict[str, Any]) -> str:
    head = f"{row['cycle_key']}  {row['state']}  {row['cause']}  {row['issue_date']}"
    return f"{head}  {row['corrections']} of {row['invoices']} invoices, {format_zl(row['gross_zl'])}  {row['reason']}"


def _today(work: Work) -> Any:
    with work.engine.connect() as connection:
        return warsaw_day(business_now(connection))


def _listed(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        return file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError("FILE_UNREADABLE", f"{file}: {error}") from None
