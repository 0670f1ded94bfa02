"""What an archive promises, wherever it is kept: each key holds one content, whole, for ever."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Protocol

Writer = Callable[[BinaryIO], object]
"""Writes a content into the file that it is given."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_KEY_LENGTH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object of the archive; ``created`` is False when it was there before with the same content."""

    key: str
    sha256: str
    size_bytes: int
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """So many bytes of an object, from ``start`` (the first byte is 0)."""

    start: int
    length: int

    def __post_init__(self) -> None:
        """Refuse what is no part of anything."""
        if self.start < 0 or self.length < 1:
            raise ValueError(f"not a part of an object: {self.length} bytes from {self.start}")


class Archive(Protocol):
    """Where documents are kept. Keys are ASCII words joined by ``/``; each holds one content for ever."""

    def put_once(self, *, key: str, content: bytes | Writer, retain_until: date | None = None) -> Stored:
        """Store ``content``, durably on return; again with the same content is a success.

        A ``Writer`` writes to a scratch file, so that memory does not grow with the content; what it raises leaves
        nothing behind. Until ``retain_until`` nobody can delete the object, where the store can promise that.

        Raises:
            ArchiveConflict: the key holds something else.
            Unreachable: the store is full or away; trying later may help.
            DataRefused: ``ARCHIVE_REFUSED`` or ``ARCHIVE_RETENTION``, the store does not take it as it is set up.
            ValueError: not a key.
        """

    def get(self, *, key: str, span: Span | None = None) -> bytes:
        """The content under ``key``, or the part of it that ``span`` names.

        Raises:
            ArchiveMissing: nothing is stored there, or less than the span wants.
            Unreachable: the store cannot be read.
        """

    def head(self, *, key: str) -> Stored | None:
        """Hash and size of what the store holds under ``key``, or None."""

    def list(self, *, prefix: str) -> Iterator[str]:
        """All keys that start with ``prefix``, in order."""


def require_key(key: str) -> str:
    """``key`` itself.

    Raises:
        ValueError: not a key; it might lead out of the archive.
    """
    if len(key) > _KEY_LENGTH or not _KEY.fullmatch(key):
        raise ValueError(f"not a key of the archive: {key!r}")
    return key
