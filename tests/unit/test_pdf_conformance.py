"""Documents against PDF/A-3b and PDF/UA-1, by a linter of our own, qpdf and PDFBox; veraPDF has not been run."""

import os
import shutil
import subprocess
import tomllib
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pdf_kinds import KINDS, document_of
from pdf_linter import codes, findings

DEFECTS = tomllib.loads((Path(__file__).parent.parent / "pdf_defects.toml").read_text(encoding="utf-8"))["defect"]
JARS = ("preflight", "pdfbox2", "xmpbox", "fontbox2", "commons-logging", "commons-io", "javax.activation", "jaxb-api")
ONLY_OF_PART_1 = {  # what PDF/A-1 forbids and PDF/A-3 allows
    "1.4.7 : Trailer Syntax error, EmbeddedFile entry is present in the Names dictionary",
    "1.2.9 : Body Syntax error, EmbeddedFile entry is present in a FileSpecification dictionary",
    "1.4 : Trailer Syntax error, /XRef cross reference streams are not allowed",
    "7.11.2 : Error on MetaData, part must be 1",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_of_each_kind_has_nothing_that_the_linter_finds(kind: str) -> None:
    assert findings(document_of(kind).content) == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect["name"])
def test_a_seeded_defect_is_found(defect: dict[str, str]) -> None:
    good = document_of("invoice").content

    assert defect["code"] in codes(with_defect(good, defect))


def test_every_code_of_the_linter_has_a_defect_that_shows_it() -> None:
    assert len(DEFECTS) >= 30
    assert len({defect["name"] for defect in DEFECTS}) == len(DEFECTS)


def with_defect(content: bytes, defect: dict[str, str]) -> bytes:
    """The document with one thing replaced; nothing to replace is an error of the defect."""
    old, new, place = defect["old"].encode(), defect["new"].encode(), defect["in"]
    if place == "file":
        return replaced(content, old, new)
    with pikepdf.open(BytesIO(content)) as pdf:
        if place == "object":
            # spread out, an object can be replaced like a text; opening it again finds where all the others are now
            spread = saved(pdf, object_stream_mode=pikepdf.ObjectStreamMode.disable)
            with pikepdf.open(BytesIO(replaced(spread, old, new))) as mended:
                return saved(mended)
        stream = {
            "page": lambda: pdf.pages[0].obj.Contents,
            "metadata": lambda: pdf.Root.Metadata,
            "data": lambda: pdf.Root.AF[0].EF.F,
        }[place]()
        stream.write(replaced(stream.read_bytes(), old, new))
        return saved(pdf)


def saved(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    target = BytesIO()
    pdf.save(target, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none, **options)
    return target.getvalue()


def replaced(text: bytes, old: bytes, new: bytes) -> bytes:
    assert old in text
    return text.replace(old, new, 1)


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        assert "CI" not in os.environ, f"{program} is not installed"
        pytest.skip(f"{program} is not installed")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_qpdf_finds_no_error(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"{kind}.pdf"
    file.write_bytes(document_of(kind).content)

    checked = subprocess.run([needed("qpdf"), "--check", file], check=False, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "No syntax or stream encoding errors found" in checked.stdout


def test_preflight_finds_only_what_belongs_to_another_part_of_the_standard(tmp_path: Path) -> None:
    java = needed("java")
    jars = [Path(f"/usr/share/java/{name}.jar") for name in JARS]
    if not all(jar.exists() for jar in jars):
        assert "CI" not in os.environ, "PDFBox preflight is not installed"
        pytest.skip("PDFBox preflight is not installed")
    for kind in KINDS:
        (tmp_path / f"{kind}.pdf").write_bytes(document_of(kind).content)
        checked = subprocess.run(
            [java, "-cp", ":".join(map(str, jars)), "org.apache.pdfbox.preflight.Validator_A1b", f"{kind}.pdf"],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
        )
        told = {
            line.strip() for line in checked.stdout.splitlines() if " : " in line and not line.startswith("The file")
        }

        assert "7.11.2 : Error on MetaData, part must be 1" in told, checked.stderr
        assert told <= ONLY_OF_PART_1, kind
