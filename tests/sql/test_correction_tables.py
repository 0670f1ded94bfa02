"""What the database itself keeps true of corrections, whoever writes."""

from datetime import date, datetime

from correcting import july_closed, order_of, reading_of, to_close
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import set_clock, settle

from sql.engine import make_engine

CORRECTION = """
    insert into charge (cycle_id, account_id, corrects_id, channel, net_zl, vat_zl, gross_zl, sha256)
    select 2, account_id, null, 'paper', 0, 0, 0, '' from invoice where invoice_no = '{corrects}';
    insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, corrects_id, correction_no,
                         charge_id, issue_date, due_date, carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
    select 'FK/2026/08', 2, 'mine', 2, account_id, 'correction', invoice_id, {no}, (select max(charge_id) from charge),
           '2026-08-05', '2026-08-25', 'paper', 0, 0, 0, '', '', now()
    from invoice where invoice_no = '{corrects}'
"""
BILLED_TWICE = """
    insert into billed_period (invoice_id, line_no, account_id, point_id, service, period)
    select invoice_id, 90, account_id, point_id, service, period from billed_period
    where superseded_by is null and service = 'water' limit 1
"""
TABLES = ("correction_run", "correction_reading", "correction_invoice", "correction_snapshot")
REFUSED = {
    "a correction of a correction": CORRECTION.format(corrects="FK/2026/08/000001", no=1),
    "a first correction twice": CORRECTION.format(corrects="FV/2026/08/000001", no=1),
    "a third correction without a second": CORRECTION.format(corrects="FV/2026/08/000001", no=3),
    "a correction that nobody froze": CORRECTION.format(corrects="FV/2026/08/000002", no=1),
    "a regular invoice with a correction's number": "update invoice set correction_no = 2",
    "days billed twice": BILLED_TWICE,
    "days superseded and taken back": "update billed_period set superseded_by = null where superseded_by is not null",
    "days superseded by another": "update billed_period set superseded_by = 1 where superseded_by is not null",
    "other days": "update billed_period set period = '[2026-01-01,2026-01-02)', superseded_by = 1 "
    "where superseded_by is null",
    "a waiver made void": """
        insert into hold_resolution (cycle_id, account_id, outcome, reason, resolved_by, resolved_via, event_at)
        select cycle_id, account_id, 'waived', 'x', 'x', 'cli', now() from open_hold;
        update hold_resolution set voided_by = 1
    """,
    "a cycle reversed twice": "update cycle set reversed_by = 2 where cycle_id = 1; "
    "update cycle set reversed_by = 1 where cycle_id = 1",
    "a run without a reason": """
        insert into correction_run (cycle_id, cause, reason, event_at, recorded_by) values (1, 'prices', '', now(), 'x')
    """,
    "a run of a billing cycle": """
        insert into correction_run (cycle_id, cause, reason, event_at, recorded_by)
        values (1, 'prices', 'x', now(), 'x')
    """,
    "a sent letter cancelled": "update delivery set state = 'cancelled' where state = 'packaged'",
    "a second document of an invoice": """
        insert into document (invoice_id, kind, sha256, size_bytes, pages, template_version, archive_key, event_at)
        values (1, 'invoice', '', 1, 1, '', 'x', now())
    """,
    "a duplicate without a day": """
        insert into document (invoice_id, kind, sha256, size_bytes, pages, template_version, archive_key, event_at)
        values (1, 'duplicate', '', 1, 1, '', 'x', now())
    """,
    **{f"{table} gone": f"delete from {table}" for table in TABLES},
    **{f"{table} changed": f"update {table} set cycle_id = 1" for table in TABLES},
}


def test_the_database_refuses_what_would_make_a_correction_untrue(work, tmp_path, database) -> None:
    settle(work, tmp_path)
    july_closed(work)
    set_clock(work, datetime(2026, 8, 5, 7, 0))
    to_close(work, order_of(date(2026, 8, 5), readings=(f"{reading_of(work, '0001', '2026-07-31')}=11",)))
    owner = make_engine(database.owner_url)
    passed = []

    for name, statement in REFUSED.items():
        for engine in (work.engine, owner):
            try:
                with engine.begin() as connection:
                    connection.execute(text(statement))
                    passed.append(name)
                    connection.rollback()
            except DBAPIError:
                continue
    owner.dispose()

    assert passed == []


def test_days_that_a_correction_took_over_block_nobody_and_those_in_force_do(work, tmp_path) -> None:
    settle(work, tmp_path)
    july_closed(work)
    set_clock(work, datetime(2026, 8, 5, 7, 0))
    to_close(work, order_of(date(2026, 8, 5), readings=(f"{reading_of(work, '0001', '2026-07-31')}=11",)))

    with work.engine.connect() as connection:
        found = connection.execute(
            text("""select b.superseded_by is null, i.kind, count(*)
                    from billed_period b join invoice i using (invoice_id) join account a on a.account_id = b.account_id
                    where account_no = 'A0001' group by 1, 2 order by 1""")
        ).all()
        owed = connection.execute(
            text("""select original_id = invoice_id, count(*) from charge_in_force group by 1 order by 1""")
        ).all()
    assert [tuple(row) for row in found] == [(False, "regular", 3), (True, "correction", 3)]
    assert [tuple(row) for row in owed] == [(False, 1), (True, 9)]
