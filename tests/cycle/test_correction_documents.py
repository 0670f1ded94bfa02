"""What a customer gets when an invoice was wrong, or is wanted once more; and what a complaint leads to."""

from datetime import date, datetime
from decimal import Decimal
from email.header import decode_header, make_header
from email.parser import BytesParser

import pypdfium2
import pytest
from archived import content_of
from correcting import corrections, order_of, reading_of, to_close
from off_cycles import as_approver, rows
from test_cycle import row_counts
from test_handover import bill_july, hand_over, recipients
from town import PAPERLESS, set_clock, settle

from billing.complaints import ReceivedVia, Subject
from delivery.mailbox import Mailbox
from pipeline import complaint_views, complaints, deliver, duplicate, reconcile
from pipeline.cli import correction
from pipeline.corrections import open as opening
from pipeline.errors import OperatorError
from pipeline.statement import statement

AUGUST_5 = date(2026, 8, 5)


@pytest.fixture
def july(work, tmp_path):
    settle(work, tmp_path)
    bill_july(work)
    set_clock(work, datetime(2026, 8, 5, 7, 0))
    return work


def misread(work, no: str, index: str = "11", **changes):
    return order_of(AUGUST_5, readings=(f"{reading_of(work, no, '2026-07-31')}={index}",), **changes)


def printed(work, invoice_no: str, kind: str = "invoice") -> str:
    with pypdfium2.PdfDocument(content_of(work, invoice_no=invoice_no, kind=kind)) as pdf:
        return "\n".join(page.get_textpage().get_text_range() for page in pdf).replace("\xa0", " ")


def test_a_correction_says_what_it_corrects_why_and_by_how_much(july) -> None:
    to_close(july, misread(july, "0001", reason="Stan odczytano z sąsiedniego wodomierza."))

    text = printed(july, "FK/2026/08/000001")

    for words in (
        "Faktura korygująca",
        "FV/2026/08/000001 z dnia 03.08.2026",
        "Stan odczytano z sąsiedniego wodomierza.",
        "Rozliczenie przed korektą",
        "Rozliczenie po korekcie",
        "Mniej do zapłaty o",
        "28,08 zł",
        "-28,08",
        "Po korekcie do zapłaty z faktury FV/2026/08/000001 jest 27,00 zł",
    ):
        assert words in text, words


def test_a_correction_goes_the_way_that_is_agreed_on_its_own_issue_date(july) -> None:
    before = recipients(july).count("klient0002@example.com")

    to_close(july, misread(july, "0002", index="21"))

    assert recipients(july).count("klient0002@example.com") == before + 1 == 2
    assert deliveries_of_corrections(july) == [("email", "accepted", "consent")]


def deliveries_of_corrections(work) -> list[tuple[str, str, str]]:
    query = "select channel, state, reason from delivery join invoice using (invoice_id) where kind = 'correction'"
    return rows(work, query)


def test_the_former_customer_gets_his_correction_on_paper_and_the_new_one_nothing(july, tmp_path) -> None:
    hand_over(july, tmp_path, no="0002", on="2026-08-04")
    before = recipients(july)

    to_close(july, misread(july, "0002", index="21"))

    assert recipients(july) == before
    text = printed(july, "FK/2026/08/000001")
    assert "Józef Żółć 0002" in text
    assert "Nowy Nabywca" not in text
    assert deliveries_of_corrections(july) == [("paper", "packaged", "customer_changed")]


def test_a_complaint_ends_in_a_correction_that_its_case_shows(july, capsys, monkeypatch) -> None:
    opened = complaints.open_case(
        july,
        invoice_no="FV/2026/08/000001",
        received_on=AUGUST_5,
        received_via=ReceivedVia.LETTER,
        subject=Subject.READING,
        customer_text="Stan wodomierza był inny.",
    )
    reading = reading_of(july, "0001", "2026-07-31")
    ordered = complaints.correct(
        as_approver(july),
        complaint_no=opened["complaint_no"],
        reason="Błędny odczyt: stan 11 m³.",
        readings_m3={reading: Decimal(11)},
    )

    key = to_close(july, order_of(AUGUST_5, order_id=ordered["order_id"], reason=""))

    shown = complaint_views.shown(july, complaint_no=opened["complaint_no"])
    assert shown["correction_order"]["corrections"] == [
        {"invoice_no": "FK/2026/08/000001", "gross_zl": Decimal("-28.08"), "cycle_key": key, "state": "closed"}
    ]
    assert "Błędny odczyt: stan 11 m³." in printed(july, "FK/2026/08/000001")
    with pytest.raises(OperatorError, match=f"ORDER_DONE: order 1 is carried out by {key}, which is closed"):
        opening.run(july, order=order_of(AUGUST_5, order_id=ordered["order_id"]))


def test_a_reason_that_cannot_be_printed_is_refused_before_a_number_is_spent(july) -> None:
    before = row_counts(july)

    for reason, code in (("Odczyt 水", "REASON_UNREADABLE"), ("x" * 501, "REASON_LONG")):
        with pytest.raises(OperatorError, match=code):
            opening.run(july, order=misread(july, "0001", reason=reason))

    assert row_counts(july) == before


# ── duplicates ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_duplicate_says_what_the_invoice_said_and_the_word_with_its_day(july) -> None:
    before = rows(july, "select count(*) from invoice")

    made = duplicate.run(july, invoice_no="FV/2026/08/000001", send=False)

    text, original = printed(july, "FV/2026/08/000001", "duplicate"), printed(july, "FV/2026/08/000001")
    assert "DUPLIKAT z dnia 05.08.2026" in text
    assert "DUPLIKAT" not in original
    assert set(original.split()) <= set(text.split())
    assert (made["planned"], made["channel"]) == (False, None)
    assert rows(july, "select count(*) from invoice") == before
    assert rows(july, "select count(*) from delivery where purpose = 'duplicate'") == [(0,)]


def test_a_duplicate_is_one_a_day_and_leaves_once(july) -> None:
    mails = Mailbox(path=july.settings.mailbox).count()
    first = duplicate.run(july, invoice_no="FV/2026/08/000002", send=True)
    deliver.run(july, cycle_key=None)
    before = row_counts(july)

    again = duplicate.run(july, invoice_no="FV/2026/08/000002", send=True)
    deliver.run(july, cycle_key=None)

    assert (first["channel"], first["planned"], again["planned"]) == ("email", True, False)
    assert first["archive_key"] == again["archive_key"]
    assert row_counts(july) == before
    assert Mailbox(path=july.settings.mailbox).count() == mails + 1
    set_clock(july, datetime(2026, 8, 6, 7, 0))
    assert duplicate.run(july, invoice_no="FV/2026/08/000002", send=True)["planned"]


def test_a_duplicate_on_paper_goes_into_a_package_whatever_its_due_date_and_changes_no_statement(july) -> None:
    set_clock(july, datetime(2026, 10, 5, 7, 0))
    figures = statement(july, cycle_key="2026-07~ALL~1").figures

    duplicate.run(july, invoice_no="FV/2026/08/000001", send=True)
    deliver.run(july, cycle_key=None)

    assert rows(july, "select channel, state from delivery where purpose = 'duplicate'") == [("paper", "packaged")]
    assert statement(july, cycle_key="2026-07~ALL~1").figures == figures
    assert reconcile.run(july, cycle_key="2026-07~ALL~1")["documents"] == figures["documents"]


def test_a_duplicate_for_a_former_customer_does_not_go_to_the_address_of_the_new_one(july, tmp_path) -> None:
    hand_over(july, tmp_path, no="0002", on="2026-08-04")

    assert duplicate.run(july, invoice_no="FV/2026/08/000002", send=True)["channel"] == "paper"


def test_there_is_no_duplicate_of_no_invoice(july) -> None:
    with pytest.raises(OperatorError, match="INVOICE_UNKNOWN"):
        duplicate.run(july, invoice_no="FV/1", send=False)


def test_an_e_mail_of_a_correction_and_of_a_duplicate_tell_what_they_bring(july) -> None:
    to_close(july, misread(july, "0002", index="21"))
    duplicate.run(july, invoice_no="FV/2026/08/000002", send=True)
    deliver.run(july, cycle_key=None)

    box = july.settings.mailbox
    messages = [BytesParser().parsebytes(path.read_bytes()) for path in (box / "new").iterdir()]
    subjects = [str(make_header(decode_header(message["Subject"]))) for message in messages]
    assert len(corrections(july)) == 1
    assert sum("Duplikat" in subject for subject in subjects) == 1
    assert sum("Faktura koryguj" in subject for subject in subjects) == 1
    assert len(PAPERLESS) + 2 == Mailbox(path=box).count()


def test_the_commands_show_list_and_refuse(july, monkeypatch, capsys) -> None:
    key = to_close(july, misread(july, "0001"))
    options = type("Options", (), {"key": key, "most": 5, "csv": None})()

    shown = correction._show(july, options)  # noqa: SLF001 - what the command says
    listed = correction._list_all(july, options)  # noqa: SLF001 - as above

    assert "1 looked at, 1 corrected, of 1 accounts" in shown.text
    assert "FV/2026/08/000001 correction 1 as FK/2026/08/000001" in shown.text
    assert shown.data["drafts"][0]["gross_zl"] == Decimal("-28.08")
    assert listed.data[0]["cycle_key"] == key
