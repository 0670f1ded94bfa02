"""Complaints: a case per invoice, from its receipt to a refusal or an ordered correction. Payment is not touched.

A complaint about the amount does not suspend payment (Rozp. 2018 par. 17 ust. 4): no verb here writes to an invoice,
a delivery or anything else that is owed.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row

from billing.complaints import ReceivedVia, Subject, answer_deadline, is_consumer
from billing.invoices import Invoice
from billing.polish import format_date
from pipeline.approvers import require_approver
from pipeline.complaint_answers import GAP
from pipeline.errors import OperatorError
from pipeline.read_back import read_back
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql import complaints as stored
from sql import views
from sql.clock import business_now

SentVia = Literal["letter", "email"]


def open_case(
    work: Work, *, invoice_no: str, received_on: date, received_via: ReceivedVia, subject: Subject, customer_text: str
) -> dict[str, Any]:
    """Open a case about an invoice and start the clock of its answer.

    One case about an invoice is open at a time; after it has ended, a new one names it as the earlier.

    Raises:
        OperatorError: ``INVOICE_UNKNOWN``, ``COMPLAINT_OPEN``, ``COMPLAINT_DATE`` (received before the issue or in the
            future), ``TEXT_MISSING`` or ``TEXT_UNREADABLE``.
        DataRefused: ``LAW_NO_VALUE``, or what is wrong with the utility's folder.
    """
    words = written(customer_text)
    with step(work, "open_complaint") as (connection, record):
        stored.take_complaint_turn(connection)
        invoice = _invoice(connection, invoice_no)
        today = warsaw_day(business_now(connection))
        _check_day(received_on, since=invoice["issue_date"], today=today, what="received", before="the issue")
        earlier = stored.latest_of_invoice(connection, invoice_id=invoice["invoice_id"])
        if earlier is not None and earlier.outcome is None:
            raise OperatorError(
                "COMPLAINT_OPEN", f"{earlier.complaint_no} about {invoice_no} is open; add a note to it"
            )
        consumer = is_consumer(read_back(Invoice, invoice["content"]))
        own = load_folder(work.settings.utility).utility.answer_term
        deadline = answer_deadline(received_on=received_on, consumer=consumer, own=own)
        new = stored.NewComplaint(
            year=today.year,
            invoice_id=invoice["invoice_id"],
            earlier_id=earlier.complaint_id if earlier else None,
            received_on=received_on,
            received_via=received_via.value,
            subject=subject.value,
            customer_text=words,
            consumer=consumer,
            answer_until=deadline.until,
            answer_basis=deadline.basis,
            silence_basis=deadline.silence_basis,
        )
        complaint_no = stored.insert_complaint(connection, new, by=_person(work))
        record.counts = {"opened": 1}
    return {
        "complaint_no": complaint_no,
        "invoice_no": invoice_no,
        "earlier_no": earlier.complaint_no if earlier else None,
        "answer_until": deadline.until,
        "answer_basis": deadline.basis,
    }


def note(work: Work, *, complaint_no: str, text: str, is_evidence: bool = False) -> dict[str, Any]:
    """Add a note to a case, or evidence such as an ordered check of the meter; also after it has ended.

    Raises:
        OperatorError: ``COMPLAINT_UNKNOWN``, ``TEXT_MISSING`` or ``TEXT_UNREADABLE``.
    """
    words, kind = written(text), "evidence" if is_evidence else "note"
    with step(work, "note_complaint") as (connection, record):
        stored.take_complaint_turn(connection)
        case = require_case(connection, complaint_no=complaint_no)
        today = warsaw_day(business_now(connection))
        happened = stored.Happened(kind=kind, happened_on=today, words=words)
        event_no = stored.insert_event(connection, case, happened, by=_person(work))
        record.counts = {kind: 1}
    return {"complaint_no": complaint_no, "event_no": event_no, "kind": kind}


def answered(work: Work, *, complaint_no: str, sent_on: date, sent_via: SentVia, letter: str) -> dict[str, Any]:
    """Record the answer as it was sent, on paper or another durable medium; that stops the clock, once.

    Raises:
        OperatorError: ``COMPLAINT_UNKNOWN``, ``COMPLAINT_ANSWERED``, ``COMPLAINT_DATE`` (sent before the receipt or in
            the future), ``ANSWER_UNFINISHED`` (the letter still holds a gap to fill in), ``TEXT_MISSING`` or
            ``TEXT_UNREADABLE``.
    """
    words = written(letter)
    if GAP in words:
        raise OperatorError("ANSWER_UNFINISHED", f"the letter still holds {GAP} …]; finish it before it is sent")
    with step(work, "answer_complaint") as (connection, record):
        stored.take_complaint_turn(connection)
        case = require_case(connection, complaint_no=complaint_no)
        if case.answer_no is not None:
            raise OperatorError("COMPLAINT_ANSWERED", f"{complaint_no} was answered on {case.answered_on}; add a note")
        today = warsaw_day(business_now(connection))
        _check_day(sent_on, since=case.received_on, today=today, what="sent", before="the receipt")
        happened = stored.Happened(kind="answered", happened_on=sent_on, sent_via=sent_via, words=words)
        stored.insert_event(connection, case, happened, by=_person(work))
        record.counts = {"answered": 1}
    return {"complaint_no": complaint_no, "answered_on": sent_on, "late": sent_on > case.answer_until}


def refuse(work: Work, *, complaint_no: str, reason: str) -> dict[str, Any]:
    """End a case without a correction; the customer must have been answered.

    Raises:
        OperatorError: ``COMPLAINT_UNKNOWN``, ``COMPLAINT_CLOSED``, ``ANSWER_MISSING``, ``TEXT_MISSING`` or
            ``TEXT_UNREADABLE``.
    """
    words = written(reason)
    with step(work, "refuse_complaint") as (connection, record):
        stored.take_complaint_turn(connection)
        case = _undecided(connection, complaint_no)
        if case.answer_no is None:
            raise OperatorError(
                "ANSWER_MISSING", f"{complaint_no} has no answer; record what was sent: obieg complaint answer --sent"
            )
        ending = stored.Ending(outcome="refused", reason=words, readings_m3={}, point_nos=())
        today = warsaw_day(business_now(connection))
        stored.insert_ending(connection, case, ending, by=_person(work), on=today)
        record.counts = {"refused": 1}
    return {"complaint_no": complaint_no, "outcome": "refused"}


def correct(
    work: Work,
    *,
    complaint_no: str,
    reason: str,
    readings_m3: Mapping[int, Decimal] | None = None,
    point_nos: Sequence[str] = (),
) -> dict[str, Any]:
    """End a case by ordering a correction of its invoice; an approver other than who took it in decides that.

    ``readings_m3`` are indexes as they should have been, by the id of a reading that the invoice rests on;
    ``point_nos`` are points of the invoice. ``pipeline.corrections`` carries the order out.

    Raises:
        OperatorError: ``COMPLAINT_UNKNOWN``, ``COMPLAINT_CLOSED``, ``SELF_APPROVAL``, ``NOT_AN_APPROVER``,
            ``READING_NOT_INVOICED``, ``POINT_NOT_INVOICED``, ``TEXT_MISSING`` or ``TEXT_UNREADABLE``.
    """
    words = written(reason)
    with step(work, "correct_complaint") as (connection, record):
        stored.take_complaint_turn(connection)
        case = _undecided(connection, complaint_no)
        _check_approver(work, case)
        ending = stored.Ending(
            outcome="correction", reason=words, readings_m3=readings_m3 or {}, point_nos=tuple(sorted(set(point_nos)))
        )
        _check_invoiced(read_back(Invoice, _invoice(connection, case.invoice_no)["content"]), ending)
        today = warsaw_day(business_now(connection))
        order_id = stored.insert_ending(connection, case, ending, by=_person(work), on=today)
        record.counts = {"ordered": 1}
    return {"complaint_no": complaint_no, "outcome": "correction", "order_id": order_id}


def require_case(connection: Connection, *, complaint_no: str) -> Row[Any]:
    """The case of that number.

    Raises:
        OperatorError: ``COMPLAINT_UNKNOWN``.
    """
    found = stored.cases(connection, complaint_no=complaint_no)
    if not found:
        raise OperatorError("COMPLAINT_UNKNOWN", f"there is no complaint {complaint_no}; see obieg complaint list")
    return found[0]


def written(text: str) -> str:
    """What a person wrote, lines kept.

    Raises:
        OperatorError: ``TEXT_MISSING`` or ``TEXT_UNREADABLE``.
    """
    words = text.replace("\0", " ").strip()
    if not words:
        raise OperatorError("TEXT_MISSING", "write what is to be kept with the complaint; it must not be empty")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise OperatorError("TEXT_UNREADABLE", "the text is no UTF-8") from None
    return words


def _invoice(connection: Connection, invoice_no: str) -> dict[str, Any]:
    found = views.invoice(connection, invoice_no=invoice_no)
    if found is None:
        raise OperatorError("INVOICE_UNKNOWN", f"there is no invoice {invoice_no}")
    return found


def _undecided(connection: Connection, complaint_no: str) -> Row[Any]:
    case = require_case(connection, complaint_no=complaint_no)
    if case.outcome is not None:
        raise OperatorError("COMPLAINT_CLOSED", f"{complaint_no} has ended: {case.outcome} by {case.decided_by}")
    return case


def _check_day(day: date, *, since: date, today: date, what: str, before: str) -> None:
    if day < since:
        raise OperatorError("COMPLAINT_DATE", f"{what} {format_date(day)} is before {before}, {format_date(since)}")
    if day > today:
        raise OperatorError("COMPLAINT_DATE", f"{what} {format_date(day)} lies in the future, it is {today}")


def _check_approver(work: Work, case: Row[Any]) -> None:
    name = work.actor.name
    if name == case.recorded_by:
        raise OperatorError("SELF_APPROVAL", f"{name} took {case.complaint_no} in; another approver must decide")
    require_approver(name, approvers=load_folder(work.settings.utility).utility.approvers)


def _check_invoiced(invoice: Invoice, ending: stored.Ending) -> None:
    used = {key for line in invoice.lines for key in (line.previous_reading_id, line.current_reading_id) if key}
    strange = sorted(set(ending.readings_m3) - used)
    if strange:
        raise OperatorError("READING_NOT_INVOICED", f"{invoice.number.text} does not rest on reading {strange[0]}")
    points = {point.point_no for point in invoice.points}
    elsewhere = sorted(set(ending.point_nos) - points)
    if elsewhere:
        raise OperatorError("POINT_NOT_INVOICED", f"{invoice.number.text} does not bill point {elsewhere[0]}")


def _person(work: Work) -> stored.Person:
    return stored.Person(name=work.actor.name, via=work.actor.via)
