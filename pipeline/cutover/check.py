"""Whether the old system's totals are ours, and what else stands in the way of the switch-on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from billing.canonical import content_sha256
from billing.numbering import series_on
from billing.utility import Utility
from pipeline.errors import OperatorError
from pipeline.utility_files import load_folder
from pipeline.work import Work
from readings.cutover import TOTALS
from sql import cutover as books
from sql.cutover import CutOver
from sql.parallel import states

EXAMPLES = 5
RUNS_ADVISED = 2
_MISSING = {
    "ROW_OPEN": "rows that were not taken: mend them in a later file, or obieg cutover dismiss",
    "CONTRACT_WITHOUT_POSITION": "contracts at whose point nothing says up to where it is billed",
    "METER_WITHOUT_POSITION": "meters without a position at a point that has another",
    "REMOVED_WITHOUT_POSITION": "removed meters of which nobody says whether their last days were billed",
    "BALANCE_MISSING": "accounts without a row in balances.csv",
    "READING_MISSING": "meters in place without any reading",
    "CONSENTS_PENDING": "statements that no obieg consent convert has taken",
}
_QUERIES = {
    "CONTRACT_WITHOUT_POSITION": "contracts_without_position",
    "METER_WITHOUT_POSITION": "meters_without_position",
    "REMOVED_WITHOUT_POSITION": "removed_without_position",
    "BALANCE_MISSING": "accounts_without_balance",
    "READING_MISSING": "meters_without_reading",
    "CONSENTS_PENDING": "consents_pending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One name of the control file; ``old`` is None when there is no such file."""

    name: str
    old: Decimal | None
    ours: Decimal

    @property
    def difference(self) -> Decimal | None:
        """Ours less the old system's."""
        return None if self.old is None else self.ours - self.old


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Something missing: how many, what it means, and the first few."""

    code: str
    count: int
    text: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that a person looks at before the switch-on; ``bars`` stand in its way, ``advice`` does not."""

    as_of: date
    switched_by: str | None
    totals: tuple[Total, ...]
    bars: tuple[Obstacle, ...]
    advice: tuple[Obstacle, ...]
    parallel: tuple[Mapping[str, Any], ...]

    @property
    def sha256(self) -> str:
        """The hash of the totals, which the switch-on records."""
        return content_sha256({total.name: [total.old, total.ours] for total in self.totals})


def run(work: Work) -> Findings:
    """Compare and list; writes nothing.

    Raises:
        OperatorError: ``CUTOVER_UNKNOWN``, none was begun.
        DataRefused: the utility's folder cannot be used.
    """
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    with work.engine.connect() as connection:
        return findings(connection, utility)


def findings(connection: Connection, utility: Utility) -> Findings:
    """The same inside a transaction."""
    begun = books.find_cutover(connection)
    if begun is None:
        raise OperatorError("CUTOVER_UNKNOWN", "no cut-over was begun here; see obieg cutover load")
    control = books.control(connection)
    ours = books.our_totals(connection)
    totals = tuple(Total(name=name, old=control.get(name), ours=Decimal(ours[name])) for name in TOTALS)
    runs = tuple(states(connection))
    parallel, wished = _parallel(runs, control)
    bars = [*_control_bars(totals, control), *_missing(connection, begun), *(parallel if wished else ())]
    advice = [*_advice(connection, begun, utility), *(() if wished else parallel)]
    return Findings(
        as_of=begun.as_of,
        switched_by=begun.switched_by,
        totals=totals,
        bars=tuple(bars),
        advice=tuple(advice),
        parallel=runs,
    )


def _control_bars(totals: Sequence[Total], control: Mapping[str, Decimal]) -> list[Obstacle]:
    if not control:
        return [_obstacle("CONTROL_MISSING", ["control.csv"], "the old system's totals were not loaded")]
    differing = [f"{each.name} {each.difference:+}" for each in totals if each.difference]
    return [_obstacle("CONTROL_DIFFERS", differing, "totals that are not the old system's")] if differing else []


def _missing(connection: Connection, begun: CutOver) -> list[Obstacle]:
    found = {"ROW_OPEN": books.open_rows(connection)}
    found |= {code: books.obstacles(connection, name, as_of=begun.as_of) for code, name in _QUERIES.items()}
    return [_obstacle(code, found[code], text) for code, text in _MISSING.items() if found[code]]


def _parallel(runs: Sequence[Mapping[str, Any]], control: Mapping[str, Decimal]) -> tuple[list[Obstacle], bool]:
    """What the parallel runs leave to wish for, and whether the control file demands it."""
    needed = int(control.get("parallel_runs", RUNS_ADVISED))
    allowed = int(control.get("parallel_differences", 0))
    found = []
    if len(runs) < needed:
        names = [str(run["name"]) for run in runs] or ["none"]
        found.append(_obstacle("PARALLEL_MISSING", names, f"{len(runs)} of {needed} past cycles were computed again"))
    still = [f"{run['name']}: {run['differing']}" for run in runs if run["differing"]]
    if sum(int(run["differing"]) for run in runs) > allowed:
        found.append(_obstacle("PARALLEL_OPEN", still, "runs with differences that nobody has explained"))
    return found, bool({"parallel_runs", "parallel_differences"} & control.keys())


def _advice(connection: Connection, begun: CutOver, utility: Utility) -> list[Obstacle]:
    found = []
    series = series_on(numbering=utility.numbering, issue_date=begun.as_of)
    if books.opening_of_series(connection, series=series) is None:
        found.append(_obstacle("SERIES_MISSING", [series], "series that will begin with number 1"))
    elsewhere = books.obstacles(connection, "rows_rejected_elsewhere", as_of=begun.as_of)
    if elsewhere:
        found.append(_obstacle("REGISTRY_ROWS", elsewhere, "registry and consents files with rows that were not taken"))
    return found


def _obstacle(code: str, found: Sequence[str], text: str) -> Obstacle:
    return Obstacle(code=code, count=len(found), text=text, examples=tuple(found[:EXAMPLES]))
