"""Nets and VAT by their named models, at ties of half a grosz where 8 % cannot tell them apart."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from billing.accounts import Channel, Service
from billing.charges import Bill, ChargeLine, LineExcess, LineRounding
from billing.errors import DataRefused
from billing.money import multiply_zl
from billing.periods import months_period
from billing.utility import load_utility
from billing.vat import VatModel, vat_sums

UTILITY = (Path(__file__).parents[2] / "utilities" / "przyklad-taryfy" / "utility.toml").read_text(encoding="utf-8")
LINE = ChargeLine(
    point_no="1",
    service=Service.WATER,
    description="",
    period=months_period("2026-09"),
    meter_no=None,
    previous_reading_id=None,
    current_reading_id=None,
    previous_index_m3=None,
    current_index_m3=None,
    quantity=Decimal(1),
    unit="m3",
    price_zl=Decimal(1),
    net_zl=Decimal(1),
    vat_rate=Decimal("0.08"),
    tariff_group="A",
    tariff_sha256="",
    basis="",
)


def line(quantity: str, price: str, rate: str) -> ChargeLine:
    quantity_m3, price_zl = Decimal(quantity), Decimal(price)
    net_zl = multiply_zl(quantity=quantity_m3, price_zl=price_zl)
    return replace(LINE, quantity=quantity_m3, price_zl=price_zl, net_zl=net_zl, vat_rate=Decimal(rate))


def bill(lines: Sequence[ChargeLine], *, vat: VatModel, rounding: LineRounding) -> Bill:
    sums = vat_sums(lines=((one.vat_rate, one.summed_zl(rounding)) for one in lines), model=vat, rounding=rounding)
    return Bill(
        account_no="1",
        channel=Channel.PAPER,
        lines=tuple(lines),
        vat_sums=sums,
        net_zl=sum((one.net_zl for one in sums), Decimal(0)),
        vat_zl=sum((one.vat_zl for one in sums), Decimal(0)),
        gross_zl=sum((one.gross_zl for one in sums), Decimal(0)),
        line_rounding=rounding,
    )


EACH, SUM = LineRounding.EACH_LINE, LineRounding.RATE_SUM
ON_SUM, PER_LINE = VatModel.ON_RATE_SUM, VatModel.PER_LINE
MODELS = ((EACH, ON_SUM), (EACH, PER_LINE), (SUM, ON_SUM))
# lines as quantity, price and VAT rate; the net by each of the models
NETS = {
    # two lines of 0.005: each 0.01, together 0.010
    "half a grosz on each of two lines": ([("0.001", "5.00", "0.08")] * 2, ("0.02", "0.02", "0.01")),
    # three lines of 0.004: each nothing, together 0.012
    "less than half on each of three": ([("0.001", "4.00", "0.08")] * 3, ("0.00", "0.00", "0.01")),
    # 0.125 is 0.13, half even would say 0.12
    "a net whose lower grosz is even": ([("0.025", "5.00", "0.08")], ("0.13", "0.13", "0.13")),
}
# the VAT by each of the models
TAXES = {
    # 0.005: up to 0.01, half even would say 0.00
    "5 % of ten grosze": ([("1", "0.10", "0.05")], ("0.01", "0.01", "0.01")),
    # 0.025: up to 0.03, half even would say 0.02
    "5 % of fifty grosze": ([("1", "0.50", "0.05")], ("0.03", "0.03", "0.03")),
    # 0.345: up to 0.35, half even would say 0.34
    "23 % of one and a half zloty": ([("1", "1.50", "0.23")], ("0.35", "0.35", "0.35")),
    # on 3.00 it is 0.69, line by line 2 × 0.35
    "23 % of two such lines": ([("1", "1.50", "0.23")] * 2, ("0.69", "0.70", "0.69")),
    # 100 lines of 0.005: on 1.00 it is 0.23, line by line nothing, on the unrounded 0.50 0.115
    "23 % of a hundred halves of a grosz": ([("0.001", "5.00", "0.23")] * 100, ("0.23", "0.00", "0.12")),
}


def by_model(rows: Sequence[tuple[str, str, str]]) -> list[Bill]:
    return [bill([line(*row) for row in rows], vat=vat, rounding=rounding) for rounding, vat in MODELS]


@pytest.mark.parametrize("name", NETS)
def test_a_net_is_rounded_where_its_model_says(name: str) -> None:
    rows, nets = NETS[name]

    assert tuple(str(made.net_zl) for made in by_model(rows)) == nets


@pytest.mark.parametrize("name", TAXES)
def test_vat_at_a_tie_goes_up_where_its_model_says(name: str) -> None:
    rows, taxes = TAXES[name]

    assert tuple(str(made.vat_zl) for made in by_model(rows)) == taxes


def test_rates_are_summed_apart() -> None:
    # 0.004 at 8 % and 0.004 at 23 %: neither sum reaches a grosz, though both together would
    made = bill([line("0.001", "4.00", "0.08"), line("0.001", "4.00", "0.23")], vat=ON_SUM, rounding=SUM)

    assert [str(one.net_zl) for one in made.vat_sums] == ["0.00", "0.00"]


def test_the_excess_of_sewage_is_summed_unrounded_as_well() -> None:
    # 10 × 8.00 × (500 − 300) / 300 = 53.333…; three of them are 160.00, rounded line by line 159.99
    excess = LineExcess(indicator="BZT5", measured=Decimal(500), permitted=Decimal(300))
    one = replace(line("10", "8.00", "0.08"), service=Service.EXCESS, net_zl=Decimal("53.33"), excess=excess)

    assert bill([one] * 3, vat=ON_SUM, rounding=SUM).net_zl == Decimal("160.00")
    assert bill([one] * 3, vat=ON_SUM, rounding=EACH).net_zl == Decimal("159.99")


@pytest.mark.parametrize("rounding", LineRounding)
def test_a_bill_whose_net_is_not_that_of_its_model_cannot_be_made(rounding: LineRounding) -> None:
    lines = [line("0.001", "5.00", "0.08")] * 2
    other = SUM if rounding is EACH else EACH
    wrong = bill(lines, vat=ON_SUM, rounding=other)

    with pytest.raises(ValueError, match="do not add up to its net"):
        replace(wrong, line_rounding=rounding)


def test_vat_line_by_line_needs_rounded_lines() -> None:
    assert load_utility(UTILITY, name="u", seller_needed=False).models.line_rounding is SUM
    with pytest.raises(DataRefused, match="line_rounding must be each_line"):
        load_utility(UTILITY.replace("vat_on_rate_sum", "vat_per_line"), name="u", seller_needed=False)
