"""Whether a number or an address has the form that its kind has: NIP, REGON, NRB, postcode, e-mail, own numbers."""

import re
from collections.abc import Sequence

_NUMBER_WORD = re.compile(r"[A-Za-z0-9/._-]{1,20}")
_POSTCODE = re.compile(r"\d\d-\d\d\d", re.ASCII)
_ROUTE = re.compile(r"(?!(?:ALL|OFF)$)[A-Z0-9]{1,20}")
_NRB = re.compile(r"\d{26}", re.ASCII)
_NRB_COUNTRY = "2521"  # PL in the figures of ISO 13616
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_EMAIL_LENGTH = 254

_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_REGON_WEIGHTS = (8, 9, 2, 3, 4, 5, 6, 7)
_REGON_LONG_WEIGHTS = (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)


def is_nip(number: str) -> bool:
    """Whether ``number`` is ten digits with the right check digit; there is none when the remainder is 10."""
    return _has_form(number, _NIP_WEIGHTS) and _remainder(number, _NIP_WEIGHTS) == int(number[-1])


def is_regon(number: str) -> bool:
    """Whether ``number`` is nine or fourteen digits with the right check digits; the remainder 10 counts as 0."""
    if _has_form(number, _REGON_LONG_WEIGHTS):
        return is_regon(number[:9]) and _remainder(number, _REGON_LONG_WEIGHTS) % 10 == int(number[-1])
    return _has_form(number, _REGON_WEIGHTS) and _remainder(number, _REGON_WEIGHTS) % 10 == int(number[-1])


def is_nrb(number: str) -> bool:
    """Whether ``number`` is the 26 digits of a Polish bank account with the right check digits (ISO 13616, ``PL``)."""
    return _NRB.fullmatch(number) is not None and int(f"{number[2:]}{_NRB_COUNTRY}{number[:2]}") % 97 == 1


def is_number_word(text: str) -> bool:
    """Whether ``text`` may be the number of an account, point, meter, party or contract: at most 20 characters."""
    return _NUMBER_WORD.fullmatch(text) is not None


def is_route(text: str) -> bool:
    """Whether ``text`` may name a route: capital letters and digits; ``ALL`` and ``OFF`` are taken."""
    return _ROUTE.fullmatch(text) is not None


def is_postcode(text: str) -> bool:
    """Whether ``text`` is of the form 00-000."""
    return _POSTCODE.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether a mail server would take ``text``: ASCII, one ``@``, a domain with a dot."""
    local = text.partition("@")[0]
    fits = len(text) <= _EMAIL_LENGTH and _EMAIL.fullmatch(text) is not None
    return fits and local.strip(".") == local and ".." not in local


def _has_form(number: str, weights: Sequence[int]) -> bool:
    return len(number) == len(weights) + 1 and number.isascii() and number.isdigit()


def _remainder(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number[:-1], weights, strict=True)) % 11
