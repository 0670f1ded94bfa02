"""Polish alphabetical order, independent of the machine's locale."""

import re
import unicodedata

_LETTERS = {letter: place for place, letter in enumerate("aąbcćdeęfghijklłmnńoópqrsśtuvwxyzźż")}
_NUMBER_OR_CHARACTER = re.compile(r"[0-9]+|.", re.DOTALL)
_OTHER, _DIGITS, _POLISH, _FOREIGN = range(4)

SortKey = tuple[tuple[tuple[int, int], ...], str]


def polish_sort_key(text: str) -> SortKey:
    """Key that orders as a Polish index does: ą after a, ł after l, ź before ż, numbers by value, case last.

    A letter with a foreign mark stands with its base letter (``ü`` with ``u``); signs come before digits, digits
    before letters.
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    parts = _NUMBER_OR_CHARACTER.findall(folded)
    return tuple(place for part in parts for place in _places(part)), text


def _places(part: str) -> list[tuple[int, int]]:
    if part[0] in "0123456789":
        return [(_DIGITS, int(part[:4000]))]  # Python refuses to read longer numbers
    if part in _LETTERS:
        return [(_POLISH, _LETTERS[part])]
    base = unicodedata.normalize("NFD", part)[0]
    if base in _LETTERS:
        return [(_POLISH, _LETTERS[base])]
    return [(_FOREIGN if part.isalpha() else _OTHER, ord(part))]
