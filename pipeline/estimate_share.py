"""V24: how much of a cycle is estimated, and what that means for its approval."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from billing.plausibility import estimates_verdict
from billing.reading_checks import Severity
from pipeline.cycles import frozen_utility
from sql.cycles import Cycle
from sql.validation import estimates

_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateShare:
    """The verdict of V24, and a line that says why; ``none`` for a bill of single accounts."""

    verdict: Severity
    text: str


def estimate_share(connection: Connection, cycle: Cycle) -> EstimateShare:
    """The share of estimates among the readings that close the charges of a cycle, by its frozen rules."""
    found = estimates(connection, cycle=cycle)
    if cycle.is_off_cycle or cycle.is_correction or not found.estimated:
        return EstimateShare(verdict=Severity.NONE, text="")
    rules = frozen_utility(connection, cycle).utility.checks
    verdict = estimates_verdict(readings=found.readings, estimated=found.estimated, rules=rules)
    percent = (Decimal(100 * found.estimated) / found.readings).quantize(_TENTH)
    limits = f"warning above {_percent(rules.estimate_share_warn)}, no approval above"
    text = f"{found.estimated} of {found.readings} closing readings are estimates, {percent}% ({limits}"
    return EstimateShare(verdict=verdict, text=f"{text} {_percent(rules.estimate_share_stop)})")


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"
