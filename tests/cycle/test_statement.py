"""The statement finds whatever is missing, doubled or changed after the cycle: one row of the table for each tamper."""

from pathlib import Path

import pytest
from sqlalchemy import text
from test_cycle import to_issue, to_the_end
from town import settle

from delivery.mailbox import Mailbox
from pipeline import issue, reconcile, render
from pipeline.errors import Inconsistent
from pipeline.statement import statement
from sql.engine import make_engine

TAMPERS = {
    "a billed day is gone": (
        "delete from billed_period where invoice_id = 1 and service = 'water'",
        "forgotten: account A0001, point PP0001, water",
    ),
    "an invoice lost its delivery": (
        "delete from evidence; update delivery set package_id = null; delete from delivery where channel = 'paper'",
        "invoices = invoices with a delivery",
    ),
    "a line was changed": (
        "update charge_line set net_zl = net_zl + 1 where charge_id = 1 and line_no = 1",
        "sum of lines = sum of invoices (net)",
    ),
    "an amount was changed": (
        "update invoice set gross_zl = gross_zl + 1, vat_zl = vat_zl + 1 where invoice_id = 1",
        "sum of charges = sum of invoices (gross)",
    ),
    "a number was skipped": (
        "update invoice set sequence = 99 where sequence = 10",
        "series with gaps = 0",
    ),
    "a hold is gone": ("delete from hold where code = 'READING_MISSING'", "eligible = issued + held + excluded"),
}


@pytest.fixture
def closed(work, tmp_path):
    settle(work, tmp_path)
    key = to_issue(work)
    to_the_end(work, key)
    return key


def tamper(database, statements: str) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        for table in tables:
            connection.execute(text(f"alter table {table} disable trigger user"))
        connection.execute(text("alter table delivery drop constraint delivery_invoice_id_fkey"))
        connection.execute(text("alter table attempt drop constraint attempt_delivery_id_fkey"))
        for one in statements.split(";"):
            connection.execute(text(one))
    owner.dispose()


@pytest.mark.parametrize("name", TAMPERS)
def test_a_tamper_in_the_tables_unbalances_the_statement(closed, work, database, name) -> None:
    statements, difference = TAMPERS[name]
    assert statement(work, cycle_key=closed).balanced

    tamper(database, statements)

    made = statement(work, cycle_key=closed)
    assert not made.balanced
    assert any(each.startswith(difference) for each in made.differences), made.differences
    with pytest.raises(Inconsistent, match="NOT_BALANCED"):
        reconcile.run(work, cycle_key=closed)


def test_a_document_missing_from_the_archive_unbalances_the_statement(closed, work) -> None:
    archive = Path(work.settings.archive_url.removeprefix("file://"))
    next(archive.rglob("*.pdf")).unlink()

    assert any("is not in the archive" in each for each in statement(work, cycle_key=closed).differences)


def test_a_message_missing_from_the_mailbox_unbalances_the_statement(closed, work) -> None:
    next(Mailbox(path=work.settings.mailbox).receipts()).path.unlink()

    assert any("0 times in the mailbox" in each for each in statement(work, cycle_key=closed).differences)


def test_a_message_sent_twice_unbalances_the_statement(closed, work) -> None:
    mailbox = Mailbox(path=work.settings.mailbox)
    receipt = next(mailbox.receipts())
    message = receipt.path.read_bytes().split(b"\r\n", 2)[2]
    mailbox.deliver(sender=receipt.sender, recipient=receipt.recipient, message=message)

    assert any("2 times in the mailbox" in each for each in statement(work, cycle_key=closed).differences)


def test_a_cycle_whose_documents_are_not_all_there_stays_red(work, tmp_path) -> None:
    settle(work, tmp_path)
    key = to_issue(work)
    issue.run(work, cycle_key=key)
    with pytest.raises(Inconsistent, match="invoices = documents"):
        reconcile.run(work, cycle_key=key)

    render.run(work, cycle_key=key, chunk_no=0)
    with pytest.raises(reconcile.NotFinished, match="DELIVERIES_OPEN"):
        reconcile.run(work, cycle_key=key)
