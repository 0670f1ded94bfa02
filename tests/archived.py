"""Documents of a test's archive: read, spoilt, or laid out as they were before there were packs."""

from pathlib import Path
from typing import Any

from databases import TestDatabase
from sqlalchemy import Row, text

from pipeline.documents import archive_of, stored_document
from pipeline.work import Work
from sql.engine import make_engine

_DOCUMENTS = """
    select d.*, i.invoice_no, a.account_no
    from document d join invoice i using (invoice_id) join account a using (account_id)
    order by d.document_id
"""


def documents(work: Work, **wanted: object) -> list[Row[Any]]:
    """The recorded documents whose columns have these values."""
    with work.engine.connect() as connection:
        rows = connection.execute(text(_DOCUMENTS)).all()
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def content_of(work: Work, **wanted: object) -> bytes:
    """The archived bytes of the one document of these values."""
    (row,) = documents(work, **wanted)
    return stored_document(archive_of(work.settings), row)


def file_of(work: Work, key: str) -> Path:
    """The file behind a key."""
    return work.settings.home / "archive" / key


def spoil(work: Work, row: Row[Any], content: bytes = b"?") -> bytes:
    """Write over the first bytes of one document where it lies; what stood there."""
    path = file_of(work, row.archive_key)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(row.offset_bytes or 0)
        before = file.read(len(content))
        file.seek(row.offset_bytes or 0)
        file.write(content)
    return before


def lay_out_alone(work: Work, database: TestDatabase) -> None:
    """Each document as an object of its own, and in the tables without a pack: as an earlier version left them."""
    archive = archive_of(work.settings)
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        for table in ("document", "pack"):
            connection.execute(text(f"alter table {table} disable trigger user"))
        for row in documents(work):
            key = f"faktury/2026/08/{row.sha256[:2]}/{row.invoice_no.replace('/', '-')}/{row.sha256}.pdf"
            archive.put_once(key=key, content=stored_document(archive, row))
            connection.execute(
                text("""
                    update document set pack_id = null, offset_bytes = null, archive_key = :key
                    where document_id = :document_id
                """),
                {"key": key, "document_id": row.document_id},
            )
        packs = connection.execute(text("delete from pack returning archive_key")).scalars().all()
        for table in ("document", "pack"):
            connection.execute(text(f"alter table {table} enable trigger user"))
    owner.dispose()
    for key in packs:
        file_of(work, key).unlink()
