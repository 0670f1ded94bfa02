"""Documents: how one is rendered, what its bytes depend on, and how it is read back from the archive."""

import functools
import hashlib
import zlib
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from billing.canonical import canonical_json
from billing.invoices import Invoice
from delivery.archive import open_archive
from delivery.store import Archive, Span
from pdf.invoice import render_invoice
from pdf.look import Look
from pdf.seal import Seal
from pdf.sheet import Document
from pipeline.errors import Inconsistent
from pipeline.look import look_of, seal_of, version_of
from pipeline.read_back import read_back
from pipeline.settings import PROJECT, Settings
from pipeline.utility_files import load_folder

_FONTS = PROJECT / "pdf" / "fonts"
_LOCK = PROJECT / "requirements.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedBy:
    """What the bytes of a document depend on beside its invoice: with the same, the same bytes come out again."""

    template_version: str
    fonts_sha256: str
    zlib_version: str
    lock_sha256: str

    def to_facts(self) -> dict[str, str]:
        """Names and values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How this installation renders; ``by`` is what is recorded of it."""

    by: RenderedBy
    look: Look
    seal: Seal | None


def rendering_of(settings: Settings) -> Rendering:
    """How the utility of these settings has its documents rendered, here and now.

    Raises:
        DataRefused: the look that its folder names cannot be drawn.
        OperatorError: ``SETTING_WRONG``, what is to seal documents cannot.
    """
    look = look_of(settings.utility, load_folder(settings.utility, seller_needed=False).utility)
    seal = seal_of(settings)
    return Rendering(by=rendered_by(version_of(look, seal)), look=look, seal=seal)


@functools.cache
def rendered_by(template_version: str) -> RenderedBy:
    """What renders here: a template, our fonts, the zlib that runs, and the lock of all packages."""
    fonts = hashlib.sha256()
    for path in sorted(_FONTS.rglob("*.ttf")):
        fonts.update(hashlib.sha256(path.read_bytes()).digest())
    return RenderedBy(
        template_version=template_version,
        fonts_sha256=fonts.hexdigest(),
        zlib_version=zlib.ZLIB_RUNTIME_VERSION,
        lock_sha256=hashlib.sha256(_LOCK.read_bytes()).hexdigest(),
    )


def rendered(
    rendering: Rendering, *, invoice_no: str, content: str, sha256: str, duplicate_on: date | None = None
) -> Document:
    """The document of a stored invoice.

    Raises:
        Inconsistent: ``INVOICE_CHANGED``, it is not the one that was hashed when it was issued.
    """
    invoice, written = _issued(invoice_no=invoice_no, content=content, sha256=sha256)
    return render_invoice(invoice, duplicate_on=duplicate_on, look=rendering.look, seal=rendering.seal, written=written)


def issued_invoice(*, invoice_no: str, content: str, sha256: str) -> Invoice:
    """A stored invoice, found to be the one that was issued; raises as ``rendered`` does."""
    return _issued(invoice_no=invoice_no, content=content, sha256=sha256)[0]


def _issued(*, invoice_no: str, content: str, sha256: str) -> tuple[Invoice, str]:
    """The invoice, and the canonical JSON that was hashed."""
    try:
        invoice = read_back(Invoice, content)
    except ValueError:
        raise Inconsistent("INVOICE_CHANGED", f"{invoice_no} cannot be read as the invoice that was issued") from None
    written = canonical_json(invoice)
    if hashlib.sha256(written.encode()).hexdigest() != sha256:
        raise Inconsistent("INVOICE_CHANGED", f"{invoice_no} is not the invoice that was issued")
    return invoice, written


def archive_of(settings: Settings) -> Archive:
    """The archive of this installation."""
    return open_archive(settings.archive_url, endpoint_url=settings.archive_endpoint)


def retain_until(settings: Settings, *, issue_date: date) -> date | None:
    """The last day of the years for which a document of that day must not be deleted, None: the archive's own rule."""
    if settings.archive_retain_years is None:
        return None
    return date(issue_date.year + settings.archive_retain_years, 12, 31)


def stored_document(archive: Archive, row: Row[Any]) -> bytes:
    """The bytes of a document: a part of its pack, or an object of its own.

    Raises:
        ArchiveMissing: they are not there.
        Retryable: the archive cannot be read.
    """
    span = None if row.offset_bytes is None else Span(start=row.offset_bytes, length=row.size_bytes)
    return archive.get(key=row.archive_key, span=span)
