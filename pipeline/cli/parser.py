"""The commands and their arguments."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from pipeline.cli import (
    beside,
    bill,
    change,
    complaint,
    correction,
    cutover,
    cycle,
    database,
    document,
    hold,
    intake,
    lists,
    lookups,
    parallel,
    profiles,
    reading,
    registry_views,
    route,
    service,
    subsidy,
    tariff,
    through_airflow,
    utility,
)
from pipeline.cli.commands import PAYMENT_DAYS, command_of, day, person_decides, topic_of
from pipeline.cli.csv_file import takes_csv
from pipeline.cli.explanation import explain_to_auditor, explain_to_customer
from pipeline.cli.quote import quote as quote_command
from pipeline.derive import Removal
from pipeline.work import WARSAW

EPILOG = """exit codes: 0 done, 2 request or data refused, 3 data contradicts itself, 4 something cannot be reached,
1 a bug. Settings come from the environment: OBIEG_HOME, OBIEG_UTILITY, OBIEG_INBOX, OBIEG_DATABASE_URL, OBIEG_SMTP_URL,
OBIEG_ARCHIVE_URL, OBIEG_ARCHIVE_ENDPOINT, OBIEG_ARCHIVE_RETAIN_YEARS, OBIEG_AIRFLOW_URL."""


def make_parser() -> argparse.ArgumentParser:
    """The parser; a parsed command stands in ``command``, and ``needs_database`` says what it is given."""
    parser = argparse.ArgumentParser(
        prog="obieg", description="Billing and e-invoice delivery for water utilities", epilog=EPILOG
    )
    parser.add_argument("--json", action="store_true", help="answer as one JSON document")
    topics = parser.add_subparsers(required=True, metavar="TOPIC")
    own = (_registry, _readings, _consent, _cycle, _delivery, _invoice, _explain, _quote, _clock, _database, _evidence)
    modules = (
        utility,
        change,
        cutover,
        parallel,
        bill,
        hold,
        reading,
        complaint,
        correction,
        document,
        route,
        tariff,
        subsidy,
        service,
        beside,
        lists,
    )
    for add in (*own, *(module.add for module in modules)):
        add(topics)
    return parser


def _registry(topics: Any) -> None:
    topic = topic_of(topics, "registry", "customers, contracts, points and meters")
    load = command_of(topic, "import", "import the registry files of a folder", intake.import_registry)
    load.add_argument("folder", type=Path, metavar="FOLDER")
    ways = load.add_mutually_exclusive_group()
    ways.add_argument("--preview", action="store_true", help="show what would become of the rows, write nothing")
    ways.add_argument("--set-aside", action="store_true", help="load the rest although some rows differ")
    derive = command_of(
        topic, "derive", "make starter registry files from a readings file", intake.derive, needs_database=False
    )
    derive.add_argument("file", type=Path, metavar="FILE")
    derive.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    derive.add_argument(
        "--removal",
        choices=get_args(Removal),
        default="empty",
        help="removal index of an exchanged meter: left empty (the account is held), or its last reading",
    )
    derive.add_argument("--tariff-class", default="household", metavar="CLASS")
    derive.add_argument("--route", default="R1")
    registry_views.add(topic)


def _readings(topics: Any) -> None:
    topic = topic_of(topics, "readings", "readings of meters")
    load = command_of(topic, "import", "import one readings file", intake.import_readings)
    load.add_argument("file", type=Path, metavar="FILE")
    load.add_argument("--profile", metavar="NAME", help="layout of the file (default: by its name, else the standard)")
    profiles.add(topic)


def _consent(topics: Any) -> None:
    topic = topic_of(topics, "consent", "acceptances and withdrawals of the terms for e-invoices")
    load = command_of(topic, "import", "import one consents file", intake.import_consents)
    load.add_argument("file", type=Path, metavar="FILE")
    command_of(topic, "convert", "convert everything that is pending", intake.convert)


def _cycle(topics: Any) -> None:
    topic = topic_of(topics, "cycle", "billing cycles")
    run = command_of(topic, "run", "start a cycle; it goes on until a person has to approve it", cycle.run)
    run.add_argument("--period", required=True, help="2026-09, or 2026-07..2026-09")
    run.add_argument("--route-set", default="ALL", help="ALL, or R1+R2")
    run.add_argument("--issue-date", required=True, type=day, metavar="YYYY-MM-DD")
    run.add_argument("--payment-days", type=int, default=14, metavar="DAYS", help=PAYMENT_DAYS)
    run.add_argument("--dry-run", action="store_true", help="rate and check only")
    _airflow(run, through_airflow.start, user="operator")
    for name, text, command in (
        ("approve", "approve a checked cycle", cycle.approve),
        ("reject", "reject a checked cycle; its key stays free for the next revision", cycle.reject),
    ):
        decide = command_of(topic, name, text, command)
        decide.add_argument("key", metavar="KEY")
        decide.add_argument("--note", default="", help="kept with the decision")
        person_decides(decide)
        _airflow(decide, through_airflow.answer, user="approver")
        decide.set_defaults(option={"approve": "Approve", "reject": "Reject"}[name])
    for name, text, command in (
        ("continue", "take a cycle as far as it goes now", cycle.go_on),
        ("show", "the statement of a cycle", cycle.show),
        ("summary", "what the approver of a cycle is shown", cycle.summary),
        ("drafts", "rated drafts for the utility's own KSeF gateway", cycle.drafts),
    ):
        command_of(topic, name, text, command).add_argument("key", metavar="KEY")
    takes_csv(command_of(topic, "list", "all cycles", cycle.list_all))


def _airflow(parser: argparse.ArgumentParser, command: Any, *, user: str) -> None:
    parser.add_argument("--airflow", action="store_true", help="through Airflow's scheduler")
    parser.add_argument("--user", default=user, help=f"Airflow log-in, with --airflow (default: {user})")
    parser.set_defaults(through_airflow=command)


def _delivery(topics: Any) -> None:
    topic = topic_of(topics, "delivery", "e-mails and letters")
    show = command_of(topic, "show", "what became of an invoice's delivery", lookups.show_delivery)
    show.add_argument("number", metavar="NUMBER")
    command_of(topic, "sweep", "send whatever is ready and due", lookups.sweep)
    text = "decide about a delivery that stands still: blocked, overdue or unknown"
    resolve = command_of(topic, "resolve", text, lookups.resolve)
    resolve.add_argument("number", metavar="NUMBER")
    choices = resolve.add_mutually_exclusive_group(required=True)
    for choice, meaning in (
        ("retry", "it may leave as it is"),
        ("paper", "it leaves as a letter"),
        ("accepted", "the message that is in doubt has arrived"),
    ):
        choices.add_argument(f"--{choice}", dest="decision", action="store_const", const=choice, help=meaning)
    resolve.add_argument("--note", required=True, metavar="TEXT", help="why; kept with the decision")


def _invoice(topics: Any) -> None:
    topic = topic_of(topics, "invoice", "issued invoices")
    explain = command_of(topic, "explain", "every line with its readings, price and legal basis", explain_to_auditor)
    explain.add_argument("number", metavar="NUMBER")
    again = command_of(topic, "duplicate", "make an invoice out once more, with the word DUPLIKAT", lookups.duplicate)
    again.add_argument("number", metavar="NUMBER")
    again.add_argument("--send", action="store_true", help="it leaves with the next sweep; else it is only archived")


def _explain(topics: Any) -> None:
    text = "in Polish: where each figure of an invoice comes from, and why it differs from the last invoice"
    explain = command_of(topics, "explain", text, explain_to_customer)
    explain.add_argument("number", metavar="NUMBER")


def _quote(topics: Any) -> None:
    text = "what an account described in a file would be billed"
    quote = command_of(topics, "quote", text, quote_command, needs_database=False)
    quote.add_argument("given", type=Path, metavar="GIVEN.toml", help="see docs/quote.md; - reads the standard input")
    quote.add_argument("--auditor", action="store_true", help="every statement in English, as `invoice explain` has it")


def _clock(topics: Any) -> None:
    topic = topic_of(topics, "clock", "the business clock")
    command_of(topic, "show", "the business time", lookups.show_clock)
    change = command_of(
        topic, "set", "set the clock of a demo utility; it stands still until set again", lookups.set_clock
    )
    change.add_argument("moment", type=_moment, metavar="YYYY-MM-DDTHH:MM", help="Warsaw time, or `real`")


def _database(topics: Any) -> None:
    topic = topic_of(topics, "database", "the billing database")
    command_of(topic, "prepare", "make or update its tables", database.prepare_command, needs_database=False)


def _evidence(topics: Any) -> None:
    topic = topic_of(topics, "evidence", "the hash chain over everything that happened")
    command_of(topic, "verify", "recompute the whole chain", lookups.verify_evidence)


def _moment(text: str) -> datetime | None:
    if text == "real":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write YYYY-MM-DDTHH:MM") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=WARSAW)
