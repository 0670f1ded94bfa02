"""``obieg complaint``: cases about invoices."""

import argparse
from argparse import Namespace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from billing.complaints import ReceivedVia, Subject
from billing.polish import format_zl
from pipeline import complaint_views, complaints
from pipeline.cli.answer import Answer, shown
from pipeline.cli.commands import command_of, day, person_decides, topic_of
from pipeline.cli.csv_file import list_answer, takes_csv
from pipeline.complaint_answers import prepared_answer
from pipeline.errors import OperatorError
from pipeline.work import WARSAW, Work

_DAY = "YYYY-MM-DD"


def add(topics: Any) -> None:
    """The topic with its commands."""
    topic = topic_of(topics, "complaint", "complaints about invoices: payment is not suspended by them")
    _open(topic)
    cases = command_of(topic, "list", "cases, those to be answered first", _list_all)
    cases.add_argument("--due", type=day, metavar=_DAY, help="only those to be answered by that day")
    cases.add_argument("--open", action="store_true", help="only those not yet ended or not yet answered")
    takes_csv(cases)
    command_of(topic, "show", "one case with all that happened", _show).add_argument("number", metavar="NO")
    note = command_of(topic, "note", "add a note or evidence", _note)
    note.add_argument("number", metavar="NO")
    note.add_argument("text", metavar="TEXT")
    note.add_argument("--evidence", action="store_true", help="evidence, such as a check of the meter that was ordered")
    _answer_commands(topic)


def _open(topic: Any) -> None:
    parser = command_of(topic, "open", "open a case about an invoice", _open_case)
    parser.add_argument("number", metavar="NUMBER", help="of the invoice")
    parser.add_argument("--received", required=True, type=day, metavar=_DAY)
    parser.add_argument("--via", required=True, choices=[via.value for via in ReceivedVia])
    parser.add_argument("--subject", required=True, choices=[subject.value for subject in Subject])
    parser.add_argument("--text", required=True, help="what the customer says")


def _answer_commands(topic: Any) -> None:
    answer = command_of(topic, "answer", "prepare the answer, or record the one that was sent", _answer)
    answer.add_argument("number", metavar="NO")
    answer.add_argument("--out", type=Path, metavar="FILE", help="write the prepared letter into a new file")
    answer.add_argument("--sent", type=day, metavar=_DAY, help="the letter left on that day; needs --letter")
    answer.add_argument("--letter", type=Path, metavar="FILE", help="the letter as it was sent, as text")
    answer.add_argument("--via", choices=["letter", "email"], default="letter", help="how it was sent")
    refuse = command_of(topic, "refuse", "end a case without a correction; it must be answered", _refuse)
    correct = command_of(topic, "correct", "end a case by ordering a correction; an approver's decision", _correct)
    for parser in (refuse, correct):
        parser.add_argument("number", metavar="NO")
        parser.add_argument("--reason", required=True, help="kept with the decision")
        person_decides(parser)
    correct.add_argument(
        "--reading",
        action="append",
        default=[],
        type=_reading,
        metavar="ID=INDEX",
        help="index in m³ that a reading of the invoice should have had (ids: obieg invoice explain)",
    )
    correct.add_argument("--point", action="append", default=[], metavar="NO", help="a point that is concerned")


def _reading(text: str) -> tuple[int, Decimal]:
    key, _, written = text.partition("=")
    try:
        index_m3 = Decimal(written.replace(",", "."))
        exact = index_m3.quantize(Decimal("0.001"))
        is_index = 0 <= index_m3 < 10**9 and exact == index_m3
    except InvalidOperation:  # also what comparing NaN raises
        is_index = False
    if not key.isdecimal() or not is_index:
        raise argparse.ArgumentTypeError(f"{text!r} is no ID=INDEX; write 123=45 or 123=45.678")
    return int(key), exact


def _open_case(work: Work, options: Namespace) -> Answer:
    opened = complaints.open_case(
        work,
        invoice_no=options.number,
        received_on=options.received,
        received_via=ReceivedVia(options.via),
        subject=Subject(options.subject),
        customer_text=options.text,
    )
    after = f", after {opened['earlier_no']}" if opened["earlier_no"] else ""
    text = (
        f"{opened['complaint_no']} about {options.number} is open{after}; "
        f"answer until {opened['answer_until']} ({opened['answer_basis']})"
    )
    return Answer(text=text, data=opened)


def _list_all(work: Work, options: Namespace) -> Answer:
    rows = complaint_views.listed(work, only_open=options.open, due=options.due)
    text = "\n".join(_line(row) for row in rows) or "no complaints"
    return list_answer(work, options, name="complaints", columns=complaint_views.COLUMNS, rows=rows, text=text)


def _line(row: dict[str, Any]) -> str:
    head = f"{row['complaint_no']}  {row['invoice_no']}  {row['account_no']}  {row['subject']}"
    return f"{head}  received {row['received_on']}  {_clock(row)}  {row['outcome'] or 'not decided'}"


def _clock(row: dict[str, Any]) -> str:
    """The term in words; what silence means is said, and left to a person."""
    left = row["days_left"]
    if left is None:
        said = f"answered {row['answered_on']}" + (f", late (until {row['answer_until']})" if row["is_late"] else "")
    elif row["is_late"]:
        said = f"OVERDUE by {-left} days (answer until {row['answer_until']})"
    else:
        said = f"{left} days left (answer until {row['answer_until']})"
    if row["is_deemed_accepted"]:
        said += f"; not answered in time: deemed accepted for a consumer ({row['silence_basis']}), a person decides"
    return said


def _show(work: Work, options: Namespace) -> Answer:
    case = complaint_views.shown(work, complaint_no=options.number)
    lines = [
        f"{case['complaint_no']} about {case['invoice_no']}, account {case['account_no']}",
        f"  {case['subject']}, received {case['received_on']} by {case['received_via']}: {case['customer_text']}",
        f"  {_clock(case)}; term by {case['answer_basis']}",
        f"  payment is not suspended: {_owed(case)}",
    ]
    if case["earlier_no"]:
        lines.append(f"  goes on from {case['earlier_no']}")
    lines += [_event(event) for event in case["events"]]
    if case["outcome"]:
        lines.append(f"  ended: {case['outcome']} by {case['decided_by']}: {case['reason']}")
    lines += _order(case["correction_order"])
    return Answer(text="\n".join(lines), data=case)


def _owed(case: dict[str, Any]) -> str:
    if not case["corrections"]:
        return f"{format_zl(case['payable_zl'])} due {case['due_date']}"
    after = ", ".join(case["corrections"])
    return (
        f"{format_zl(case['owed_zl'])} after {after}, {format_zl(case['payable_zl'])} before (due {case['due_date']})"
    )


def _event(event: dict[str, Any]) -> str:
    written = event["event_at"].astimezone(WARSAW)
    sent = f" by {event['sent_via']}, as below" if event["sent_via"] else ""
    head = f"  {event['event_no']}. {event['kind']} {event['happened_on']}{sent}"
    words = event["words"].replace("\n", "\n     ")
    return f"{head} ({event['recorded_by']}, written {written:%Y-%m-%d %H:%M}): {words}"


def _order(order: dict[str, Any] | None) -> list[str]:
    if order is None:
        return []
    readings = [
        f"  reading {row['reading_id']} of {row['read_on']}, meter {row['meter_no']}: {row['was_m3']} to be "
        f"{row['index_m3']} m³"
        for row in order["readings"]
    ]
    made = [
        f"  carried out by {row['cycle_key']}, {row['state']}: {shown(row['invoice_no'])}"
        for row in order["corrections"]
    ] or [f"  not carried out yet: obieg correction open --order {order['order_id']}"]
    return [f"  correction order {order['order_id']}, points {shown(order['points'])}", *readings, *made]


def _note(work: Work, options: Namespace) -> Answer:
    done = complaints.note(work, complaint_no=options.number, text=options.text, is_evidence=options.evidence)
    return Answer(text=f"{options.number}: {done['kind']} {done['event_no']} is kept", data=done)


def _answer(work: Work, options: Namespace) -> Answer:
    if (options.sent is None) != (options.letter is None):
        raise OperatorError("ANSWER_INCOMPLETE", "--sent DAY and --letter FILE go together")
    if options.sent is not None:
        return _sent(work, options)
    with work.engine.connect() as connection:
        letter = prepared_answer(connection, complaints.require_case(connection, complaint_no=options.number))
    data = {"complaint_no": options.number, "letter": letter}
    if options.out is None:
        return Answer(text=letter, data=data)
    _write_new(options.out, letter)
    return Answer(text=f"{options.number}: prepared in {options.out}; finish it before it is sent", data=data)


def _write_new(path: Path, letter: str) -> None:
    """A letter that somebody may have worked on is never overwritten."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(letter)
    except FileExistsError:
        raise OperatorError("FILE_EXISTS", f"{path} is there already; name a new file") from None
    except OSError as error:
        raise OperatorError("FILE_UNWRITABLE", f"{path}: {error.strerror}") from None


def _sent(work: Work, options: Namespace) -> Answer:
    try:
        letter = options.letter.read_text(encoding="utf-8")
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{options.letter}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OperatorError("TEXT_UNREADABLE", f"{options.letter} is no UTF-8 text") from None
    done = complaints.answered(
        work, complaint_no=options.number, sent_on=options.sent, sent_via=options.via, letter=letter
    )
    late = ", after its term" if done["late"] else ""
    return Answer(text=f"{options.number}: answered on {options.sent} by {options.via}{late}", data=done)


def _refuse(work: Work, options: Namespace) -> Answer:
    done = complaints.refuse(work, complaint_no=options.number, reason=options.reason)
    return Answer(text=f"{options.number} is refused by {work.actor.name}", data=done)


def _correct(work: Work, options: Namespace) -> Answer:
    done = complaints.correct(
        work,
        complaint_no=options.number,
        reason=options.reason,
        readings_m3=dict(options.reading),
        point_nos=options.point,
    )
    text = (
        f"{options.number}: correction order {done['order_id']} by {work.actor.name}; "
        f"carry it out: obieg correction open --order {done['order_id']}"
    )
    return Answer(text=text, data=done)
