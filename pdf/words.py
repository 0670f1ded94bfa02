"""Amounts in Polish words, as invoices write them."""

from decimal import Decimal

from num2words import num2words


def amount_in_words(amount_zl: Decimal) -> str:
    """``101.12`` as ``sto jeden złotych 12/100``: złoty in words, grosze as hundredths.

    Negative amounts start with ``minus``.
    """
    # num2words declines "złoty" rightly but writes grosze as "12 groszy" after a comma; a Decimal keeps it exact
    words: str = num2words(abs(amount_zl), lang="pl", to="currency", currency="PLN", cents=False)
    zlote, _, _ = words.partition(",")
    grosze = int(abs(amount_zl) * 100) % 100
    sign = "minus " if amount_zl < 0 else ""
    return f"{sign}{zlote} {grosze:02}/100"
