"""The local mailbox: what the server said yes to is there, found by its Message-ID, and every copy counts."""

import hashlib
import os
import re
import signal
import smtplib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delivery.mailbox import Mailbox, Verdict, message_id_of
from delivery.mailbox_server import mailbox_server

PROJECT = Path(__file__).resolve().parent.parent.parent
DOT_AT = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
ID = "<inv.1.1@wodociagi.example>"


def message(message_id: str = ID) -> bytes:
    return f"Subject: test\r\nMessage-ID: {message_id}\r\n\r\n.kropka\r\nkoniec\r\n".encode()


def send(url: str, *messages: bytes) -> None:
    host, port = url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), timeout=20) as client:
        for each in messages:
            client.sendmail("faktury@example.com", ["a@example.com"], each)


def test_a_message_is_on_the_disk_as_it_was_sent_when_the_server_says_yes(tmp_path) -> None:
    with mailbox_server(tmp_path) as url:
        send(url, message())
        (receipt,) = Mailbox(path=tmp_path).find(message_id=ID)

    assert (receipt.message_id, receipt.sender, receipt.recipient) == (ID, "faktury@example.com", "a@example.com")
    assert receipt.sha256 == hashlib.sha256(message()).hexdigest()
    assert receipt.path.parent == tmp_path / "new"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_second_copy_is_kept_beside_the_first_and_counted(tmp_path) -> None:
    with mailbox_server(tmp_path) as url:
        send(url, message(), message(), message("<other@example.com>"))

    mailbox = Mailbox(path=tmp_path)
    assert len(mailbox.find(message_id=ID)) == 2
    assert mailbox.count() == 3
    assert sorted(mailbox.message_ids()) == sorted([ID, ID, "<other@example.com>"])
    assert sorted(receipt.message_id for receipt in mailbox.receipts()) == sorted(mailbox.message_ids())


def test_a_message_that_a_mail_reader_has_moved_is_still_found(tmp_path) -> None:
    with mailbox_server(tmp_path) as url:
        send(url, message())
    mailbox = Mailbox(path=tmp_path)
    (receipt,) = mailbox.find(message_id=ID)

    receipt.path.rename(tmp_path / "cur" / f"{receipt.path.name}:2,S")

    assert len(mailbox.find(message_id=ID)) == 1
    assert mailbox.count() == 1


def test_a_client_that_hangs_up_before_the_dot_leaves_nothing(tmp_path) -> None:
    with mailbox_server(tmp_path) as url:
        host, port = url.removeprefix("smtp://").split(":")
        client = smtplib.SMTP(host, int(port), timeout=20)
        client.ehlo()
        client.mail("faktury@example.com")
        client.rcpt("a@example.com")
        client.docmd("DATA")
        client.sock.sendall(message())
        client.close()
        send(url, message("<later@example.com>"))

    assert list(Mailbox(path=tmp_path).message_ids()) == ["<later@example.com>"]


def test_a_mailbox_that_cannot_be_written_is_said_before_yes(tmp_path) -> None:
    with mailbox_server(tmp_path) as url:
        (tmp_path / "tmp").rmdir()
        (tmp_path / "tmp").write_text("to nie jest folder")
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            send(url, message())

    assert refusal.value.smtp_code == 452
    assert Mailbox(path=tmp_path).count() == 0


@pytest.mark.parametrize(
    ("known", "stored", "seconds", "verdict"),
    [
        (True, True, 0, Verdict.PRESENT),
        (True, True, 3600, Verdict.PRESENT),
        (True, False, 59, Verdict.CANNOT_TELL),
        (True, False, 60, Verdict.ABSENT),
        (False, False, 3600, Verdict.CANNOT_TELL),
    ],
)
def test_absence_is_only_proof_after_the_grace_and_where_there_is_a_mailbox(
    tmp_path, known, stored, seconds, verdict
) -> None:
    mailbox = Mailbox(path=tmp_path / "mailbox", grace=timedelta(seconds=60))
    if known:
        (tmp_path / "mailbox" / "new").mkdir(parents=True)
    if stored:
        mailbox.deliver(sender="a@example.com", recipient="b@example.com", message=message())

    assert mailbox.verdict(message_id=ID, dot_at=DOT_AT, now=DOT_AT + timedelta(seconds=seconds)) is verdict


def test_a_folded_message_id_in_any_case_is_read_and_the_body_is_not() -> None:
    assert message_id_of(b"MESSAGE-id:\r\n <a@b>\r\n\r\n") == "<a@b>"
    assert not message_id_of(b"Subject: x\r\n\r\nMessage-ID: <a@b>\r\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_where_it_listens_serves_and_stops_when_told(tmp_path, number) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "delivery.mailbox_server", "--port", "0", "--maildir", str(tmp_path / "m")],
        cwd=PROJECT,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        announced = re.fullmatch(r"listening on (127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert announced is not None
        send(f"smtp://{announced[1]}", message())
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()

    assert (process.returncode, errors) == (0, "")
    assert Mailbox(path=tmp_path / "m").count() == 1


def test_a_folder_that_cannot_be_made_is_the_callers_error(tmp_path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=r"File exists|Not a directory"), mailbox_server(tmp_path / "file"):
        pass
