from decimal import Decimal

import pytest

from pdf.words import amount_in_words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0.00", "zero złotych 00/100"),
        ("0.01", "zero złotych 01/100"),
        ("1.00", "jeden złoty 00/100"),
        ("2.22", "dwa złote 22/100"),
        ("5.00", "pięć złotych 00/100"),
        ("12.00", "dwanaście złotych 00/100"),
        ("22.05", "dwadzieścia dwa złote 05/100"),
        ("101.12", "sto jeden złotych 12/100"),
        ("9999.99", "dziewięć tysięcy dziewięćset dziewięćdziesiąt dziewięć złotych 99/100"),
        ("1000000.10", "milion złotych 10/100"),
        ("-3.10", "minus trzy złote 10/100"),
    ],
)
def test_amounts_are_said_in_correct_polish(amount: str, words: str) -> None:
    assert amount_in_words(Decimal(amount)) == words
