"""The bench's one table: what each stage costs, how that grows, and what the naive way costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pipeline.bench.measure import Cost
from pipeline.bench.stages import STAGES, Stage

_HEADS = (
    *("stage", "budget", "accounts", "items", "", "per s", "CPU ms", "+ PG ms", "peak MB", "growth"),
    *("naive CPU ms", "+ PG ms", "times"),
)
_TO_LEFT = (0, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One cycle of a town: what each stage cost, and the naive way of some of them on a sample."""

    accounts: int
    stages: Mapping[str, Cost]
    naive: Mapping[str, Cost]

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
    for stage in STAGES:
        lines += [_line(stage, rounds, size=size, sizes=sizes) for size in sizes]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADS))]
    shown = [
        "  ".join(
            cell.ljust(width) if place in _TO_LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([shown[0], "-" * len(shown[0]), *shown[1:], "", *_sums(rounds, sizes)])


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
    """From reading file to accepted e-mail: every stage that an e-mailed invoice passes."""
    passed = [stage for stage in STAGES if stage.items != "letters"]
    lines = []
    for size in sizes:
        ours_ms = sum(median(cost.cpu_ms for cost in _costs(rounds, stage.name, size)) for stage in passed)
        database_ms = sum(median(cost.database_cpu_ms for cost in _costs(rounds, stage.name, size)) for stage in passed)
        lines.append(
            f"one e-mailed invoice, all stages, at {size}: {ours_ms:.2f} ms CPU + {database_ms:.2f} ms PostgreSQL"
        )
    return lines


def _costs(rounds: Sequence[Round], stage: str, size: int) -> list[Cost]:
    return [each.stages[stage] for each in rounds if each.accounts == size]
