"""The report back to who sent a file: what became of each line, and the rejected ones ready to be sent again.

A report tells of one content, named by its hash in the first row; when another file of the same name comes, the older
report is put aside. It is written after the commit, so that it may fail alone, and anew from what is stored when the
file comes again.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from billing.errors import DataRefused
from pipeline.errors import Unavailable
from pipeline.import_files import Received, RowResult, TooManyRejects, count_outcomes, write_whole
from pipeline.work import Work
from readings.checks import Outcome
from sql.intake import accepted_counts, accepted_rows, insert_refused, stream_rows

_COLUMNS = ("line_no", "outcome", "codes", "note", "raw")
_FILE_ROW = ("", "FILE", "sha256")
_ENCODING = "utf-8-sig"


def refuse_file(work: Work, received: Received, refusal: DataRefused, *, folder: Path) -> dict[str, Any]:
    """Record a refused file in a transaction of its own and report it; nothing of its rows is kept."""
    results = refusal.results if isinstance(refusal, TooManyRejects) else ()
    with work.engine.begin() as connection:
        insert_refused(
            connection,
            file=received.facts,
            rows=len(results),
            code=refusal.code,
            reason=str(refusal),
            recorded_by=work.actor.name,
        )
    counts = count_outcomes(results)
    write_report(folder, received, results=results, counts=counts, refusal=str(refusal))
    return dict.fromkeys(counts, 0) | {"rows": len(results), "already": 0, "refused": 1, "refusal": str(refusal)}


def write_report(
    folder: Path,
    received: Received,
    *,
    results: Sequence[RowResult],
    counts: Mapping[str, int],
    encoding: str = _ENCODING,
    headed: bool = True,
    refusal: str | None = None,
) -> None:
    """The report of one file: totals, then every line; and, beside it, the rejected lines ready to be sent again.

    A file that is not ``headed`` begins with its first record.

    Raises:
        Unavailable: ``REPORT_UNWRITABLE``; what became of the file is recorded all the same.
    """
    try:
        path = _report_path(folder, received)
        _make_room(path, received)
        unfit = [result.raw for result in results if result.outcome is Outcome.REJECTED]
        if unfit and refusal is None:
            header = [received.content.decode(encoding).partition("\n")[0].rstrip("\r")] if headed else []
            write_whole(_again(path), "\n".join([*header, *unfit, ""]).encode(encoding.removesuffix("-sig")))
        else:
            _again(path).unlink(missing_ok=True)
        write_whole(path, _report(received, results, counts, refusal).encode())  # last: a report is there when all is
    except OSError as error:
        stands = "the import itself stands" if refusal is None else f"the file is refused all the same ({refusal})"
        said = f"{error.filename or folder}: {error.strerror}; {stands}; import it again to get the report"
        raise Unavailable("REPORT_UNWRITABLE", said) from error


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
        results = [
            RowResult(
                line_no=row.line_no, raw=row.raw, outcome=Outcome(row.outcome), codes=tuple(row.codes), note=row.note
            )
            for row in accepted_rows(connection, kind=facts.kind, sha256=facts.sha256)
        ]
    write_report(folder, received, results=results, counts=counts, encoding=encoding, headed=headed)


def write_stored_report(work: Work, folder: Path, received: Received) -> None:
    """The report of an accepted file out of its stored rows, a part at a time, unless it is there already.

    ``received.content`` need only hold the header.

    Raises:
        Unavailable: ``REPORT_UNWRITABLE``; the import itself stands.
    """
    facts, path = received.facts, _report_path(folder, received)
    if facts.sha256 in {_told_of(path), _told_of(_aside(path, facts.sha256))}:
        return
    with work.engine.connect() as connection:
        counts = accepted_counts(connection, kind=facts.kind, sha256=facts.sha256) or {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _make_room(path, received)
            _pour(path, received, stream_rows(connection, kind=facts.kind, sha256=facts.sha256), counts)
        except OSError as error:
            said = f"{error.filename or folder}: {error.strerror}; the import itself stands"
            raise Unavailable("REPORT_UNWRITABLE", f"{said}; import it again to get the report") from error


def _pour(path: Path, received: Received, rows: Iterable[Any], counts: Mapping[str, int]) -> None:
    report, again = path.with_name(f".{path.name}.part"), path.with_name(f".{_again(path).name}.part")
    unfit = 0
    with report.open("w", encoding="utf-8", newline="") as told, again.open("w", encoding="utf-8") as rejected:
        writer = csv.writer(told, delimiter=";", lineterminator="\n")
        writer.writerows((_COLUMNS, (*_FILE_ROW, received.facts.sha256, received.path.name)))
        rejected.write(received.content.decode(_ENCODING).partition("\n")[0].rstrip("\r") + "\n")
        for row in rows:
            writer.writerow((row.line_no, row.outcome, ",".join(row.codes), row.note or "", row.raw))
            if row.outcome == Outcome.REJECTED.value:
                unfit += 1
                rejected.write(f"{row.raw}\n")
        writer.writerows(("", "TOTAL", name, count, "") for name, count in counts.items())
    if unfit:
        again.replace(_again(path))
    else:
        again.unlink()
        _again(path).unlink(missing_ok=True)
    report.replace(path)


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


def _report(received: Received, results: Sequence[RowResult], counts: Mapping[str, int], refusal: str | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerow((*_FILE_ROW, received.facts.sha256, received.path.name))
    if refusal is not None:
        writer.writerow(("", "REFUSED", refusal.partition(":")[0], refusal, ""))
    for result in sorted(results, key=lambda result: result.line_no):
        writer.writerow((result.line_no, result.outcome.value, ",".join(result.codes), result.note or "", result.raw))
    for name, count in counts.items():
        writer.writerow(("", "TOTAL", name, count, ""))
    return text.getvalue()
