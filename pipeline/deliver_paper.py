"""Paper: letters that wait become one print package, with the acceptance form for those who could go paperless."""

from typing import Any

from sqlalchemy import Connection, Row

from billing.invoices import Invoice
from delivery.errors import ArchiveMissing, NotSendable, Unreachable
from delivery.guard import check_attachment
from delivery.paper import PaperDocument, write_print_package
from delivery.store import Archive
from pdf.look import Look
from pipeline.acceptance_form import form_for, form_offered
from pipeline.deliver_packages import TURN, pending_folder, recorded_path, settle_pending, show_recorded
from pipeline.documents import archive_of, stored_document
from pipeline.look import look_of
from pipeline.read_back import read_back
from pipeline.utility_files import LoadedUtility, load_folder
from pipeline.work import Work
from sql.cycles import Cycle
from sql.deliveries import block_letter, cycles_with_letters, insert_package, letters, next_package_no
from sql.locks import take_turn


def package_ready(work: Work, *, cycle: Cycle | None) -> dict[str, int]:
    """Put every letter that is ready into the next print package of its cycle, once the whole cycle is rendered.

    A letter whose document is not the archived one is blocked and keeps nobody else's from leaving.

    Raises:
        Retryable: the archive is away, or the folder of print packages refuses to be written.
        ArchiveConflict: ``PRINT_CONFLICT``: a file that nobody recorded bears the next package's name.
    """
    counts = {"packages": 0, "letters": 0, "letters_blocked": 0}
    try:
        show_recorded(work)
        with work.engine.connect() as connection:
            waiting = cycles_with_letters(connection, cycle_id=cycle.cycle_id if cycle else None)
        for row in waiting:
            packaged, blocked = _package(work, cycle_id=row.cycle_id, cycle_key=row.cycle_key)
            show_recorded(work)
            counts["packages"] += bool(packaged)
            counts["letters"] += packaged
            counts["letters_blocked"] += blocked
    except OSError as error:
        raise Unreachable("PRINT_UNWRITABLE", f"{error.filename or 'exports/print'}: {error.strerror}") from error
    return counts


def _package(work: Work, *, cycle_id: int, cycle_key: str) -> tuple[int, int]:
    """How many letters were packaged, and how many blocked."""
    archive = archive_of(work.settings)
    loaded = load_folder(work.settings.utility)
    look = look_of(work.settings.utility, loaded.utility)
    with work.engine.begin() as connection:
        take_turn(connection, TURN)
        settle_pending(work, connection)
        waiting = letters(connection, cycle_id=cycle_id)
        rows = {row.invoice_no: row for row in waiting if not _blocked(connection, row, archive=archive)}
        if not rows:
            return 0, len(waiting)
        package_no = next_package_no(connection, cycle_id=cycle_id, cycle_key=cycle_key)
        package = write_print_package(
            folder=pending_folder(work),
            cycle_key=package_no,
            documents=[_document(row, loaded) for row in rows.values()],
            read_pdf=lambda document: stored_document(archive, rows[document.invoice_no]),
            read_form=lambda document: _form(rows[document.invoice_no], loaded, look),
        )
        insert_package(
            connection,
            cycle_id=cycle_id,
            package_no=package_no,
            path=recorded_path(work, pending=package.path),
            sha256=package.sha256,
            delivery_ids=[row.delivery_id for row in rows.values()],
        )
        return len(rows), len(waiting) - len(rows)


def _blocked(connection: Connection, row: Row[Any], *, archive: Archive) -> bool:
    try:
        check_attachment(
            content=stored_document(archive, row),
            expected_sha256=row.document_sha256,
            invoice_account=read_back(Invoice, row.content).account_no,
            address_account=row.account_no,
        )
    except (NotSendable, ArchiveMissing) as error:
        block_letter(connection, delivery_id=row.delivery_id, reason=str(error))
        return True
    return False


def _form(row: Row[Any], loaded: LoadedUtility, look: Look) -> bytes:
    return form_for(read_back(Invoice, row.content), tariff_class=row.tariff_class, loaded=loaded, look=look)


def _document(row: Row[Any], loaded: LoadedUtility) -> PaperDocument:
    invoice = read_back(Invoice, row.content)
    addressee = invoice.addressee
    return PaperDocument(
        archive_key=row.archive_key,
        invoice_no=row.invoice_no,
        account_no=invoice.account_no,
        address_account_no=row.account_no,
        recipient=addressee.name,
        street=addressee.address.street,
        postcode=addressee.address.postcode,
        city=addressee.address.city,
        pages=row.pages,
        sha256=row.document_sha256,
        form_attached=row.could_go_paperless and form_offered(invoice, loaded=loaded),
    )
