import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from pdf_samples import sample_invoice

from pdf import typeface
from pdf.invoice import render_invoice
from pdf.typeface import FONT_SHA256

TESTS = Path(__file__).resolve().parent
PROJECT = TESTS.parent.parent
RENDER = "from pdf_samples import sample_invoice; from pdf.invoice import render_invoice; "


def sha256_elsewhere(**environment: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", RENDER + "print(render_invoice(sample_invoice()).sha256)"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{PROJECT}:{TESTS}", **environment},
        capture_output=True,
        check=True,
        text=True,
    )
    return found.stdout.strip()


def test_the_same_invoice_gives_the_same_bytes_again() -> None:
    first, second = render_invoice(sample_invoice()), render_invoice(sample_invoice())
    assert first == second
    assert first.sha256 == hashlib.sha256(first.content).hexdigest()


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242"},
        {"SOURCE_DATE_EPOCH": "86400", "TZ": "Pacific/Kiritimati"},
    ],
)
def test_another_process_with_other_hashes_dates_and_zones_gives_the_same_bytes(environment: dict[str, str]) -> None:
    assert sha256_elsewhere(**environment) == render_invoice(sample_invoice()).sha256


def test_another_invoice_in_between_leaves_no_trace() -> None:
    alone = render_invoice(sample_invoice()).sha256
    render_invoice(replace(sample_invoice(), account_no="ŻÓŁW-Ω-Я-77"))
    assert render_invoice(sample_invoice()).sha256 == alone


def test_one_changed_grosz_changes_the_hash() -> None:
    invoice = sample_invoice()
    changed = replace(invoice, gross_zl=invoice.gross_zl + invoice.vat_sums[0].vat_rate / 8)
    assert render_invoice(changed).sha256 != render_invoice(invoice).sha256


def test_the_metadata_come_from_the_invoice_and_not_from_the_clock() -> None:
    document = render_invoice(replace(sample_invoice(), issue_date=date(2026, 11, 3)))
    with pypdfium2.PdfDocument(document.content) as pdf:
        metadata = pdf.get_metadata_dict()
    assert metadata["Title"] == "Faktura FV/2026/11/000123"
    assert metadata["Author"] == "Wodociągi Zdrojowe sp. z o.o."
    assert metadata["CreationDate"] == metadata["ModDate"] == "D:20261103000000Z"


def test_the_file_is_small_compressed_and_carries_its_fonts() -> None:
    document = render_invoice(sample_invoice())
    assert len(document.content) < 40_000
    with pikepdf.open(BytesIO(document.content)) as pdf:
        fonts = [pdf.get_object(number, 0) for number in (1, 3)]
        assert [len(font.read_bytes()) for font in fonts] == [font.Length1 for font in fonts]
    assert b"ASCII85" not in document.content


def test_the_fonts_are_the_pinned_ones_and_travel_with_their_licence() -> None:
    folder = PROJECT / "pdf" / "fonts"
    for name, expected in FONT_SHA256.items():
        assert hashlib.sha256((folder / f"{name}.ttf").read_bytes()).hexdigest() == expected
    assert "SIL OPEN FONT LICENSE" in (folder / "OFL.txt").read_text(encoding="utf-8")


def test_a_changed_font_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(typeface.FONT_SHA256, typeface.BOLD, "0" * 64)
    with pytest.raises(RuntimeError, match="not the pinned one"):
        typeface.load_fonts.__wrapped__()
