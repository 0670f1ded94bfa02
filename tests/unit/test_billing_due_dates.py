"""The due date leaves the customer the lawful term from the sending."""

from datetime import date, timedelta

import pytest

from billing.accounts import Channel, Service
from billing.due_dates import may_send_on, plan_due_date
from billing.errors import DataRefused
from billing.law import charge_basis, payment_days_min, vat_rate

ALLOWANCE = {Channel.EMAIL: 1, Channel.PAPER: 3}
ISSUED = date(2026, 2, 20)


@pytest.mark.parametrize(("carrier", "due"), [(Channel.EMAIL, date(2026, 3, 7)), (Channel.PAPER, date(2026, 3, 9))])
def test_the_due_date_counts_from_the_planned_sending_of_the_carrier(carrier: Channel, due: date) -> None:
    planned = plan_due_date(issue_date=ISSUED, carrier=carrier, allowance_days=ALLOWANCE, payment_days=14)

    assert planned.day == due
    assert f"issued 2026-02-20, by {carrier}" in planned.basis
    assert planned.basis.isascii()


def test_a_term_below_the_lawful_one_is_refused() -> None:
    with pytest.raises(DataRefused, match="PAYMENT_DAYS_SHORT"):
        plan_due_date(issue_date=ISSUED, carrier=Channel.EMAIL, allowance_days=ALLOWANCE, payment_days=13)


@pytest.mark.parametrize("carrier", list(Channel))
def test_an_invoice_may_leave_until_the_allowance_is_used_up_and_no_day_later(carrier: Channel) -> None:
    due = plan_due_date(issue_date=ISSUED, carrier=carrier, allowance_days=ALLOWANCE, payment_days=14).day
    last = ISSUED + timedelta(days=ALLOWANCE[carrier])

    assert may_send_on(day=last, due_date=due)
    assert not may_send_on(day=last + timedelta(days=1), due_date=due)


def test_the_law_data_knows_its_numbers_by_day() -> None:
    assert payment_days_min(on=ISSUED) == 14
    of_a_tariff = set(Service) - {Service.STORMWATER, Service.EXTRA}
    assert {str(vat_rate(service=service, on=ISSUED)) for service in of_a_tariff} == {"0.08"}
    assert "art. 27 ust. 5" in charge_basis(service=Service.SEWAGE)


def test_a_day_before_the_law_data_begins_has_no_value() -> None:
    with pytest.raises(DataRefused, match="LAW_NO_VALUE"):
        vat_rate(service=Service.WATER, on=date(2010, 12, 31))
