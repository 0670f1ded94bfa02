"""``make bench``: what each stage of a cycle costs for one invoice, and what the obvious way would cost.

Run as ``python -m pipeline.bench.run``. It has a PostgreSQL, a mailbox server and a town of its own, under a temporary
folder that it removes; only the loopback interface is used. Machines are noisy: trust the ratios, not the times.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from pdf.typeface import load_fonts
from pipeline.bench.measure import Cost, measured
from pipeline.bench.stages import STAGES, Naive, Stage
from pipeline.bench.table import Round, table
from pipeline.bench.town import Ground, build_town, ground, round_of
from pipeline.errors import Inconsistent, OperatorError, Unavailable
from pipeline.settings import Settings
from pipeline.work import Work, code_version

SIZES = (1_000, 10_000)
SAMPLE = 100
_SMALL = 2_000
_ROUNDS_OF_SMALL = 3

Tell = Callable[[str], None]


def run(*, sizes: Sequence[int], rounds: int | None, sample: int, tell: Tell) -> list[Round]:
    """Bill towns of so many accounts, each in ``rounds`` rounds (None: three while they are small, then one).

    Raises:
        Inconsistent: ``BENCH_FAILED``, a stage failed.
    """
    load_fonts()  # what every process loads once is not a cost of the first stage that needs it
    code_version()
    found = []
    with ground() as own:
        towns = {accounts: build_town(own, accounts=accounts) for accounts in sizes}
        for number, accounts in _plan(sizes, rounds):
            begun = time.monotonic()
            found.append(
                _bill_once(own, town=towns[accounts], accounts=accounts, number=number, sample=sample, tell=tell)
            )
            tell(f"round {number} of {accounts} accounts: {time.monotonic() - begun:.0f} s")
    return found


def _plan(sizes: Sequence[int], rounds: int | None) -> Iterator[tuple[int, int]]:
    """Rounds of all sizes by turns, so that a noisy hour falls on each of them."""
    wanted = {accounts: rounds or (_ROUNDS_OF_SMALL if accounts <= _SMALL else 1) for accounts in sizes}
    for number in range(1, max(wanted.values()) + 1):
        yield from ((number, accounts) for accounts in sizes if number <= wanted[accounts])


def _bill_once(own: Ground, *, town: str, accounts: int, number: int, sample: int, tell: Tell) -> Round:
    stages: dict[str, Cost] = {}
    naive: dict[str, Cost] = {}
    with round_of(own, town=town, number=number) as (settings, database):
        for stage in STAGES:
            if stage.naive is not None and stage.naive.before:
                naive[stage.name] = _naive(own, stage.naive, settings, database, sample=sample)
            stages[stage.name] = _ours(own, stage, settings, database)
            if stage.naive is not None and not stage.naive.before:
                naive[stage.name] = _naive(own, stage.naive, settings, database, sample=sample)
            tell(f"  {stage.name}: {stages[stage.name].wall_s:.1f} s")
    return Round(accounts=accounts, stages=stages, naive=naive)


def _ours(own: Ground, stage: Stage, settings: Settings, database: str) -> Cost:
    opened = own.opened(settings=settings, database=database)
    if stage.ready is not None:
        with opened() as work:
            stage.ready(work)
    return measured(stage.run, opened=opened, postmaster=own.postmaster)


def _naive(own: Ground, naive: Naive, settings: Settings, database: str, *, sample: int) -> Cost:
    def job(work: Work) -> int:
        return naive.run(work, sample)

    return measured(job, opened=own.opened(settings=settings, database=database), postmaster=own.postmaster)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(prog="pipeline.bench.run", description="What an invoice costs, by stage.")
    parser.add_argument("--accounts", type=_sizes, default=SIZES, help="sizes of towns, as in 1000,10000,100000")
    parser.add_argument("--rounds", type=_positive, help="cycles of each size (three of a small town, one of a large)")
    parser.add_argument("--sample", type=_positive, default=SAMPLE, help="items of the naive baseline")
    options = parser.parse_args(arguments)
    try:
        found = run(sizes=options.accounts, rounds=options.rounds, sample=options.sample, tell=_progress)
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
