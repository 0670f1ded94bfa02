"""The report back to who sent a file: what became of each line, and the rejected ones ready to be sent again.

A report tells of one content, named by its hash in the first row; when another file of the same name comes, the older
report is put aside. It is written after the commit, so that it may fail alone, and anew from what is stored when the
file comes again.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from billing.errors import DataRefused
from pipeline.errors import Unavailable
from pipeline.import_files import Received, RowResult, TooManyRejects, count_outcomes, whole_file
from pipeline.work import Work
from readings.checks import Outcome
from sql.intake import accepted_counts, insert_refused, stream_rows

_COLUMNS = ("line_no", "outcome", "codes", "note", "raw")
_FILE_ROW = ("", "FILE", "sha256")
_ENCODING = "utf-8-sig"


def refuse_file(work: Work, received: Received, refusal: DataRefused, *, folder: Path) -> dict[str, Any]:
    """Record a refused file in a transaction of its own and report it; nothing of its rows is kept."""
    results, counts = (
        (refusal.results, refusal.counts) if isinstance(refusal, TooManyRejects) else ((), count_outcomes(()))
    )
    with work.engine.begin() as connection:
        insert_refused(
            connection,
            file=received.facts,
            rows=counts["rows"],
            code=refusal.code,
            reason=str(refusal),
            recorded_by=work.actor.name,
        )
    write_report(folder, received, results=results, counts=counts, refusal=str(refusal))
    return dict.fromkeys(counts, 0) | {"rows": counts["rows"], "already": 0, "refused": 1, "refusal": str(refusal)}


def write_report(
    folder: Path,
    received: Received,
    *,
    results: Iterable[RowResult],
    counts: Mapping[str, int],
    encoding: str = _ENCODING,
    headed: bool = True,
    refusal: str | None = None,
) -> None:
    """The report of one file: every line in its order, then totals; and the rejected lines ready to be sent again.

    ``results`` are written one by one and not held. A file that is not ``headed`` begins with its first record; of one
    that is, ``received.content`` need only hold the header.

    Raises:
        Unavailable: ``REPORT_UNWRITABLE``; what became of the file is recorded all the same.
    """
    try:
        path = _report_path(folder, received)
        _make_room(path, received)
        with whole_file(path) as report, ExitStack() as beside:  # the report last: when it is there, all is
            writer = csv.writer(report, delimiter=";", lineterminator="\n")
            writer.writerows((_COLUMNS, (*_FILE_ROW, received.facts.sha256, received.path.name)))
            if refusal is None:
                results = _keeping_rejected(results, _again(path), beside, received, encoding=encoding, headed=headed)
            else:
                writer.writerow(("", "REFUSED", refusal.partition(":")[0], refusal, ""))
                _again(path).unlink(missing_ok=True)
            writer.writerows(
                (one.line_no, one.outcome.value, ",".join(one.codes), one.note or "", one.raw) for one in results
            )
            writer.writerows(("", "TOTAL", name, count, "") for name, count in counts.items())
    except OSError as error:
        stands = "the import itself stands" if refusal is None else f"the file is refused all the same ({refusal})"
        said = f"{error.filename or folder}: {error.strerror}; {stands}; import it again to get the report"
        raise Unavailable("REPORT_UNWRITABLE", said) from error


def _keeping_rejected(
    results: Iterable[RowResult], path: Path, beside: ExitStack, received: Received, *, encoding: str, headed: bool
) -> Iterator[RowResult]:
    """The same results; the rejected among them are written to ``path``, which is not there when none is."""
    file: TextIO | None = None
    for result in results:
        if result.outcome is Outcome.REJECTED:
            if file is None:
                file = beside.enter_context(whole_file(path, encoding=encoding.removesuffix("-sig")))
                file.write(_header(received.content, encoding) if headed else "")
            file.write(f"{result.raw}\n")
        yield result
    if file is None:
        path.unlink(missing_ok=True)


def _header(content: bytes, encoding: str) -> str:
    with io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="\n") as text:
        return text.readline().rstrip("\r\n") + "\n"


def write_missing_report(
    work: Work, folder: Path, received: Received, *, encoding: str = _ENCODING, headed: bool = True
) -> None:
    """The report of a file that was imported before, out of its stored rows, unless the report is there.

    Raises:
        Unavailable: ``REPORT_UNWRITABLE``.
    """
    facts = received.facts
    path = _report_path(folder, received)
    if facts.sha256 in {_told_of(path), _told_of(_aside(path, facts.sha256))}:
        return
    with work.engine.connect() as connection:
        counts = accepted_counts(connection, kind=facts.kind, sha256=facts.sha256) or {}
        results = (
            RowResult(
                line_no=row.line_no, raw=row.raw, outcome=Outcome(row.outcome), codes=tuple(row.codes), note=row.note
            )
            for row in stream_rows(connection, kind=facts.kind, sha256=facts.sha256)
        )
        write_report(folder, received, results=results, counts=counts, encoding=encoding, headed=headed)


def _make_room(path: Path, received: Received) -> None:
    """Put the report of another content, with its rejected lines, aside under that content's short hash."""
    told_of = _told_of(path)
    if told_of in {None, received.facts.sha256}:
        return
    name = _aside(path, told_of or hashlib.sha256(path.read_bytes()).hexdigest())
    if _again(path).is_file():
        _again(path).replace(_again(name))
    path.replace(name)


def _report_path(folder: Path, received: Received) -> Path:
    return folder / f"{received.path.stem}.report.csv"


def _aside(path: Path, sha256: str) -> Path:
    return path.with_name(f"{sha256[:12]}_{path.name}")


def _again(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".report.csv") + ".rejected.csv")


def _told_of(path: Path) -> str | None:
    """The hash of the content that a report tells of, empty when it names none; None when there is no report."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as report:
            lines = list(zip(range(2), csv.reader(report, delimiter=";"), strict=False))
    except OSError:
        return None
    row = lines[-1][1] if lines else []
    return row[len(_FILE_ROW)] if tuple(row[: len(_FILE_ROW)]) == _FILE_ROW and len(row) == len(_COLUMNS) else ""
