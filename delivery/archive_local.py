"""An archive in a folder: a file becomes visible by one link, which never replaces another."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from delivery.durable import file_sha256, sync_folder, write_once
from delivery.errors import ArchiveConflict, ArchiveMissing, Unreachable
from delivery.store import Span, Stored, Writer, require_key

_SCRATCH = ".incoming"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalArchive:
    """Each object is one read-only file. For one machine, and for tests; it cannot keep an owner from deleting."""

    root: Path

    def put_once(
        self,
        *,
        key: str,
        content: bytes | Writer,
        retain_until: date | None = None,  # noqa: ARG002 - a folder holds nothing against its owner
    ) -> Stored:
        """See ``Archive.put_once``."""
        path = self._path(key)
        try:
            if isinstance(content, bytes) and path.exists():
                digest, created = hashlib.sha256(content).hexdigest(), False
            else:
                written = write_once(target=path, scratch=self.root / _SCRATCH, write=_writer(content))
                digest, created = written.sha256, written.created
            if not created:
                sync_folder(path.parent)  # the process that linked the file may have died before its own sync
                found = file_sha256(path)
                if found != digest:
                    raise ArchiveConflict("ARCHIVE_CONFLICT", f"{key} holds {found}, not {digest}")
            size_bytes = path.stat().st_size
        except OSError as error:
            raise _unreachable(key, error) from error
        return Stored(key=key, sha256=digest, size_bytes=size_bytes, created=created)

    def get(self, *, key: str, span: Span | None = None) -> bytes:
        """See ``Archive.get``."""
        try:
            if span is None:
                return self._path(key).read_bytes()
            with self._path(key).open("rb") as file:
                file.seek(span.start)
                content = file.read(span.length)
        except FileNotFoundError as error:
            if not (self.root / _SCRATCH).is_dir():  # every put makes it: this folder is not the archive
                raise Unreachable("ARCHIVE_UNREACHABLE", f"{key}: no archive is at {self.root}; mounted?") from error
            raise ArchiveMissing("ARCHIVE_MISSING", f"nothing is stored under {key}") from error
        except OSError as error:
            raise _unreachable(key, error) from error
        if len(content) != span.length:
            raise ArchiveMissing("ARCHIVE_MISSING", f"{key} ends within the {span.length} bytes from {span.start}")
        return content

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
        return self.root / require_key(key)


def _writer(content: bytes | Writer) -> Writer:
    return (lambda file: file.write(content)) if isinstance(content, bytes) else content


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
