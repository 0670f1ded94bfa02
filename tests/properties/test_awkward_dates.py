"""Days on which programs go wrong: leap days, both changes of the clock, New Year; and prices that begin about them."""

import calendar
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    CycleTerms,
    Party,
    PartyKind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
)
from billing.charges import Bill
from billing.periods import Period, next_month
from billing.rating import bill
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook
from billing.workings import reading_days, share_sum

HOME = Address(street="ul. Źródlana 1", postcode="00-000", city="Zdroje")
PARTY = Party(party_no="P1", kind=PartyKind.NATURAL_PERSON, name="A", nip=None, address=HOME)
TARIFF = """
title = "T"
decision = "made up"
basis = "made up"
valid_from = 2011-01-01
standing_months = "touched"
standing_price = "first_day"
standing_per = "recipient"

[[group]]
code = "G"
class = "household"
channel = "any"
name = "Wszyscy"
"""
STEP = """
[[price]]
groups = ["G"]
item = "{item}"
unit = "{unit}"
net_zl = {net}
valid_from = {day}
basis = "made up"

[[example]]
groups = ["G"]
on = {day}
{item} = 100
gross_zl = {gross}
source = "by hand"
"""


def last_sunday(year: int, month: int) -> date:
    """The Sunday on which Polish clocks change (European Union, since 1996)."""
    last = date(year, month, calendar.monthrange(year, month)[1])
    return last - timedelta(days=(last.weekday() + 1) % 7)


def awkward_days() -> list[date]:
    found = [date(year, 2, 29) for year in range(2012, 2029, 4)]
    for year in range(2015, 2028):
        found += [last_sunday(year, 3), last_sunday(year, 10), date(year, 12, 31), date(year + 1, 1, 1)]
        if not calendar.isleap(year):
            found += [date(year, 2, 28), date(year, 3, 1)]
    return found


def tariffs(change: date) -> TariffBook:
    """Water at 4.00 until ``change`` and at 5.00 from then on; an abonament of 10.00."""
    steps = (("water", "m3", "4.00", "2011-01-01", "432.00"), ("water", "m3", "5.00", str(change), "540.00"))
    text = TARIFF + "".join(
        STEP.format(item=item, unit=unit, net=net, day=day, gross=gross)
        for item, unit, net, day, gross in (*steps, ("abonament", "month", "10.00", "2011-01-01", "1080.00"))
    )
    return TariffBook(tariffs=(load_tariff(text.encode(), name="t.toml"),))


def an_account(*, start: date, until: date, used_m3: Decimal, decimals: int) -> AccountSnapshot:
    first = Reading(reading_id=1, read_on=start, index_m3=Decimal("100.000"), source="reader", quality="actual")
    last = Reading(reading_id=2, read_on=until, index_m3=first.index_m3 + used_m3, source="reader", quality="actual")
    register = RegisterSnapshot(
        meter_no="W-1",
        register=1,
        dials=5,
        decimals=decimals,
        installed_on=date(2011, 1, 1),
        removed_on=None,
        previous=first,
        current=last,
        missing_reason=None,
    )
    point = PointSnapshot(
        point_no="PP-1",
        address=HOME,
        contract_no="U/1",
        contract_from=date(2011, 1, 1),
        contract_until=None,
        tariff_class="household",
        services=frozenset({Service.WATER}),
        registers=(register,),
    )
    return AccountSnapshot(
        account_no="1",
        parties={Role.PAYER: PARTY, Role.BUYER: PARTY},
        bank_account="",
        channel=Channel.PAPER,
        carrier=Channel.PAPER,
        email=None,
        consent_id=None,
        channel_reason="",
        points=(point,),
    )


def rated(account: AccountSnapshot, book: TariffBook, period: Period) -> Bill:
    months = Period(start=period.start.replace(day=1), until=next_month(period.last_day))
    issued = period.until + timedelta(days=2)
    made = bill(account, book, CycleTerms(cycle_key="c", period=months, issue_date=issued, payment_days=14))
    assert isinstance(made, Bill)
    return made


@pytest.mark.parametrize("day", awkward_days(), ids=str)
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_price_that_begins_about_an_awkward_day_splits_by_calendar_days(day: date, offset: int) -> None:
    change = day + timedelta(days=offset)
    period = Period(start=day - timedelta(days=17), until=day + timedelta(days=15))  # 32 days, 1 m³ each

    made = rated(
        an_account(start=period.start, until=period.until, used_m3=Decimal(32), decimals=0), tariffs(change), period
    )

    water = [line for line in made.lines if line.service is Service.WATER]
    assert [(line.period.days, line.quantity, line.price_zl) for line in water] == [
        (17 + offset, 17 + offset, 4),
        (15 - offset, 15 - offset, 5),
    ]
    assert [line.period.start for line in water] == [period.start, change]
    assert made.net_zl == 4 * (17 + offset) + 5 * (15 - offset) + 10 * len(list(period.months()))


@given(
    day=st.sampled_from(awkward_days()),
    around=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    change_after=st.integers(-75, 75),
    used_l=st.integers(0, 400_000),
    decimals=st.integers(0, 3),
)
def test_whatever_the_days_the_parts_are_the_whole(
    day: date, around: tuple[int, int], change_after: int, used_l: int, decimals: int
) -> None:
    before, after = around
    period = Period(start=day - timedelta(days=before), until=day + timedelta(days=after))
    used_m3 = Decimal(used_l) / 1000
    account = an_account(start=period.start, until=period.until, used_m3=used_m3, decimals=decimals)

    made = rated(account, tariffs(day + timedelta(days=change_after)), period)

    water = [line for line in made.lines if line.service is Service.WATER]
    assert sum(line.period.days for line in water) == (period.until - period.start).days == before + after
    assert all(one.period.until == other.period.start for one, other in pairwise(water))
    one_digit = Decimal(1).scaleb(-decimals)
    assert sum(line.quantity for line in water) == used_m3 // one_digit * one_digit
    assert all(line.quantity >= 0 for line in water)
    for line in water:
        assert reading_days(line) == (period.start, period.until)
        told = share_sum(line)
        assert told is None or told.by_m3 - told.before_m3 == line.quantity


def test_the_clocks_change_on_the_days_that_these_tests_mean() -> None:
    assert (last_sunday(2026, 3), last_sunday(2026, 10)) == (date(2026, 3, 29), date(2026, 10, 25))
