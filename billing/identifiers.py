"""Check digits of the seller's own numbers: NIP (tax), REGON (statistics) and NRB (bank), as invoices print them."""

from collections.abc import Sequence

_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_REGON_WEIGHTS = (8, 9, 2, 3, 4, 5, 6, 7)
_REGON_LONG_WEIGHTS = (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)
_NRB_DIGITS = 26
_NRB_COUNTRY = "2521"  # PL in the figures of ISO 13616


def is_nip(number: str) -> bool:
    """Whether ``number`` is ten digits with the right check digit; there is none when the remainder is 10."""
    return _has_form(number, _NIP_WEIGHTS) and _remainder(number, _NIP_WEIGHTS) == int(number[-1])


def is_regon(number: str) -> bool:
    """Whether ``number`` is nine or fourteen digits with the right check digits; the remainder 10 counts as 0."""
    if _has_form(number, _REGON_LONG_WEIGHTS):
        return is_regon(number[:9]) and _remainder(number, _REGON_LONG_WEIGHTS) % 10 == int(number[-1])
    return _has_form(number, _REGON_WEIGHTS) and _remainder(number, _REGON_WEIGHTS) % 10 == int(number[-1])


def is_nrb(number: str) -> bool:
    """Whether ``number`` is the 26 digits of a Polish bank account with right check digits (ISO 7064 mod 97-10)."""
    has_form = len(number) == _NRB_DIGITS and number.isascii() and number.isdigit()
    return has_form and int(f"{number[2:]}{_NRB_COUNTRY}{number[:2]}") % 97 == 1


def _has_form(number: str, weights: Sequence[int]) -> bool:
    return len(number) == len(weights) + 1 and number.isascii() and number.isdigit()


def _remainder(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number[:-1], weights, strict=True)) % 11
