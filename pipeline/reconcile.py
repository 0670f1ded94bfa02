"""reconcile: the cycle closes when its statement balances against the archive and the relay, and stays red else."""

from billing.canonical import content_sha256
from pipeline.cycles import has_passed, require_cycle, require_reached
from pipeline.errors import Inconsistent
from pipeline.statement import statement
from pipeline.work import Work, step
from sql.cycles import move_cycle


class NotFinished(Inconsistent):
    """Deliveries have not come to their end yet; the statement may still balance later."""


def run(work: Work, *, cycle_key: str) -> dict[str, int]:
    """Close the cycle.

    Raises:
        Inconsistent: ``NOT_BALANCED``, with the first differences.
        NotFinished: ``DELIVERIES_OPEN``, nothing is wrong yet.
        OperatorError: ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
    """
    made = statement(work, cycle_key=cycle_key)
    with step(work, "reconcile") as (connection, record):
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="writer")
        require_reached(cycle, state="issued")
        if made.differences:
            raise Inconsistent("NOT_BALANCED", "; ".join(made.differences[:5]))
        if made.waiting:
            raise NotFinished("DELIVERIES_OPEN", "; ".join(made.waiting[:5]))
        record.cycle_id = cycle.cycle_id
        record.counts = {name: made.figures[name] for name in ("eligible", "invoices", "held", "excluded", "documents")}
        record.sums = {"gross_zl": made.figures["invoices_gross_zl"]}
        if not has_passed(cycle, state="issued"):
            body = {"figures": made.figures, "statement_sha256": content_sha256(made.to_data())}
            move_cycle(connection, cycle, source="issued", target="closed", body=body)
        return dict(record.counts)
