"""Noto Sans: the pinned font files, what they can print, how wide it is, where a line breaks.

The font's bytes are part of every document's bytes, so the files are checked against their SHA-256 when loaded.
"""

import hashlib
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from billing.polish import NBSP

REGULAR = "NotoSans-Regular"
BOLD = "NotoSans-Bold"

FONT_SHA256 = {
    REGULAR: "89c3c497f618fdaa0b2d1e98fef93582f28c71debd2c4a8cdf41f190ced2909d",
    BOLD: "e83493c945848ecd4a9ad0f6d19164541a0d3e23a9c952304a00a46e00272ac5",
}

_FOLDER = Path(__file__).parent / "fonts"
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
    rl_config.useA85 = 0  # ASCII armour costs a quarter of the size
    printable: set[str] | None = None
    for name, expected in FONT_SHA256.items():
        path = _FOLDER / f"{name}.ttf"
        if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            raise RuntimeError(f"the font file {path.name} is not the pinned one")
        font = TTFont(name, str(path), asciiReadable=0)
        pdfmetrics.registerFont(font)
        covered = {chr(code) for code in font.face.charToGlyph if _is_plain(chr(code))}
        printable = covered if printable is None else printable & covered
    return frozenset(printable or ())


def clean(text: str) -> str:
    """Composed letters and single plain spaces; non-breaking spaces stay, they hold figures together."""
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


@lru_cache(maxsize=4096)
def text_width(text: str, font: str, size: float) -> float:
    """Width in points."""
    load_fonts()
    return pdfmetrics.stringWidth(text, font, size)


@lru_cache(maxsize=4096)
def wrap(text: str, *, font: str, size: float, width: float) -> tuple[str, ...]:
    """``text`` in lines no wider than ``width`` points; breaks at spaces, inside a word only when it must.

    A word of one letter (i, w, z …) goes with the next one, as Polish typesetting wants it.
    """
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
    for word in clean(text).split(" "):
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
