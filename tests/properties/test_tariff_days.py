"""A day has exactly one price, a m³ lies in exactly one block, and parts make up their whole, whatever the tariffs."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from billing.accounts import (
    Address,
    Channel,
    PartyKind,
    PointSnapshot,
    Service,
)
from billing.blocks import in_blocks, thresholds_of
from billing.canonical import from_data, to_data
from billing.charges import Bill, LineRounding
from billing.money import round_zl
from billing.periods import Period, months_later
from billing.prices import BlockPer, PriceBlock, TariffPrice, Unit
from billing.pricing import Customer, priced_lines
from billing.quantities import Quantity
from billing.seasons import Season
from billing.standing import periods_in
from billing.tariff_groups import Diameters, StandingMonths, StandingPer, StandingPrice, TariffGroup
from billing.tariffs import Tariff, TariffBook
from billing.vat import VatModel, vat_sums

LEAP = date(2024, 1, 1)
nets = st.integers(1, 500_000).map(lambda number: Decimal(number).scaleb(-4))
volumes_m3 = st.integers(0, 500_000).map(lambda number: Decimal(number).scaleb(-3))
starts = st.dates(min_value=date(2023, 12, 25), max_value=date(2028, 3, 5))
SEASONS = [
    (Season(first=(5, 1), last=(9, 30)),),
    (Season(first=(11, 1), last=(2, 28)),),
    (Season(first=(12, 1), last=(2, 29)), Season(first=(6, 1), last=(8, 31))),
    (Season(first=(2, 29), last=(10, 25)),),
]


@st.composite
def steps(draw: st.DrawFn, group: str, start: date) -> list[TariffPrice]:
    """One step of water prices: the same all year, by season, or in blocks."""
    kind = draw(st.sampled_from(["flat", "seasonal", "blocks"]))
    lowest_zl = draw(nets)
    rising = [lowest_zl, lowest_zl + 1, lowest_zl + 3]
    first_m3 = draw(st.integers(1, 30))
    froms = [Decimal(limit).quantize(Decimal("0.001")) for limit in (0, first_m3, 2 * first_m3 + 1)]
    blocks = tuple(PriceBlock(from_m3=f, net_zl=n) for f, n in zip(froms, rising, strict=True))
    seasons = draw(st.sampled_from(SEASONS)) if kind == "seasonal" else ()
    return [
        TariffPrice(
            group=group,
            service=Service.WATER,
            unit=Unit.CUBIC_METRE,
            net_zl=lowest_zl + (2 if season else 0),
            valid_from=start,
            basis="drawn",
            season=season,
            blocks=blocks if kind == "blocks" else (),
        )
        for season in (None, *seasons)
    ]


@st.composite
def tariffs(draw: st.DrawFn, number: int, start: date) -> Tariff:
    groups = (
        TariffGroup(
            code="S",
            tariff_class="a",
            channels=frozenset(Channel),
            name="",
            diameters=(Diameters(from_mm=15, until_mm=25),),
        ),
        TariffGroup(
            code="L",
            tariff_class="a",
            channels=frozenset(Channel),
            name="",
            diameters=(Diameters(from_mm=25, until_mm=None),),
        ),
        TariffGroup(code="P", tariff_class="b", channels=frozenset(Channel), name="", payer=PartyKind.NATURAL_PERSON),
        TariffGroup(code="O", tariff_class="b", channels=frozenset(Channel), name="", payer=PartyKind.ORGANISATION),
    )
    months = draw(st.sampled_from([(), (13,), (25,), (13, 25)]))
    prices = [
        price
        for group in groups
        for day in (start, *(months_later(start, months=month - 1) for month in months))
        for price in draw(steps(group.code, day))
    ]
    return Tariff(
        name=f"{number}.toml",
        title="",
        decision="",
        basis="",
        valid_from=start,
        sha256=str(number),
        standing_months=StandingMonths.TOUCHED,
        standing_price=StandingPrice.FIRST_DAY,
        standing_per=StandingPer.RECIPIENT,
        groups=groups,
        prices=tuple(prices),
        examples=(),
        block_per=draw(st.sampled_from(BlockPer)),
    )


@st.composite
def books(draw: st.DrawFn) -> TariffBook:
    days = sorted(draw(st.lists(starts, min_size=1, max_size=2, unique=True)))
    return TariffBook(tariffs=tuple(draw(tariffs(number, day)) for number, day in enumerate(days)))


ASKED: list[dict[str, Any]] = [
    {"tariff_class": "a", "diameter_mm": 20},
    {"tariff_class": "a", "diameter_mm": 40, "payer": PartyKind.ORGANISATION},
    {"tariff_class": "b", "payer": PartyKind.NATURAL_PERSON},
    {"tariff_class": "b", "payer": PartyKind.ORGANISATION, "diameter_mm": 15},
]


def by_hand(book: TariffBook, day: date, asked: dict[str, Any]) -> Decimal | None:
    """The price of a day as a person looks it up: tariff, group, newest step, season."""
    begun = [tariff for tariff in book.tariffs if tariff.valid_from <= day]
    if not begun:
        return None
    tariff = begun[-1]
    group = (
        "SL"[asked["diameter_mm"] >= 25]
        if asked["tariff_class"] == "a"
        else asked["payer"][0].upper().replace("N", "P")
    )
    known = [price for price in tariff.prices if price.group == group and price.valid_from <= day]
    step = [price for price in known if price.valid_from == max(one.valid_from for one in known)]
    place = (day.month, day.day)
    for price in step:
        if price.season:
            first, last = price.season.first, price.season.last
            inside = first <= place <= last if first <= last else (place >= first or place <= last)
            if inside:
                return price.net_zl
    return next(price.net_zl for price in step if price.season is None)


@settings(max_examples=40)
@given(book=books(), asked=st.sampled_from(ASKED))
def test_a_day_has_exactly_one_price(book: TariffBook, asked: dict[str, Any]) -> None:
    period = Period(start=date(2023, 12, 20), until=date(2028, 3, 10))
    first = book.tariffs[0].valid_from
    whole = book.spans_in(
        **asked, channel=Channel.PAPER, service=Service.WATER, period=Period(start=first, until=date(2029, 1, 1))
    )

    assert whole[0].start == first
    assert all(earlier.until == later.start for earlier, later in pairwise(whole))
    for number in range(0, period.days, 3):
        day = period.start + timedelta(days=number)
        span = book.span_on(**asked, channel=Channel.PAPER, service=Service.WATER, day=day)
        assert (span.net_zl if span else None) == by_hand(book, day, asked)
        if span:
            assert span.start <= day
            assert span.until is None or day < span.until
            assert [one for one in whole if one.start <= day and (one.until is None or day < one.until)] == [span]


@given(book=books(), asked=st.sampled_from(ASKED))
def test_price_days_are_the_days_with_which_a_price_begins(book: TariffBook, asked: dict[str, Any]) -> None:
    days = book.price_days(before=date(2028, 1, 1))
    period = (
        Period(start=book.tariffs[0].valid_from, until=date(2028, 1, 1))
        if book.tariffs[0].valid_from < date(2028, 1, 1)
        else None
    )
    assume(period is not None)
    assert period is not None

    spans = book.spans_in(**asked, channel=Channel.PAPER, service=Service.WATER, period=period)

    assert {span.start for span in spans} <= set(days)
    assert all(day < date(2028, 1, 1) for day in days)


thresholds = st.lists(
    st.decimals(min_value=Decimal("0.001"), max_value=100, places=3), min_size=1, max_size=3, unique=True
)


@given(volume_m3=volumes_m3, limits=thresholds.map(sorted), split=st.decimals(min_value=0, max_value=1, places=2))
def test_every_litre_lies_in_one_block_and_two_meters_make_the_blocks_of_one(
    volume_m3: Decimal, limits: list[Decimal], split: Decimal
) -> None:
    froms = [Decimal("0.000"), *limits]
    blocks = [PriceBlock(from_m3=one, net_zl=Decimal(number + 1)) for number, one in enumerate(froms)]
    first_m3 = (volume_m3 * split).quantize(Decimal("0.001"))

    whole = list(in_blocks(volume_m3, before_m3=Decimal("0.000"), blocks=blocks, thresholds=froms))
    parts = [
        *in_blocks(first_m3, before_m3=Decimal("0.000"), blocks=blocks, thresholds=froms),
        *in_blocks(volume_m3 - first_m3, before_m3=first_m3, blocks=blocks, thresholds=froms),
    ]

    assert sum(part.volume_m3 for part in whole) == volume_m3
    for number, (lower, upper) in enumerate(zip(froms, [*limits, None], strict=True)):
        inside = max(min(volume_m3, upper if upper is not None else volume_m3) - lower, Decimal(0))
        assert sum(part.volume_m3 for part in whole if part.net_zl == number + 1) == inside
        assert sum(part.volume_m3 for part in parts if part.net_zl == number + 1) == inside


@given(
    days=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    threshold_m3=st.decimals(min_value=Decimal("0.001"), max_value=100, places=3),
    places=st.integers(0, 3),
)
def test_the_shares_of_a_threshold_make_the_threshold(days: list[int], threshold_m3: Decimal, places: int) -> None:
    ends = [LEAP + timedelta(days=sum(days[:number])) for number in range(len(days) + 1)]
    whole = Period(start=ends[0], until=ends[-1])
    block = PriceBlock(from_m3=threshold_m3, net_zl=Decimal(1))

    shares = [
        thresholds_of(
            blocks=[block], per=BlockPer.BILL, part=Period(start=start, until=until), whole=whole, places=places
        )[0]
        for start, until in pairwise(ends)
    ]

    assert sum(shares) == threshold_m3


@given(
    start=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    per_months=st.integers(1, 12),
    cuts=st.lists(st.integers(1, 11), max_size=3),
)
def test_as_many_months_as_a_rate_is_for_make_one_rate_however_they_are_billed(
    start: date, per_months: int, cuts: list[int]
) -> None:
    first = start.replace(day=1)
    inner = sorted({cut for cut in cuts if cut < per_months})
    ends = [months_later(first, months=number) for number in (0, *inner, per_months)]

    parts = [periods_in(months=Period(start=one, until=two), per_months=per_months) for one, two in pairwise(ends)]

    assert sum(parts) == 1
    assert all(part > 0 for part in parts)


HOME = Address(street="", postcode="", city="")
POINT = PointSnapshot(
    point_no="1",
    address=HOME,
    contract_no="",
    contract_from=date.min,
    contract_until=None,
    tariff_class="b",
    services=frozenset({Service.WATER}),
    registers=(),
)


@given(
    book=books(), volume_m3=volumes_m3, first=starts, length=st.integers(1, 400), rounding=st.sampled_from(LineRounding)
)
def test_a_bill_over_any_tariffs_adds_up_and_holds_no_binary_float(
    book: TariffBook, volume_m3: Decimal, first: date, length: int, rounding: LineRounding
) -> None:
    first = max(first, book.tariffs[0].valid_from)
    period = Period(start=first, until=first + timedelta(days=length))
    quantity = Quantity(service=Service.WATER, period=period, volume_m3=volume_m3, places=3)
    customer = Customer(point=POINT, channel=Channel.PAPER, payer=PartyKind.NATURAL_PERSON)
    lines = priced_lines([quantity], customer=customer, tariffs=book, issue_date=date(2028, 6, 1))
    assert isinstance(lines, list)
    nets_zl = [(line.vat_rate, line.summed_zl(rounding)) for line in lines]
    sums = vat_sums(lines=nets_zl, model=VatModel.ON_RATE_SUM, rounding=rounding)
    bill = Bill(
        account_no="1",
        channel=Channel.PAPER,
        lines=tuple(lines),
        vat_sums=sums,
        net_zl=sum((one.net_zl for one in sums), Decimal(0)),
        vat_zl=sum((one.vat_zl for one in sums), Decimal(0)),
        gross_zl=sum((one.gross_zl for one in sums), Decimal(0)),
        line_rounding=rounding,
    )

    assert sum(line.quantity for line in lines) == volume_m3
    first_rows = [line for line in lines if line.row_no == 1]
    assert sum(line.period.days for line in first_rows) == period.days
    assert all(earlier.period.until == later.period.start for earlier, later in pairwise(first_rows))
    exact = sum((line.quantity * line.price_zl for line in lines), Decimal(0))
    if rounding is LineRounding.RATE_SUM:
        assert bill.net_zl == exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    else:
        assert bill.net_zl == sum(round_zl(line.quantity * line.price_zl) for line in lines)
    assert {type(value) for value in _leaves(bill)} <= {
        str,
        int,
        Decimal,
        date,
        bool,
        type(None),
        Channel,
        Service,
        LineRounding,
    }
    assert from_data(Bill, to_data(bill)) == bill


def _leaves(value: Any) -> Iterator[Any]:
    if is_dataclass(value):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
