"""Consents as the office types them: one row to one statement."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from readings import fields
from readings.fields import RowRefused

REQUIRED = ("account_no", "event", "method", "occurred_at", "received_at", "terms_label", "email")
OPTIONAL = ("signer_name", "scan_sha256", "requested_from")
TAKEN_OVER = ("evidence",)
"""Columns that only a file of an earlier system has."""
EVIDENCE_LENGTH = 500
EVENTS = ("accept", "withdraw")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """An acceptance or a withdrawal; ``received_at`` is its arrival at the utility, from which it counts.

    ``evidence`` is what an earlier system keeps of it, in its own words.
    """

    account_no: str
    event: str
    method: str
    occurred_at: datetime
    received_at: datetime
    terms_label: str | None
    email: str | None
    signer_name: str | None
    scan_sha256: str | None
    requested_from: date | None
    evidence: str | None


def read_consent(row: dict[str, str], *, methods: Collection[str]) -> ConsentRow:
    """A statement from its fields; ``methods`` are the ways that the utility takes.

    Raises:
        RowRefused: with its code, see ``docs/import.md``.
    """
    event = fields.choice(row, "event", EVENTS, code="C102")
    method = fields.choice(row, "method", methods, code="C102")
    occurred_at = fields.moment(row, "occurred_at", code="C103")
    received_at = fields.moment(row, "received_at", code="C103")
    if received_at < occurred_at:
        raise RowRefused("C104", "received_at lies before occurred_at")
    if event == "accept" and not (row["terms_label"] and row["email"]):
        raise RowRefused("C106", "terms_label, email")
    scan_sha256 = row["scan_sha256"].lower()
    if (scan_sha256 and not _SHA256.fullmatch(scan_sha256)) or (method == "paper_form" and not row["signer_name"]):
        raise RowRefused("C108", "signer_name, scan_sha256")
    return ConsentRow(
        account_no=row["account_no"],
        event=event,
        method=method,
        occurred_at=occurred_at,
        received_at=received_at,
        terms_label=row["terms_label"] or None,
        email=fields.email(row, "email", code="C107") if row["email"] else None,
        signer_name=row["signer_name"] or None,
        scan_sha256=scan_sha256 or None,
        requested_from=_requested(row),
        evidence=_evidence(row),
    )


def _evidence(row: dict[str, str]) -> str | None:
    text = row["evidence"]
    if len(text) > EVIDENCE_LENGTH or not text.isprintable():
        raise RowRefused("C109", "evidence")
    return text or None


def _requested(row: dict[str, str]) -> date | None:
    try:
        return fields.optional_day(row, "requested_from")
    except RowRefused as refusal:
        raise RowRefused("C103", refusal.note) from None
