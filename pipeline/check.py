"""check: control totals, and a second opinion in SQL; what a person will approve is fixed by its hash."""

import json
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from billing.canonical import content_sha256
from pipeline.corrections.rate import refuse_in_part
from pipeline.cycles import has_passed, require_cycle, require_reached
from pipeline.errors import Inconsistent
from pipeline.work import Work, step
from sql.charges import control_totals
from sql.checking import check_names, run_check
from sql.cycles import Cycle, last_body, move_cycle
from sql.statistics import refresh_statistics


def run(work: Work, *, cycle_key: str) -> dict[str, int | str]:
    """Run every check and fix the totals; a dry run ends here and leaves its key free, also when a check stops it.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
        Inconsistent: ``CHECK_FAILED``, with the first accounts and what is wrong with them; ``CORRECTION_HELD``.
    """
    stopped: Inconsistent | None = None
    with step(work, "check") as (connection, record):
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="writer")
        record.cycle_id = cycle.cycle_id
        if cycle.state == "dry":
            stopped = _stopped(connection, cycle)
        else:
            require_reached(cycle, state="frozen")
            checks = 0
            try:
                checks = _pass_all(connection, cycle)
                if cycle.is_correction:
                    refuse_in_part(connection, cycle)
            except Inconsistent as error:
                if not cycle.dry_run:
                    raise
                stopped = error  # nobody is asked about a dry run: it is told, and over
            if not has_passed(cycle, state="frozen"):
                body = totals(connection, cycle) | {"checks": checks} | _told(stopped)
                move_cycle(connection, cycle, source="frozen", target="dry" if cycle.dry_run else "checked", body=body)
        found = totals(connection, cycle)
        record.counts = {name: found[name] for name in ("eligible", "charged", "held", "excluded")}
        record.sums = {name: found[name] for name in ("net_zl", "vat_zl", "gross_zl", "charges_sha256")}
    if stopped is not None:
        raise stopped
    return dict(record.counts) | {"gross_zl": str(found["gross_zl"])}


def totals(connection: Connection, cycle: Cycle) -> dict[str, Any]:
    """Counts and sums of the cycle as they stand."""
    row = control_totals(connection, cycle=cycle)
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to a row's names


def totals_sha256(connection: Connection, cycle: Cycle) -> str:
    """The hash of what is put before the approver."""
    found = totals(connection, cycle)
    return content_sha256({name: _plain(value) for name, value in found.items()})


def _plain(value: Any) -> Any:
    return format(value, ".2f") if isinstance(value, Decimal) else value


def _told(stopped: Inconsistent | None) -> dict[str, str]:
    return {} if stopped is None else {"stopped_by": stopped.code, "stopped": str(stopped)}


def _stopped(connection: Connection, cycle: Cycle) -> Inconsistent | None:
    """What ended a dry run before its end; it is told again whenever the step is repeated."""
    body = json.loads(last_body(connection, cycle, kind="dry") or "{}")
    if "stopped" not in body:
        return None
    return Inconsistent(body["stopped_by"], body["stopped"].removeprefix(f"{body['stopped_by']}: "))


def _pass_all(connection: Connection, cycle: Cycle) -> int:
    refresh_statistics(connection, rows=control_totals(connection, cycle=cycle).eligible)
    names = check_names()
    problems = [problem for name in names for problem in run_check(connection, name=name, cycle_id=cycle.cycle_id)]
    if problems:
        shown = "; ".join(f"{each.check} {each.account_no}: {each.problem}" for each in problems[:5])
        raise Inconsistent("CHECK_FAILED", f"{len(problems)} or more findings: {shown}")
    return len(names)
