"""Whether an archived document is the one that was recorded, and the one that its invoice gives when rendered again."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from delivery.errors import ArchiveMissing
from delivery.store import Archive
from pdf.typeface import Unprintable
from pipeline.cycles import require_cycle
from pipeline.documents import RenderedBy, Rendering, archive_of, rendered, rendering_of, stored_document
from pipeline.errors import Inconsistent, OperatorError
from pipeline.work import Work
from sql.documents import documents_of_cycle, documents_of_invoice

_BATCH = 200
_SHOWN = 16


class Outcome(StrEnum):
    """``not_comparable``: as it was recorded, but what it was rendered with is not what renders here."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found of one document, and why it is not ``equal``."""

    invoice_no: str
    duplicate_on: date | None
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Over a cycle: how many of each outcome, why documents are not comparable, and each one that is different."""

    counts: Mapping[str, int]
    not_comparable: Mapping[str, int]
    different: tuple[Verdict, ...]


def of_invoice(work: Work, *, invoice_no: str) -> list[Verdict]:
    """A verdict on every document of an invoice, its duplicates too.

    Raises:
        OperatorError: ``DOCUMENT_UNKNOWN``.
        Retryable: the archive cannot be read.
    """
    with work.engine.connect() as connection:
        rows = documents_of_invoice(connection, invoice_no=invoice_no)
    if not rows:
        raise OperatorError("DOCUMENT_UNKNOWN", f"there is no document of {invoice_no}")
    archive, rendering = archive_of(work.settings), rendering_of(work.settings)
    return [_verdict(archive, rendering, row) for row in rows]


def of_cycle(work: Work, *, cycle_key: str) -> Verification:
    """Every document of a cycle, some at a time.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``, or ``DOCUMENT_UNKNOWN``: it has none yet.
        Retryable: the archive cannot be read.
    """
    archive, rendering = archive_of(work.settings), rendering_of(work.settings)
    counts: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
    reasons: Counter[str] = Counter()
    different = []
    for row in _rows(work, cycle_key):
        verdict = _verdict(archive, rendering, row)
        counts[verdict.outcome.value] += 1
        if verdict.outcome is Outcome.NOT_COMPARABLE:
            reasons[verdict.reason] += 1
        elif verdict.outcome is Outcome.DIFFERENT:
            different.append(verdict)
    if not counts.total():
        raise OperatorError("DOCUMENT_UNKNOWN", f"there is no document of {cycle_key} yet")
    return Verification(counts=counts, not_comparable=reasons, different=tuple(different))


def _rows(work: Work, cycle_key: str) -> Iterator[Row[Any]]:
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
    last = 0
    while True:
        with work.engine.connect() as connection:
            rows = documents_of_cycle(connection, cycle=cycle, after=last, most=_BATCH)
        if not rows:
            return
        yield from rows
        last = rows[-1].document_id


def _verdict(archive: Archive, rendering: Rendering, row: Row[Any]) -> Verdict:
    outcome, reason = _judge(archive, rendering, row)
    return Verdict(invoice_no=row.invoice_no, duplicate_on=row.duplicate_on, outcome=outcome, reason=reason)


def _judge(archive: Archive, rendering: Rendering, row: Row[Any]) -> tuple[Outcome, str]:
    try:
        found = hashlib.sha256(stored_document(archive, row)).hexdigest()
    except ArchiveMissing as missing:
        return Outcome.DIFFERENT, str(missing)
    if found != row.sha256:
        return Outcome.DIFFERENT, f"the archive holds {found[:_SHOWN]}…, recorded was {row.sha256[:_SHOWN]}…"
    try:
        again = rendered(
            rendering,
            invoice_no=row.invoice_no,
            content=row.content,
            sha256=row.invoice_sha256,
            duplicate_on=row.duplicate_on,
        ).sha256
    except Inconsistent as changed:
        return Outcome.DIFFERENT, str(changed)
    except Unprintable as refusal:
        again = str(refusal)
    if again == row.sha256:
        return Outcome.EQUAL, ""
    if changes := _changes(row, rendering.by):
        return Outcome.NOT_COMPARABLE, "; ".join(changes)
    return Outcome.DIFFERENT, f"rendered again it is {again[:_SHOWN]}…, recorded was {row.sha256[:_SHOWN]}…"


def _changes(row: Row[Any], here: RenderedBy) -> list[str]:
    """What is not the same here as when the document was rendered."""
    return [
        f"{field.name} was {str(then)[:_SHOWN] if then else 'not recorded'}, here it is {now[:_SHOWN]}"
        for field in fields(here)
        if (then := getattr(row, field.name)) != (now := getattr(here, field.name))
    ]
