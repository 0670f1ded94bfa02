"""Figures and dates as Polish documents write them: decimal comma, non-breaking spaces, dd.mm.rrrr.

Every document and message prints through these, so that the same figure looks the same everywhere.
"""

from datetime import date
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

from billing.periods import Period

NBSP = "\N{NO-BREAK SPACE}"
_MINUS = "-"  # the plain one: fonts lack the mathematical sign, and spreadsheets read this one
_ACCOUNT_DIGITS = 26


def format_zl(amount_zl: Decimal) -> str:
    """``1234.5`` as ``1 234,50 zł``.

    Raises:
        ValueError: the amount has parts of a grosz; a printed figure is never rounded silently.
    """
    return f"{format_amount(amount_zl)}{NBSP}zł"


def format_change_zl(difference_zl: Decimal) -> str:
    """A difference, also with its plus: ``+3,20 zł``, ``-3,20 zł``; nothing as ``0,00 zł``.

    Raises:
        ValueError: as ``format_zl``.
    """
    return f"{'+' if difference_zl > 0 else ''}{format_zl(difference_zl)}"


def format_amount(amount_zl: Decimal) -> str:
    """An amount in złoty with two places, without the unit: for columns that name it in their head.

    Raises:
        ValueError: the amount has parts of a grosz.
    """
    return _grouped(amount_zl, places=2)


def format_price(price_zl: Decimal) -> str:
    """A unit price in złoty: two places, up to four when the tariff has them.

    Raises:
        ValueError: the price has more than four places.
    """
    return _grouped(price_zl, places=min(4, max(2, _places(price_zl))))


def format_m3(volume_m3: Decimal) -> str:
    """``12.000`` as ``12 m³``, ``12.345`` as ``12,345 m³``.

    Raises:
        ValueError: the volume has more than three places.
    """
    return f"{format_quantity(volume_m3)}{NBSP}m³"


def format_quantity(quantity: Decimal) -> str:
    """A quantity or meter index without its unit: whole when it is whole, otherwise three places.

    Raises:
        ValueError: the quantity has more than three places.
    """
    return _grouped(quantity, places=3 if _places(quantity) else 0)


def format_exact(value: Decimal, *, most: int = 6) -> str:
    """A figure before it is rounded: ``10.285`` as ``10,285``; what has more than ``most`` places ends in ``…``."""
    if _places(value) <= most:
        return _grouped(value, places=_places(value))
    cut = value.quantize(Decimal(1).scaleb(-most), rounding=ROUND_DOWN)
    return f"{_grouped(cut, places=most)}…"


def format_percent(rate: Decimal) -> str:
    """The rate ``0.08`` as ``8%``, ``0.055`` as ``5,5%``."""
    percent = rate * 100
    return f"{_grouped(percent, places=_places(percent))}%"


def format_date(day: date) -> str:
    """``31.10.2026``."""
    return f"{day.day:02}.{day.month:02}.{day.year:04}"


def format_period(period: Period) -> str:
    """First and last day, both belonging: ``01.10.2026–31.10.2026``."""
    return f"{format_date(period.start)}–{format_date(period.last_day)}"


def format_account(bank_account: str) -> str:
    """The 26 digits of a Polish account (NRB) as ``12 3456 7890 …``; spaces and a leading PL are dropped first.

    Raises:
        ValueError: there are not exactly 26 digits.
    """
    digits = account_digits(bank_account)
    return NBSP.join([digits[:2], *(digits[start : start + 4] for start in range(2, _ACCOUNT_DIGITS, 4))])


def account_digits(bank_account: str) -> str:
    """The bare 26 digits of a Polish account number (NRB).

    Raises:
        ValueError: there are not exactly 26 digits.
    """
    digits = "".join(bank_account.split()).removeprefix("PL")
    if len(digits) != _ACCOUNT_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"a Polish account number has {_ACCOUNT_DIGITS} digits, this one does not: {bank_account!r}")
    return digits


@lru_cache(maxsize=8192)  # a cycle prints the same prices, rates and small quantities over and over
def _places(value: Decimal) -> int:
    """How many decimal places ``value`` needs, trailing zeros apart."""
    _, _, fraction = format(value, "f").partition(".")
    return len(fraction.rstrip("0"))


@lru_cache(maxsize=8192)
def _grouped(value: Decimal, *, places: int) -> str:
    if _places(value) > places:
        raise ValueError(f"{value} does not fit into {places} decimal places")
    text = f"{abs(value):,.{places}f}".replace(",", NBSP).replace(".", ",")
    return f"{_MINUS}{text}" if value < 0 else text


_UNITS = {"m3": "m³", "month": "mies.", "m2_month": "m² × mies.", "m2_year": "m² × rok"}


def format_unit(unit: str) -> str:
    """The unit of a line as it is printed: ``m³``, ``mies.``, ``okr. 2-mies.``."""
    count, _, months = unit.partition("_")
    if months == "months" and count.isdecimal():
        return f"okr. {count}-mies."
    return _UNITS.get(unit, unit)
