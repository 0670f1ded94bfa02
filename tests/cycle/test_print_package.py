"""The print package: every paper customer's document in posting order, with the form for those who may go paperless."""

import csv
import hashlib
import io
import zipfile

from pdf_reading import whole_text
from test_cycle import to_issue, to_the_end
from town import HOUSEHOLDS, PAPERLESS, settle

from sql.views import print_packages


def test_the_package_holds_each_letter_once_with_its_form(work, tmp_path) -> None:
    settle(work, tmp_path)
    key = to_issue(work)
    to_the_end(work, key)
    with work.engine.connect() as connection:
        (package,) = print_packages(connection, cycle_key=key)

    with zipfile.ZipFile(work.settings.home / package["path"]) as archive:
        manifest = archive.read("manifest.csv").decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(manifest), delimiter=";"))
        documents = {row["account_no"]: archive.read(row["file"]) for row in rows}
        forms = {row["account_no"]: whole_text(archive.read(row["form_file"])) for row in rows}

    assert sorted(documents) == sorted(f"A{no}" for no in HOUSEHOLDS if no not in PAPERLESS)
    for row in rows:
        assert hashlib.sha256(documents[row["account_no"]]).hexdigest() == row["sha256"]
        assert row["invoice_no"] in whole_text(documents[row["account_no"]])
        assert row["recipient"] in whole_text(documents[row["account_no"]])
        assert row["account_no"] in forms[row["account_no"]]
        assert "48,00 zł" in forms[row["account_no"]]
