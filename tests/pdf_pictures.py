"""Pictures of the documents of every kind, as a screen of 96 dpi shows them: ``python tests/pdf_pictures.py``.

They lie in ``docs/samples`` to be looked at, and tests hold the documents against them.
"""

import sys
from pathlib import Path

import pypdfium2
from pdf_kinds import KINDS, document_of
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "samples"
DPI = 96
_COLOURS = 48


def picture(content: bytes, *, page: int = 0) -> Image.Image:
    """One page, on white."""
    with pypdfium2.PdfDocument(content) as pdf:
        shown: Image.Image = pdf[page].render(scale=DPI / 72).to_pil().convert("RGB")
    return shown


def pages_drawn(kind: str) -> dict[str, int]:
    """Name of the picture of each page that is drawn: the first two and the last."""
    pages = document_of(kind).pages
    shown = sorted({0, min(1, pages - 1), pages - 1})
    return {kind if number == 0 else f"{kind}-{number + 1}": number for number in shown}


def main() -> int:
    """Draw all pictures anew."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for kind in KINDS:
        for name, page in pages_drawn(kind).items():
            shown = picture(document_of(kind).content, page=page)
            shown.quantize(_COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)
            sys.stdout.write(f"{name}.png\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
