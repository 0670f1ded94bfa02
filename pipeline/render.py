"""render: the invoices of a chunk become PDFs in packs, each published at once in the archive."""

from pipeline.cycles import require_cycle, require_reached
from pipeline.documents import archive_of, rendering_of, retain_until
from pipeline.packing import packs_of, publish, record
from pipeline.work import Work, step, uncollected
from sql.documents import documents_of_chunk, invoices_to_render

PACK_DOCUMENTS = 1000
"""Documents a pack, some 30 MB: what a killed task loses is the rendering of at most so many."""


def run(work: Work, *, cycle_key: str, chunk_no: int) -> dict[str, int]:
    """Render and archive the invoices of a chunk that have no document yet.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
        Retryable: the archive is full or away; packs that were published before stay.
        Inconsistent: ``INVOICE_CHANGED``, a stored invoice is not the one that was hashed; ``ARCHIVE_CONFLICT``, a pack
            of these invoices is there with other bytes that nothing explains; or ``PACK_CHANGED``.
    """
    archive, rendering = archive_of(work.settings), rendering_of(work.settings)
    with work.engine.connect() as connection:
        cycle = require_cycle(connection, cycle_key=cycle_key)
        require_reached(cycle, state="issued")
    done = 0
    while True:
        with work.engine.connect() as connection:
            rows = invoices_to_render(connection, cycle=cycle, chunk_no=chunk_no, most=PACK_DOCUMENTS)
        if not rows:
            break
        with uncollected():
            pack = publish(
                archive,
                rendering,
                folder=packs_of(cycle),
                part=f"{chunk_no:04}-{rows[0].invoice_no}",
                cycle_id=cycle.cycle_id,
                rows=rows,
                retain_until=retain_until(work.settings, issue_date=cycle.issue_date),
            )
        with work.engine.begin() as connection:
            record(connection, pack)
        done += len(rows)
    with step(work, "render") as (connection, entry):
        found = documents_of_chunk(connection, cycle=cycle, chunk_no=chunk_no)
        entry.cycle_id, entry.chunk = cycle.cycle_id, str(chunk_no)
        entry.counts = {"documents": found.documents, "pages": found.pages, "bytes": found.bytes}
        return dict(entry.counts) | {"rendered": done}
