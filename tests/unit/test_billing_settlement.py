"""What somebody reads after an estimate settles it: up, down, and where a bill cannot take off enough."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from test_billing_rating import ACCOUNT, CYCLE, DEMO, METER, POINT

from billing.accounts import Reading, RegisterSnapshot
from billing.charges import Bill, Hold
from billing.explanations import explain
from billing.holds import HoldCode
from billing.money import round_zl
from billing.polish_explanations import why_line
from billing.pricing import is_estimated
from billing.rating import bill
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook


@pytest.fixture(scope="module")
def tariffs() -> TariffBook:
    tariff = load_tariff(DEMO.read_bytes(), name=DEMO.name)
    return TariffBook(tariffs=(tariff,))


def read(reading_id: int, on: date, index_m3: str, *, quality: str = "actual") -> Reading:
    source = "estimate" if quality == "estimated" else "handheld"
    return Reading(reading_id=reading_id, read_on=on, index_m3=Decimal(index_m3), source=source, quality=quality)


def billed(tariffs: TariffBook, *, estimated: str, actual: str, quality: str = "actual") -> Bill | Hold:
    """The bill from an estimate of August to a reading of September."""
    previous = read(1, date(2026, 8, 31), estimated, quality="estimated")
    register: RegisterSnapshot = replace(
        METER, decimals=1, previous=previous, current=read(2, date(2026, 9, 30), actual, quality=quality)
    )
    return bill(replace(ACCOUNT, points=(replace(POINT, registers=(register,)),)), tariffs, CYCLE)


def test_a_higher_reading_bills_the_rest(tariffs: TariffBook) -> None:
    made = billed(tariffs, estimated="120.000", actual="127.000")

    assert isinstance(made, Bill)
    metered = [line for line in made.lines if line.meter_no]
    assert [line.quantity for line in metered] == [Decimal("7.000")] * 2
    assert all(line.description.endswith("(rozliczenie odczytu szacowanego)") for line in metered)
    assert not any(is_estimated(line) for line in made.lines)


def test_a_lower_reading_takes_off_what_was_too_much(tariffs: TariffBook) -> None:
    made, plain = (billed(tariffs, estimated="120.000", actual=index) for index in ("119.500", "120.000"))

    assert isinstance(made, Bill)
    assert isinstance(plain, Bill)
    metered = [line for line in made.lines if line.meter_no]
    assert [line.quantity for line in metered] == [Decimal("-0.500")] * 2
    assert [line.net_zl for line in metered] == [-round_zl(line.price_zl / 2) for line in metered]
    assert Decimal(0) <= made.gross_zl < plain.gross_zl


def test_more_than_the_bill_can_take_off_needs_a_correction(tariffs: TariffBook) -> None:
    held = billed(tariffs, estimated="120.000", actual="113.000")

    assert isinstance(held, Hold)
    assert held.code == HoldCode.ESTIMATE_SETTLES_NEGATIVE == "ESTIMATE_SETTLES_NEGATIVE"
    assert (held.facts["estimate"], held.facts["volume_m3"]) == ("1", "-7.000")


def test_an_estimate_settles_no_estimate(tariffs: TariffBook) -> None:
    held = billed(tariffs, estimated="120.000", actual="119.000", quality="estimated")
    higher = billed(tariffs, estimated="120.000", actual="123.000", quality="estimated")

    assert isinstance(held, Hold)
    assert held.code is HoldCode.CONSUMPTION_NEGATIVE
    assert isinstance(higher, Bill)
    assert [is_estimated(line) for line in higher.lines if line.meter_no] == [True, True]


def test_what_settles_an_estimate_below_zero_has_not_passed_through_zero(tariffs: TariffBook) -> None:
    made = billed(tariffs, estimated="120.000", actual="119.500")

    assert isinstance(made, Bill)
    line = made.lines[0]
    assert "quantity: 119.500 - 120.000 = -0.500 m3" in "\n".join(explain(line, tariffs=tariffs, lines=made.lines))
    told = "\n".join(why_line(line, tariffs=tariffs, readings={}, lines=made.lines))
    assert "119,500 − 120 = -0,500" in told
    assert "1 000" not in told
