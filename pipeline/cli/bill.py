"""Bills of single accounts between the regular cycles: ``obieg bill first|final|released-hold|on-demand``."""

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline.cli import through_airflow
from pipeline.cli.answer import Answer
from pipeline.cli.commands import PAYMENT_DAYS, command_of, day, topic_of
from pipeline.cli.cycle import start
from pipeline.errors import OperatorError
from pipeline.open_cycle import CycleOrder
from pipeline.work import Work

_TEXTS = {
    "first": "the first bill of new accounts",
    "final": "the last bill of accounts whose contracts have ended",
    "released_hold": "accounts that are held and can now be billed",
    "on_demand": "accounts that want a bill up to their newest reading",
}


def add(topics: Any) -> None:
    """Register the commands."""
    topic = topic_of(topics, "bill", "bill single accounts between the regular cycles; a person approves as ever")
    for purpose, text in _TEXTS.items():
        _add_purpose(topic, purpose, text)


def _add_purpose(topic: Any, purpose: str, text: str) -> None:
    parser: argparse.ArgumentParser = command_of(topic, purpose.replace("_", "-"), text, bill)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--account", action="append", metavar="NO", help="an account; may be given again")
    whom.add_argument("--accounts", type=Path, metavar="FILE", help="a file with an account number a line")
    parser.add_argument("--period", required=True, help="months of the standing charge: 2026-09, or 2026-07..2026-09")
    parser.add_argument("--issue-date", required=True, type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--payment-days", type=int, default=14, metavar="DAYS", help=PAYMENT_DAYS)
    parser.add_argument("--dry-run", action="store_true", help="rate and check only")
    parser.add_argument("--airflow", action="store_true", help="through Airflow's scheduler")
    parser.add_argument("--user", default="operator", help="Airflow log-in, with --airflow (default: operator)")
    parser.set_defaults(purpose=purpose, through_airflow=through_airflow.start)


def bill(work: Work, options: Namespace) -> Answer:
    """``obieg bill PURPOSE``: opens an off-cycle and takes it to the approval."""
    order = CycleOrder(
        period=options.period,
        route_set="ALL",
        issue_date=options.issue_date,
        payment_days=options.payment_days,
        dry_run=options.dry_run,
        purpose=options.purpose,
        accounts=tuple(options.account or _listed(options.accounts)),
    )
    return start(work, options, order=order)


def _listed(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError("FILE_UNREADABLE", f"{file}: {error}") from None
