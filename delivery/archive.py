"""The archive of documents: written once under a key that holds the hash, never replaced, read back by key."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from billing.errors import DataRefused
from delivery.durable import file_sha256, sync_folder, write_once
from delivery.errors import ArchiveConflict, ArchiveMissing, Unreachable

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY_LENGTH = 512
_SCRATCH = ".incoming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object of the archive; ``created`` is False when it was there before with the same content."""

    key: str
    sha256: str
    size_bytes: int
    created: bool


class Archive(Protocol):
    """Where documents are kept. Keys are ASCII words joined by ``/``; each holds one content for ever."""

    def put_once(self, *, key: str, content: bytes) -> Stored:
        """Store ``content``, durably on return; again with the same content is a success.

        Raises:
            ArchiveConflict: the key holds something else.
            Unreachable: the store is full or away; trying later may help.
            ValueError: not a key.
        """

    def get(self, *, key: str) -> bytes:
        """The content under ``key``.

        Raises:
            ArchiveMissing: nothing is stored there.
            Unreachable: the store cannot be read.
        """

    def head(self, *, key: str) -> Stored | None:
        """Hash and size of what the store holds *now* under ``key``, or None."""

    def list(self, *, prefix: str) -> Iterator[str]:
        """All keys that start with ``prefix``, in order."""


def open_archive(url: str) -> Archive:
    """The archive at ``file:///absolute/folder``; the rest of the URL is the path as it stands, not escaped.

    Raises:
        DataRefused: ``ARCHIVE_SCHEME`` for another scheme, ``ARCHIVE_URL`` for a path that is not absolute.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        raise DataRefused("ARCHIVE_SCHEME", "an archive in S3 comes later; use file:///absolute/folder")
    if scheme != "file":
        raise DataRefused("ARCHIVE_SCHEME", f"unknown kind of archive {scheme!r}; use file:///absolute/folder")
    if not rest.startswith("/") or "\0" in rest:
        raise DataRefused("ARCHIVE_URL", f"the archive's folder must be absolute: {url!r}")
    return LocalArchive(root=Path(rest))


def document_key(*, issue_date: date, invoice_no: str, sha256: str) -> str:
    """``faktury/2026/11/ab/FV-2026-11-000001/ab….pdf``: month, two digits of the hash, number, hash."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a hex SHA-256: {sha256!r}")
    number = re.sub(r"[^A-Za-z0-9._]+", "-", invoice_no).strip("-.")
    if not number:
        raise ValueError(f"an invoice number without a letter or digit: {invoice_no!r}")
    return f"faktury/{issue_date:%Y/%m}/{sha256[:2]}/{number}/{sha256}.pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalArchive:
    """An archive in a folder: each object one read-only file. For one machine, and for tests."""

    root: Path

    def put_once(self, *, key: str, content: bytes) -> Stored:
        """See ``Archive.put_once``."""
        path = self._path(key)
        digest = hashlib.sha256(content).hexdigest()
        try:
            created = (
                not path.exists()
                and write_once(
                    target=path, scratch=self.root / _SCRATCH, write=lambda file: file.write(content)
                ).created
            )
            if not created:
                sync_folder(path.parent)  # the process that linked the file may have died before its own sync
                found = file_sha256(path)
                if found != digest:
                    raise ArchiveConflict("ARCHIVE_CONFLICT", f"{key} holds {found}, not {digest}")
        except OSError as error:
            raise _unreachable(key, error) from error
        return Stored(key=key, sha256=digest, size_bytes=len(content), created=created)

    def get(self, *, key: str) -> bytes:
        """See ``Archive.get``."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise ArchiveMissing("ARCHIVE_MISSING", f"nothing is stored under {key}") from error
        except OSError as error:
            raise _unreachable(key, error) from error

    def head(self, *, key: str) -> Stored | None:
        """See ``Archive.head``; reads the file, so that damage is seen."""
        path = self._path(key)
        try:
            return Stored(key=key, sha256=file_sha256(path), size_bytes=path.stat().st_size, created=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreachable(key, error) from error

    def list(self, *, prefix: str) -> Iterator[str]:
        """See ``Archive.list``."""
        folder, _, _ = prefix.rpartition("/")
        start = self._path(folder) if folder else self.root
        for path in _files(start):
            key = path.relative_to(self.root).as_posix()
            if key.startswith(prefix):
                yield key

    def _path(self, key: str) -> Path:
        if len(key) > _KEY_LENGTH or not _KEY.fullmatch(key):
            raise ValueError(f"not a key of the archive: {key!r}")
        return self.root / key


def _files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            # S3 lists by whole key, in which a folder's name goes on with "/"
            found = sorted(entries, key=lambda entry: entry.name + ("/" if entry.is_dir() else ""))
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreachable(str(folder), error) from error
    for entry in found:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def _unreachable(what: str, error: OSError) -> Unreachable:
    return Unreachable("ARCHIVE_UNREACHABLE", f"{what}: {error.strerror or error}")
