"""Why a bill changed: whatever two bills are compared, the parts make up the difference, each cause stays itself."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from billing.accounts import Channel, Service
from billing.bill_changes import BillChange, Cause, compare_bills
from billing.charge_sums import quantity_of
from billing.charges import Bill, ChargeLine, LineArea, LineBlock, LineDifference, LineExcess, Origin
from billing.money import ZERO_ZL, multiply_zl
from billing.periods import Period
from billing.polish_bill_changes import why_changed
from billing.subsidies import LineSubsidy, SubsidyMode, total_zl
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook
from billing.vat import VatModel, vat_sums

PATH = Path(__file__).parents[2] / "utilities" / "demo" / "tariffs" / "2010-zdroje.toml"
DEMO = load_tariff(PATH.read_bytes(), name=PATH.name)
TARIFFS = TariffBook(tariffs=(DEMO,))

METERED = (Service.WATER, Service.SEWAGE, Service.STORMWATER)
months = st.integers(1, 6).map(Decimal)
volumes_m3 = st.integers(0, 400).map(Decimal) | st.decimals(0, 400, places=3)
prices_zl = st.decimals(0, 30, places=2) | st.decimals(0, 30, places=4)
starts = st.dates(date(2025, 1, 1), date(2026, 6, 1))
points = st.sampled_from(["PP-1", "PP-2", "PP-3"])


def a_line(
    service: Service, *, quantity: Decimal, price_zl: Decimal, period: Period, point_no: str | None = "PP-1"
) -> ChargeLine:
    return ChargeLine(
        point_no=point_no,
        service=service,
        description=service.value,
        period=period,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=quantity,
        unit="month" if service is Service.STANDING else "m3",
        price_zl=price_zl,
        net_zl=multiply_zl(quantity=quantity, price_zl=price_zl),
        vat_rate=Decimal("0.23") if service is Service.EXTRA else Decimal("0.08"),
        tariff_group="G-P",
        tariff_sha256=DEMO.sha256,
        basis="",
    )


def days_from(start: date, days: int) -> Period:
    return Period(start=start, until=start + timedelta(days=days))


@st.composite
def metered(draw: st.DrawFn) -> list[ChargeLine]:
    """The lines of one service of a point: a meter exchanged, a price that changed, blocks, a gmina that pays."""
    service, point_no = draw(st.sampled_from(METERED)), draw(points)
    lines, start = [], draw(starts)
    for _ in range(draw(st.integers(1, 3))):
        period = days_from(start, draw(st.integers(1, 90)))
        start = period.until
        line = a_line(service, quantity=draw(volumes_m3), price_zl=draw(prices_zl), period=period, point_no=point_no)
        extras = draw(st.sampled_from(["", "", "blocks", "net", "gross", "forecast", "settled"]))
        if extras == "blocks":
            lines += [
                replace(line, block=LineBlock(from_m3=Decimal(0), until_m3=line.quantity + 1)),
                replace(
                    a_line(service, quantity=draw(volumes_m3), price_zl=draw(prices_zl), period=period),
                    point_no=point_no,
                    row_no=2,
                    block=LineBlock(from_m3=line.quantity + 1, until_m3=None),
                ),
            ]
        elif extras in {"net", "gross"}:
            paid = LineSubsidy(
                gmina="Z", mode=SubsidyMode(extras), zl_m3=Decimal("0.1250"), subsidy_zl=line.net_zl / 2, basis=""
            )
            lines.append(replace(line, subsidy=replace(paid, subsidy_zl=paid.subsidy_zl.quantize(ZERO_ZL))))
        elif extras:
            sign = -1 if extras == "settled" else 1
            origin = Origin.SETTLED_FORECAST if extras == "settled" else Origin.FORECAST
            lines.append(replace(line, origin=origin, quantity=sign * line.quantity, net_zl=sign * line.net_zl))
        else:
            lines.append(line)
    return lines


@st.composite
def others(draw: st.DrawFn) -> list[ChargeLine]:
    period = days_from(draw(starts), 30)
    standing = a_line(Service.STANDING, quantity=draw(months), price_zl=draw(prices_zl), period=period, point_no=None)
    component = replace(
        standing, row_no=2, price_zl=Decimal(1), net_zl=multiply_zl(quantity=standing.quantity, price_zl=Decimal(1))
    )
    extra = a_line(Service.EXTRA, quantity=Decimal(1), price_zl=draw(prices_zl), period=period)
    excess = replace(
        a_line(Service.EXCESS, quantity=draw(volumes_m3), price_zl=draw(prices_zl), period=period),
        excess=LineExcess(indicator="BZT5", measured=Decimal(2), permitted=Decimal(1)),
    )
    return [line for line in (standing, component, extra, excess) if draw(st.booleans())]


def a_bill(lines: list[ChargeLine], channel: Channel = Channel.PAPER) -> Bill:
    sums = vat_sums(lines=((line.vat_rate, line.net_zl) for line in lines), model=VatModel.ON_RATE_SUM)
    subsidies = [line.subsidy for line in lines]
    return Bill(
        account_no="1",
        channel=channel,
        lines=tuple(lines),
        vat_sums=sums,
        net_zl=sum((part.net_zl for part in sums), ZERO_ZL),
        vat_zl=sum((part.vat_zl for part in sums), ZERO_ZL),
        gross_zl=sum((part.gross_zl for part in sums), ZERO_ZL),
        subsidy_net_zl=total_zl(subsidies, mode=SubsidyMode.NET),
        subsidy_gross_zl=total_zl(subsidies, mode=SubsidyMode.GROSS),
    )


bills = st.builds(
    lambda charges, rest, channel: a_bill([line for charge in charges for line in charge] + rest, channel),
    st.lists(metered(), max_size=4),
    others(),
    st.sampled_from(Channel),
)


def causes(change: BillChange) -> set[Cause]:
    return {part.cause for part in change.parts}


def amount(change: BillChange, *wanted: Cause) -> Decimal:
    return sum((part.amount_zl for part in change.parts if part.cause in wanted), ZERO_ZL)


@given(was=bills, now=bills)
def test_the_parts_make_up_the_difference_to_the_grosz_and_can_be_said(was: Bill, now: Bill) -> None:
    change = compare_bills(was=was, now=now, tariffs=TARIFFS)

    assert sum((part.amount_zl for part in change.parts), ZERO_ZL) == now.payable_zl - was.payable_zl
    assert all(part.amount_zl == part.amount_zl.quantize(ZERO_ZL) != 0 for part in change.parts)
    said = why_changed(change)
    assert len(said) == (len(change.parts) + 2 if change.parts else 1)


@given(same=bills)
def test_a_bill_does_not_differ_from_itself(same: Bill) -> None:
    assert compare_bills(was=same, now=same, tariffs=TARIFFS).parts == ()


@given(used=st.tuples(volumes_m3, volumes_m3), price_zl=prices_zl, days=st.integers(1, 90), start=starts)
def test_as_many_days_at_one_price_differ_by_use_and_its_tax_alone(used, price_zl, days, start) -> None:
    was, now = (
        a_bill([a_line(Service.WATER, quantity=m3, price_zl=price_zl, period=days_from(start, days))]) for m3 in used
    )

    change = compare_bills(was=was, now=now, tariffs=TARIFFS)

    assert causes(change) <= {Cause.VOLUME, Cause.VAT}
    assert amount(change, Cause.VOLUME) == now.net_zl - was.net_zl


@given(used=st.integers(1, 400).map(Decimal), prices=st.tuples(prices_zl, prices_zl), start=starts)
def test_the_same_use_in_as_many_days_differs_by_the_price_alone(used, prices, start) -> None:
    was, now = (
        a_bill([a_line(Service.SEWAGE, quantity=used, price_zl=price_zl, period=days_from(start, 31))])
        for price_zl in prices
    )

    change = compare_bills(was=was, now=now, tariffs=TARIFFS)

    assert causes(change) <= {Cause.PRICE, Cause.VAT}
    assert amount(change, Cause.PRICE) == now.net_zl - was.net_zl


@given(daily=st.integers(1, 9), days=st.tuples(st.integers(1, 90), st.integers(1, 90)), start=starts)
def test_the_same_use_of_a_day_in_more_days_differs_by_the_days_alone(daily, days, start) -> None:
    was, now = (
        a_bill(
            [a_line(Service.WATER, quantity=Decimal(daily * n), price_zl=Decimal("5.25"), period=days_from(start, n))]
        )
        for n in days
    )

    change = compare_bills(was=was, now=now, tariffs=TARIFFS)

    assert causes(change) <= {Cause.DAYS, Cause.VAT}


@given(used=st.integers(2, 400), start=starts, cut=st.integers(1, 29), price_zl=st.decimals(0, 30, places=2))
def test_lines_split_at_one_price_are_compared_as_their_whole(used, start, cut, price_zl) -> None:
    def bill_of(*parts: tuple[int, int]) -> Bill:
        lines, day = [], start
        for m3, days in parts:
            lines.append(a_line(Service.WATER, quantity=Decimal(m3), price_zl=price_zl, period=days_from(day, days)))
            day = lines[-1].period.until
        return a_bill(lines)

    first = compare_bills(was=bill_of((7, 31)), now=bill_of((used, 30)), tariffs=TARIFFS)
    split = compare_bills(was=bill_of((7, 31)), now=bill_of((1, cut), (used - 1, 30 - cut)), tariffs=TARIFFS)

    assert first == split


@given(used=volumes_m3, count=months, start=starts)
def test_another_manner_of_invoicing_is_told_apart_from_a_price(used, count, start) -> None:
    def bill_of(group: str, channel: Channel, standing_zl: str, water_zl: str) -> Bill:
        period = days_from(start, 30)
        lines = [
            a_line(Service.WATER, quantity=used, price_zl=Decimal(water_zl), period=period),
            a_line(Service.STANDING, quantity=count, price_zl=Decimal(standing_zl), period=period, point_no=None),
        ]
        return a_bill([replace(line, tariff_group=group) for line in lines], channel)

    was = bill_of("G-P", Channel.PAPER, "11.00", "5.25")  # before the rise to 12.00
    now = bill_of("G-E", Channel.EMAIL, "8.30", "5.25")

    change = compare_bills(was=was, now=now, tariffs=TARIFFS)

    assert causes(change) <= {Cause.CHANNEL, Cause.PRICE, Cause.VAT}
    assert amount(change, Cause.CHANNEL) == count * (Decimal("8.30") - Decimal("12.00"))
    assert amount(change, Cause.PRICE) == count * (Decimal("12.00") - Decimal("11.00"))


@given(was=bills, now=bills)
def test_there_and_back_is_nothing(was: Bill, now: Bill) -> None:
    there = compare_bills(was=was, now=now, tariffs=TARIFFS)
    back = compare_bills(was=now, now=was, tariffs=TARIFFS)

    assert there.difference_zl == -back.difference_zl
    for cause in (Cause.VAT, Cause.SUBSIDY, Cause.EXTRA, Cause.FORECAST):
        assert amount(there, cause) == -amount(back, cause)
    assert amount(there, Cause.CAME) == -amount(back, Cause.WENT)


def test_use_is_told_with_the_share_in_a_difference_and_areas_with_every_surface() -> None:
    days = days_from(date(2026, 1, 1), 30)
    own = a_line(Service.WATER, quantity=Decimal("12.000"), price_zl=Decimal(5), period=days)
    share = LineDifference(
        share_id=1,
        front_point_no="PP-9",
        of_m3=Decimal(3),
        before_m3=Decimal(0),
        own_m3=Decimal(12),
        all_m3=Decimal(24),
    )
    roof = a_line(Service.STORMWATER, quantity=Decimal("100.000"), price_zl=Decimal(1), period=days)
    lines = [
        own,
        replace(own, quantity=Decimal("1.500"), row_no=2, difference=share, origin=Origin.DIFFERENCE),
        replace(roof, area=LineArea(surface="dach", area_m2=Decimal(100), m3_per_m2_year=None)),
        replace(roof, row_no=2, area=LineArea(surface="parking", area_m2=Decimal(100), m3_per_m2_year=None)),
    ]

    assert quantity_of(lines[:2]) == Decimal("13.500")
    assert quantity_of(lines[2:]) == Decimal("200.000")
