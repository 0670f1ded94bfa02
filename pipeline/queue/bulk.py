"""bulk: one decision about many readings, or estimates of all registers that lack a reading; seen first, then done.

A preview does everything, looks at what it would bill, and takes it back. Its hash names what was seen: doing it asks
for the hash, and is refused when the data would now make anything else of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from billing.canonical import content_sha256
from billing.estimation_rules import EstimationRules
from pipeline.errors import OperatorError
from pipeline.queue.estimates import PlannedEstimate
from pipeline.queue.planning import Chosen, Planned, prepare
from pipeline.queue.what_if import WouldBill, rolled_back, would_bill
from pipeline.queue.writing import reason_words, write
from pipeline.utility_files import LoadedUtility, load_folder
from pipeline.work import Work, step
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.locks import take_turn
from sql.reading_queue import accounts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What would be written: decisions and estimates, and those that are refused among both."""

    planned: tuple[Planned, ...] = ()
    estimates: tuple[PlannedEstimate, ...] = ()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each of them as a row; the same data gives the same rows."""
        linked = {one.target.reading_id: one for one in self.estimates if one.target.reading_id is not None}
        rows = [_decision_row(one, linked.get(one.chosen.reading_id)) for one in self.planned]
        loose = [one for one in self.estimates if one.target.reading_id not in {row["reading_id"] for row in rows}]
        return rows + [_estimate_row(one) for one in loose]

    @property
    def sha256(self) -> str:
        """The hash of the rows."""
        return content_sha256(self.rows)


Choose = Callable[[Connection, LoadedUtility], Selection]
"""Finds the same selection for the preview and for doing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a selection would do: its rows with the bills they lead to, and the hash that doing it asks for."""

    rows: list[dict[str, Any]]
    sha256: str

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what would become of them; those whose account is held all the same stand under its code."""
        found: dict[str, int] = {}
        for row in self.rows:
            held = row.get("hold")
            key = row["refusal"] or (f"{row['decision']}, held by {held}" if held else row["decision"])
            found[key] = found.get(key, 0) + 1
        return found


def choose_readings(chosen: Sequence[Chosen], *, by: str) -> Choose:
    """A selection of readings that were named."""

    def choose(connection: Connection, loaded: LoadedUtility) -> Selection:
        return _of_readings(connection, chosen, by=by, rules=loaded.utility.estimation)

    return choose


def preview(work: Work, *, choose: Choose) -> Preview:
    """What the selection would do; nothing is written."""
    loaded = load_folder(work.settings.utility, seller_needed=False)
    with work.engine.connect() as connection, rolled_back(connection):
        selection = choose(connection, loaded)
        rows, sha256 = selection.rows, selection.sha256
        write(
            connection,
            work,
            planned=_good(selection),
            estimates=selection.estimates,
            reason="preview",
            evident=False,
        )
        accounts = _accounts(connection, selection)
        billed = would_bill(connection, loaded, account_ids=[one for one in accounts if one])
    told = [_billed(billed.get(account_id)) if account_id else {} for account_id in accounts]
    return Preview(rows=[row | money for row, money in zip(rows, told, strict=True)], sha256=sha256)


def run(work: Work, *, choose: Choose, sha256: str, reason: str) -> dict[str, Any]:
    """Do what was previewed: everything but what the preview showed as refused.

    Raises:
        OperatorError: ``SELECTION_CHANGED``, ``SELECTION_EMPTY``, ``REASON_MISSING`` or ``REASON_UNREADABLE``.
    """
    words = reason_words(reason)
    loaded = load_folder(work.settings.utility, seller_needed=False)
    with step(work, "decide_readings") as (connection, record):
        take_turn(connection, "books")  # no cycle freezes or issues the readings meanwhile
        selection = choose(connection, loaded)
        if selection.sha256 != sha256:
            text = f"the selection is now {selection.sha256[:12]}, not {sha256[:12]}: look at the preview again"
            raise OperatorError("SELECTION_CHANGED", text)
        good, made = _good(selection), [one for one in selection.estimates if not one.refusal]
        if not good and not made:
            raise OperatorError("SELECTION_EMPTY", "nothing in the selection can be done")
        write(connection, work, planned=good, estimates=made, reason=words)
        refused = sum(row["refusal"] is not None for row in selection.rows)
        record.counts = {"decided": len(good), "estimated": len(made), "refused": refused}
        event = Event(
            event_at=business_now(connection),
            subject=f"selection:{sha256[:16]}",
            kind="readings_decided_in_bulk",
            body={"sha256": sha256, "by": work.actor.name, "via": work.actor.via} | record.counts,
        )
        append_events(connection, [event])
    return dict(record.counts) | {"selection": sha256}


def _of_readings(connection: Connection, chosen: Sequence[Chosen], *, by: str, rules: EstimationRules) -> Selection:
    prepared = prepare(connection, chosen=chosen, by=by, rules=rules)
    planned = tuple(_alone(one) for one in prepared.planned)
    return Selection(planned=planned, estimates=prepared.estimates)


def _alone(one: Planned) -> Planned:
    """What takes two people is decided one by one."""
    if one.refusal is None and (one.needs_second or one.request_id is not None):
        words = f"reading {one.chosen.reading_id} is an estimate: another index takes two people, one by one"
        return Planned(chosen=one.chosen, reading=one.reading, refusal="SECOND_PERSON", words=words)
    return one


def _good(selection: Selection) -> list[Planned]:
    return [one for one in selection.planned if one.refusal is None]


def _decision_row(one: Planned, estimate: PlannedEstimate | None) -> dict[str, Any]:
    reading = one.reading
    return {
        "reading_id": one.chosen.reading_id,
        "meter_no": reading.meter_no if reading else None,
        "read_on": reading.read_on if reading else None,
        "state": reading.state if reading else None,
        "was_m3": reading.index_m3 if reading else None,
        "decision": one.chosen.decision.value,
        "index_m3": estimate.index_m3 if estimate else one.chosen.index_m3,
        "method": _method(estimate),
        "refusal": one.refusal,
        "words": one.words,
    }


def _estimate_row(one: PlannedEstimate) -> dict[str, Any]:
    return {
        "reading_id": None,
        "meter_no": one.place.meter_no,
        "read_on": one.target.on,
        "state": None,
        "was_m3": one.place.previous_m3,
        "decision": "estimated",
        "index_m3": one.index_m3,
        "method": _method(one),
        "refusal": one.refusal,
        "words": one.words,
    }


def _method(one: PlannedEstimate | None) -> str | None:
    return one.estimate.method.value if one and one.estimate else None


def _accounts(connection: Connection, selection: Selection) -> list[int | None]:
    """The account of each row, in their order."""
    chosen = [one.chosen.reading_id for one in selection.planned]
    found = accounts_of(connection, reading_ids=chosen)
    linked = set(chosen)
    loose = [one.place.account_id for one in selection.estimates if one.target.reading_id not in linked]
    return [found[reading_id].account_id if reading_id in found else None for reading_id in chosen] + loose


def _billed(made: WouldBill | None) -> dict[str, Decimal | str | date | None]:
    if made is None:
        return {}
    return {"account_no": made.account_no, "bill_m3": made.volume_m3, "bill_zl": made.gross_zl, "hold": made.hold}
