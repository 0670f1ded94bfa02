"""``make bench``: what each stage of a cycle costs for one invoice, and what the obvious way would cost.

Run as ``python -m pipeline.bench.run``. It has a PostgreSQL, a mailbox server and a town of its own, under a temporary
folder that it removes; only the loopback interface is used. Machines are noisy: trust the ratios, not the times.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pdf.typeface import load_fonts
from pipeline.bench.correct import CORRECTION
from pipeline.bench.measure import Cost, measured
from pipeline.bench.stages import STAGES, Naive, SetBased, Stage
from pipeline.bench.table import Round, table
from pipeline.bench.town import Ground, build_town, forget_dead_rows, ground, round_of
from pipeline.errors import Inconsistent, OperatorError, Unavailable
from pipeline.settings import Settings
from pipeline.work import Work, code_version

SIZES = (1_000, 10_000)
SAMPLE = 100
_SMALL = 2_000
_ROUNDS_OF_SMALL = 3

Tell = Callable[[str], None]


def run(
    *, sizes: Sequence[int], rounds: int | None, sample: int, tell: Tell, stages: Sequence[Stage] = STAGES
) -> list[Round]:
    """Bill towns of so many accounts, each in ``rounds`` rounds (None: three while they are small, then one).

    Raises:
        Inconsistent: ``BENCH_FAILED``, a stage failed, or another way than ours came to other figures.
    """
    load_fonts()  # what every process loads once is not a cost of the first stage that needs it
    code_version()
    found = []
    with ground() as own:
        towns = {}
        for accounts in sizes:
            begun = time.monotonic()
            towns[accounts] = build_town(own, accounts=accounts)
            tell(f"a town of {accounts} accounts: {time.monotonic() - begun:.0f} s")
        for number, accounts in _plan(sizes, rounds):
            begun = time.monotonic()
            with round_of(own, town=towns[accounts], number=number) as (settings, database):
                place = _Place(own=own, settings=settings, database=database)
                found.append(_bill_once(place, stages, accounts=accounts, sample=sample, tell=tell))
            tell(f"round {number} of {accounts} accounts: {time.monotonic() - begun:.0f} s")
    return found


def _plan(sizes: Sequence[int], rounds: int | None) -> Iterator[tuple[int, int]]:
    """Rounds of all sizes by turns, so that a noisy hour falls on each of them."""
    wanted = {accounts: rounds or (_ROUNDS_OF_SMALL if accounts <= _SMALL else 1) for accounts in sizes}
    for number in range(1, max(wanted.values()) + 1):
        yield from ((number, accounts) for accounts in sizes if number <= wanted[accounts])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A round's own settings and database."""

    own: Ground
    settings: Settings
    database: str

    def opened(self) -> Callable[[], AbstractContextManager[Work]]:
        return self.own.opened(settings=self.settings, database=self.database)

    def measured(self, job: Callable[[Work], int]) -> Cost:
        return measured(job, opened=self.opened(), postmaster=self.own.postmaster)


def _bill_once(place: _Place, stages: Sequence[Stage], *, accounts: int, sample: int, tell: Tell) -> Round:
    ours: dict[str, Cost] = {}
    naive: dict[str, Cost] = {}
    set_based: dict[str, Cost] = {}
    charged: dict[str, dict[str, str]] = {}
    for stage in stages:
        if stage.naive is not None and stage.naive.before:
            naive[stage.name] = _naive(place, stage.naive, sample=sample)
        if stage.set_based is not None:
            set_based[stage.name] = _set_based(place, stage.set_based)
        ours[stage.name] = _ours(place, stage)
        if stage.naive is not None and not stage.naive.before:
            naive[stage.name] = _naive(place, stage.naive, sample=sample)
        if stage.set_based is not None:
            with place.opened()() as work:
                charged[stage.name] = stage.set_based.same(work, _told(place))
        tell(f"  {stage.name}: {ours[stage.name].wall_s:.1f} s")
    return Round(accounts=accounts, stages=ours, naive=naive, set_based=set_based, charged=charged)


def _ours(place: _Place, stage: Stage) -> Cost:
    if stage.ready is not None:
        with place.opened()() as work:
            stage.ready(work)
    return place.measured(stage.run)


def _naive(place: _Place, naive: Naive, *, sample: int) -> Cost:
    return place.measured(lambda work: naive.run(work, sample))


def _set_based(place: _Place, rival: SetBased) -> Cost:
    cost = place.measured(lambda work: rival.run(work, _told(place)))
    forget_dead_rows(place.own, place.database)  # what was taken back must not be in the way of what comes
    return cost


def _told(place: _Place) -> Path:
    return place.settings.home / "set_based.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(prog="pipeline.bench.run", description="What an invoice costs, by stage.")
    parser.add_argument("--accounts", type=_sizes, default=SIZES, help="sizes of towns, as in 1000,10000,100000")
    parser.add_argument("--rounds", type=_positive, help="cycles of each size (three of a small town, one of a large)")
    words = ",".join(stage.word for stage in STAGES)
    upto = f"up to the last of these: {words}; correct: a mass correction, right after issue or whatever else is named"
    parser.add_argument("--stages", type=_stages, default=STAGES, help=upto)
    parser.add_argument("--sample", type=_positive, default=SAMPLE, help="items of the naive baseline")
    options = parser.parse_args(arguments)
    try:
        found = run(
            sizes=options.accounts,
            rounds=options.rounds,
            sample=options.sample,
            stages=options.stages,
            tell=_progress,
        )
    except (Inconsistent, OperatorError, Unavailable) as error:
        _progress(str(error))
        return 3
    except KeyboardInterrupt:
        _progress("interrupted; everything is stopped and removed again")
        return 130
    sys.stdout.write(f"{table(found)}\n")
    return 0


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({_positive(word) for word in text.split(",")}))


def _stages(text: str) -> tuple[Stage, ...]:
    """Those named and all before them, for a stage needs what the earlier ones made: a correction issued invoices."""
    words, last = [stage.word for stage in STAGES], CORRECTION[0].word
    wanted = text.split(",")
    if unknown := [word for word in wanted if word not in (*words, last)]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is not among {', '.join((*words, last))}")
    upto = max(words.index("issue" if word == last else word) for word in wanted)
    return (*STAGES[: upto + 1], *(CORRECTION if last in wanted else ()))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
