"""Texts with letters outside the cut: fonts made for the one document that needs them. Slower, larger, and complete."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pdf.cut import OUTSIDE, CutFont, font_descriptor, font_dictionary, to_unicode
from pdf.objects import dictionary_object, stream_object
from pdf.typeface import BOLD, REGULAR, advance, face_of

_FIRST_CODE = 0x21
_LETTERS_EACH = 0xFF - _FIRST_CODE
_FACES = {"F1": REGULAR, "F2": BOLD}
_TOKEN = re.compile(rf"/(F[12]) ([0-9.]+) Tf|[{chr(OUTSIDE)}-\U0010FFFF]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class WideFonts:
    """Contents with every letter in a font that has it; those fonts by their name on the page, and their objects."""

    contents: Sequence[bytes]
    names: Mapping[str, int]
    objects: Mapping[int, bytes]


def widened(contents: Sequence[str], *, first_number: int) -> WideFonts:
    """Set the letters outside the cut in further fonts, whose objects are numbered from ``first_number`` on."""
    letters: dict[str, dict[str, None]] = {"F1": {}, "F2": {}}
    for content in contents:
        font = "F1"
        for token in _TOKEN.finditer(content):
            font = token[1] or font
            if token[1] is None:
                letters[font].update(dict.fromkeys(token[0]))
    fonts: dict[str, int] = {}
    objects: dict[int, bytes] = {}
    places: dict[tuple[str, str], tuple[str, int]] = {}
    for font, found in letters.items():
        ordered = sorted(found)
        for start in range(0, len(ordered), _LETTERS_EACH):
            name = f"W{len(fonts) + 1}"
            fonts[name] = number = first_number + 4 * len(fonts)
            of_font = dict(enumerate(ordered[start : start + _LETTERS_EACH], start=_FIRST_CODE))
            places |= {(font, letter): (name, code) for code, letter in of_font.items()}
            own = {code: chr(ord(letter) - OUTSIDE) for code, letter in of_font.items()}
            objects |= _objects(_FACES[font], own, number=number, tag=f"OBIEG{chr(ord('A') + len(fonts))}")
    encoded = [_reset(content, places).encode("latin-1") for content in contents]
    return WideFonts(contents=encoded, names=fonts, objects=objects)


def _reset(content: str, places: Mapping[tuple[str, str], tuple[str, int]]) -> str:
    """Operators with the letters of the cut as its bytes, and other letters shown in their own fonts between them."""
    font, size = "F1", "1"

    def shown(token: re.Match[str]) -> str:
        nonlocal font, size
        if token[1] is not None:
            font, size = token[1], token[2]
            return token[0]
        runs = []
        for letter in token[0]:
            name, code = places[font, letter]
            runs.append(f"/{name} {size} Tf<{code:02X}>Tj")
        return f")Tj {' '.join(runs)}/{font} {size} Tf("

    return _TOKEN.sub(shown, content)


def _objects(face: str, letters: Mapping[int, str], *, number: int, tag: str) -> dict[int, bytes]:
    """A font with four objects: itself, its measures, its file, its ToUnicode."""
    codes = range(_FIRST_CODE, _FIRST_CODE + len(letters))
    subset = [0] * _FIRST_CODE + [ord(letters[code]) for code in codes]
    file = face_of(face).makeSubset(subset)
    font = CutFont(
        file=zlib.compress(file, 9),
        length=len(file),
        name=f"{tag}+{face}",
        first_code=_FIRST_CODE,
        widths=tuple(advance(face, letters[code]) for code in codes),
        face=face,
    )
    told = font_dictionary(font, descriptor=number + 1, to_unicode_number=number + 3)
    return {
        number: dictionary_object(number, told),
        number + 1: dictionary_object(number + 1, font_descriptor(font, file=number + 2)),
        number + 2: stream_object(number + 2, font.file, f"/Filter/FlateDecode/Length1 {font.length}"),
        number + 3: stream_object(number + 3, zlib.compress(to_unicode(letters), 9)),
    }
