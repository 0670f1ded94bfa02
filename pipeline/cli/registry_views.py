"""``obieg registry show`` and ``history``: an account as of any day, and all that ever was of it."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from pipeline.changes import views
from pipeline.cli.answer import Answer, shown
from pipeline.cli.change_orders import moment
from pipeline.cli.commands import command_of, day
from pipeline.work import WARSAW, Work

_SHOWN = (
    *("contract_no", "contract_from", "contract_until", "point_no", "tariff_class", "services", "meter_nos"),
    *("payer_no", "payer_name", "nabywca_no", "nabywca_name", "route", "bank_account", "channel", "email"),
    "email_state",
)


def add(topic: Any) -> None:
    """Add the two commands to the topic ``registry``."""
    show = command_of(topic, "show", "an account as it is on a day, as far as was known at a time", show_account)
    show.add_argument("account_no", metavar="ACCOUNT")
    show.add_argument("--on", type=day, metavar="YYYY-MM-DD", help="default: today")
    show.add_argument("--known-at", type=moment, metavar="TIME", help="leaves out what was written down later")
    text = "every dated fact of an account: who began and ended it, and when"
    history = command_of(topic, "history", text, list_facts)
    history.add_argument("account_no", metavar="ACCOUNT")


def show_account(work: Work, options: Namespace) -> Answer:
    """``obieg registry show ACCOUNT``."""
    rows = views.account_on(work, account_no=options.account_no, on_day=options.on, known_at=options.known_at)
    width = max(map(len, _SHOWN))
    parts = ["\n".join(f"  {name:<{width}}  {shown(row[name])}" for name in _SHOWN) for row in rows]
    head = f"account {options.account_no} on {options.on or 'this day'}"
    return Answer(text="\n\n".join([head, *parts]) if parts else f"{head}: no contract", data=rows)


def list_facts(work: Work, options: Namespace) -> Answer:
    """``obieg registry history ACCOUNT``."""
    rows = views.history(work, account_no=options.account_no)
    return Answer(text="\n".join(_line(row) for row in rows), data=rows)


def _line(row: Mapping[str, Any]) -> str:
    days = f"{shown(row['valid_from']):>10} .. {shown(row['valid_until']):<10}"
    what = ", ".join(f"{name} {shown(value)}" for name, value in row["what"].items() if value is not None)
    begun = f"{_source(row)} by {row['recorded_by']} at {_time(row['recorded_at'])}"
    ended = ""
    if row["ended_by"] is not None:
        change = f"change {row['ended_change_id']}" if row["ended_change_id"] is not None else "a file or statement"
        ended = f"; ended through {change} by {row['ended_by']} at {_time(row['ended_at'])}"
    return f"{days}  {row['topic']} {row['subject']}: {what} ({begun}{ended})"


def _source(row: Mapping[str, Any]) -> str:
    if row["change_id"] is not None:
        return f"change {row['change_id']}"
    return f"{row['file_name']} line {row['line_no']}" if row["file_name"] is not None else "no file"


def _time(moment_of: Any) -> str:
    return f"{moment_of.astimezone(WARSAW):%Y-%m-%d %H:%M}"
