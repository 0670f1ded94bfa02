"""open: a run of corrections is asked for; the impossible is refused in one line."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from billing.canonical import to_data
from billing.periods import Period
from pdf.typeface import Unprintable, clean, load_fonts, require_printable
from pipeline.corrections.choose import chosen
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.open_cycle import KOR, refuse_terms
from pipeline.utility_files import LoadedUtility, load_folder
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.corrections import NewRun, insert_run
from sql.cycles import find_cycle_of_run, insert_cycle
from sql.locks import take_turn

REASON_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionOrder:
    """What the form asks: what to correct, why, when it is issued, and whether to stop after the checks.

    One of these says what: ``order_id`` (a correction that a complaint has led to); ``readings``, each ``ID=INDEX`` in
    m³, for every invoice that rests on them; ``invoices`` by number and ``cycles`` by key, rated again by the tariffs
    as they are now; ``reverse``, the key of a cycle of which nothing has left. ``payment_days`` of None are the
    utility's.
    """

    reason: str
    issue_date: date
    payment_days: int | None = None
    dry_run: bool = False
    order_id: int | None = None
    readings: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()
    cycles: tuple[str, ...] = ()
    reverse: str | None = None

    def to_form(self) -> dict[str, Any]:
        """The values as Airflow's form has them: plain data, one name a line."""
        form: dict[str, Any] = to_data(self)
        return form | {name: "\n".join(form[name]) for name in ("readings", "invoices", "cycles")}


def run(work: Work, *, order: CorrectionOrder) -> dict[str, str]:
    """Open a run and return its key. The same Airflow run asking again gets the run that it has opened.

    Raises:
        OperatorError: ``REASON_MISSING``, ``REASON_UNREADABLE``, ``REASON_LONG``, ``CORRECTION_WHAT``, and what
            ``pipeline.open_cycle.refuse_terms`` and ``pipeline.corrections.choose`` refuse.
        DataRefused: the utility's folder cannot be used.
    """
    reason = _reason(order)
    loaded = load_folder(work.settings.utility)
    with step(work, "open") as (connection, record):
        run_id = work.airflow_run.run_id if work.airflow_run else None
        known = find_cycle_of_run(connection, airflow_run_id=run_id) if run_id else None
        if known:
            record.counts = {"already": 1}
            return {"cycle_key": known}
        take_turn(connection, "books")  # no cycle freezes or issues what we look at
        new = _checked(connection, order, loaded, reason=reason)
        cycle = insert_cycle(
            connection,
            period=run_period(order.issue_date),
            route_set=KOR,
            issue_date=order.issue_date,
            payment_days=_payment_days(order, loaded),
            dry_run=order.dry_run,
            chunk_accounts=loaded.utility.chunk_accounts,
            started_by=work.actor.name,
            started_via=work.actor.via,
            airflow_run_id=run_id,
            kind="correction",
        )
        insert_run(connection, cycle, new)
        record.cycle_id = cycle.cycle_id
        record.counts = {"opened": 1, "invoices": len(new.invoice_ids), "readings": len(new.readings_m3)}
        record.tariff_sha256s = loaded.tariff_sha256s
        return {"cycle_key": cycle.cycle_key, "invoices": str(len(new.invoice_ids))}


def refuse_impossible(work: Work, *, order: CorrectionOrder) -> None:
    """Refuse now what ``run`` would refuse later, when nobody is looking; writes nothing. Raises as ``run``."""
    reason = _reason(order)
    loaded = load_folder(work.settings.utility)
    with work.engine.begin() as connection:
        _checked(connection, order, loaded, reason=reason)


def run_period(issue_date: date) -> Period:
    """The calendar month of the issue date: what a run of corrections is filed under."""
    start = issue_date.replace(day=1)
    return Period(start=start, until=(start + timedelta(days=31)).replace(day=1))


def _checked(connection: Connection, order: CorrectionOrder, loaded: LoadedUtility, *, reason: str | None) -> NewRun:
    today = warsaw_day(business_now(connection))
    refuse_terms(issue_date=order.issue_date, payment_days=_payment_days(order, loaded), today=today)
    ways = {
        "order_id": order.order_id is not None,
        "readings": bool(order.readings),
        "invoices": bool(order.invoices or order.cycles),
        "reverse": order.reverse is not None,
    }
    if sum(ways.values()) != 1:
        raise OperatorError("CORRECTION_WHAT", "say one of: an order, readings, invoices or cycles, a cycle to reverse")
    new = chosen(connection, order, reason=reason)
    refuse_unprintable(new.reason)
    return new


def refuse_unprintable(reason: str) -> None:
    """Refuse now what could not be printed on a correction that has its number.

    Raises:
        OperatorError: ``REASON_LONG`` or ``REASON_UNREADABLE``.
    """
    if len(reason) > REASON_LENGTH_MAX:
        raise OperatorError("REASON_LONG", f"the reason is printed: at most {REASON_LENGTH_MAX} characters")
    try:
        load_fonts()
        require_printable(clean(reason))
    except Unprintable as refusal:
        raise OperatorError("REASON_UNREADABLE", f"the reason cannot be printed: {refusal}") from None


def _payment_days(order: CorrectionOrder, loaded: LoadedUtility) -> int:
    return loaded.utility.payment_days if order.payment_days is None else order.payment_days


def _reason(order: CorrectionOrder) -> str | None:
    """A complaint's order brings a reason of its own."""
    if order.order_id is not None and not order.reason.strip():
        return None
    return note_words(order.reason, missing="REASON_MISSING", unreadable="REASON_UNREADABLE")
