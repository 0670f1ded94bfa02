"""What holds for every prognoza, every surface and every excess, however it is made up."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

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
from billing.beside_meters import Forecast, ForecastBasis, ForecastCharge, SewageExcess, Surface
from billing.canonical import canonical_json
from billing.charges import Bill, Origin
from billing.excess import excess_lines
from billing.periods import Period, months_period, next_month
from billing.price_lists import AreaUnit
from billing.rating import bill
from billing.stormwater import area_quantity, stormwater_lines
from billing.vat import VatModel
from pipeline.utility_files import load_folder

TARIFFS = load_folder(Path(__file__).parents[2] / "utilities" / "demo").tariffs
PER_LINE = replace(TARIFFS, models=replace(TARIFFS.models, vat=VatModel.PER_LINE))
HALF_A_GROSZ = Decimal("0.005")
HOME = Address(street="ul. Lipowa 7", postcode="00-000", city="Zdroje")
PERSON = Party(party_no="P1", kind=PartyKind.NATURAL_PERSON, name="Maria", nip=None, address=HOME)
volumes_m3 = st.decimals(min_value=0, max_value=99, places=3)
days = st.dates(min_value=date(2026, 1, 1), max_value=date(2028, 3, 31))


def account(*, forecast: Forecast | None, read_m3: Decimal, read_on: date) -> AccountSnapshot:
    def reading(number: int, on: date, index_m3: Decimal) -> Reading:
        return Reading(reading_id=number, read_on=on, index_m3=index_m3, source="reader", quality="actual")

    register = RegisterSnapshot(
        meter_no="W-1",
        register=0,
        dials=5,
        decimals=3,
        installed_on=date(2015, 1, 1),
        removed_on=None,
        previous=reading(1, date(2026, 1, 31), Decimal(0)),
        current=reading(2, read_on, read_m3),
        missing_reason=None,
    )
    point = PointSnapshot(
        point_no="PP-1",
        address=HOME,
        contract_no="U/1",
        contract_from=date(2015, 1, 1),
        contract_until=None,
        tariff_class="household",
        services=frozenset({Service.WATER, Service.SEWAGE}),
        registers=(register,),
        forecast=forecast,
    )
    return AccountSnapshot(
        account_no="100001",
        parties={Role.PAYER: PERSON, Role.BUYER: PERSON},
        bank_account="0" * 26,
        channel=Channel.PAPER,
        carrier=Channel.PAPER,
        email=None,
        consent_id=None,
        channel_reason="x",
        points=(point,),
    )


def billed(snapshot: AccountSnapshot, month: date, *, tariffs=TARIFFS) -> Bill:
    period = months_period(f"{month:%Y-%m}")
    terms = CycleTerms(cycle_key="k", period=period, issue_date=period.until, payment_days=14)
    outcome = bill(snapshot, tariffs, terms)
    assert isinstance(outcome, Bill), outcome
    return outcome


@given(monthly=st.lists(volumes_m3, min_size=2, max_size=11), real_m3=volumes_m3, per_line=st.booleans())
def test_prognozy_and_their_settlement_charge_what_the_readings_alone_would_have(monthly, real_m3, per_line) -> None:
    tariffs = PER_LINE if per_line else TARIFFS
    months = [date(2026, 2, 1)]
    while len(months) <= len(monthly):
        months.append(next_month(months[-1]))
    made: list[Bill] = []
    charged: list[ForecastCharge] = []
    for month, volume_m3 in zip(months, (*monthly, Decimal(0)), strict=True):
        forecast = Forecast(
            basis=ForecastBasis.CONTRACT,
            settle_every_months=len(months),
            water_m3_month=volume_m3,
            sewage_m3_month=volume_m3,
            start=month,
            settled_from=months[0],
            charged=tuple(charged),
        )
        made.append(billed(account(forecast=forecast, read_m3=real_m3, read_on=months[-1]), month, tariffs=tariffs))
        charged += [
            ForecastCharge(forecast_line_id=len(charged) + no, document="FV", content=canonical_json(line))
            for no, line in enumerate(line for line in made[-1].lines if line.origin is Origin.FORECAST)
        ]
    by_reading = billed(account(forecast=None, read_m3=real_m3, read_on=months[-1]), months[-1], tariffs=tariffs)

    supplied = [line for one in made for line in one.lines if line.service is not Service.STANDING]
    real = [line for line in by_reading.lines if line.service is not Service.STANDING]
    assert sum(line.net_zl for line in supplied) == sum(line.net_zl for line in real)
    assert sum(line.quantity for line in supplied) == sum(line.quantity for line in real)
    # each document rounds the VAT of its own sum once; line by line there is nothing to differ
    standing = sum((one.vat_zl for one in made), Decimal(0)) - by_reading.vat_zl
    extra_months = [line for one in made[:-1] for line in one.lines if line.service is Service.STANDING]
    vat_of_standing = sum((line.net_zl * line.vat_rate for line in extra_months), Decimal(0))
    most = Decimal(0) if per_line else HALF_A_GROSZ * (len(made) + 1)
    assert abs(standing - vat_of_standing) <= most


@given(areas=st.lists(st.tuples(days, days, st.decimals("0.01", "5000", places=2)), min_size=1, max_size=4), ends=days)
def test_every_day_of_every_surface_is_charged_once_whatever_begins_and_ends(areas, ends) -> None:
    surfaces = tuple(
        Surface(
            surface=str(no), area_m2=area, item_code="DESZCZ-M2", valid_from=min(one, two), valid_until=max(one, two)
        )
        for no, (one, two, area) in enumerate(areas)
        if one != two
    )
    point = replace(account(forecast=None, read_m3=Decimal(0), read_on=ends).points[0], surfaces=surfaces)
    lines = []
    day = date(2026, 1, 1)
    while day <= ends:
        period = Period(start=day, until=next_month(day))
        cycle = CycleTerms(cycle_key="k", period=period, issue_date=period.until, payment_days=14)
        found = stormwater_lines(point=point, cycle=cycle, prices=TARIFFS.price_book)
        assert isinstance(found, list)
        lines += found
        day, point = period.until, replace(point, stormwater_from=period.until)

    for surface in surfaces:
        assert surface.valid_until is not None
        own = sorted(line.period for line in lines if line.area and line.area.surface == surface.surface)
        last = min(surface.valid_until, day)
        assert not own or (own[0].start, own[-1].until) == (surface.valid_from, last)
        assert all(one.until == two.start for one, two in pairwise(own))
        assert bool(own) == (surface.valid_from < day)
    keys = [(line.period, line.row_no) for line in lines]
    assert len(set(keys)) == len(keys)
    firsts = sorted(line.period for line in lines if line.row_no == 1)
    assert not any(one.overlap(two) for one, two in pairwise(firsts))


@given(area=st.decimals("0.01", "9999", places=2), start=days, length=st.integers(1, 800), cut=st.integers(1, 799))
def test_parts_of_a_period_of_rain_differ_from_the_whole_by_their_rounding_alone(area, start, length, cut) -> None:
    whole = Period(start=start, until=start + timedelta(days=length + 1))
    day = start + timedelta(days=min(cut, length))

    def quantity(period: Period) -> Decimal:
        return area_quantity(area_m2=area, period=period, unit=AreaUnit.M3, m3_per_m2_year=Decimal("0.570"))

    parts = quantity(Period(start=start, until=day)) + quantity(Period(start=day, until=whole.until))
    assert abs(parts - quantity(whole)) <= Decimal("0.0015")


@given(sampled=days, second=days, volume_m3=volumes_m3, length=st.integers(1, 60))
def test_the_days_of_an_excess_take_all_the_sewage_and_no_more(sampled, second, volume_m3, length) -> None:
    read_on = date(2026, 1, 31) + timedelta(days=length)
    snapshot = account(forecast=None, read_m3=volume_m3, read_on=read_on)
    made = billed(snapshot, date(2026, 1, 1))
    excesses = (
        SewageExcess(
            indicator="A", measured=Decimal(3), permitted=Decimal(2), sampled_on=date(2026, 1, 1), report_no="L"
        ),
        SewageExcess(indicator="B", measured=Decimal(4), permitted=Decimal(2), sampled_on=sampled, report_no="L"),
        SewageExcess(
            indicator="C",
            measured=Decimal(5),
            permitted=Decimal(3),
            sampled_on=min(sampled, second),
            cleared_on=max(sampled, second) + timedelta(days=1),
            report_no="L",
        ),
    )
    lines = excess_lines(replace(snapshot.points[0], excesses=excesses), lines=made.lines, issue_date=date(2026, 3, 1))

    always = [line for line in lines if line.excess and line.excess.indicator == "A"]
    assert sum(line.quantity for line in always) == volume_m3
    assert sum(line.period.days for line in always) == length
    assert all(line.quantity >= 0 for line in lines)
