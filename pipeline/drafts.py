"""Drafts for KSeF: what buyers under the KSeF duty owe, for the gateway that the utility uses today."""

import json
from pathlib import Path
from typing import Any

from delivery.durable import write_once
from pipeline.cycles import require_cycle
from pipeline.work import Work
from sql.charges import breakdown


def drafts(work: Work, *, cycle_key: str) -> list[dict[str, Any]]:
    """The rated drafts of the cycle's KSeF holds: account, buyer and bill as plain data, by account number.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``.
    """
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
        rows = breakdown(connection, cycle=cycle, name="drafts")
    return [
        {
            "account_no": row.account_no,
            "hold": row.code,
            "issue_date": cycle.issue_date.isoformat(),
            "period": cycle.period.word(),
            "parties": json.loads(row.snapshot)["parties"],
            "bill": json.loads(row.draft),
        }
        | ({"purpose": cycle.purpose} if cycle.purpose else {})
        for row in rows
    ]


def export(work: Work, *, cycle_key: str) -> Path | None:
    """Write the drafts of an issued cycle to ``exports/ksef``, one JSON object a line; None when there are none.

    Raises:
        OSError: the disk refused; no file was made.
    """
    found = drafts(work, cycle_key=cycle_key)
    if not found:
        return None
    lines = "".join(json.dumps(draft, ensure_ascii=False, sort_keys=True) + "\n" for draft in found)
    folder = work.settings.exports / "ksef"
    path = folder / f"drafts-{cycle_key}.jsonl"
    write_once(target=path, scratch=folder / ".making", write=lambda file: file.write(lines.encode()))
    return path
