"""The stages of a cycle as the bench measures them, each with its naive counterpart where one is natural."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import (
    approve,
    check,
    collect,
    deliver,
    freeze,
    issue,
    open_cycle,
    rate,
    reconcile,
    render,
)
from pipeline.bench import naive, naive_page, set_based
from pipeline.bench.town import ISSUED_AT, MONTH, READ_AT, set_clock
from pipeline.cycles import require_cycle
from pipeline.deliver_paper import package_ready
from pipeline.errors import Inconsistent
from pipeline.open_cycle import CycleOrder
from pipeline.work import Work
from sql.deliveries import release

PERIOD = f"{MONTH:%Y-%m}"
KEY = f"{PERIOD}~ALL~1"

Job = Callable[[Work], int]
Sampled = Callable[[Work, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """The obvious way to do a stage, on a sample.

    It is to be compared with the stages of ``against``; one that leaves no trace runs ``before`` its stage.
    """

    run: Sampled
    against: tuple[str, ...]
    before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBased:
    """The same outcome by one statement of SQL, before the stage and taken back; to be compared with ``against``.

    ``same`` refuses a difference between what both charged, and tells it.
    """

    run: Callable[[Work, Path], int]
    same: Callable[[Work, Path], dict[str, str]]
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """``run`` is measured and tells how many items it did; ``ready`` comes first, unmeasured.

    ``budget_ms`` is the CPU that one item may take, None where nothing was promised.
    """

    name: str
    items: str
    run: Job
    ready: Callable[[Work], object] | None = None
    budget_ms: float | None = None
    naive: Naive | None = None
    set_based: SetBased | None = None

    @property
    def word(self) -> str:
        """The word by which it is chosen; the stages of a run of corrections share theirs."""
        return self.name.partition(" ")[0].rstrip(":")


def _collect(work: Work) -> int:
    (file,) = work.settings.inbox.glob("*.csv")
    counts = collect.run(work, file=file)
    if counts["refused"]:
        raise Inconsistent("BENCH_FAILED", str(counts["refusal"]))
    return int(counts["rows"])


def _open(work: Work) -> None:
    order = CycleOrder(period=PERIOD, route_set="ALL", issue_date=ISSUED_AT.date(), payment_days=14, dry_run=False)
    open_cycle.run(work, order=order)


def _freeze(work: Work) -> int:
    return freeze.run(work, cycle_key=KEY)["accounts"]


def _rate(work: Work) -> int:
    chunks = freeze.run(work, cycle_key=KEY)["chunks"]
    return sum(rate.run(work, cycle_key=KEY, chunk_no=chunk_no)["accounts"] for chunk_no in range(chunks))


def _check(work: Work) -> int:
    return int(check.run(work, cycle_key=KEY)["eligible"])


def _approve(work: Work) -> None:
    approve.run(work, cycle_key=KEY, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, ISSUED_AT)


def _issue(work: Work) -> int:
    return int(issue.run(work, cycle_key=KEY)["invoices"])


def _render(work: Work) -> int:
    chunks = int(issue.run(work, cycle_key=KEY)["chunks"])
    return sum(render.run(work, cycle_key=KEY, chunk_no=chunk_no)["rendered"] for chunk_no in range(chunks))


def _release(work: Work) -> None:
    with work.engine.begin() as connection:
        release(connection, cycle_id=require_cycle(connection, cycle_key=KEY).cycle_id)


def _print(work: Work) -> int:
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=KEY)
    return package_ready(work, cycle=cycle)["letters"]


def _mail(work: Work) -> int:
    return deliver.run(work, cycle_key=KEY)["accepted"]


def _reconcile(work: Work) -> int:
    return reconcile.run(work, cycle_key=KEY)["invoices"]


STAGES = (
    Stage(
        name="collect + validate",
        items="readings",
        ready=lambda work: set_clock(work, READ_AT),
        run=_collect,
        budget_ms=0.15,
        naive=Naive(run=naive.collect, against=("collect + validate",), before=True),
    ),
    Stage(name="freeze", items="accounts", ready=_open, run=_freeze),
    Stage(
        name="rate and post",
        items="accounts",
        run=_rate,
        budget_ms=0.15,
        naive=Naive(run=naive.rate, against=("freeze", "rate and post"), before=True),
        set_based=SetBased(run=set_based.rate, same=set_based.refuse_difference, against=("freeze", "rate and post")),
    ),
    Stage(name="check", items="accounts", run=_check),
    Stage(name="issue", items="invoices", ready=_approve, run=_issue, budget_ms=0.03),
    Stage(
        name="render + archive",
        items="invoices",
        run=_render,
        budget_ms=2.0,
        naive=Naive(run=naive_page.render, against=("render + archive",), before=False),
    ),
    Stage(name="print package", items="letters", ready=_release, run=_print),
    Stage(
        name="mail",
        items="messages",
        run=_mail,
        budget_ms=2.0,
        naive=Naive(run=naive.mail, against=("mail",), before=False),
    ),
    Stage(name="reconcile", items="invoices", run=_reconcile),
)
"""In the order of a cycle."""
