"""The letters that nearly every document is written in, one byte each, and the two fonts that were cut to them.

A cut is embedded whole and as it is, so it was made ahead (``python -m pdf.cut_fonts``) and is pinned by its SHA-256. A
text with other letters is not refused: see ``pdf.wide``.
"""

import codecs
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pdf.typeface import BOLD, FOLDER, REGULAR, advance, face_of, require_printable

_ASCII = "".join(map(chr, range(0x20, 0x7F)))
_POLISH = "ĄĆĘŁŃÓŚŹŻąćęłńóśźż"
_NEIGHBOURS = "ÄÖÜäöüßÁÉÍÝáéíýČĚŘŠŽčěřšž"
_SIGNS = "\N{NO-BREAK SPACE}§°²³·×±½€–—…„”’«»•"
_FIRST_BEYOND_ASCII = 0x80

CUT_SHA256 = {
    REGULAR: "302fc5b3f1d2b6fa3c48e012e981e3f34aea67d2d10e1d13cc5e5135a551bd6c",
    BOLD: "d5a56df30ad8f76a516b0a72dcd7fc05750db5a85ef5ed19897c5af9c45c77ea",
}

CODES = {character: code for code, character in enumerate(_ASCII, start=0x20)} | {
    character: code for code, character in enumerate(_POLISH + _SIGNS + _NEIGHBOURS, start=_FIRST_BEYOND_ASCII)
}
"""The byte that stands for each letter of the cut."""

_LETTERS = {code: character for character, code in CODES.items()}
_ENCODING = codecs.charmap_build("".join(_LETTERS.get(code, "\ufffe") for code in range(0x100)))
OUTSIDE = 0xF0000
"""Added to the number of a letter outside the cut, which makes it one of private use until its own font is made."""


def encoded(text: str) -> str:
    """``text`` with every letter of the cut as the character of its byte, and every other moved by ``OUTSIDE``.

    Raises:
        Unprintable: NO_GLYPH, a character that not even the whole fonts have.
    """
    if text.isascii() and text.isprintable():
        return text
    try:
        return codecs.charmap_encode(text, "strict", _ENCODING)[0].decode("latin-1")
    except UnicodeEncodeError:
        require_printable(text)
        return "".join(chr(CODES.get(character, OUTSIDE + ord(character))) for character in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFont:
    """A font as a document holds it: the deflated file and the dictionaries that tell of it."""

    file: bytes
    length: int
    name: str
    first_code: int
    widths: tuple[int, ...]
    face: str


@cache
def cut_font(face: str) -> CutFont:
    """The cut of one face.

    Raises:
        RuntimeError: the file is not the pinned one.
    """
    content = (FOLDER / f"{face}.cut.ttf").read_bytes()
    if hashlib.sha256(content).hexdigest() != CUT_SHA256[face]:
        raise RuntimeError(f"the cut of {face} is not the pinned one")
    codes = range(0x20, max(_LETTERS) + 1)
    return CutFont(
        file=zlib.compress(content, 9),
        length=len(content),
        name=f"OBIEGA+{face}",
        first_code=codes.start,
        widths=tuple(advance(face, _LETTERS[code]) if code in _LETTERS else 0 for code in codes),
        face=face,
    )


@cache
def cut_to_unicode() -> bytes:
    """The CMap that turns the bytes of the cut back into letters: for copying, searching and reading aloud."""
    return to_unicode(_LETTERS)


def to_unicode(letters: Mapping[int, str]) -> bytes:
    """A ToUnicode CMap of one-byte codes."""
    entries = [f"<{code:02X}> <{character.encode('utf-16-be').hex().upper()}>" for code, character in letters.items()]
    blocks = [entries[start : start + 100] for start in range(0, len(entries), 100)]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<00> <FF>",
            "endcodespacerange",
            *(line for block in blocks for line in (f"{len(block)} beginbfchar", *block, "endbfchar")),
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
    ).encode("ascii")


def font_dictionary(font: CutFont, *, descriptor: int, to_unicode_number: int) -> str:
    """The font, symbolic as far as PDF is concerned: its bytes mean what its own file and ToUnicode say."""
    last = font.first_code + len(font.widths) - 1
    return (
        f"<</Type/Font/Subtype/TrueType/BaseFont/{font.name}/FirstChar {font.first_code}/LastChar {last}"
        f"/Widths[{' '.join(map(str, font.widths))}]/FontDescriptor {descriptor} 0 R"
        f"/ToUnicode {to_unicode_number} 0 R>>"
    )


def font_descriptor(font: CutFont, *, file: int) -> str:
    """Measures of the whole face, in thousandths, and where the file is."""
    face = face_of(font.face)
    box = " ".join(f"{value:.0f}" for value in face.bbox)
    return (
        f"<</Type/FontDescriptor/FontName/{font.name}/Flags 4/FontBBox[{box}]/ItalicAngle 0/Ascent {face.ascent:.0f}"
        f"/Descent {face.descent:.0f}/CapHeight {face.capHeight:.0f}/StemV {face.stemV:.0f}/FontFile2 {file} 0 R>>"
    )
