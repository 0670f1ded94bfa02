from datetime import date
from decimal import Decimal

import pytest

from billing.periods import Period
from billing.polish import (
    NBSP,
    format_account,
    format_change_zl,
    format_date,
    format_m3,
    format_percent,
    format_period,
    format_price,
    format_zl,
)


@pytest.mark.parametrize(
    ("amount_zl", "text"),
    [
        ("0", "0,00 zł"),
        ("0.01", "0,01 zł"),
        ("999.9", "999,90 zł"),
        ("1234.5", "1 234,50 zł"),
        ("1234567.89", "1 234 567,89 zł"),
        ("-12.30", "-12,30 zł"),
        ("-0.00", "0,00 zł"),
    ],
)
def test_amounts_have_a_decimal_comma_and_unbreakable_thousands(amount_zl: str, text: str) -> None:
    assert format_zl(Decimal(amount_zl)) == text.replace(" ", NBSP)


def test_an_amount_with_parts_of_a_grosz_is_refused_not_rounded() -> None:
    with pytest.raises(ValueError, match="decimal places"):
        format_zl(Decimal("1.005"))


@pytest.mark.parametrize(("price_zl", "text"), [("6.8000", "6,80"), ("6.8125", "6,8125"), ("6.123", "6,123")])
def test_prices_show_two_places_and_more_only_when_the_tariff_has_them(price_zl: str, text: str) -> None:
    assert format_price(Decimal(price_zl)) == text


@pytest.mark.parametrize(
    ("volume_m3", "text"),
    [("12.000", "12 m³"), ("12.5", "12,500 m³"), ("1234.567", "1 234,567 m³"), ("-3", "-3 m³"), ("1E+3", "1 000 m³")],
)
def test_volumes_are_whole_or_have_three_places(volume_m3: str, text: str) -> None:
    assert format_m3(Decimal(volume_m3)) == text.replace(" ", NBSP)


@pytest.mark.parametrize(("rate", "text"), [("0.08", "8%"), ("0.055", "5,5%"), ("0", "0%"), ("0.20", "20%")])
def test_rates_are_percents(rate: str, text: str) -> None:
    assert format_percent(Decimal(rate)) == text


def test_dates_are_day_month_year_and_periods_show_their_last_day() -> None:
    assert format_date(date(2026, 3, 5)) == "05.03.2026"
    assert format_period(Period(start=date(2026, 2, 1), until=date(2026, 3, 1))) == "01.02.2026–28.02.2026"


def test_account_numbers_stand_in_fours() -> None:
    assert format_account("PL37102000030000000000010023") == "37 1020 0003 0000 0000 0001 0023".replace(" ", NBSP)
    with pytest.raises(ValueError, match="26 digits"):
        format_account("3710200003000000000001002")


def test_a_difference_has_its_sign_and_a_minus_is_the_same_everywhere() -> None:
    told = [format_change_zl(Decimal(text)).replace(NBSP, " ") for text in ("1234.5", "-73.44", "0")]
    assert told == ["+1 234,50 zł", "-73,44 zł", "0,00 zł"]
    assert format_zl(Decimal("-73.44")) == format_change_zl(Decimal("-73.44"))
