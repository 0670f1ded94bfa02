"""VAT and rounding on cases where half up and half to even differ."""

from decimal import Decimal

import pytest

from billing.money import multiply_zl, round_zl
from billing.vat import VatModel, vat_sums


@pytest.mark.parametrize(
    ("vat_rate", "net_zl", "vat_zl"),
    [
        ("0.05", "0.10", "0.01"),  # 0.005: half to even would give 0.00
        ("0.05", "0.50", "0.03"),  # 0.025: half to even would give 0.02
        ("0.23", "1.50", "0.35"),  # 0.345: half to even would give 0.34
        ("0.08", "6.46", "0.52"),
        ("0.08", "13.95", "1.12"),
    ],
)
def test_half_a_grosz_of_vat_goes_up(vat_rate: str, net_zl: str, vat_zl: str) -> None:
    (made,) = vat_sums(lines=[(Decimal(vat_rate), Decimal(net_zl))], model=VatModel.ON_RATE_SUM)

    assert made.vat_zl == Decimal(vat_zl)
    assert made.gross_zl == Decimal(net_zl) + Decimal(vat_zl)


def test_a_correction_rounds_by_magnitude_so_that_it_cancels_its_original() -> None:
    assert round_zl(Decimal("-0.345")) == -round_zl(Decimal("0.345")) == Decimal("-0.35")


def test_less_than_half_a_grosz_is_nothing_and_never_minus_nothing() -> None:
    assert str(round_zl(Decimal("-0.004"))) == str(round_zl(Decimal("0.004"))) == "0.00"


def test_a_product_is_rounded_once() -> None:
    # 2.380 × 7.75 = 18.445: rounding the quantity or the price first would give another amount
    assert multiply_zl(quantity=Decimal("2.380"), price_zl=Decimal("7.75")) == Decimal("18.45")


def test_each_rate_has_its_own_sum_highest_first() -> None:
    lines = [(Decimal("0.08"), Decimal("1.06")), (Decimal("0.23"), Decimal("1.50")), (Decimal("0.08"), Decimal("1.06"))]

    made = vat_sums(lines=lines, model=VatModel.ON_RATE_SUM)

    assert [(part.vat_rate, part.net_zl, part.vat_zl) for part in made] == [
        (Decimal("0.23"), Decimal("1.50"), Decimal("0.35")),
        (Decimal("0.08"), Decimal("2.12"), Decimal("0.17")),
    ]


def test_the_model_per_line_adds_up_rounded_vat() -> None:
    lines = [(Decimal("0.08"), Decimal("1.06"))] * 2  # 0.0848 → 0.08 each, together 0.1696 → 0.17

    assert vat_sums(lines=lines, model=VatModel.PER_LINE)[0].vat_zl == Decimal("0.16")
    assert vat_sums(lines=lines, model=VatModel.ON_RATE_SUM)[0].vat_zl == Decimal("0.17")
