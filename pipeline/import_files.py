"""What every import shares: the file with its sidecar, and totals that balance."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TextIO, TypeVar

from billing.errors import DataRefused
from pipeline.errors import OperatorError
from readings.checks import Outcome
from readings.fields import RowRefused
from readings.table import Line, Table, check_sidecar
from sql.intake import FileFacts

F = TypeVar("F")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A file's bytes and what names them."""

    path: Path
    content: bytes
    facts: FileFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one line."""

    line_no: int
    raw: str
    outcome: Outcome
    codes: tuple[str, ...]
    note: str | None = None


class TooManyRejects(DataRefused):
    """A file whose rejected rows are too many.

    ``results`` say in the order of the file what each row would have become, ``counts`` their totals.
    """

    def __init__(
        self, results: Iterable[RowResult], *, counts: Mapping[str, int], reject_share_max: Decimal | None
    ) -> None:
        if reject_share_max is None:
            said = f"none of the {counts['rows']} rows can be taken"
        else:
            allowed = f"{(reject_share_max * 100).normalize():f}%"
            said = f"{counts['rejected']} of {counts['rows']} rows rejected, more than {allowed}"
        super().__init__("FILE_REJECTS", f"{said}; see the report")
        self.results = results
        self.counts = counts


def refuse_rejects(
    results: Iterable[RowResult], *, counts: Mapping[str, int], reject_share_max: Decimal | None
) -> None:
    """Stop when more than a share of the rows is rejected; with None, only when there are rows and all are rejected.

    ``results`` are in the order of the file, ``counts`` their totals.

    Raises:
        TooManyRejects: code ``FILE_REJECTS``.
    """
    rows, unfit = counts["rows"], counts["rejected"]
    if unfit > reject_share_max * rows if reject_share_max is not None else 0 < unfit == rows:
        raise TooManyRejects(results, counts=counts, reject_share_max=reject_share_max)


def receive(path: Path, *, kind: str, profile: str) -> tuple[Received, DataRefused | None]:
    """Read a file once, and say whether its ``.sha256`` file contradicts it.

    Raises:
        OperatorError: ``FILE_MISSING``, there is no such file or it may not be read.
    """
    try:
        content = path.read_bytes()
        sidecar_path = sidecar_of(path)
        sidecar = sidecar_path.read_text(encoding="utf-8", errors="replace") if sidecar_path.is_file() else None
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{path}: {error.strerror}") from None
    sha256 = check_sidecar(content, None)
    facts = FileFacts(kind=kind, name=path.name, sha256=sha256, size_bytes=len(content), profile=profile)
    try:
        check_sidecar(content, sidecar)
    except DataRefused as refusal:
        return Received(path=path, content=content, facts=facts), refusal
    return Received(path=path, content=content, facts=facts), None


def sidecar_of(path: Path) -> Path:
    """The file that may hold the hash of ``path``."""
    return path.with_name(f"{path.name}.sha256")


def count_outcomes(results: Iterable[RowResult]) -> dict[str, int]:
    """Totals as ``import_file`` keeps them; the five outcomes add up to the rows."""
    found = Counter(result.outcome for result in results)
    return {"rows": found.total()} | {outcome.value.lower(): found[outcome] for outcome in Outcome}


def read_facts(
    table: Table, *, optional: Sequence[str], read: Callable[[dict[str, str]], F], prefix: str
) -> tuple[list[tuple[Line, F]], list[RowResult]]:
    """The rows that can be read, and what became of the others; ``prefix`` is the letter of the file's codes."""
    rows, refused = [], []
    for line in table.lines:
        try:
            rows.append((line, read(dict.fromkeys(optional, "") | _named(table, line, code=f"{prefix}100"))))
        except RowRefused as refusal:
            refused.append(rejected(line, refusal))
    return rows, refused


def _named(table: Table, line: Line, *, code: str) -> dict[str, str]:
    if len(line.fields) != len(table.columns):
        raise RowRefused(code, f"{len(line.fields)} fields, the header has {len(table.columns)}")
    return dict(zip(table.columns, (value.strip() for value in line.fields), strict=True))


def rejected(line: Line, refusal: RowRefused) -> RowResult:
    """A row that cannot be taken."""
    return RowResult(
        line_no=line.line_no, raw=line.raw, outcome=Outcome.REJECTED, codes=(refusal.code,), note=refusal.note
    )


@contextmanager
def whole_file(path: Path, *, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A text file to be written a line at a time, of which nobody ever sees half; a device is written to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        with path.open("w", encoding=encoding, newline="") as file:
            yield file
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding=encoding, newline="") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it; a device such as ``/dev/null`` is written to, not replaced."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.write_bytes(content)
    draft.replace(path)
