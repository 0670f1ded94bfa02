"""Documents as they were last looked at: reading order, everything drawn, and how a page looks (``--update-cases``).

The pictures are drawn anew by ``python tests/pdf_pictures.py``, and looked at before they are kept.
"""

import hashlib
import subprocess
import tomllib
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from pdf_kinds import KINDS, document_of
from pdf_pictures import FOLDER, pages_drawn, picture
from pdf_reading import codes
from PIL import Image, ImageChops, ImageStat
from test_pdf_conformance import needed

from billing.invoices import Invoice
from pdf.invoice import TEMPLATE_VERSION
from pdf.payment_code import CEILING_ZL
from pipeline.read_back import read_back

GOLDEN = Path(__file__).parent.parent / "documents"
HASHES = GOLDEN / "hashes.toml"
TOLERANCE = 3.0
"""Mean difference of a pixel's brightness, of 255: another version of the renderer shifts edges, not letters."""


def drawn_sha256(content: bytes) -> str:
    """Of everything drawn, told and embedded, inflated: another zlib may pack it otherwise."""
    with pikepdf.open(BytesIO(content)) as pdf:
        streams = [one.read_bytes() for one in pdf.objects if isinstance(one, pikepdf.Stream)]
        others = [one.unparse(resolved=True) for one in pdf.objects if not isinstance(one, pikepdf.Stream)]
    return hashlib.sha256(b"".join([*streams, *others])).hexdigest()


def test_a_changed_drawing_needs_another_template_version(update_cases: bool) -> None:  # noqa: FBT001 - a fixture arrives by its name
    made = {"template_version": TEMPLATE_VERSION} | {kind: drawn_sha256(document_of(kind).content) for kind in KINDS}
    if update_cases:
        HASHES.write_text("".join(f'{name} = "{value}"\n' for name, value in made.items()), encoding="utf-8")

    assert tomllib.loads(HASHES.read_text(encoding="utf-8")) == made


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_read_aloud_in_this_order(kind: str, tmp_path: Path, update_cases: bool) -> None:  # noqa: FBT001 - as above
    file, golden = tmp_path / f"{kind}.pdf", GOLDEN / f"{kind}.txt"
    file.write_bytes(document_of(kind).content)
    told = subprocess.run(
        [needed("pdfinfo"), "-struct-text", file], capture_output=True, check=True, text=True, env={"LC_ALL": "C.UTF-8"}
    ).stdout
    if update_cases:
        golden.write_text(told, encoding="utf-8")

    assert golden.read_text(encoding="utf-8") == told


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_looks_as_it_did_when_it_was_last_looked_at(kind: str) -> None:
    for name, page in pages_drawn(kind).items():
        with Image.open(FOLDER / f"{name}.png") as kept:
            looked_at = kept.convert("L")
        shown = picture(document_of(kind).content, page=page).convert("L")

        assert shown.size == looked_at.size
        assert ImageStat.Stat(ImageChops.difference(shown, looked_at)).mean[0] < TOLERANCE, name


def test_every_picture_and_every_golden_file_belongs_to_a_kind() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == {name for kind in KINDS for name in pages_drawn(kind)}
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(KINDS)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"letter"}))
def test_every_code_is_read_back_from_a_screen(kind: str) -> None:
    content = document_of(kind).content
    with pikepdf.open(BytesIO(content)) as pdf:
        invoice = read_back(Invoice, pdf.Root.AF[0].EF.F.read_bytes().decode())
    payable = f"|{int(invoice.payable_zl * 100):06}|" if 0 < invoice.payable_zl <= CEILING_ZL else None
    wanted = {payable, invoice.ksef and invoice.ksef.link} - {None}

    found = {code for page in range(document_of(kind).pages) for code in codes(content, dpi=96, page=page)}

    assert len(found) == len(wanted)
    assert all(any(part in code for code in found) for part in wanted)
