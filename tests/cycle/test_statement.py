"""The statement finds whatever is missing, doubled or changed after the cycle: one row of the table for each tamper."""

import os
import shutil

import pytest
from archived import documents, file_of, lay_out_alone
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


def test_a_pack_missing_from_the_archive_unbalances_the_statement(closed, work) -> None:
    key = documents(work)[0].archive_key
    assert statement(work, cycle_key=closed).outside.documents == 10
    file_of(work, key).unlink()

    made = statement(work, cycle_key=closed)

    assert made.differences == (f"{key} with 10 documents is not in the archive",)
    assert made.outside.documents == 0


def test_a_pack_cut_short_unbalances_the_statement(closed, work) -> None:
    path = file_of(work, documents(work)[0].archive_key)
    path.chmod(0o600)
    os.truncate(path, path.stat().st_size - 1)

    assert any(each.startswith("ARCHIVE_MISSING") for each in statement(work, cycle_key=closed).differences)


def test_a_pack_whose_directory_says_otherwise_unbalances_the_statement(closed, work) -> None:
    row = documents(work)[0]
    path = file_of(work, row.archive_key)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(row.sha256.encode(), b"0" * 64))

    (difference,) = statement(work, cycle_key=closed).differences

    assert difference.endswith("is not in the archive as it was recorded")


def test_a_document_that_only_the_archive_knows_unbalances_the_statement(closed, work, database) -> None:
    row = documents(work)[0]
    tamper(
        database, f"update delivery set document_id = null; delete from document where document_id = {row.document_id}"
    )

    differences = statement(work, cycle_key=closed).differences

    assert any(each.endswith("is not in our tables") for each in differences)


def test_a_pack_that_only_the_archive_knows_unbalances_the_statement(closed, work) -> None:
    key = documents(work)[0].archive_key
    copied = key.replace(".zip", "x.zip")
    shutil.copy(file_of(work, key), file_of(work, copied))

    assert statement(work, cycle_key=closed).differences == (
        f"{copied} is in the archive, and nothing of it in our tables",
    )


def test_documents_of_before_there_were_packs_are_counted_one_by_one(closed, work, database) -> None:
    lay_out_alone(work, database)
    made = statement(work, cycle_key=closed)
    assert (made.balanced, made.outside.documents, made.outside.packs) == (True, 10, 0)

    row = documents(work)[0]
    file_of(work, row.archive_key).unlink()

    assert statement(work, cycle_key=closed).differences == (f"{row.invoice_no} is not in the archive",)


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
