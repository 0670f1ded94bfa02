"""render: each invoice becomes a PDF, written once to the archive under its hash."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from billing.canonical import seal
from billing.invoices import Invoice
from delivery.archive import Archive, document_key, open_archive
from pdf.invoice import render_invoice
from pdf.look import Look
from pdf.seal import Seal
from pipeline.cycles import require_cycle, require_reached
from pipeline.errors import Inconsistent
from pipeline.look import look_of, seal_of, version_of
from pipeline.read_back import read_back
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, uncollected
from sql.invoices import NewDocument, documents_of_chunk, insert_documents, invoices_to_render

BATCH = 100
"""Documents a transaction: what a killed task loses is at most the recording of so many archived files."""


def run(work: Work, *, cycle_key: str, chunk_no: int) -> dict[str, int]:
    """Render and archive the invoices of a chunk that have no document yet.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
        Retryable: the archive is full or away; what was archived before stays.
        Inconsistent: ``INVOICE_CHANGED``, a stored invoice is not the one that was hashed.
    """
    archive = open_archive(work.settings.archive_url)
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
        require_reached(cycle, state="issued")
        rows = invoices_to_render(connection, cycle=cycle, chunk_no=chunk_no)
    look = look_of(work.settings.utility, load_folder(work.settings.utility).utility)
    own_seal = seal_of(work.settings)
    for start in range(0, len(rows), BATCH):
        with uncollected():
            documents = archived(archive, rows[start : start + BATCH], look=look, own_seal=own_seal)
        with work.engine.begin() as connection:
            insert_documents(connection, template_version=version_of(look, own_seal), documents=documents)
    with step(work, "render") as (connection, record):
        found = documents_of_chunk(connection, cycle=cycle, chunk_no=chunk_no)
        record.cycle_id, record.chunk = cycle.cycle_id, str(chunk_no)
        record.counts = {"documents": found.documents, "pages": found.pages, "bytes": found.bytes}
        return dict(record.counts) | {"rendered": len(rows)}


def archived(archive: Archive, rows: Sequence[Row[Any]], *, look: Look, own_seal: Seal | None) -> list[NewDocument]:
    """Render and store; the same invoice again gives the same key and bytes, which the archive takes as success."""
    documents = []
    for row in rows:
        invoice = read_back(Invoice, row.content)
        content = seal(invoice)
        if content.sha256 != row.sha256:
            raise Inconsistent("INVOICE_CHANGED", f"{row.invoice_no} is not the invoice that was issued")
        document = render_invoice(invoice, look=look, written=content.text, seal=own_seal)
        key = document_key(issue_date=row.issue_date, invoice_no=row.invoice_no, sha256=document.sha256)
        archive.put_once(key=key, content=document.content)
        documents.append(
            NewDocument(
                invoice_id=row.invoice_id,
                sha256=document.sha256,
                size_bytes=len(document.content),
                pages=document.pages,
                archive_key=key,
            )
        )
    return documents
