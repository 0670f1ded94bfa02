"""deliver: documents leave by e-mail or in a print package; nothing twice, nothing lost, doubt is called doubt."""

from collections import Counter

from billing.law import payment_days_min
from pipeline.cycles import require_cycle, require_reached
from pipeline.deliver_email import send_ready
from pipeline.deliver_paper import package_ready
from pipeline.deliver_recovery import recover
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.deliveries import expire, listing, release


def run(work: Work, *, cycle_key: str | None) -> dict[str, int]:
    """Send what may leave: of one cycle, or (None: the sweep) of all.

    First what an earlier worker left behind is cleared up by evidence, then e-mails go out one by one, each with its
    intent committed before the final dot. Letters, with those that an e-mail could not replace, go into a print
    package after that, whatever became of the e-mails: neither waits for the other. What would shorten the customer's
    lawful term to pay stays behind as ``overdue``, unless a person has decided.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
        Retryable: the relay, the archive or the folder of print packages is away; what is left goes with the next run.
    """
    counts: Counter[str] = Counter()
    cycle = None
    with work.engine.begin() as connection:
        if cycle_key is not None:
            cycle = require_cycle(connection, cycle_key=cycle_key)
            require_reached(cycle, state="issued")
        counts["released"] = release(connection, cycle_id=cycle.cycle_id if cycle else None)
    counts.update(recover(work))
    with work.engine.begin() as connection:
        today = warsaw_day(business_now(connection))
        counts["overdue"] = expire(connection, minimum_days=payment_days_min(on=today))
    try:
        counts.update(send_ready(work, cycle=cycle))
    except Exception:
        package_ready(work, cycle=cycle)
        raise
    counts.update(package_ready(work, cycle=cycle))
    with step(work, "deliver") as (connection, record):
        if cycle:
            record.cycle_id = cycle.cycle_id
            rows = listing(connection, "delivery_counts", cycle_id=cycle.cycle_id)
            record.sums = {f"{row.channel}_{row.state}": row.deliveries for row in rows}
        record.counts = dict(counts)
        return dict(counts)
