"""The command ``obieg``: the same use-cases by hand, in-process or through Airflow's scheduler.

Exit codes: 0 done · 2 the request or the data is refused · 3 the data contradicts itself · 4 something cannot be
reached · 1 a bug, with its traceback. Whatever is refused says why in one line on stderr, beginning with a code.
"""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import ProgrammingError

from pipeline.cli.answer import Answer
from pipeline.cli.database import found_databases
from pipeline.cli.parser import make_parser
from pipeline.cli.person import acting
from pipeline.cli.refusals import guarded
from pipeline.errors import OperatorError
from pipeline.settings import Settings, read_settings
from pipeline.work import Work, open_work

UNDEFINED_TABLE = "42P01"
CLOCK_YEARS = range(2000, 2200)
"""Years that a demo's clock may be set to: those in which time zones, files and dates of payment make sense."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = make_parser().parse_args(arguments)
    return guarded(lambda: _run(options))


def _run(options: Namespace) -> int:
    settings = read_settings()
    _check_clock(options)
    if options.needs_database:
        with _work(settings, options) as work:
            answer: Answer = options.command(work, options)
    else:
        answer = options.command(settings, options)
    sys.stdout.write(_text(answer, options).rstrip("\n") + "\n")
    sys.stdout.flush()
    return answer.exit_code


def _check_clock(options: Namespace) -> None:
    moment = getattr(options, "moment", None)
    if moment is not None and moment.year not in CLOCK_YEARS:
        raise OperatorError("CLOCK_BOUNDS", f"the clock can be set to the years {CLOCK_YEARS[0]} to {CLOCK_YEARS[-1]}")


def _text(answer: Answer, options: Namespace) -> str:
    return answer.as_json() if options.json else answer.text


@contextmanager
def _work(settings: Settings, options: Namespace) -> Iterator[Work]:
    actor = acting(settings, options)
    with open_work(settings=settings, database_url=found_databases(settings).app_url, actor=actor) as work:
        try:
            yield work
        except ProgrammingError as error:
            if getattr(error.orig, "pgcode", None) != UNDEFINED_TABLE:
                raise
            raise OperatorError("DATABASE_EMPTY", "the database has no tables; run `obieg database prepare`") from None
