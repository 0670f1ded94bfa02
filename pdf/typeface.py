"""Noto Sans: the pinned font files, what they can print, how wide it is, where a line breaks.

The font's bytes are part of every document's bytes, so the files are checked against their SHA-256 when loaded.
"""

import hashlib
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont, TTFontFace

from billing.polish import NBSP

REGULAR = "NotoSans-Regular"
BOLD = "NotoSans-Bold"

FONT_SHA256 = {
    REGULAR: "89c3c497f618fdaa0b2d1e98fef93582f28c71debd2c4a8cdf41f190ced2909d",
    BOLD: "e83493c945848ecd4a9ad0f6d19164541a0d3e23a9c952304a00a46e00272ac5",
}

FOLDER = Path(__file__).parent / "fonts"
"""Where the pinned font files and their licence are."""
# letters that need shaping (Devanagari) or stand on their neighbour (marks) would come out wrong, not missing
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mc", "Me", "Mn", "Zl", "Zp"})


class Unprintable(ValueError):  # noqa: N818 - says what the text is
    """A text cannot be printed faithfully; ``code`` is stable: NO_GLYPH, TEXT_TOO_LONG or NO_SUCH_KIND.

    Nothing is left out or replaced silently: a person has to mend the text in the registry.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@cache
def load_fonts() -> frozenset[str]:
    """Register both fonts with reportlab, once in a process; returns the characters that both can print.

    Raises:
        RuntimeError: a font file is not the pinned one.
    """
    printable: set[str] | None = None
    for name, expected in FONT_SHA256.items():
        path = FOLDER / f"{name}.ttf"
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise RuntimeError(f"the font file {path.name} is not the pinned one")
        font = TTFont(name, str(path), asciiReadable=0)
        pdfmetrics.registerFont(font)
        covered = {chr(code) for code in font.face.charToGlyph if _is_plain(chr(code))}
        printable = covered if printable is None else printable & covered
    return frozenset(printable or ())


def face_of(font: str) -> TTFontFace:
    """The face of one of the two fonts, with its measures."""
    load_fonts()
    found = pdfmetrics.getFont(font)
    if not isinstance(found, TTFont):
        raise TypeError(f"{font} is not a TrueType font")
    return found.face


def advance(font: str, character: str) -> int:
    """How far a letter moves the pen, in thousandths of the size (Noto's own units)."""
    face = face_of(font)
    width: float = face.charWidths.get(ord(character), face.defaultWidth)
    return round(width)


class _Advances(dict[str, int]):
    """Widths of the letters of one font, looked up once each."""

    def __init__(self, font: str) -> None:
        super().__init__()
        self._font = font

    def __missing__(self, character: str) -> int:
        width = self[character] = advance(self._font, character)
        return width


_ADVANCES = {REGULAR: _Advances(REGULAR), BOLD: _Advances(BOLD)}


def clean(text: str) -> str:
    """Composed letters and single plain spaces; non-breaking spaces stay, they hold figures together."""
    if text.replace(NBSP, "").isprintable() and "  " not in text and text == text.strip(" "):
        return unicodedata.normalize("NFC", text)  # as nearly every text is
    spaced = "".join(" " if character.isspace() and character != NBSP else character for character in text)
    return " ".join(part for part in unicodedata.normalize("NFC", spaced).split(" ") if part)


def require_printable(text: str) -> None:
    """Refuse what the fonts cannot print.

    Raises:
        Unprintable: NO_GLYPH, naming the first such character (not the text: it may be a name).
    """
    missing = set(text) - load_fonts()
    if missing:
        first = next(character for character in text if character in missing)
        raise Unprintable("NO_GLYPH", f"no letter shape for U+{ord(first):04X}")


def text_width(text: str, font: str, size: float) -> float:
    """Width in points."""
    return sum(map(_ADVANCES[font].__getitem__, text)) * size * 0.001


@lru_cache(maxsize=4096)
def wrap(text: str, *, font: str, size: float, width: float) -> tuple[str, ...]:
    """``text`` in lines no wider than ``width`` points; breaks at spaces, inside a word only when it must.

    A word of one letter (i, w, z …) goes with the next one, as Polish typesetting wants it.
    """
    text = clean(text)
    if text_width(text, font, size) <= width:
        return (text,)
    lines: list[str] = []
    line = ""
    for word in _bound_words(text):
        joined = f"{line} {word}" if line else word
        if text_width(joined, font, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, font=font, size=size, width=width)
        lines.extend(full)
    lines.append(line)
    return tuple(lines)


def _bound_words(text: str) -> list[str]:
    words: list[str] = []
    for word in text.split(" "):
        if words and len(words[-1].rpartition(" ")[2]) == 1 and words[-1][-1].isalpha():
            words[-1] = f"{words[-1]} {word}"
        else:
            words.append(word)
    return words


def _pieces(word: str, *, font: str, size: float, width: float) -> list[str]:
    pieces = [""]
    for character in word:
        if pieces[-1] and text_width(pieces[-1] + character, font, size) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _is_plain(character: str) -> bool:
    if unicodedata.category(character) in _REFUSED_CATEGORIES:
        return False
    return not unicodedata.name(character, "").startswith("DEVANAGARI")
