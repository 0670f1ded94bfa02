"""Invoices become one pack of documents, published at once; a pack that a dead worker has published is found again."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, BinaryIO

from sqlalchemy import Connection, Row

from delivery.archive import key_word, pack_folder, pack_key
from delivery.errors import ArchiveConflict, ArchiveMissing, PackDamaged
from delivery.packs import PackDocument, Packed, read_index, write_pack
from delivery.store import Archive, Stored
from pipeline.documents import RenderedBy, Rendering, rendered
from pipeline.errors import Inconsistent
from sql.cycles import Cycle
from sql.documents import NewDocument, NewPack, insert_documents, insert_pack


def packs_of(cycle: Cycle) -> str:
    """The folder of a cycle's packs; its id keeps apart keys that differ in signs only."""
    return pack_folder(issue_date=cycle.issue_date, run=f"{cycle.cycle_key}-{cycle.cycle_id}")


def publish(
    archive: Archive,
    rendering: Rendering,
    *,
    folder: str,
    part: str,
    cycle_id: int | None,
    rows: Sequence[Row[Any]],
    retain_until: date | None,
    duplicate_on: date | None = None,
) -> NewPack:
    """Render the invoices of ``rows`` into one pack in the archive; the same rows find the same pack again.

    What was published before with other bytes is adopted if it says that another template, other fonts or other
    libraries made it: then the work was begun before they changed, and those documents are the invoices'.

    Raises:
        Inconsistent: ``INVOICE_CHANGED``; or ``ARCHIVE_CONFLICT``, the same versions gave other bytes, what is there is
            not these invoices' pack, or another pack of the month has other invoices of these numbers: nothing is
            recorded, and a person must look.
        Retryable: the archive is full or away.
    """
    key = pack_key(folder=folder, part=part, invoice_sha256s=[row.sha256 for row in rows])
    if cycle_id is not None:
        _refuse_other_invoices(archive, key, rows)
    packed: list[Packed] = []

    def write(file: BinaryIO) -> None:
        packed[:] = write_pack(
            file, documents=_documents(rendering, rows, duplicate_on), made_by=rendering.by.to_facts()
        )

    try:
        stored = archive.put_once(key=key, content=write, retain_until=retain_until)
    except ArchiveConflict as conflict:
        alarm = Inconsistent("ARCHIVE_CONFLICT", conflict.args[1])
        return _adopted(archive, key, cycle_id=cycle_id, rows=rows, by=rendering.by, alarm=alarm)
    return _new_pack(stored, cycle_id, rows, packed, rendering.by)


def record(connection: Connection, pack: NewPack, *, duplicate_on: date | None = None) -> int:
    """Write down a published pack and its documents; how many documents were new.

    Raises:
        Inconsistent: ``PACK_CHANGED``, another pack is recorded under its key.
    """
    recorded = insert_pack(connection, pack)
    if recorded.sha256 != pack.sha256:
        raise Inconsistent("PACK_CHANGED", f"{pack.archive_key} was {recorded.sha256} and is now {pack.sha256}")
    return insert_documents(connection, pack_id=recorded.pack_id, documents=pack.documents, duplicate_on=duplicate_on)


def document_name(invoice_no: str) -> str:
    """What the document of an invoice is called in its pack."""
    return f"{key_word(invoice_no)}.pdf"


def _documents(rendering: Rendering, rows: Sequence[Row[Any]], duplicate_on: date | None) -> Iterator[PackDocument]:
    for row in rows:
        made = rendered(
            rendering, invoice_no=row.invoice_no, content=row.content, sha256=row.sha256, duplicate_on=duplicate_on
        )
        yield PackDocument(
            name=document_name(row.invoice_no), content=made.content, pages=made.pages, invoice_sha256=row.sha256
        )


def _refuse_other_invoices(archive: Archive, key: str, rows: Sequence[Row[Any]]) -> None:
    """A database that was restored from before an issue gives its numbers again: customers have the first ones."""
    folder, _, name = key.rpartition("/")
    month, begins = folder.rpartition("/")[0], name.rpartition("-")[0] + "-"
    for other in archive.list(prefix=f"{month}/"):
        if other == key or not other.rpartition("/")[2].startswith(begins):
            continue
        stored = archive.head(key=other)
        try:
            index = read_index(archive, key=other, size_bytes=stored.size_bytes if stored else 0)
        except (PackDamaged, ArchiveMissing) as error:
            raise Inconsistent("ARCHIVE_CONFLICT", str(error)) from None
        theirs = {packed.name: packed.invoice_sha256 for packed in index.documents}
        if any(theirs.get(document_name(row.invoice_no), row.sha256) != row.sha256 for row in rows):
            raise Inconsistent("ARCHIVE_CONFLICT", f"{other} has other invoices of these numbers; an old database?")


def _adopted(
    archive: Archive, key: str, *, cycle_id: int | None, rows: Sequence[Row[Any]], by: RenderedBy, alarm: Inconsistent
) -> NewPack:
    stored = archive.head(key=key)
    if stored is None:
        raise alarm
    try:
        index = read_index(archive, key=key, size_bytes=stored.size_bytes)
        made_by = RenderedBy(**index.made_by)
    except (PackDamaged, TypeError):
        raise alarm from None
    wanted = [(document_name(row.invoice_no), row.sha256) for row in rows]
    theirs = [(packed.name, packed.invoice_sha256) for packed in index.documents]
    if made_by == by or wanted != theirs or not _whole(archive, key, index.documents):
        raise alarm
    return _new_pack(stored, cycle_id, rows, index.documents, made_by)


def _whole(archive: Archive, key: str, packed: Sequence[Packed]) -> bool:
    return all(
        hashlib.sha256(archive.get(key=key, span=document.span)).hexdigest() == document.sha256 for document in packed
    )


def _new_pack(
    stored: Stored, cycle_id: int | None, rows: Sequence[Row[Any]], packed: Sequence[Packed], made_by: RenderedBy
) -> NewPack:
    return NewPack(
        cycle_id=cycle_id,
        archive_key=stored.key,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        **made_by.to_facts(),
        documents=[
            NewDocument(
                invoice_id=row.invoice_id,
                sha256=document.sha256,
                size_bytes=document.span.length,
                pages=document.pages,
                offset_bytes=document.span.start,
            )
            for row, document in zip(rows, packed, strict=True)
        ],
    )
