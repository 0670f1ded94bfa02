"""The transfer code of Polish banking apps: a QR symbol by the recommendation of the Polish Bank Association (ZBP).

Layout (ZBP recommendation of 2013-12-03): ``NIP|PL|account|grosze|name|title|||`` with 26 digits of the account,
six digits of grosze, a name of up to 20 and a title of up to 32 characters, 160 characters in all.
"""

import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import Any

import zxingcpp

from billing.identifiers import is_nrb
from billing.polish import account_digits

CEILING_ZL = Decimal("9999.99")
"""The largest amount that six digits of grosze can say; above it no code is printed."""

_NAME_LENGTH = 20
_TITLE_LENGTH = 32
_NIP_DIGITS = 10


def payment_payload(*, nip: str, bank_account: str, amount_zl: Decimal, name: str, title: str) -> str | None:
    """The text of the code, or None when the amount cannot be said in it (nothing to pay, or above the ceiling).

    Letters are written without diacritics: banking apps disagree on the encoding of anything but ASCII.
    A ``nip`` that is not ten digits is left out, because apps reject a bad one.

    Raises:
        ValueError: ``bank_account`` is not 26 digits, or its check digits are wrong.
    """
    if not Decimal(0) < amount_zl <= CEILING_ZL:
        return None
    nip_digits = "".join(character for character in nip if character in "0123456789")
    fields = (
        nip_digits if len(nip_digits) == _NIP_DIGITS else "",
        "PL",
        checked_account(bank_account),
        f"{int(amount_zl * 100):06}",
        _ascii(name)[:_NAME_LENGTH].strip(),
        _ascii(title)[:_TITLE_LENGTH].strip(),
        "",
        "",
        "",
    )
    return "|".join(fields)


def checked_account(bank_account: str) -> str:
    """The 26 digits of ``bank_account``, after checking its two check digits (ISO 7064 mod 97-10).

    Raises:
        ValueError: there are not 26 digits, or the check digits are wrong.
    """
    digits = account_digits(bank_account)
    if not is_nrb(digits):
        raise ValueError(f"the check digits of the account number {bank_account!r} are wrong")
    return digits


def qr_rows(payload: str) -> tuple[bytes, ...]:
    """The modules of the QR symbol of ``payload``, row by row, a zero byte for every dark one; no quiet zone."""
    symbol = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    image: Any = symbol.to_image(scale=1, add_quiet_zones=False)  # its stub does not tell that it is a buffer
    _, width = image.shape
    modules = bytes(image)
    return tuple(modules[start : start + width] for start in range(0, len(modules), width))


@lru_cache(maxsize=1024)
def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate({ord("ł"): "l", ord("Ł"): "L", ord("|"): " "}))
    return " ".join("".join(character for character in plain if " " <= character <= "~").split())
