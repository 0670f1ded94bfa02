"""What the tables refuse of packs and of the places of documents in them; and two workers at one chunk."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from archived import documents, file_of
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import to_issue
from town import HOUSEHOLDS, settle

from pipeline import issue, packing, render
from pipeline.documents import archive_of
from sql.engine import make_engine

KEY = "2026-07~ALL~1"
HASH = "a" * 64
PACK = """
    insert into pack (cycle_id, archive_key, sha256, size_bytes, documents, template_version, fonts_sha256,
                      zlib_version, lock_sha256, event_at)
    values (1, '{key}', '{sha256}', {size}, {documents}, 'x', 'x', 'x', 'x', now());
"""
GIVEN = PACK.format(key="k", sha256=HASH, size=9, documents=1)
OTHER = PACK.format(key="other", sha256=HASH, size=9, documents=1)
DOCUMENT = """
    insert into document (invoice_id, kind, sha256, size_bytes, pages, template_version, archive_key, pack_id,
                          offset_bytes, event_at)
    select {invoice}, 'invoice', '', 1, 1, '', '{key}', {pack}, {offset}, now();
"""
PACK_ID = "(select pack_id from pack where archive_key = 'k')"
WHOLE = DOCUMENT.format(invoice=1, key="k", pack=PACK_ID, offset=37)

REFUSED = {
    "two packs of one key": GIVEN + GIVEN,
    "a pack without bytes": PACK.format(key="k", sha256=HASH, size=0, documents=1),
    "a pack without documents": PACK.format(key="k", sha256=HASH, size=9, documents=0),
    "a pack without a hash": PACK.format(key="k", sha256="", size=9, documents=1),
    "a document without a place in its pack": GIVEN + DOCUMENT.format(invoice=1, key="k", pack=PACK_ID, offset="null"),
    "a place without a pack": GIVEN + DOCUMENT.format(invoice=1, key="k", pack="null", offset=37),
    "a place before the beginning": GIVEN + DOCUMENT.format(invoice=1, key="k", pack=PACK_ID, offset=-1),
    "a document under another pack's key": GIVEN
    + OTHER
    + DOCUMENT.format(invoice=1, key="other", pack=PACK_ID, offset=37),
    "a pack that is not there": DOCUMENT.format(invoice=1, key="k", pack=999, offset=37),
    "two documents in one place": GIVEN + WHOLE + DOCUMENT.format(invoice=2, key="k", pack=PACK_ID, offset=37),
    "two documents that are one object": DOCUMENT.format(invoice=1, key="k", pack="null", offset="null")
    + DOCUMENT.format(invoice=2, key="k", pack="null", offset="null"),
    "a pack changed": GIVEN + "update pack set sha256 = repeat('b', 64)",
    "a pack gone": GIVEN + "delete from pack",
    "all packs gone": "truncate pack cascade",
}


@pytest.fixture
def issued(work, tmp_path):
    settle(work, tmp_path)
    to_issue(work)
    issue.run(work, cycle_key=KEY)
    return work


def test_the_tables_refuse_what_would_lose_a_document(issued, database) -> None:
    owner = make_engine(database.owner_url)
    passed = []

    for name, statements in REFUSED.items():
        for engine in (issued.engine, owner):
            try:
                with engine.begin() as connection:
                    connection.execute(text(statements))
                    passed.append(name)
                    connection.rollback()
            except DBAPIError:
                continue
    with owner.begin() as connection:  # the statements are sound where nothing is wrong with them
        connection.execute(text(GIVEN + WHOLE))
    owner.dispose()

    assert passed == []


def test_an_auditor_reads_packs_and_writes_none(issued, database) -> None:
    auditor = make_engine(database.auditor_url)
    with auditor.connect() as connection:
        assert connection.execute(text("select count(*) from pack")).scalar_one() == 0
    with pytest.raises(DBAPIError, match="permission denied"), auditor.begin() as connection:
        connection.execute(text(GIVEN))
    auditor.dispose()


def test_two_workers_at_one_chunk_publish_one_pack_and_record_it_once(issued, monkeypatch) -> None:
    together = threading.Barrier(2)
    real = packing.write_pack

    def write_together(*given, **named):
        together.wait(timeout=30)
        return real(*given, **named)

    monkeypatch.setattr(packing, "write_pack", write_together)

    with ThreadPoolExecutor(max_workers=2) as pool:
        counts = list(pool.map(lambda _: render.run(issued, cycle_key=KEY, chunk_no=0), range(2)))

    assert {each["documents"] for each in counts} == {len(HOUSEHOLDS)}
    (key,) = archive_of(issued.settings).list(prefix="faktury/")
    assert [row.archive_key for row in documents(issued)] == [key] * len(HOUSEHOLDS)
    assert file_of(issued, key).is_file()
    with issued.engine.connect() as connection:
        events = connection.execute(text("select count(*) from evidence where kind = 'archived'")).scalar_one()
    assert events == 1 + len(HOUSEHOLDS)
