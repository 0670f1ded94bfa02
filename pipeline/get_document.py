"""One document out of the archive, as a file: the bytes that the customer got."""

import hashlib
from datetime import date
from pathlib import Path

from delivery.errors import ArchiveMissing
from pipeline.documents import archive_of, stored_document
from pipeline.errors import Inconsistent, OperatorError
from pipeline.work import Work
from sql.documents import documents_of_invoice


def run(work: Work, *, invoice_no: str, out: Path, duplicate_on: date | None = None) -> int:
    """Write the document of an invoice, or its duplicate of a day, into a new file; its size in bytes.

    Raises:
        OperatorError: ``DOCUMENT_UNKNOWN``, ``FILE_EXISTS`` or ``FILE_UNWRITABLE``.
        Inconsistent: ``DOCUMENT_MISSING`` or ``DOCUMENT_CHANGED``: what is archived is not what was recorded.
        Retryable: the archive cannot be read.
    """
    content = read(work, invoice_no=invoice_no, duplicate_on=duplicate_on)
    try:
        file = out.open("xb")
    except FileExistsError:
        raise OperatorError("FILE_EXISTS", f"{out} is there already; name a new file") from None
    except OSError as error:
        raise OperatorError("FILE_UNWRITABLE", f"{out}: {error.strerror}") from None
    try:
        with file:
            return file.write(content)
    except OSError as error:
        out.unlink()  # a part of a document would stand in the way of the next attempt
        raise OperatorError("FILE_UNWRITABLE", f"{out}: {error.strerror}") from None


def read(work: Work, *, invoice_no: str, duplicate_on: date | None = None) -> bytes:
    """The archived bytes, found to be those that were recorded; raises as ``run`` does."""
    with work.engine.connect() as connection:
        rows = documents_of_invoice(connection, invoice_no=invoice_no)
    row = next((row for row in rows if row.duplicate_on == duplicate_on), None)
    if row is None:
        which = "document" if duplicate_on is None else f"duplicate of {duplicate_on}"
        raise OperatorError("DOCUMENT_UNKNOWN", f"there is no {which} of {invoice_no}")
    try:
        content = stored_document(archive_of(work.settings), row)
    except ArchiveMissing as missing:
        raise Inconsistent("DOCUMENT_MISSING", f"{invoice_no}: {missing}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != row.sha256:
        raise Inconsistent("DOCUMENT_CHANGED", f"{invoice_no}: the archive holds {found}, recorded was {row.sha256}")
    return content
