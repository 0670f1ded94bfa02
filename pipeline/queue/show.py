"""show: one reading with everything that helps to decide about it, and what each decision would bill."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row

from billing.money import VOLUME
from billing.periods import Period
from billing.reading_life import WITH_INDEX, Decision
from billing.reading_limits import IndexOn, Limits, reading_limits
from pipeline.errors import OperatorError
from pipeline.queue.planning import Chosen, prepare
from pipeline.queue.what_if import WouldBill, rolled_back, would_bill
from pipeline.queue.writing import write
from pipeline.utility_files import LoadedUtility, load_folder
from pipeline.work import Work
from sql.reading_queue import accounts_of, came_with, decisions_of, find_readings, findings_of, history_before

HISTORY = 7
"""So many readings before it are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A reading: as it stands, how it came, what failed, what was decided, what was used before, and what may come.

    ``would_bill`` tells by decision what an invoice of today would bill the account, or the code that refuses it.
    """

    reading: dict[str, Any]
    came: dict[str, Any]
    findings: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    history: list[dict[str, Any]]
    expected: dict[str, Decimal | None]
    account_no: str | None
    would_bill: dict[str, dict[str, Any]]


def run(work: Work, *, reading_id: int, index_m3: Decimal | None = None) -> Shown:
    """The reading of that number; with ``index_m3`` also what an edit to it would bill.

    Raises:
        OperatorError: ``READING_UNKNOWN``.
    """
    loaded = load_folder(work.settings.utility, seller_needed=False)
    with work.engine.connect() as connection:
        reading = find_readings(connection, reading_ids=[reading_id]).get(reading_id)
        if reading is None:
            raise OperatorError("READING_UNKNOWN", f"no reading {reading_id}")
        history = history_before(
            connection, installation_id=reading.installation_id, before=reading.read_at, most=HISTORY
        )
        account = accounts_of(connection, reading_ids=[reading_id]).get(reading_id)
        return Shown(
            reading=_named(reading),
            came=_named(came_with(connection, reading_id=reading_id)),
            findings=[_named(row) for row in findings_of(connection, reading_id=reading_id)],
            decisions=[_named(row) for row in decisions_of(connection, reading_id=reading_id)],
            history=[_interval(later, earlier) for later, earlier in pairwise(history)],
            expected=_expected(history, reading, loaded),
            account_no=account.account_no if account else None,
            would_bill=_would_bill(connection, work, loaded, reading_id=reading_id, index_m3=index_m3),
        )


def _would_bill(
    connection: Connection, work: Work, loaded: LoadedUtility, *, reading_id: int, index_m3: Decimal | None
) -> dict[str, dict[str, Any]]:
    account = accounts_of(connection, reading_ids=[reading_id]).get(reading_id)
    account_ids = [account.account_id] if account else []
    told = {"as it is": _money(would_bill(connection, loaded, account_ids=account_ids))}
    for decision in (Decision.CONFIRMED, Decision.EDITED, Decision.VOID, Decision.ESTIMATED):
        index = index_m3 if decision in WITH_INDEX else None
        if decision in WITH_INDEX and index is None:
            continue
        chosen = [Chosen(reading_id=reading_id, decision=decision, index_m3=index)]
        prepared = prepare(connection, chosen=chosen, by=work.actor.name, rules=loaded.utility.estimation)
        (planned,) = prepared.planned
        if planned.refusal:
            told[decision.value] = {"refused": planned.refusal, "words": planned.words}
            continue
        with rolled_back(connection):
            write(
                connection,
                work,
                planned=[replace(planned, needs_second=False)],
                estimates=prepared.estimates,
                reason="preview",
                evident=False,
            )
            told[decision.value] = _money(would_bill(connection, loaded, account_ids=account_ids))
        for one in prepared.estimates:
            method = one.estimate.method.value if one.estimate else None
            told[decision.value] |= {"index_m3": one.index_m3, "method": method}
    return told


def _money(found: dict[int, WouldBill]) -> dict[str, Any]:
    for one in found.values():
        return {"bill_m3": one.volume_m3, "bill_zl": one.gross_zl, "hold": one.hold, "meters_m3": one.meters_m3}
    return {"hold": "NO_ACCOUNT"}


def _interval(later: Row[Any], earlier: Row[Any]) -> dict[str, Any]:
    days = (later.read_on - earlier.read_on).days
    volume_m3 = later.index_m3 - earlier.index_m3
    return {
        "from": earlier.read_on,
        "until": later.read_on,
        "index_m3": later.index_m3,
        "volume_m3": volume_m3,
        "days": days,
        "m3_day": (volume_m3 / days).quantize(VOLUME, rounding=ROUND_HALF_UP),
        "quality": later.quality,
    }


def _expected(history: Sequence[Row[Any]], reading: Row[Any], loaded: LoadedUtility) -> dict[str, Decimal | None]:
    """Between which indexes it should lie, by the same rule as the reader's device."""
    limits: Limits = reading_limits(
        [IndexOn(read_on=one.read_on, index_m3=one.index_m3) for one in reversed(history)],
        days=Period(start=reading.read_on, until=reading.read_on + timedelta(days=1)),
        rules=loaded.utility.checks,
        volume_max_m3_day=loaded.utility.models.volume_max_m3_day,
        dials=reading.dials,
        decimals=reading.decimals,
    )
    return {
        "expected_index_m3": limits.expected_index_m3,
        "low_index_m3": limits.low_index_m3,
        "high_index_m3": limits.high_index_m3,
        "use_m3_day": limits.use_m3_day,
    }


def _named(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to a row's names
