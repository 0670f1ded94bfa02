"""The local Maildir as evidence: what the mailbox server really took, found by Message-ID without searching."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from delivery.durable import write_once

_HEADERS_LENGTH = 16_384


class Verdict(StrEnum):
    """Whether a message is there. ``absent`` is proof that it was not taken; ``cannot_tell`` is no evidence."""

    PRESENT = "present"
    ABSENT = "absent"
    CANNOT_TELL = "cannot_tell"


class Lookup(Protocol):
    """Evidence of what a relay took; resolves ``unknown``."""

    def verdict(self, *, message_id: str, dot_at: datetime, now: datetime) -> Verdict:
        """Whether the relay took the message whose dot may have left at ``dot_at``.

        To be asked only when the sender's socket is dead: its process has ended or has reported ``unknown``.
        """

    def message_ids(self) -> Iterator[str]:
        """The Message-ID of every copy that the relay took, for the closing statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One copy in the mailbox; ``sha256`` is of the message as it was sent, ``received_at`` by the server's clock."""

    path: Path
    message_id: str
    sender: str
    recipient: str
    sha256: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A Maildir written by the mailbox server.

    The server writes a message durably before it says 250 and does nothing for a message whose client is gone,
    so that after ``grace`` an absent file proves an absent message.
    """

    path: Path
    grace: timedelta = timedelta(seconds=60)

    def deliver(self, *, sender: str, recipient: str, message: bytes) -> Path:
        """Store one message, durably on return; a second copy is kept beside the first.

        Raises:
            OSError: the disk refused; nothing is visible.
        """
        content = f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n".encode() + message
        word = _word(message_id_of(message) or hashlib.sha256(message).hexdigest())
        copy = 1
        while True:
            target = self.path / "new" / f"{word}.{copy}"
            if (
                not target.exists()
                and write_once(
                    target=target, scratch=self.path / "tmp", write=lambda file: file.write(content), mode=0o640
                ).created
            ):
                return target
            copy += 1

    def find(self, *, message_id: str) -> list[Receipt]:
        """All copies of the message, first to last; also those that a mail reader has moved to ``cur``."""
        word = _word(message_id)
        copies: list[Path] = []
        while (path := self.path / "new" / f"{word}.{len(copies) + 1}").exists():
            copies.append(path)
        return [read_receipt(path) for path in (*copies, *sorted((self.path / "cur").glob(f"{word}.*")))]

    def verdict(self, *, message_id: str, dot_at: datetime, now: datetime) -> Verdict:
        """See ``Lookup.verdict``."""
        if self.find(message_id=message_id):
            return Verdict.PRESENT
        known = (self.path / "new").is_dir() and now - dot_at >= self.grace
        return Verdict.ABSENT if known else Verdict.CANNOT_TELL

    def receipts(self) -> Iterator[Receipt]:
        """Every copy, in the order of file names."""
        for path in self._files():
            yield read_receipt(path)

    def message_ids(self) -> Iterator[str]:
        """See ``Lookup.message_ids``."""
        for path in self._files():
            with path.open("rb") as file:
                yield message_id_of(file.read(_HEADERS_LENGTH))

    def count(self) -> int:
        """Number of copies."""
        return sum(1 for _ in self._files())

    def _files(self) -> Iterator[Path]:
        for folder in (self.path / "new", self.path / "cur"):
            yield from sorted(folder.iterdir()) if folder.is_dir() else ()


def read_receipt(path: Path) -> Receipt:
    """The receipt of one file of the mailbox."""
    sender, recipient, message = path.read_bytes().split(b"\r\n", 2)
    return Receipt(
        path=path,
        message_id=message_id_of(message),
        sender=sender.partition(b": ")[2].decode().strip("<>"),
        recipient=recipient.partition(b": ")[2].decode(),
        sha256=hashlib.sha256(message).hexdigest(),
        received_at=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC),
    )


def message_id_of(message: bytes) -> str:
    """The value of the Message-ID header, with its angle brackets; empty when there is none."""
    header = message.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"message-id":
            return value.strip().decode("ascii", "replace")
    return ""


def _word(message_id: str) -> str:
    return hashlib.sha256(message_id.encode()).hexdigest()[:40]
