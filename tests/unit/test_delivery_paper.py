"""The print package: posting order, the same bytes every time, nobody's letter in another's envelope."""

import csv
import hashlib
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from delivery.collation import polish_sort_key
from delivery.errors import ArchiveConflict, NotSendable
from delivery.paper import MANIFEST, PaperDocument, PrintPackage, write_print_package


def pdf(number: int) -> bytes:
    return b"%%PDF-1.7 faktura %d" % number


def document(number: int, **changes: Any) -> PaperDocument:
    values: dict[str, Any] = {
        "archive_key": str(number),
        "invoice_no": f"FV/2026/11/{number:06}",
        "account_no": f"A{number:04}",
        "address_account_no": f"A{number:04}",
        "recipient": "Józef Żółć",
        "street": f"ul. Łąkowa {number}",
        "postcode": "00-001",
        "city": "Zdroje",
        "pages": 2,
        "sha256": hashlib.sha256(pdf(number)).hexdigest(),
        "form_attached": False,
    }
    return PaperDocument(**values | changes)


def write(folder: Path, documents: list[PaperDocument]) -> PrintPackage:
    return write_print_package(
        folder=folder,
        cycle_key="2026-10~ALL~1-P1",
        documents=documents,
        read_pdf=lambda each: pdf(int(each.archive_key)),
        read_form=lambda each: b"%PDF-1.7 formularz " + each.account_no.encode(),
    )


def manifest(path: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as package:
        return list(csv.DictReader(io.StringIO(package.read(MANIFEST).decode("utf-8-sig")), delimiter=";"))


def test_the_package_holds_every_document_under_the_name_that_the_manifest_gives(tmp_path) -> None:
    made = write(tmp_path, [document(1), document(2, form_attached=True)])

    assert (made.path.name, made.documents, made.pages, made.created) == ("print-2026-10~ALL~1-P1.zip", 2, 4, True)
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    rows = manifest(made.path)
    with zipfile.ZipFile(made.path) as package:
        assert package.testzip() is None
        assert [package.read(row["file"]) for row in rows] == [pdf(1), pdf(2)]
        assert [row["form_attached"] for row in rows] == ["no", "yes"]
        assert package.read(rows[1]["form_file"]) == b"%PDF-1.7 formularz A0002"
        assert len(package.namelist()) == 4
        assert {entry.compress_type for entry in package.infolist()} == {zipfile.ZIP_STORED}
    assert [row["sha256"] for row in rows] == [hashlib.sha256(pdf(number)).hexdigest() for number in (1, 2)]
    assert rows[0]["recipient"] == "Józef Żółć"


def test_letters_stand_in_the_order_of_posting_as_a_polish_index_has_it(tmp_path) -> None:
    order = [
        document(1, postcode="00-001", city="Zdroje", street="ul. Akacjowa 2"),
        document(2, postcode="00-001", city="Zdroje", street="ul. Akacjowa 10"),
        document(3, postcode="00-001", city="Zdroje", street="ul. Ąkowa 1"),
        document(4, postcode="00-001", city="Zdroje", street="ul. Lipowa 1"),
        document(5, postcode="00-001", city="Zdroje", street="ul. Łąkowa 1", recipient="Ewa Sowa"),
        document(6, postcode="00-001", city="Zdroje", street="ul. Łąkowa 1", recipient="Ewa Ścibor"),
        document(7, postcode="00-001", city="Żabno", street="ul. Akacjowa 1"),
        document(8, postcode="00-002", city="Brzegi", street="ul. Akacjowa 1"),
    ]
    mixed = order.copy()
    random.Random(7).shuffle(mixed)  # noqa: S311 - a fixed disorder
    assert mixed != order

    rows = manifest(write(tmp_path, mixed).path)

    assert [row["account_no"] for row in rows] == [each.account_no for each in order]
    assert [row["seq"] for row in rows] == [str(seq) for seq in range(1, 9)]


def test_the_same_letters_in_any_order_give_the_same_bytes(tmp_path) -> None:
    letters = [document(number) for number in range(1, 20)]

    first = write(tmp_path / "a", letters)
    second = write(tmp_path / "b", letters[::-1])
    again = write(tmp_path / "a", letters[::-1])

    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.created, again.created) == (True, False)
    assert again.sha256 == first.sha256


def test_other_letters_under_the_name_of_a_package_are_refused_and_the_first_stays(tmp_path) -> None:
    first = write(tmp_path, [document(1)])

    with pytest.raises(ArchiveConflict, match="PRINT_CONFLICT"):
        write(tmp_path, [document(1), document(2)])

    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.sha256


@pytest.mark.parametrize(
    ("change", "code"),
    [({"address_account_no": "A0009"}, "WRONG_RECIPIENT"), ({"sha256": "0" * 64}, "WRONG_ATTACHMENT")],
)
def test_a_letter_to_somebody_else_or_with_another_document_makes_no_package(tmp_path, change, code) -> None:
    with pytest.raises(NotSendable, match=code):
        write(tmp_path, [document(1), document(2, **change)])

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
@pytest.mark.parametrize("field", ["recipient", "street", "postcode", "city"])
def test_nothing_that_a_customer_wrote_is_a_formula_in_the_manifest(tmp_path, sign, field) -> None:
    formula = f"{sign}HYPERLINK(A1)"

    (row,) = manifest(write(tmp_path, [document(1, **{field: formula})]).path)

    assert row[field] == f"'{formula}"


def test_signs_within_a_name_stay_as_they_are(tmp_path) -> None:
    (row,) = manifest(write(tmp_path, [document(1, recipient="Anna Nowak-Kowalska @ Spółka =+")]).path)

    assert row["recipient"] == "Anna Nowak-Kowalska @ Spółka =+"


def test_polish_letters_stand_after_their_base_letter_whatever_the_machine() -> None:
    alphabet = "aąbcćdeęfghijklłmnńoópqrsśtuvwxyzźż"

    assert "".join(sorted(sorted(alphabet), key=polish_sort_key)) == alphabet
    assert sorted(["Łódź", "Lublin", "Lwów", "łan", "10", "9", "ülke", "uba"], key=polish_sort_key) == (
        ["9", "10", "Lublin", "Lwów", "łan", "Łódź", "uba", "ülke"]
    )
