"""The bench's one table: what each stage costs, how that grows, and what the naive way costs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from pipeline.bench.correct import CORRECTION
from pipeline.bench.measure import Cost
from pipeline.bench.stages import STAGES, Stage

_HEADS = (
    *("stage", "budget", "accounts", "items", "", "per s", "CPU ms", "+ PG ms", "peak MB", "growth"),
    *("naive CPU ms", "+ PG ms", "times"),
)
_TO_LEFT = (0, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One cycle of a town: what each stage cost, and the naive way of some of them on a sample.

    ``set_based`` is what one statement of SQL cost instead of a stage, ``charged`` the sums that both came to.
    """

    accounts: int
    stages: Mapping[str, Cost]
    naive: Mapping[str, Cost]
    set_based: Mapping[str, Cost] = field(default_factory=dict)
    charged: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def naive_times(self, stage: Stage) -> float | None:
        """How many times the CPU of ours, PostgreSQL's included, the naive way took in this round."""
        if stage.naive is None:
            return None
        ours_ms = sum(self.stages[name].all_cpu_ms for name in stage.naive.against)
        return self.naive[stage.name].all_cpu_ms / ours_ms if ours_ms else None


def table(rounds: Sequence[Round]) -> str:
    """Medians over the rounds of each size, one line for each stage and size."""
    sizes = sorted({each.accounts for each in rounds})
    lines: list[tuple[str, ...]] = [_HEADS]
    stages = [stage for stage in (*STAGES, *CORRECTION) if stage.name in rounds[0].stages]
    for stage in stages:
        lines += [_line(stage, rounds, size=size, sizes=sizes) for size in sizes]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADS))]
    shown = [
        "  ".join(
            cell.ljust(width) if place in _TO_LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    told = [*_sums(rounds, sizes), *_against_budget(rounds, stages, size=sizes[-1]), *_against_sql(rounds, sizes)]
    return "\n".join([shown[0], "-" * len(shown[0]), *shown[1:], "", *told])


def _line(stage: Stage, rounds: Sequence[Round], *, size: int, sizes: Sequence[int]) -> tuple[str, ...]:
    costs = _costs(rounds, stage.name, size)
    naive = [each.naive[stage.name] for each in rounds if each.accounts == size and stage.name in each.naive]
    times = [each.naive_times(stage) for each in rounds if each.accounts == size]
    return (
        stage.name if size == sizes[0] else "",
        f"{stage.budget_ms:.2f}" if stage.budget_ms is not None and size == sizes[0] else "",
        str(size),
        str(costs[0].items),
        stage.items,
        f"{median(cost.per_s for cost in costs):.0f}",
        f"{median(cost.cpu_ms for cost in costs):.3f}",
        f"{median(cost.database_cpu_ms for cost in costs):.3f}",
        f"{median(cost.peak_mb for cost in costs):.0f}",
        _growth(stage, rounds, size=size, smallest=sizes[0]),
        f"{median(cost.cpu_ms for cost in naive):.2f}" if naive else "",
        f"{median(cost.database_cpu_ms for cost in naive):.2f}" if naive else "",
        f"{median(each for each in times if each is not None):.1f}" if naive else "",
    )


def _growth(stage: Stage, rounds: Sequence[Round], *, size: int, smallest: int) -> str:
    if size == smallest:
        return ""
    at_first = median(cost.all_cpu_ms for cost in _costs(rounds, stage.name, smallest))
    now = median(cost.all_cpu_ms for cost in _costs(rounds, stage.name, size))
    return f"{now / at_first:.2f}" if at_first else ""


def _sums(rounds: Sequence[Round], sizes: Iterable[int]) -> list[str]:
    """From reading file to accepted e-mail: every stage that an e-mailed invoice passes, if all were measured."""
    if any(stage.name not in rounds[0].stages for stage in STAGES):
        return []
    passed = [stage for stage in STAGES if stage.items != "letters"]
    lines = []
    for size in sizes:
        ours_ms = sum(median(cost.cpu_ms for cost in _costs(rounds, stage.name, size)) for stage in passed)
        database_ms = sum(median(cost.database_cpu_ms for cost in _costs(rounds, stage.name, size)) for stage in passed)
        lines.append(
            f"one e-mailed invoice, all stages, at {size}: {ours_ms:.2f} ms CPU + {database_ms:.2f} ms PostgreSQL"
        )
    return lines


def _against_budget(rounds: Sequence[Round], stages: Iterable[Stage], *, size: int) -> Iterator[str]:
    """Whether a budget is kept at the largest size: by our process alone, and with what PostgreSQL does for it."""
    for stage in stages:
        if stage.budget_ms is not None:
            costs = _costs(rounds, stage.name, size)
            alone_ms, together_ms = median(cost.cpu_ms for cost in costs), median(cost.all_cpu_ms for cost in costs)
            yield (
                f"budget of {stage.name}, {stage.budget_ms:.2f} ms, at {size}: "
                f"{_verdict(alone_ms, stage.budget_ms)} by our process alone, "
                f"{_verdict(together_ms, stage.budget_ms)} with PostgreSQL"
            )


def _verdict(taken_ms: float, budget_ms: float) -> str:
    return f"{'kept' if taken_ms <= budget_ms else 'missed'} ({taken_ms:.3f} ms)"


def _against_sql(rounds: Sequence[Round], sizes: Iterable[int]) -> Iterator[str]:
    """Each stage that SQL can do by one statement: what that costs, how many times ours, and what both charged."""
    for stage in STAGES:
        for size in sizes:
            compared = [each for each in rounds if each.accounts == size and stage.name in each.set_based]
            if stage.set_based is None or not compared:
                continue
            costs = [each.set_based[stage.name] for each in compared]
            times = [
                sum(each.stages[name].all_cpu_ms for name in stage.set_based.against)
                / each.set_based[stage.name].all_cpu_ms
                for each in compared
            ]
            sums = compared[0].charged[stage.name]
            yield (
                f"{stage.name} as one statement of SQL, at {size}: "
                f"{median(cost.cpu_ms for cost in costs):.3f} ms CPU + "
                f"{median(cost.database_cpu_ms for cost in costs):.3f} ms PostgreSQL; "
                f"{' + '.join(stage.set_based.against)} take {median(times):.1f} times that; both charge the same "
                f"{sums['gross_zl']} zł to the same {sums['accounts']} accounts"
            )


def _costs(rounds: Sequence[Round], stage: str, size: int) -> list[Cost]:
    return [each.stages[stage] for each in rounds if each.accounts == size]
