"""Złoty to two places, prices to four, volumes to three; multiply first, round once, half up.

Rounding to the grosz, halves up: VAT act (ustawa o podatku od towarów i usług) art. 106e ust. 11. Negative amounts
round by magnitude, so that a correction cancels its original exactly.
"""

from decimal import ROUND_HALF_UP, Decimal

GROSZ = Decimal("0.01")
PRICE = Decimal("0.0001")
VOLUME = Decimal("0.001")
ZERO_ZL = Decimal("0.00")


def round_zl(amount: Decimal) -> Decimal:
    """``amount`` to full grosze, half away from zero; what is less than half a grosz is 0.00, never minus nothing."""
    return amount.quantize(GROSZ, ROUND_HALF_UP) + 0


def multiply_zl(*, quantity: Decimal, price_zl: Decimal) -> Decimal:
    """Quantity times price, rounded once to the grosz."""
    return round_zl(quantity * price_zl)
