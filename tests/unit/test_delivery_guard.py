"""The last look before a document leaves, and the relay's address."""

import hashlib
import pickle

import pytest

from billing.errors import DataRefused, Retryable, Undeliverable
from delivery.errors import NotSendable, Unreachable
from delivery.guard import check_attachment
from delivery.relay import Security, parse_smtp_url

PDF = b"%PDF-1.7 faktura"
SHA256 = hashlib.sha256(PDF).hexdigest()


def test_the_right_document_to_the_right_account_may_leave() -> None:
    check_attachment(content=PDF, expected_sha256=SHA256, invoice_account="7", address_account="7")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"address_account": "8"}, "WRONG_RECIPIENT"),
        ({"address_account": "None"}, "WRONG_RECIPIENT"),
        ({"invoice_account": "", "address_account": ""}, "WRONG_RECIPIENT"),
        ({"content": b""}, "NO_ATTACHMENT"),
        ({"content": b"<html>"}, "NOT_PDF"),
        ({"content": PDF + b" "}, "WRONG_ATTACHMENT"),
        ({"expected_sha256": "0" * 64}, "WRONG_ATTACHMENT"),
    ],
)
def test_everything_else_may_not(change, code) -> None:
    right = {"content": PDF, "expected_sha256": SHA256, "invoice_account": "7", "address_account": "7"}

    with pytest.raises(Undeliverable) as refusal:
        check_attachment(**right | change)

    assert refusal.value.code == code


@pytest.mark.parametrize("error", [NotSendable("CODE", "words"), Unreachable("CODE", "words")])
def test_what_went_wrong_survives_the_way_between_processes(error) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(again) is type(error)
    assert (again.code, str(again)) == ("CODE", "CODE: words")
    assert isinstance(again, Retryable) == isinstance(error, Unreachable)


@pytest.mark.parametrize(
    ("url", "where", "user", "password"),
    [
        ("smtp://127.0.0.1:2525", (Security.PLAIN, "127.0.0.1", 2525), None, None),
        ("smtp://relay", (Security.PLAIN, "relay", 25), None, None),
        ("smtp+starttls://u:p%40ss%2F@relay.example", (Security.STARTTLS, "relay.example", 587), "u", "p@ss/"),
        ("smtps://u%40x:tajne@relay.example:466", (Security.TLS, "relay.example", 466), "u@x", "tajne"),
        ("smtp://[::1]:2525", (Security.PLAIN, "::1", 2525), None, None),
    ],
)
def test_a_relay_is_read_from_its_url(url, where, user, password) -> None:
    relay = parse_smtp_url(url)

    assert (relay.security, relay.host, relay.port) == where
    assert (relay.user, relay.password) == (user, password)
    assert password is None or password not in repr(relay)


@pytest.mark.parametrize(
    "url",
    [
        "http://relay",
        "relay:25",
        "smtp://",
        "smtp://relay:port",
        "smtp://relay:99999",
        "smtp://relay/path",
        "smtp://relay?x=1",
        "smtp://user:secret@relay",
        "smtps://user@relay",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_never_repeated(url) -> None:
    with pytest.raises(DataRefused) as refusal:
        parse_smtp_url(url)

    assert refusal.value.code == "SMTP_URL"
    assert "secret" not in str(refusal.value)
