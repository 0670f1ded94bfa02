"""What became of each line of a large reading file, kept in a few bytes a line."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

from pipeline.import_files import RowResult
from readings.checks import Judged, Outcome
from readings.lines import Lines

_Verdict = tuple[Outcome, tuple[str, ...]]


class FileResults:
    """The results of a file in its order, put together again when they are asked for; the lines stay in the file."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._numbers: dict[_Verdict, int] = {}
        self._verdicts = array("I", bytes(4 * len(lines)))
        self._notes: dict[int, str] = {}

    def __iter__(self) -> Iterator[RowResult]:
        verdicts = list(self._numbers)
        for place, number in enumerate(self._verdicts):
            outcome, codes = verdicts[number]
            yield RowResult(
                line_no=self._lines.line_nos[place],
                raw=self._lines.raw(place),
                outcome=outcome,
                codes=codes,
                note=self._notes.get(place),
            )

    def add(self, judged: Iterable[Judged]) -> None:
        """What became of the rows of a part."""
        numbers = self._numbers
        for one in judged:
            place = self._lines.place(one.row.line.line_no)
            self._verdicts[place] = numbers.setdefault((one.outcome, one.codes), len(numbers))
            if one.note is not None:
                self._notes[place] = one.note

    def counts(self) -> dict[str, int]:
        """Totals as ``import_file`` keeps them."""
        found: Counter[Outcome] = Counter()
        for (outcome, _), count in self._counted():
            found[outcome] += count
        return {"rows": found.total()} | {outcome.value.lower(): found[outcome] for outcome in Outcome}

    def codes(self) -> dict[str, int]:
        """How many rows have each code, by code."""
        found: Counter[str] = Counter()
        for (_, codes), count in self._counted():
            for code in codes:
                found[code] += count
        return dict(sorted(found.items()))

    def _counted(self) -> Iterator[tuple[_Verdict, int]]:
        verdicts = list(self._numbers)
        return ((verdicts[number], count) for number, count in Counter(self._verdicts).items())
