"""estimate: one register on a day for which there is no reading at all."""

from datetime import date
from typing import Any

from billing.estimation_rules import EstimateWhy
from pipeline.errors import OperatorError
from pipeline.queue.estimates import Target, plan_estimates
from pipeline.queue.writing import reason_words, write
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql.estimates import place_of_meter
from sql.locks import take_turn


def run(work: Work, *, meter_no: str, register: int, on: date, why: EstimateWhy, reason: str) -> dict[str, Any]:
    """Estimate the register on that day, on the word of ``work.actor``.

    Raises:
        OperatorError: ``METER_UNKNOWN``, ``REASON_MISSING``, ``REASON_UNREADABLE``, or why it cannot be estimated:
            ``E106``, ``E107``, ``E109``, ``NO_CONTRACT``, ``READING_THERE``, ``READING_MISSING``,
            ``ESTIMATE_NOT_MAIN``, ``ESTIMATE_PROLONGED`` or ``ESTIMATE_IMPOSSIBLE``.
    """
    words = reason_words(reason)
    rules = load_folder(work.settings.utility, seller_needed=False).utility.estimation
    with step(work, "estimate_reading") as (connection, record):
        take_turn(connection, "books")  # no cycle freezes the register meanwhile
        place = place_of_meter(connection, meter_no=meter_no, register=register, on_day=on)
        if place is None:
            raise OperatorError("METER_UNKNOWN", f"no meter {meter_no} with register {register} is in place on {on}")
        (planned,) = plan_estimates(connection, targets=[Target(installation_id=place, on=on, why=why)], rules=rules)
        if planned.estimate is None:
            raise OperatorError(str(planned.refusal), planned.words)
        written = write(connection, work, planned=[], estimates=[planned], reason=words)
        record.counts = {"estimated": 1}
    return {
        "reading_id": written[place],
        "meter_no": meter_no,
        "read_on": on,
        "index_m3": planned.index_m3,
        "volume_m3": planned.estimate.volume_m3,
        "method": planned.estimate.method.value,
        "inputs": planned.estimate.inputs,
    }
