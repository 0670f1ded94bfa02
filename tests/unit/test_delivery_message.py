"""The e-mails that customers get, read back by Python's own parser."""

import dataclasses
import email.policy
import hashlib
import os
import re
import subprocess
import sys
from datetime import datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from delivery.errors import NotSendable
from delivery.message import (
    InvoiceMail,
    NoticeKind,
    NoticeMail,
    Sender,
    attachment_name,
    build_message,
    build_notice,
    message_id,
)
from delivery.mime import Attachment

SENDER = Sender(
    name="Wodociągi Źródła: Łąki, Żółw sp. z o.o.",
    address="ul. Źródlana 1, 00-000 Zdroje",
    nip="9900000017",
    phone="+48 32 000 00 00",
    email="biuro@wodociagi.example",
    website="www.wodociagi.example",
    mail_from="faktury@wodociagi.example",
    reply_to="biuro@wodociagi.example",
)
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 50
MAIL = InvoiceMail(
    sender=SENDER,
    to_address="zolc@example.com",
    delivery_id="0e8d4c1e-9f0a-5e8b-b6de-5a9d5d3b5a10",
    message_id="<inv.0e8d4c1e-9f0a-5e8b-b6de-5a9d5d3b5a10.1@wodociagi.example>",
    date=datetime(2026, 11, 2, 6, 0, tzinfo=ZoneInfo("Europe/Warsaw")),
    invoice_no="FV/2026/11/000123",
    account_no="A-10023",
    issue_date="2 listopada 2026",
    period="1–31 października 2026",
    amount="1 234,56 zł",
    due_date="17 listopada 2026",
    bank_account="37 1020 0003 0000 0000 0001 0023",
    payment_title="Faktura FV/2026/11/000123",
    to_pay=True,
    attachment=Attachment(filename=attachment_name("FV/2026/11/000123"), content=PDF),
)
NOTICE = NoticeMail(
    sender=SENDER,
    to_address="zolc@example.com",
    delivery_id="notice-1",
    message_id="<notice.1@wodociagi.example>",
    date=MAIL.date,
    kind=NoticeKind.ACCEPTED,
    account_no="A-10023",
    declared_on="10 lipca 2026",
    effective_date="11 lipca 2026",
    terms="regulamin e-faktury 1.0",
    price_effect="Opłata abonamentowa będzie niższa o 2,00 zł miesięcznie.",
)


def parsed(message: bytes) -> EmailMessage:
    made = email.message_from_bytes(message, policy=email.policy.SMTP)
    assert isinstance(made, EmailMessage)
    assert made.defects == []
    assert all(part.defects == [] for part in made.walk())
    return made


def body(message: bytes, kind: str) -> str:
    part = parsed(message).get_body(preferencelist=(kind,))
    assert part is not None
    return part.get_content()


def shown(html: str) -> str:
    """What stands in the visible part of the HTML, as one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body")[2]))


def test_a_message_is_read_back_with_every_polish_letter() -> None:
    made = parsed(build_message(MAIL))

    assert made["Subject"] == "Faktura FV/2026/11/000123 – Wodociągi Źródła: Łąki, Żółw sp. z o.o."
    sent = email.message_from_bytes(build_message(MAIL))["From"]
    assert str(make_header(decode_header(sent))) == (
        "Wodociągi Źródła Łąki Żółw sp. z o.o. <faktury@wodociagi.example>"
    )
    assert made["From"].addresses[0].addr_spec == "faktury@wodociagi.example"
    assert made["To"] == "zolc@example.com"
    assert made["Reply-To"] == "biuro@wodociagi.example"
    assert made["Date"] == "Mon, 02 Nov 2026 06:00:00 +0100"
    assert made["Message-ID"] == MAIL.message_id
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["List-Unsubscribe-Post"] is None


def test_the_attachment_arrives_byte_for_byte_under_a_plain_name() -> None:
    (attachment,) = parsed(build_message(MAIL)).iter_attachments()

    assert attachment.get_content() == PDF
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_filename() == "Faktura_FV-2026-11-000123.pdf"


def test_amount_due_date_and_account_stand_in_the_first_lines_of_the_text() -> None:
    first = body(build_message(MAIL), "plain").splitlines()[:6]

    for figure in (MAIL.amount, MAIL.due_date, MAIL.bank_account, MAIL.payment_title):
        assert any(figure in line for line in first), figure


def test_amount_due_date_and_account_stand_first_in_the_html() -> None:
    html = shown(body(build_message(MAIL), "html"))
    greeted = html[html.index("Dzień dobry") :]

    places = [greeted.index(words) for words in (MAIL.amount, MAIL.due_date, MAIL.bank_account, "W załączniku")]

    assert places == sorted(places)


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_customer_is_told_why_the_mail_came_and_how_to_go_back_to_paper(kind) -> None:
    text = re.sub(r"\s+", " ", body(build_message(MAIL), kind))

    for words in ("Dlaczego przyszła ta wiadomość?", "faktur papierowych można wrócić", SENDER.phone, SENDER.nip):
        assert words in text


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_when_nothing_is_due_no_account_is_shown(kind) -> None:
    text = body(build_message(dataclasses.replace(MAIL, to_pay=False, amount="0,00 zł")), kind)

    assert "nie trzeba nic płacić" in text
    assert MAIL.bank_account not in text
    assert MAIL.due_date not in text


def test_what_the_data_holds_cannot_become_html() -> None:
    html = body(build_message(dataclasses.replace(MAIL, payment_title="<script>alert(1)</script> & Spółka")), "html")

    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Spółka" in html


@pytest.mark.parametrize("message", [build_message(MAIL), build_notice(NOTICE)], ids=["invoice", "notice"])
def test_every_line_ends_in_crlf_and_is_short_ascii(message) -> None:
    lines = message.split(b"\r\n")

    assert message.endswith(b"\r\n")
    assert message.isascii()
    assert all(len(line) <= 998 and b"\n" not in line and b"\r" not in line for line in lines)
    head = message.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert all(len(line) <= 78 for line in head), [line for line in head if len(line) > 78]


def test_the_same_mail_gives_the_same_bytes_in_every_process() -> None:
    script = (
        "import hashlib, sys; from test_delivery_message import MAIL, NOTICE; "
        "from delivery.message import build_message, build_notice; "
        "print(hashlib.sha256(build_message(MAIL) + build_notice(NOTICE)).hexdigest())"
    )
    folder = Path(__file__).resolve().parent

    def digest(seed: str, zone: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": f"{folder}:{folder.parent.parent}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    here = hashlib.sha256(build_message(MAIL) + build_notice(NOTICE)).hexdigest()
    assert {digest("1", "UTC"), digest("2", "Asia/Tokyo"), here} == {here}


def test_two_deliveries_have_different_boundaries_and_neither_stands_in_the_content() -> None:
    other = build_message(dataclasses.replace(MAIL, delivery_id="other"))

    assert parsed(other).get_boundary() != parsed(build_message(MAIL)).get_boundary()
    assert other.count(b"=_mix_") == 4


def test_an_international_domain_travels_in_ascii() -> None:
    made = parsed(build_message(dataclasses.replace(MAIL, to_address="zolw@żółw.pl")))

    assert made["To"] == "zolw@xn--w-uga1v8h.pl"
    again = parsed(build_message(dataclasses.replace(MAIL, to_address="zolw@xn--w-uga1v8h.pl")))
    assert again["To"] == "zolw@xn--w-uga1v8h.pl"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("żółw@example.com", "ADDRESS_NOT_ASCII"),
        ("a@straße.de", "ADDRESS_INVALID"),
        ("a@localhost", "ADDRESS_INVALID"),
        ("a@10.0.0.1", "ADDRESS_INVALID"),
        ("a b@example.com", "ADDRESS_INVALID"),
        ("a@example.com\r\nBcc: b@example.com", "ADDRESS_INVALID"),
        ("a@example.com, b@example.com", "ADDRESS_INVALID"),
        ("<a@example.com>", "ADDRESS_INVALID"),
        ("example.com", "ADDRESS_INVALID"),
        ("", "ADDRESS_INVALID"),
        ("a" * 65 + "@example.com", "ADDRESS_INVALID"),
    ],
)
def test_addresses_that_mail_cannot_carry_are_refused(address, code) -> None:
    with pytest.raises(NotSendable) as refusal:
        build_message(dataclasses.replace(MAIL, to_address=address))

    assert refusal.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        {"invoice_no": "FV/1\r\nBcc: b@example.com"},
        {"invoice_no": "FV/1\nX: y"},
        {"invoice_no": "FV/1\x00"},
        {"message_id": "<a@b>\r\nBcc: b@example.com"},
        {"delivery_id": "a\r\nb"},
        {"sender": dataclasses.replace(SENDER, name="Wodociągi\r\nBcc: b@example.com")},
        {"sender": dataclasses.replace(SENDER, name="Water\u2028Bcc: b@example.com")},
    ],
)
def test_no_data_can_start_a_header_of_its_own(change) -> None:
    with pytest.raises(ValueError, match=r"control character|Message-ID|id of a delivery"):
        build_message(dataclasses.replace(MAIL, **change))


def test_a_date_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        build_message(dataclasses.replace(MAIL, date=datetime(2026, 11, 2, 6, 0)))


def test_an_invoice_is_not_mailed_without_its_document() -> None:
    with pytest.raises(NotSendable, match="NO_ATTACHMENT"):
        build_message(dataclasses.replace(MAIL, attachment=Attachment(filename="Faktura.pdf", content=b"")))


@pytest.mark.parametrize("name", ["Faktura ż.pdf", "../a.pdf", 'a".pdf', "a\r\nb.pdf", ""])
def test_a_file_name_that_arrives_broken_somewhere_is_refused(name) -> None:
    with pytest.raises(ValueError, match="plain ASCII file name"):
        Attachment(filename=name, content=PDF)


def test_a_message_id_is_made_of_the_delivery_and_its_revision() -> None:
    assert message_id(delivery_id="ab-1", revision=2, domain="żółw.pl") == "<inv.ab-1.2@xn--w-uga1v8h.pl>"
    with pytest.raises(ValueError, match="not an id"):
        message_id(delivery_id="a>b", revision=1, domain="example.com")


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_confirmation_says_from_when_and_what_it_does_to_the_price(kind) -> None:
    text = re.sub(r"\s+", " ", body(build_notice(NOTICE), kind))

    for words in (NOTICE.effective_date, NOTICE.account_no, NOTICE.terms, NOTICE.price_effect, "e-mailem na ten adres"):
        assert words in text
    withdrawn = re.sub(
        r"\s+", " ", body(build_notice(dataclasses.replace(NOTICE, kind=NoticeKind.WITHDRAWN, price_effect="")), kind)
    )
    assert "na papierze, pocztą" in withdrawn
    assert NOTICE.terms not in withdrawn
