"""Documents and the packs of the archive that hold them: where each one's bytes lie, written once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from sql.clock import business_now
from sql.cycles import Cycle
from sql.evidence import Event, append_events
from sql.queries import queries

_Q = queries("documents")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document in a pack; ``offset_bytes`` is where its first byte lies there."""

    invoice_id: int
    sha256: str
    size_bytes: int
    pages: int
    offset_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPack:
    """A published pack, and what its documents were rendered by; ``cycle_id`` None: duplicates belong to no cycle."""

    cycle_id: int | None
    archive_key: str
    sha256: str
    size_bytes: int
    template_version: str
    fonts_sha256: str
    zlib_version: str
    lock_sha256: str
    documents: Sequence[NewDocument]


def invoices_to_render(connection: Connection, *, cycle: Cycle, chunk_no: int, most: int) -> Sequence[Row[Any]]:
    """The next invoices of a chunk that have no document yet, at most so many, in the order of their numbers."""
    given = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no, "most": most}
    return connection.execute(_Q["invoices_to_render"], given).all()


def documents_of_chunk(connection: Connection, *, cycle: Cycle, chunk_no: int) -> Row[Any]:
    """How many documents, pages and bytes a chunk has."""
    return connection.execute(_Q["documents_of_chunk"], {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}).one()


def insert_pack(connection: Connection, pack: NewPack) -> Row[Any]:
    """Record a pack once; ``pack_id`` and ``sha256`` of what is recorded under its key, which a caller must compare.

    Its hash goes into the evidence, and with it the bytes of every document that it holds.
    """
    values = {name: getattr(pack, name) for name in NewPack.__dataclass_fields__} | {"documents": len(pack.documents)}
    if connection.execute(_Q["insert_pack"], values).rowcount:
        body = {"sha256": pack.sha256, "documents": len(pack.documents)}
        moment = business_now(connection)
        append_events(
            connection, [Event(event_at=moment, subject=f"pack:{pack.archive_key}", kind="archived", body=body)]
        )
    return connection.execute(_Q["find_pack"], {"archive_key": pack.archive_key}).one()


def insert_documents(
    connection: Connection, *, pack_id: int, documents: Sequence[NewDocument], duplicate_on: date | None = None
) -> int:
    """Record the documents of a recorded pack, duplicates of a day or the invoices' own; how many were new.

    The deliveries of the latter become ``archived``.
    """
    written = list(
        connection.execute(
            _Q["insert_documents"],
            {
                "pack_id": pack_id,
                "duplicate_on": duplicate_on,
                "invoice_ids": [document.invoice_id for document in documents],
                "sha256s": [document.sha256 for document in documents],
                "sizes": [document.size_bytes for document in documents],
                "pages": [document.pages for document in documents],
                "offsets": [document.offset_bytes for document in documents],
            },
        ).scalars()
    )
    if duplicate_on is None:
        _mark_archived(connection, written)
    return len(written)


def _mark_archived(connection: Connection, invoice_ids: Sequence[int]) -> None:
    archived = connection.execute(_Q["mark_archived"], {"invoice_ids": list(invoice_ids)}).scalars().all()
    moment = business_now(connection)
    append_events(
        connection,
        [
            Event(event_at=moment, subject=f"delivery:{delivery_id}", kind="archived", body={})
            for delivery_id in archived
        ],
    )


def lone_documents_of_cycle(connection: Connection, *, cycle: Cycle) -> Sequence[Row[Any]]:
    """Key and invoice number of each document of the cycle that is an object of its own."""
    return connection.execute(_Q["lone_documents_of_cycle"], {"cycle_id": cycle.cycle_id}).all()


def packs_of_cycle(connection: Connection, *, cycle: Cycle) -> Sequence[Row[Any]]:
    """Key, size and number of documents of each pack of the cycle."""
    return connection.execute(_Q["packs_of_cycle"], {"cycle_id": cycle.cycle_id}).all()


def documents_of_pack(connection: Connection, *, pack_id: int) -> Sequence[Row[Any]]:
    """Invoice number, place and hash of each document recorded in a pack."""
    return connection.execute(_Q["documents_of_pack"], {"pack_id": pack_id}).all()


def documents_of_invoice(connection: Connection, *, invoice_no: str) -> Sequence[Row[Any]]:
    """Every document that shows an invoice: its own first, then duplicates by their days."""
    return connection.execute(_Q["documents_of_invoice"], {"invoice_no": invoice_no}).all()


def documents_of_cycle(connection: Connection, *, cycle: Cycle, after: int, most: int) -> Sequence[Row[Any]]:
    """The next documents of a cycle, duplicates too, after the one with that id."""
    given = {"cycle_id": cycle.cycle_id, "after": after, "most": most}
    return connection.execute(_Q["documents_of_cycle"], given).all()
