"""A complaint from its receipt to its end: its clock, its letter, who decides, and that nothing owed changes."""

import json
import re
import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest
from complaints_town import ESTIMATE, issued, on_day, two_points
from correcting import order_of, reading_of, to_close
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import settle

from billing.complaints import ReceivedVia, Subject
from pipeline import complaint_views, complaints
from pipeline.cli import main
from pipeline.complaint_answers import GAP, prepared_answer
from pipeline.errors import OperatorError
from pipeline.settings import PROJECT
from pipeline.work import Actor, Work
from sql.engine import make_engine
from sql.evidence import verify_chain

LETTERS = Path(__file__).parent / "letters"
RECEIVED = date(2026, 8, 5)
CLERK = Actor(name="operator", via="cli")
APPROVER = Actor(name="approver", via="cli")
TEXT = "Zużycie jest za wysokie.\nProszę sprawdzić."
OWN_TABLES = ("complaint", "complaint_event", "complaint_outcome", "correction_order")


@pytest.fixture
def town(work, tmp_path):
    """The small town with July's invoices; it is the 6th of August."""
    settle(work, tmp_path)
    issued(work)
    on_day(work, date(2026, 8, 6))
    return work


def invoice_of(work: Work, no: str = "0001") -> str:
    return str(rows(work, "select invoice_no from invoice join account using (account_id) where account_no = :no",
                    no=f"A{no}")[0].invoice_no)  # fmt: skip


def rows(work: Work, query: str, **parameters):
    with work.engine.connect() as connection:
        return connection.execute(text(query), parameters).all()


def complain(work: Work, no: str = "0001", *, on: date = RECEIVED, subject: Subject = Subject.CONSUMPTION) -> str:
    opened = complaints.open_case(
        work,
        invoice_no=invoice_of(work, no),
        received_on=on,
        received_via=ReceivedVia.LETTER,
        subject=subject,
        customer_text=TEXT,
    )
    return str(opened["complaint_no"])


def answer(work: Work, number: str, *, on: date = date(2026, 8, 6), letter: str = "Szanowni Państwo, nie."):
    return complaints.answered(work, complaint_no=number, sent_on=on, sent_via="letter", letter=letter)


def refuse(work: Work, number: str) -> None:
    answer(work, number)
    complaints.refuse(work, complaint_no=number, reason="Odczyt potwierdzony na miejscu.")


def as_approver(work: Work) -> Work:
    return replace(work, actor=APPROVER)


def letter_of(work: Work, number: str) -> str:
    with work.engine.connect() as connection:
        return prepared_answer(connection, complaints.require_case(connection, complaint_no=number))


def refused(code: str, call, **given) -> None:
    with pytest.raises(OperatorError) as refusal:
        call(**given)
    assert refusal.value.code == code
    assert "\n" not in str(refusal.value)


# ── opening ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_case_has_a_number_a_term_and_its_basis(town) -> None:
    assert complain(town) == "R/2026/000001"
    assert complain(town, "0002") == "R/2026/000002"

    case = complaint_views.shown(town, complaint_no="R/2026/000001")

    assert (case["answer_until"], case["days_left"], case["is_late"]) == (date(2026, 8, 19), 13, False)
    assert (case["answer_basis"], case["silence_basis"]) == ("u.p.k. art. 7a ust. 1", "u.p.k. art. 7a ust. 2")
    assert (case["customer_text"], case["consumer"], case["recorded_by"]) == (TEXT, True, "operator")
    assert [event["kind"] for event in case["events"]] == ["opened"]


def test_the_utilitys_own_term_counts_and_then_nothing_is_said_about_silence(town, tmp_path) -> None:
    folder = shutil.copytree(town.settings.utility, tmp_path / "utility")
    own = '\n[complaints]\nanswer_days = 30\nbasis = "przepis odrębny"\n'
    demo = (town.settings.utility / "utility.toml").read_text(encoding="utf-8")
    (folder / "utility.toml").write_text(demo + own, encoding="utf-8")
    elsewhere = replace(town, settings=replace(town.settings, utility=folder))

    number = complain(elsewhere)
    on_day(town, date(2026, 10, 1))

    case = complaint_views.shown(town, complaint_no=number)
    assert (case["answer_until"], case["answer_basis"]) == (date(2026, 9, 4), "przepis odrębny")
    assert (case["is_late"], case["is_deemed_accepted"]) == (True, False)


def test_one_case_about_an_invoice_is_open_at_a_time_and_the_next_names_the_ended_one(town) -> None:
    first = complain(town)
    refused("COMPLAINT_OPEN", complain, work=town)
    refuse(town, first)

    second = complain(town)

    assert complaint_views.shown(town, complaint_no=second)["earlier_no"] == first
    refused("COMPLAINT_OPEN", complain, work=town)
    refuse(town, second)
    assert complaint_views.shown(town, complaint_no=complain(town))["earlier_no"] == second


def test_a_complaint_is_taken_from_the_day_of_issue_until_today(town) -> None:
    for on in (date(2026, 8, 2), date(2026, 8, 7)):
        refused("COMPLAINT_DATE", complain, work=town, on=on)
    assert rows(town, "select 1 from complaint") == []

    assert complain(town, on=date(2026, 8, 3))
    assert complain(town, "0002", on=date(2026, 8, 6))


def test_what_is_unknown_or_empty_is_refused_and_uses_up_no_number(town) -> None:
    given = {"received_on": RECEIVED, "received_via": ReceivedVia.EMAIL, "subject": Subject.OTHER}
    refused("INVOICE_UNKNOWN", complaints.open_case, work=town, invoice_no="FV/1", customer_text="x", **given)
    refused("TEXT_MISSING", complaints.open_case, work=town, invoice_no="FV/1", customer_text=" \n\0", **given)
    refused("TEXT_UNREADABLE", complaints.open_case, work=town, invoice_no="FV/1", customer_text="\udcff", **given)
    refused("COMPLAINT_UNKNOWN", complaints.note, work=town, complaint_no="R/2026/000009", text="x")
    assert complain(town) == "R/2026/000001"


def test_numbers_begin_anew_with_the_year(town) -> None:
    complain(town)
    on_day(town, date(2027, 1, 2))

    assert complain(town, "0002", on=date(2026, 12, 31)) == "R/2027/000001"


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_last_day_is_in_time_and_from_the_next_on_silence_is_shown_with_its_provision(town) -> None:
    number = complain(town)
    for today, days_left, late in ((date(2026, 8, 19), 0, False), (date(2026, 8, 20), -1, True)):
        on_day(town, today)

        case = complaint_views.shown(town, complaint_no=number)

        assert (case["days_left"], case["is_late"], case["is_deemed_accepted"]) == (days_left, late, late)
        assert (case["outcome"], case["silence_basis"]) == (None, "u.p.k. art. 7a ust. 2")


def test_the_answer_stops_the_clock_on_the_day_on_which_it_left(town) -> None:
    numbers = complain(town), complain(town, "0002")
    on_day(town, date(2026, 9, 30))

    for number, sent_on, late in zip(numbers, (date(2026, 8, 19), date(2026, 8, 20)), (False, True), strict=True):
        assert answer(town, number, on=sent_on)["late"] == late

        case = complaint_views.shown(town, complaint_no=number)
        assert (case["days_left"], case["answered_on"], case["is_late"]) == (None, sent_on, late)
        assert case["is_deemed_accepted"] == late


def test_the_list_begins_with_what_is_overdue(town) -> None:
    late, answered_one, fresh = complain(town, on=date(2026, 8, 3)), complain(town, "0002"), complain(town, "0003")
    answer(town, answered_one)
    on_day(town, date(2026, 8, 18))

    found = complaint_views.listed(town, only_open=False, due=None)

    assert [(case["complaint_no"], case["days_left"]) for case in found] == [
        (late, -1),
        (fresh, 1),
        (answered_one, None),
    ]


def test_the_list_up_to_a_day_holds_what_is_to_be_answered_by_then(town) -> None:
    complain(town, on=date(2026, 8, 3))
    complain(town, "0002")
    answer(town, complain(town, "0003", on=date(2026, 8, 3)))

    for due, found in ((date(2026, 8, 16), 0), (date(2026, 8, 17), 1), (date(2026, 8, 19), 2)):
        assert len(complaint_views.listed(town, only_open=False, due=due)) == found


def test_the_open_ones_are_those_not_ended_or_not_answered(town) -> None:
    ended, answered_only, ordered = complain(town), complain(town, "0002"), complain(town, "0003")
    refuse(town, ended)
    answer(town, answered_only)
    complaints.correct(as_approver(town), complaint_no=ordered, reason="Błędny odczyt")

    found = [case["complaint_no"] for case in complaint_views.listed(town, only_open=True, due=None)]

    assert found == [ordered, answered_only]


# ── notes, answers ──────────────────────────────────────────────────────────────────────────────────────────────
def test_notes_and_evidence_are_kept_in_order_also_after_the_end(town) -> None:
    number = complain(town)
    complaints.note(town, complaint_no=number, text="Zlecono sprawdzenie wodomierza", is_evidence=True)
    refuse(town, number)
    complaints.note(town, complaint_no=number, text="Klient dzwonił")

    events = complaint_views.shown(town, complaint_no=number)["events"]

    assert [(event["event_no"], event["kind"]) for event in events] == list(
        enumerate(["opened", "evidence", "answered", "closed", "note"], start=1)
    )


def test_a_letter_with_a_gap_is_no_answer_and_there_is_one_answer(town) -> None:
    number = complain(town)
    refused("ANSWER_UNFINISHED", answer, work=town, number=number, letter=letter_of(town, number))
    refused("COMPLAINT_DATE", answer, work=town, number=number, on=date(2026, 8, 4))
    refused("COMPLAINT_DATE", answer, work=town, number=number, on=date(2026, 8, 7))
    answer(town, number)
    refused("COMPLAINT_ANSWERED", answer, work=town, number=number)


# ── outcomes ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_refusal_needs_an_answer_and_a_reason_and_ends_the_case_once(town) -> None:
    number = complain(town)
    refused("ANSWER_MISSING", complaints.refuse, work=town, complaint_no=number, reason="x")
    answer(town, number)
    refused("TEXT_MISSING", complaints.refuse, work=town, complaint_no=number, reason=" ")
    complaints.refuse(town, complaint_no=number, reason="Odczyt potwierdzony")

    refused("COMPLAINT_CLOSED", complaints.refuse, work=town, complaint_no=number, reason="x")
    refused("COMPLAINT_CLOSED", complaints.correct, work=as_approver(town), complaint_no=number, reason="x")
    case = complaint_views.shown(town, complaint_no=number)
    assert (case["outcome"], case["reason"], case["decided_by"]) == ("refused", "Odczyt potwierdzony", "operator")


def test_a_correction_is_ordered_by_an_approver_who_did_not_take_the_case_in(town) -> None:
    number = complain(town)
    for work, code in (
        (town, "SELF_APPROVAL"),
        (replace(town, actor=Actor(name="ewa", via="cli")), "NOT_AN_APPROVER"),
    ):
        refused(code, complaints.correct, work=work, complaint_no=number, reason="Błędny odczyt")
    own = complain(as_approver(town), "0002")
    refused("SELF_APPROVAL", complaints.correct, work=as_approver(town), complaint_no=own, reason="Błędny odczyt")
    assert rows(town, "select 1 from correction_order") == []

    done = complaints.correct(as_approver(town), complaint_no=number, reason="Błędny odczyt")

    kept = rows(town, "select ordered_by, ordered_via, reason, invoice_no from correction_order join invoice"
                      " using (invoice_id)")  # fmt: skip
    assert kept == [("approver", "cli", "Błędny odczyt", invoice_of(town))]
    assert complaint_views.shown(town, complaint_no=number)["correction_order"]["order_id"] == done["order_id"]


def test_an_order_keeps_the_indexes_and_points_that_the_correction_is_to_rest_on(town) -> None:
    number = complain(town)
    reading = rows(town, "select current_reading_id as key from invoice join charge_line using (charge_id)"
                         " where invoice_no = :no and service = 'water'", no=invoice_of(town))[0].key  # fmt: skip
    given = {"work": as_approver(town), "complaint_no": number, "reason": "Błędny odczyt"}
    refused("READING_NOT_INVOICED", complaints.correct, **given, readings_m3={reading + 1000: Decimal(1)})
    refused("POINT_NOT_INVOICED", complaints.correct, **given, point_nos=["PP0002"])

    complaints.correct(**given, readings_m3={reading: Decimal("11.5")}, point_nos=["PP0001", "PP0001"])

    order = complaint_views.shown(town, complaint_no=number)["correction_order"]
    assert order["points"] == ["PP0001"]
    assert [(row["reading_id"], row["meter_no"], row["was_m3"], row["index_m3"]) for row in order["readings"]] == [
        (reading, "M0001", Decimal(13), Decimal("11.5"))
    ]


def everything_else(work: Work) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that is not about complaints, nor the journal and the evidence."""
    own = (*OWN_TABLES, "correction_order_reading", "correction_order_point", "step_run", "evidence", "business_clock")
    names = [row[0] for row in rows(work, "select tablename from pg_tables where schemaname = 'public' order by 1")]
    return {
        name: sorted((tuple(row) for row in rows(work, f"select t::text from {name} t")), key=str)
        for name in names
        if name not in own
    }


def test_no_verb_changes_an_invoice_a_due_date_a_delivery_or_anything_else_that_is_owed(town) -> None:
    before = everything_else(town)

    for no, end in (("0001", "refused"), ("0002", "correction"), ("0003", None)):
        number = complain(town, no)
        complaints.note(town, complaint_no=number, text="x")
        if end == "refused":
            refuse(town, number)
        elif end == "correction":
            complaints.correct(as_approver(town), complaint_no=number, reason="x", point_nos=["PP0002"])
    on_day(town, date(2026, 12, 1))
    complaint_views.listed(town, only_open=False, due=None)

    assert len(before["invoice"]) == len(before["delivery"]) == 10
    assert everything_else(town) == before


def test_the_evidence_holds_ids_and_hashes_and_no_words(town) -> None:
    number = complain(town)
    complaints.note(town, complaint_no=number, text="Pani Żółć dzwoniła")
    refuse(town, number)

    found = rows(town, "select kind, body from evidence where subject = :subject order by seq",
                 subject=f"complaint:{number}")  # fmt: skip

    assert [row.kind for row in found] == ["opened", "note", "answered", "closed"]
    assert not any(word in row.body for row in found for word in ("Żółć", "Zużycie", "Szanowni", "potwierdzony"))
    assert json.loads(found[0].body)["answer_until"] == "2026-08-19"
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None
    steps = rows(town, "select step from step_run where step like '%complaint' order by 1")
    assert [row.step for row in steps] == [
        "answer_complaint",
        "note_complaint",
        "open_complaint",
        "refuse_complaint",
    ]


# ── what the database refuses by itself ─────────────────────────────────────────────────────────────────────────
NEW_CASE = """
    insert into complaint (year, sequence, invoice_id, earlier_id, received_on, received_via, subject, customer_text,
                           consumer, answer_until, answer_basis, silence_basis, event_at, recorded_by, recorded_via)
    select 2026, {sequence}, i.invoice_id, {earlier}, '2026-08-05', 'letter', 'price', 'x', {consumer}, '2026-08-19',
           'b', {silence}, now(), 'x', 'cli'
    from invoice i join account using (account_id) where account_no = 'A{no}'
"""
OUTCOME = """
    insert into complaint_outcome (complaint_id, invoice_id, outcome, reason, answer_no, order_id, decided_by,
                                   decided_via, event_at)
    select complaint_id, invoice_id, '{outcome}', 'x', {answer}, {order}, 'x', 'cli', now()
    from complaint where complaint_no = 'R/2026/000001'
"""
WRONG = {
    "a gap in the numbers": {"no": "0002", "sequence": 3},
    "a number twice": {"no": "0002", "sequence": 1},
    "a second open case of an invoice": {"no": "0001"},
    "a case that goes on from an open one": {"no": "0001", "earlier": 1},
    "a case that goes on from another invoice's": {"no": "0002", "earlier": 1},
    "silence towards one who is no consumer": {"no": "0002", "consumer": "false", "silence": "'b'"},
}


def test_the_database_refuses_a_wrong_case(town) -> None:
    complain(town)
    good = {"sequence": 2, "earlier": "null", "consumer": "true", "silence": "null"}

    for name, wrong in WRONG.items():
        with town.engine.connect() as connection, pytest.raises(DBAPIError) as refusal:
            connection.execute(text(NEW_CASE.format(**good | wrong)))
        assert "syntax" not in str(refusal.value), name

    with town.engine.begin() as connection:
        connection.execute(text(NEW_CASE.format(**good, no="0002")))


def test_the_database_refuses_a_refusal_without_an_answer_and_an_outcome_without_its_order(town) -> None:
    number = complain(town)
    complaints.correct(as_approver(town), complaint_no=complain(town, "0002"), reason="x")
    for wrong in (
        {"outcome": "refused", "answer": "null", "order": "null"},
        {"outcome": "refused", "answer": "1", "order": "null"},  # event 1 is no answer
        {"outcome": "correction", "answer": "null", "order": "null"},
        {"outcome": "correction", "answer": "null", "order": "1"},  # the order of another invoice
    ):
        with pytest.raises(DBAPIError), town.engine.begin() as connection:
            connection.execute(text(OUTCOME.format(**wrong)))
    answer(town, number)
    with town.engine.begin() as connection:
        connection.execute(text(OUTCOME.format(outcome="refused", answer="2", order="null")))


def test_facts_stay_and_an_auditor_reads_them(town, database) -> None:
    refuse(town, complain(town))
    number = complain(town, "0002")
    complaints.correct(as_approver(town), complaint_no=number, reason="x", point_nos=["PP0002"])
    for url in (database.app_url, database.owner_url, database.auditor_url):
        engine = make_engine(url)
        for table in (*OWN_TABLES, "correction_order_point"):
            column = "order_id" if table.startswith("correction") else "complaint_id"
            for statement in (f"update {table} set {column} = {column}", f"delete from {table}"):
                with pytest.raises(DBAPIError), engine.begin() as connection:
                    connection.execute(text(statement))
            with engine.connect() as connection:
                assert connection.execute(text(f"select count(*) from {table}")).scalar_one() > 0
        engine.dispose()


# ── the letter ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_prepared_answer_tells_an_exchange_two_points_and_an_estimate(work, tmp_path, update_cases) -> None:
    number = two_points(work, tmp_path)
    on_day(work, date(2026, 8, 6))
    assert ESTIMATE.split(";")[1] == "M0002"
    assert number == invoice_of(work)

    made = letter_of(work, complain(work))

    compare(LETTERS / "dwa-punkty-wymiana-i-szacunek.txt", made, rewrite=update_cases)
    assert made.count(GAP) == 3


def test_the_prepared_answer_of_an_ordered_correction_says_so(town, update_cases) -> None:
    number = complain(town, subject=Subject.READING)
    complaints.correct(as_approver(town), complaint_no=number, reason="Odczyt innego wodomierza")

    made = letter_of(town, number)

    compare(LETTERS / "uznana.txt", made, rewrite=update_cases)
    assert ("Reklamację uznajemy." in made, "pozasądow" in made, "SPRAWDZENIE" in made) == (True, False, False)


def test_every_letter_says_that_payment_goes_on_with_its_amount_and_day(town) -> None:
    for number, (subject, via) in enumerate(zip(Subject, cycle(ReceivedVia), strict=False), start=1):
        no = f"{number:04}"
        opened = complaints.open_case(
            town, invoice_no=invoice_of(town, no), received_on=RECEIVED, received_via=via, subject=subject,
            customer_text=TEXT,
        )  # fmt: skip
        made = letter_of(town, opened["complaint_no"])
        owed = rows(town, "select to_char(due_date, 'DD.MM.YYYY') as day, gross_zl from invoice where invoice_no = :no",
                    no=invoice_of(town, no))[0]  # fmt: skip

        sentence = made.partition("nie wstrzymuje zapłaty")[2]
        assert owed.day in sentence
        assert f"{owed.gross_zl}".replace(".", ",") in sentence
        assert "§ 17 ust. 4" in sentence
        assert ("SPRAWDZENIE WODOMIERZA" in made) == (subject in (Subject.READING, Subject.CONSUMPTION))
        assert TEXT.partition("\n")[0] not in made


def test_a_letter_about_a_corrected_invoice_names_the_correction_and_what_is_left_to_pay(town, update_cases) -> None:
    # 3 m3 become 1: 2 x (5.25 + 7.75) = 26.00 net less, VAT 2.08; 55.08 less 28.08 is 27.00
    to_close(town, order_of(date(2026, 8, 6), readings=(f"{reading_of(town, '0001', '2026-07-31')}=11",)))

    made = letter_of(town, complain(town))

    compare(LETTERS / "po-korekcie.txt", made, rewrite=update_cases)
    correction, pays = made.partition("KOREKTA FAKTURY")[2].split("ZAPŁATA")
    assert "faktura korygująca nr FK/2026/08/000001 z dnia 06.08.2026" in correction
    assert "kwota do zapłaty maleje o 28,08\N{NO-BREAK SPACE}zł" in correction
    assert "27,00\N{NO-BREAK SPACE}zł zamiast 55,08\N{NO-BREAK SPACE}zł" in pays
    assert "pozostają bez zmian" not in made
    case = complaint_views.shown(town, complaint_no="R/2026/000001")
    assert (case["corrections"], case["owed_zl"]) == (["FK/2026/08/000001"], Decimal("27.00"))


def test_a_letter_about_a_correction_upwards_says_until_when_the_rest_is_due(town) -> None:
    # 3 m3 become 5: 26.00 net more, 28.08 with VAT
    to_close(town, order_of(date(2026, 8, 6), readings=(f"{reading_of(town, '0001', '2026-07-31')}=15",)))

    pays = letter_of(town, complain(town)).partition("ZAPŁATA")[2].replace("\N{NO-BREAK SPACE}", " ")

    assert "do zapłaty jest 83,16 zł zamiast 55,08 zł" in pays
    assert "- 55,08 zł w terminie płatności faktury: 20.08.2026" in pays
    assert "- 28,08 zł w terminie płatności faktury korygującej: 23.08.2026" in pays


def test_a_letter_about_a_correction_that_the_case_ordered_says_that_it_is_made(town) -> None:
    number = complain(town)
    reading = reading_of(town, "0001", "2026-07-31")
    ordered = complaints.correct(as_approver(town), complaint_no=number, reason="x", readings_m3={reading: Decimal(10)})
    assert "Fakturę skorygujemy" in letter_of(town, number)

    to_close(town, order_of(date(2026, 8, 6), order_id=ordered["order_id"]))

    made = letter_of(town, number)
    assert "Fakturę już skorygowaliśmy" in made
    assert "skorygujemy" not in made
    assert "Różnicę rozliczymy" not in made


def compare(path: Path, made: str, *, rewrite: bool) -> None:
    if rewrite:
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


# ── the commands ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_commands_take_a_case_from_its_receipt_to_its_end(town, monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setenv("OBIEG_HOME", str(town.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(town.settings.database_url))
    out, csv = tmp_path / "list.txt", tmp_path / "reklamacje.csv"

    def obieg(*words: str, code: int = 0) -> str:
        assert main(["complaint", *words]) == code, capsys.readouterr().err
        said = capsys.readouterr()
        return said.err if code else said.out

    opened = obieg("open", invoice_of(town), "--received", "2026-08-05", "--via", "phone", "--subject", "consumption",
                   "--text", TEXT)  # fmt: skip
    assert "answer until 2026-08-19 (u.p.k. art. 7a ust. 1)" in opened
    number = "R/2026/000001"
    obieg("note", number, "Zlecono sprawdzenie wodomierza", "--evidence")
    obieg("answer", number, "--out", str(out))
    assert obieg("answer", number, "--out", str(out), code=2).startswith("FILE_EXISTS: ")
    assert obieg("answer", number, "--sent", "2026-08-06", code=2).startswith("ANSWER_INCOMPLETE: ")
    sent = ("answer", number, "--sent", "2026-08-06", "--letter", str(out), "--via", "email")
    assert obieg(*sent, code=2).startswith("ANSWER_UNFINISHED: ")
    on_day(town, date(2026, 8, 25))
    assert "OVERDUE by 6 days" in obieg("list", "--open")
    out.write_text(out.read_text(encoding="utf-8").replace(GAP, "["), encoding="utf-8")
    obieg(*sent)
    assert "is refused by" in obieg("refuse", number, "--reason", "Odczyt potwierdzony")
    assert "4. closed 2026-08-25" in obieg("show", number)
    assert json.loads(obieg("show", number, "--json"))["outcome"] == "refused"
    obieg("list", "--csv", str(csv))
    assert csv.read_text(encoding="utf-8").splitlines()[1].startswith(f"{number};;{invoice_of(town)};A0001;consumption")


def test_an_order_is_given_and_shown_by_command(town, monkeypatch, capsys) -> None:
    monkeypatch.setenv("OBIEG_HOME", str(town.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(town.settings.database_url))
    number = complain(town)
    reading = rows(town, "select min(current_reading_id) as key from charge_line join invoice using (charge_id)"
                         " where invoice_no = :no", no=invoice_of(town))[0].key  # fmt: skip
    words = ("complaint", "correct", number, "--reason", "Błędny odczyt", "--reading", f"{reading}=11,5",
             "--point", "PP0001")  # fmt: skip
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("NOT_AN_APPROVER: ")
    monkeypatch.setattr("pipeline.cli.acting", lambda *_: CLERK)
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("SELF_APPROVAL: ")

    monkeypatch.setattr("pipeline.cli.acting", lambda *_: APPROVER)
    assert main(words) == 0
    assert "correction order 1 by approver; carry it out: obieg correction open --order 1" in capsys.readouterr().out
    assert main(("complaint", "show", number)) == 0
    shown = capsys.readouterr().out
    assert "correction order 1, points PP0001" in shown
    assert "meter M0001: 13.000 to be 11.500 m³" in shown
    assert "payment is not suspended: 55,08\N{NO-BREAK SPACE}zł due 2026-08-20" in shown


@pytest.mark.parametrize("words", ["x=1", "1=x", "1=-1", "1=1.2345", "1=NaN", "1=Infinity", "1=1000000000", "1"])
def test_an_index_that_is_none_is_not_understood(words, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["complaint", "correct", "R/2026/000001", "--reason", "x", "--reading", words])

    assert ended.value.code == 2
    assert "write 123=45" in capsys.readouterr().err


def test_the_letter_has_a_word_for_every_source_that_the_database_takes(work) -> None:
    with work.engine.connect() as connection:
        rule = connection.execute(
            text("select pg_get_constraintdef(oid) from pg_constraint where conname = 'reading_source_check'")
        ).scalar_one()
    template = (PROJECT / "templates" / "letter" / "odpowiedz-na-reklamacje.txt.j2").read_text(encoding="utf-8")
    sources = set(re.findall(r"'([a-z_]+)'", rule))
    assert "cutover" in sources
    assert {source for source in sources if f'"{source}": "' not in template} == set()
