"""Packs: many documents in one ZIP, not compressed, so that any tool opens it and one document is a range of its bytes.

The same documents give the same bytes. What identifies each document stands in the ZIP's own directory, at its end:
the entry's comment holds the document's hash, its pages and the hash of the invoice that it shows; the comment of the
whole file says what rendered it.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from delivery.errors import ArchiveMissing, PackDamaged
from delivery.store import Archive, Span

_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100444 << 16
_LOCAL_HEADER_BYTES = 30
_TAIL_BYTES = 512 * 1024
"""Read at once from a pack's end: the directory of some two thousand documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackDocument:
    """A document on its way into a pack; ``invoice_sha256`` is the hash of the content that it shows."""

    name: str
    content: bytes
    pages: int
    invoice_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A document in a pack: where its bytes lie, and their hash."""

    name: str
    span: Span
    sha256: str
    pages: int
    invoice_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackIndex:
    """What a pack says of itself; ``made_by`` names versions, as whoever wrote it chose to."""

    documents: tuple[Packed, ...]
    made_by: Mapping[str, str]


def write_pack(file: BinaryIO, *, documents: Iterable[PackDocument], made_by: Mapping[str, str]) -> list[Packed]:
    """Write a pack into an empty, seekable file, one document in memory at a time; where each one lies.

    Raises:
        ValueError: two documents have one name.
        OSError: the disk refused.
    """
    packed: dict[str, Packed] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as pack:
        for document in documents:
            if document.name in packed:
                raise ValueError(f"a pack holds each name once: {document.name!r}")
            entry = zipfile.ZipInfo(document.name, date_time=_EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            sha256 = hashlib.sha256(document.content).hexdigest()
            entry.comment = _comment(
                {"sha256": sha256, "pages": str(document.pages), "invoice_sha256": document.invoice_sha256}
            )
            pack.writestr(entry, document.content)
            packed[document.name] = Packed(
                name=document.name,
                span=_span(entry),
                sha256=sha256,
                pages=document.pages,
                invoice_sha256=document.invoice_sha256,
            )
        pack.comment = _comment(made_by)
    return list(packed.values())


def read_index(archive: Archive, *, key: str, size_bytes: int) -> PackIndex:
    """The directory of a pack, read from its end; the documents themselves are not read.

    Raises:
        ArchiveMissing: there is no such pack, or less of it than ``size_bytes``.
        PackDamaged: what is there is no pack of ours.
        Unreachable: the store cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BufferedReader(_Ranged(archive, key=key, size_bytes=size_bytes))) as pack:
            return PackIndex(documents=tuple(_packed(entry) for entry in pack.infolist()), made_by=_facts(pack.comment))
    except (zipfile.BadZipFile, KeyError, ValueError, AttributeError, NotImplementedError) as error:
        raise PackDamaged("PACK_DAMAGED", f"{key} is no pack: {error}") from error


def _packed(entry: zipfile.ZipInfo) -> Packed:
    facts = _facts(entry.comment)
    return Packed(
        name=entry.filename,
        span=_span(entry),
        sha256=facts["sha256"],
        pages=int(facts["pages"]),
        invoice_sha256=facts["invoice_sha256"],
    )


def _span(entry: zipfile.ZipInfo) -> Span:
    # a stored entry of ours has no extra field: its bytes follow the header and the name
    start = entry.header_offset + _LOCAL_HEADER_BYTES + len(entry.filename.encode())
    return Span(start=start, length=entry.file_size)


def _comment(facts: Mapping[str, str]) -> bytes:
    return json.dumps(dict(facts), sort_keys=True, separators=(",", ":")).encode()


def _facts(comment: bytes) -> dict[str, str]:
    return {name: str(value) for name, value in json.loads(comment).items()}


class _Ranged(io.RawIOBase):
    """An object of the archive as a file to read, its end fetched once and kept."""

    def __init__(self, archive: Archive, *, key: str, size_bytes: int) -> None:
        super().__init__()
        self._archive, self._key, self._size = archive, key, size_bytes
        self._position = 0
        self._tail_start = max(0, size_bytes - _TAIL_BYTES)
        if size_bytes < 1:
            raise ArchiveMissing("ARCHIVE_MISSING", f"{key} is empty")
        self._tail = archive.get(key=key, span=Span(start=self._tail_start, length=size_bytes - self._tail_start))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # a buffer of any kind
        length = min(len(buffer), self._size - self._position)
        if length < 1:
            return 0
        if self._position >= self._tail_start:
            start = self._position - self._tail_start
            content = self._tail[start : start + length]
        else:
            content = self._archive.get(key=self._key, span=Span(start=self._position, length=length))
        buffer[:length] = content
        self._position += length
        return length
