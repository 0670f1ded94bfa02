"""validate: what only a whole cycle shows of its readings; the checks of single readings ran when they came in.

The freeze does the same once more, so that nobody can leave it out; run before, it leaves time to chase.
"""

from datetime import timedelta

from sqlalchemy import Connection

from billing.periods import Period
from billing.reading_rules import CheckRules
from billing.utility import Utility
from pipeline.cycles import require_cycle
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql.cycles import Cycle
from sql.locks import take_turn
from sql.validation import doubt_trees, note_lapsing, note_missing


def run(work: Work, *, cycle_key: str) -> dict[str, int]:
    """Check the readings of an open cycle: ``missing`` registers, ``doubted`` readings, ``lapsing`` meters, all new.

    A cycle that is frozen already, bills single accounts, or corrects invoices gives zeros.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``.
        DataRefused: the utility's folder cannot be used.
    """
    with step(work, "validate") as (connection, record):
        take_turn(connection, "books")  # no cycle issues what we doubt
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="writer")
        record.cycle_id = cycle.cycle_id
        record.counts = {"missing": 0, "doubted": 0, "lapsing": 0}
        if cycle.state == "opened" and not (cycle.is_off_cycle or cycle.is_correction):
            utility = load_folder(work.settings.utility).utility
            window = reading_window(cycle.period, utility)
            record.counts = validate_cycle(connection, cycle, window, rules=utility.checks)
        return dict(record.counts)


def validate_cycle(connection: Connection, cycle: Cycle, window: Period, *, rules: CheckRules) -> dict[str, int]:
    """The same within a transaction; readings of a tree that cannot be right become suspect."""
    doubted = doubt_trees(connection, cycle=cycle, window=window, rules=rules)
    return {
        "missing": note_missing(connection, cycle=cycle, window=window),
        "doubted": doubted,
        "lapsing": note_lapsing(connection, cycle=cycle, window=window, rules=rules),
    }


def reading_window(period: Period, utility: Utility) -> Period:
    """The days on which a reading counts as the period's closing one."""
    window = utility.reading_window
    return Period(
        start=period.until - timedelta(days=window.days_before), until=period.until + timedelta(days=window.days_after)
    )
