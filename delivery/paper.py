"""The print package: one ZIP with the documents in posting order and a manifest, for the office or a print house."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from delivery.collation import SortKey, polish_sort_key
from delivery.durable import file_sha256, write_once
from delivery.errors import ArchiveConflict
from delivery.guard import check_attachment

MANIFEST = "manifest.csv"
_COLUMNS = (
    "seq",
    "file",
    "invoice_no",
    "account_no",
    "recipient",
    "street",
    "postcode",
    "city",
    "pages",
    "sha256",
    "form_attached",
    "form_file",
)
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX, _READABLE = 3, 0o100444 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperDocument:
    """One document to print and post; ``pages`` and ``sha256`` are of the archived PDF.

    ``account_no`` is the invoice's, ``address_account_no`` the one that the address was taken from.
    ``form_attached``: the acceptance form for e-invoices goes into the same envelope.
    """

    archive_key: str
    invoice_no: str
    account_no: str
    address_account_no: str
    recipient: str
    street: str
    postcode: str
    city: str
    pages: int
    sha256: str
    form_attached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintPackage:
    """The finished ZIP; ``created`` is False when it was there before, equal to the byte."""

    path: Path
    sha256: str
    documents: int
    pages: int
    created: bool


def write_print_package(
    *,
    folder: Path,
    cycle_key: str,
    documents: Iterable[PaperDocument],
    read_pdf: Callable[[PaperDocument], bytes],
    read_form: Callable[[PaperDocument], bytes],
) -> PrintPackage:
    """Make ``print-<cycle>.zip`` in ``folder``; the same documents give the same bytes.

    Documents stand in posting order (postcode, city, street, recipient); PDFs are read one at a time, so that
    memory does not grow with their number. ``read_form`` is asked only where a form is attached.

    Raises:
        ArchiveConflict: ``PRINT_CONFLICT``: the file is there with other content.
        NotSendable: a document is not the one of its invoice, or its address is another account's.
        OSError: the disk refused; no package was made.
    """
    ordered = sorted(documents, key=_posting_order)
    path = folder / f"print-{cycle_key}.zip"
    written = write_once(
        target=path, scratch=folder / ".making", write=lambda file: _write(file, ordered, read_pdf, read_form)
    )
    found = file_sha256(path)
    if found != written.sha256:
        raise ArchiveConflict("PRINT_CONFLICT", f"{path.name} has hash {found}, these documents give {written.sha256}")
    return PrintPackage(
        path=path,
        sha256=found,
        documents=len(ordered),
        pages=sum(document.pages for document in ordered),
        created=written.created,
    )


def _posting_order(document: PaperDocument) -> tuple[str, SortKey, SortKey, SortKey, str, str]:
    return (
        document.postcode,
        polish_sort_key(document.city),
        polish_sort_key(document.street),
        polish_sort_key(document.recipient),
        document.account_no,
        document.invoice_no,
    )


def _write(
    file: BinaryIO,
    documents: Sequence[PaperDocument],
    read_pdf: Callable[[PaperDocument], bytes],
    read_form: Callable[[PaperDocument], bytes],
) -> None:
    rows: list[tuple[str | int, ...]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as package:
        for seq, document in enumerate(documents, start=1):
            content = read_pdf(document)
            check_attachment(
                content=content,
                expected_sha256=document.sha256,
                invoice_account=document.account_no,
                address_account=document.address_account_no,
            )
            name = f"{seq:06}-{_word(document.invoice_no)}.pdf"
            form = f"{seq:06}-{_word(document.invoice_no)}-oswiadczenie.pdf" if document.form_attached else ""
            package.writestr(_entry(name), content)
            if form:
                package.writestr(_entry(form), read_form(document))
            rows.append(_row(seq, name, form, document))
        package.writestr(_entry(MANIFEST), _manifest(rows))


def spreadsheet_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it.

    Source: OWASP, CSV Injection.
    """
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def _row(seq: int, name: str, form: str, document: PaperDocument) -> tuple[str | int, ...]:
    return (
        seq,
        name,
        spreadsheet_text(document.invoice_no),
        spreadsheet_text(document.account_no),
        spreadsheet_text(document.recipient),
        spreadsheet_text(document.street),
        spreadsheet_text(document.postcode),
        spreadsheet_text(document.city),
        document.pages,
        document.sha256,
        "yes" if form else "no",
        form,
    )


def _manifest(rows: Iterable[tuple[str | int, ...]]) -> bytes:
    """The rows as a spreadsheet in Poland opens them: semicolons, UTF-8 with its mark, CRLF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.create_system, entry.external_attr = _UNIX, _READABLE
    return entry


def _word(invoice_no: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", invoice_no).strip("-.")
