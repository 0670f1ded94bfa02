"""What ran: one append-only row for every completed step of a cycle, or chunk of one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from billing.canonical import canonical_json, content_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One completed run of a step; ``sha256`` is taken over counts and sums, so that equal runs show as equal."""

    cycle_id: int | None
    step: str
    chunk: str | None
    counts: Mapping[str, int]
    sums: Mapping[str, Any]
    actor: str
    dag_id: str | None
    airflow_run_id: str | None
    try_number: int | None
    code_version: str
    tariff_sha256s: Sequence[str]
    started_at: datetime
    event_at: datetime


def insert_step_run(connection: Connection, run: StepRun) -> None:
    """Append ``run`` inside the caller's transaction: it stands exactly when the step's work does.

    It remembers the newest event of the evidence, so that events cannot be cut off unseen.
    """
    connection.execute(
        text("""
            insert into step_run (cycle_id, step, chunk, counts, sums, sha256, actor, dag_id, airflow_run_id,
                                  try_number, code_version, tariff_sha256s, started_at, event_at,
                                  evidence_seq, evidence_hash)
            select :cycle_id, :step, :chunk, cast(:counts as jsonb), cast(:sums as jsonb), :sha256, :actor, :dag_id,
                   :airflow_run_id, :try_number, :code_version, :tariff_sha256s, :started_at, :event_at,
                   head.seq, head.hash
            from (values (1)) as one_row (number)
            left join (select seq, hash from evidence order by seq desc limit 1) head on true
        """),
        {
            "cycle_id": run.cycle_id,
            "step": run.step,
            "chunk": run.chunk,
            "counts": json.dumps(dict(run.counts)),
            "sums": canonical_json(run.sums),
            "sha256": content_sha256({"counts": run.counts, "sums": run.sums}),
            "actor": run.actor,
            "dag_id": run.dag_id,
            "airflow_run_id": run.airflow_run_id,
            "try_number": run.try_number,
            "code_version": run.code_version,
            "tariff_sha256s": list(run.tariff_sha256s),
            "started_at": run.started_at,
            "event_at": run.event_at,
        },
    )
