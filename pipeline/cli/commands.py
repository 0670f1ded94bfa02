"""How a topic, and a command of it, are added to the parser."""

import argparse
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

PAYMENT_DAYS = "from the planned sending, which the carrier's allowance puts after the issue (default: 14)"


def topic_of(topics: Any, name: str, text: str) -> Any:
    """A topic such as ``cycle``; commands are added to what it gives back."""
    topic = topics.add_parser(name, help=text, description=text)
    return topic.add_subparsers(required=True, metavar="COMMAND")


def command_of(
    topic: Any, name: str, text: str, command: Any, *, needs_database: bool = True
) -> argparse.ArgumentParser:
    """A command of a topic; ``command`` gets the open work, or the settings when it needs no database."""
    parser: argparse.ArgumentParser = topic.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.set_defaults(command=command, needs_database=needs_database)
    return parser


def person_decides(parser: argparse.ArgumentParser) -> None:
    """Let the command be given by an Airflow log-in: on one machine the second person may have no other name."""
    parser.add_argument(
        "--as",
        dest="acting_as",
        metavar="LOG-IN",
        help="acts as this Airflow log-in, after Airflow has taken its password (default: you)",
    )


def day(text: str) -> date:
    """A day as it is typed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write YYYY-MM-DD") from None


def number(text: str) -> Decimal:
    """A number as it is typed, with a point or a comma."""
    try:
        found = Decimal(text.replace(",", "."))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return found
