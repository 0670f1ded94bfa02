"""Every m³ that a main meter counted is billed once: behind it, between contracts, through zero and back by jitter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from test_billing_properties import HOME, LONG_AGO, reading

from billing.accounts import PointBehind, PointSnapshot, Reading, RegisterSnapshot, Service, Unmetered
from billing.differences import differences
from billing.holds import HoldCode
from billing.metering import quantities
from billing.models import Models, SplitPlaces
from billing.periods import Period
from billing.quantities import NotBillable, Quantity
from billing.registers import Consumption, Tenure, consumptions
from billing.shares import pieces

START, END = date(2026, 6, 1), date(2026, 12, 1)
volumes_m3 = st.decimals(min_value=0, max_value=200, places=3)
inner_days = st.dates(min_value=START + timedelta(days=2), max_value=END - timedelta(days=2))
places = st.sampled_from(SplitPlaces)
USUAL = Models()


def register(
    number: int,
    volume_m3: Decimal,
    *,
    start: date = START,
    end: date = END,
    at_m3: Decimal = Decimal(50),
    **values: object,
) -> RegisterSnapshot:
    made = RegisterSnapshot(
        meter_no=f"W-{number}",
        register=0,
        dials=5,
        decimals=3,
        installed_on=LONG_AGO,
        removed_on=None,
        previous=reading(10 * number, start, at_m3),
        current=reading(10 * number + 1, end, at_m3 + volume_m3),
        missing_reason=None,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def point(*registers: RegisterSnapshot, **values: object) -> PointSnapshot:
    made = PointSnapshot(
        point_no="PP-1",
        address=HOME,
        contract_no="U/1",
        contract_from=LONG_AGO,
        contract_until=None,
        tariff_class="household",
        services=frozenset({Service.WATER, Service.SEWAGE}),
        registers=registers,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def billed_m3(
    found: Sequence[Quantity] | NotBillable, service: Service, *, cuts: Sequence[date] = (), models: Models = USUAL
) -> Decimal:
    assert not isinstance(found, NotBillable), found
    total = Decimal(0)
    for one in found:
        if one.service is service:
            digits = one.places if models.split_places is SplitPlaces.METERED else 3
            parts = [piece.volume_m3 for piece in pieces(one, cuts=cuts, places=digits)]
            assert all(part >= 0 for part in parts)
            total += sum(parts, Decimal(0))
    return total


@given(main=volumes_m3, garden=volumes_m3, cuts=st.lists(inner_days, max_size=3))
def test_sewage_is_water_less_what_the_garden_took_and_never_below_nothing(
    main: Decimal, garden: Decimal, cuts: list[date]
) -> None:
    behind = register(2, garden, purpose="garden", sewage_percent=Decimal(0))
    found = quantities(point(register(1, main), behind), until=END, models=Models())

    if garden > main:
        assert isinstance(found, NotBillable)
        assert found.code is HoldCode.DEDUCTION_TOO_HIGH
    else:
        assert billed_m3(found, Service.WATER, cuts=cuts) == main
        assert billed_m3(found, Service.SEWAGE, cuts=cuts) == main - garden


@given(
    main=volumes_m3,
    flats=st.lists(volumes_m3, min_size=1, max_size=4),
    decimals=st.integers(0, 3),
    days=st.tuples(st.lists(inner_days, max_size=3, unique=True).map(sorted), st.lists(inner_days, max_size=2)),
    split=places,
)
def test_what_flats_and_the_owner_are_billed_is_what_the_building_took(
    main: Decimal, flats: list[Decimal], decimals: int, days: tuple[list[date], list[date]], split: SplitPlaces
) -> None:
    edges, cuts = days
    models = Models(split_places=split)
    front = register(1, main, decimals=decimals)
    contracts = []
    for number, volume_m3 in enumerate(flats, start=2):
        meter = register(number, volume_m3, decimals=decimals)
        contracts.extend(
            PointBehind(
                point_no=f"PP-{number}",
                contract_no="U",
                contract_from=tenure.start,
                contract_until=tenure.until,
                services=frozenset({Service.WATER}),
                registers=(meter,),
                other_contracts=tenure.others,
            )
            for tenure in tenures(edges)
        )
    owner = quantities(point(front, behind=tuple(contracts)), until=END, models=models)
    paid = sum(
        (
            billed_m3(
                quantities(
                    point(
                        *one.registers,
                        contract_from=one.contract_from,
                        contract_until=one.contract_until,
                        other_contracts=one.other_contracts,
                    ),
                    until=END,
                    models=models,
                ),
                Service.WATER,
                cuts=cuts,
                models=models,
            )
            for one in contracts
        ),
        Decimal(0),
    )

    whole = counted(front, models)
    if isinstance(owner, NotBillable):
        assert owner.code is HoldCode.DIFFERENCE_NEGATIVE
        assert paid > whole
    else:
        assert billed_m3(owner, Service.WATER, cuts=cuts, models=models) + paid == whole
        assert billed_m3(owner, Service.SEWAGE, cuts=cuts, models=models) == whole


def tenures(edges: Sequence[date]) -> list[Tenure]:
    """Contracts that follow each other on these days, each knowing the others."""
    bounds = [LONG_AGO, *edges, None]
    periods = [Period(start=start or LONG_AGO, until=until or date.max) for start, until in pairwise(bounds)]
    return [
        Tenure(
            start=own.start,
            until=None if own.until == date.max else own.until,
            others=tuple(one for one in periods if one is not own),
        )
        for own in periods
    ]


def counted(meter: RegisterSnapshot, models: Models) -> Decimal:
    found = consumptions(register=meter, tenure=Tenure(start=LONG_AGO, until=None), models=models)
    assert not isinstance(found, NotBillable)
    return sum((one.volume_m3 for one in found), Decimal(0))


@given(
    volume=volumes_m3,
    decimals=st.integers(0, 3),
    days=st.tuples(
        st.lists(inner_days, min_size=1, max_size=3, unique=True).map(sorted), st.lists(inner_days, max_size=2)
    ),
    reads=st.lists(st.tuples(inner_days, st.integers(0, 100)), max_size=3, unique_by=lambda one: one[0]),
    split=places,
)
def test_contracts_that_follow_each_other_are_billed_what_the_meter_counted(
    volume: Decimal,
    decimals: int,
    days: tuple[list[date], list[date]],
    reads: list[tuple[date, int]],
    split: SplitPlaces,
) -> None:
    """Readings in between stand nearest to some contract's edge, or are of one of its days."""
    edges, cuts = days
    models = Models(split_places=split)
    share = sorted(percent for _, percent in reads)
    between = [
        reading(100 + at, day, Decimal(50) + (volume * percent / 100).quantize(Decimal("0.001")))
        for at, (day, percent) in enumerate(zip(sorted(day for day, _ in reads), share, strict=True))
    ]
    whole = register(1, volume, decimals=decimals)
    assert whole.current is not None
    chain = [whole.previous, *between, whole.current]
    paid = Decimal(0)
    for tenure in tenures(edges):
        meter = seen_by(tenure, chain, whole)
        found = quantities(
            point(meter, contract_from=tenure.start, contract_until=tenure.until, other_contracts=tenure.others),
            until=END,
            models=models,
        )
        paid += billed_m3(found, Service.WATER, cuts=cuts, models=models)

    assert paid == counted(whole, models)


def seen_by(tenure: Tenure, chain: Sequence, whole: RegisterSnapshot) -> RegisterSnapshot:  # type: ignore[type-arg]
    """The register as a contract's snapshot has it: the readings that open and close it, and those in between.

    A reading of the first day, or for want of it of the day before, opens one contract and closes the other.
    """

    def at(day: date):  # type: ignore[no-untyped-def]
        return next((one for back in (0, 1) for one in chain if one.read_on == day - timedelta(days=back)), None)

    previous = at(tenure.start) or max(
        (one for one in chain if one.read_on <= tenure.start), key=lambda one: one.read_on, default=chain[0]
    )
    current = chain[-1]
    if tenure.until is not None:
        later = (one for one in chain if one.read_on > tenure.until)
        current = at(tenure.until) or min(later, key=lambda one: one.read_on)
    inner = tuple(one for one in chain if previous.read_on < one.read_on < current.read_on)
    return replace(whole, previous=previous, current=current, between=inner)


@given(
    start=st.integers(90000, 99999),
    used=st.lists(st.integers(0, 3000), min_size=1, max_size=8),
    jitter=st.lists(st.decimals(min_value=0, max_value=Decimal("0.050"), places=3), min_size=8, max_size=8),
)
def test_a_sequence_of_months_bills_every_m3_once_through_zero_and_back_by_jitter(
    start: int, used: list[int], jitter: list[Decimal]
) -> None:
    """Each month the register stands at what was used less a little that it ran back."""
    models = Models(volume_max_m3_day=Decimal(1000))
    reached, total = Decimal(start), Decimal(0)
    previous = reading(1, START, reached)
    for at, (volume, back) in enumerate(zip(used, jitter, strict=False), start=1):
        reached += volume
        shown = (reached - (back if volume == 0 else 0)) % 100000
        current = reading(at + 1, START + timedelta(days=30 * at), shown)
        meter = replace(register(1, Decimal(0)), decimals=0, previous=previous, current=current)
        found = consumptions(register=meter, tenure=Tenure(start=LONG_AGO, until=None), models=models)
        assert not isinstance(found, NotBillable), (found, previous, current)
        (one,) = found
        assert isinstance(one, Consumption)
        total += one.volume_m3
        cut = current.index_m3.to_integral_value(rounding="ROUND_DOWN")
        billed = one.counted.current_index_m3
        previous = replace(current, billed_index_m3=billed if billed != cut else None)

    assert total == sum(used)


@given(
    persons=st.integers(1, 9),
    edges=st.lists(inner_days, max_size=3, unique=True).map(sorted),
    cuts=st.lists(inner_days, max_size=2),
)
def test_a_norm_is_billed_for_every_day_once_and_whole_months_in_full(
    persons: int, edges: list[date], cuts: list[date]
) -> None:
    bounds = [START, *edges, END]
    given_ = tuple(
        Unmetered(
            service=Service.WATER,
            basis="norm",
            norm="2002-4-sewer",
            persons=persons,
            m3_month=None,
            valid_from=start,
            valid_until=until,
            billed_until=None,
        )
        for start, until in pairwise(bounds)
    )
    found = quantities(point(unmetered=given_, services=frozenset({Service.WATER})), until=END, models=Models())

    assert not isinstance(found, NotBillable)
    assert [(one.period.start, one.period.until) for one in found] == list(pairwise(bounds))
    total = billed_m3(found, Service.WATER, cuts=cuts)
    assert abs(total - 6 * 3 * persons) <= Decimal("0.001") * len(edges)


@given(main=volumes_m3, flats=st.lists(volumes_m3, min_size=1, max_size=6))
def test_the_shares_of_a_difference_make_it_whole_and_none_is_below_nothing(
    main: Decimal, flats: list[Decimal]
) -> None:
    contracts = tuple(
        PointBehind(
            point_no=f"PP-{number}",
            contract_no=f"U/{number}",
            contract_from=LONG_AGO,
            contract_until=None,
            services=frozenset({Service.WATER, Service.SEWAGE}),
            registers=(register(number, volume_m3),),
        )
        for number, volume_m3 in enumerate(flats, start=2)
    )
    found = differences(point(register(1, main), behind=contracts, difference="flats"), models=USUAL)

    if isinstance(found, NotBillable):
        assert found.code is HoldCode.DIFFERENCE_NEGATIVE
        assert sum(flats) > main
        return
    for one in found:
        shares = [volume_m3 for _, _, volume_m3 in one.shares.values()]
        assert one.of_m3 == sum(shares) == main - sum(flats)
        assert all(share >= 0 for share in shares)


@given(
    main=st.integers(-30, 60),
    flats=st.lists(st.integers(-20, 20), min_size=1, max_size=5),
)
def test_flats_that_settle_estimates_share_what_is_left_or_nobody_shares_it(main: int, flats: list[int]) -> None:
    def settling(number: int, used: int) -> RegisterSnapshot:
        made = register(number, Decimal(100))
        current = replace(made.current, index_m3=made.previous.index_m3 + used) if made.current else None
        return replace(made, previous=replace(made.previous, quality="estimated"), current=current)

    contracts = tuple(
        PointBehind(
            point_no=f"PP-{number}",
            contract_no=f"U/{number}",
            contract_from=LONG_AGO,
            contract_until=None,
            services=frozenset({Service.WATER, Service.SEWAGE}),
            registers=(settling(number, used),),
        )
        for number, used in enumerate(flats, start=2)
    )
    building = point(settling(1, main), behind=contracts, difference="flats")
    found = differences(building, models=USUAL)

    if main < sum(flats):
        assert isinstance(found, NotBillable)
        assert found.code is HoldCode.DIFFERENCE_NEGATIVE
        held = quantities(building, until=END, models=USUAL)
        assert isinstance(held, NotBillable)
        assert held.code is HoldCode.DIFFERENCE_NEGATIVE
        return
    assert not isinstance(found, NotBillable)
    for one in found:
        assert sum(volume_m3 for _, _, volume_m3 in one.shares.values()) == one.of_m3 == main - sum(flats)
        assert all(figure >= 0 for figures in one.shares.values() for figure in figures)


@given(
    reads=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=2, max_size=4),
    days=st.lists(inner_days, min_size=4, max_size=4, unique=True).map(sorted),
)
def test_readings_between_make_no_part_of_water_less_the_garden_below_nothing(
    reads: list[tuple[int, int]], days: list[date]
) -> None:
    main_m3, garden_m3 = Decimal(50), Decimal(50)
    known: list[list[Reading]] = [[], []]
    for number, (day, (more, garden)) in enumerate(zip(days, reads, strict=False)):
        main_m3, garden_m3 = main_m3 + more, garden_m3 + garden
        known[0].append(reading(100 + number, day, main_m3))
        known[1].append(reading(200 + number, day, garden_m3))
    registers = (
        register(1, main_m3 - 50 + 20, between=tuple(known[0])),
        register(2, garden_m3 - 50, between=tuple(known[1]), purpose="garden", sewage_percent=Decimal(0)),
    )
    found = quantities(point(*registers), until=END, models=USUAL)

    if not isinstance(found, NotBillable):
        assert billed_m3(found, Service.SEWAGE, cuts=days) == main_m3 - garden_m3 + 20


@given(edge=inner_days, early=st.integers(2, 40), late=st.integers(0, 40), side=st.sampled_from(["before", "after"]))
def test_readings_that_lie_wholly_before_or_after_a_contract_bill_nothing_of_it(
    edge: date, early: int, late: int, side: str
) -> None:
    if side == "after":
        start, end = edge + timedelta(days=late), edge + timedelta(days=late + early)
        tenure = Tenure(start=LONG_AGO, until=edge, others=(Period(start=edge, until=date.max),))
    else:
        start, end = edge - timedelta(days=early + late), edge - timedelta(days=late)
        tenure = Tenure(start=edge, until=None, others=(Period(start=LONG_AGO, until=edge),))

    assert consumptions(register=register(1, Decimal(7), start=start, end=end), tenure=tenure, models=USUAL) == ()


@given(used=st.integers(-9, 9), cut=inner_days)
def test_no_part_of_what_settles_an_estimate_is_minus_nothing(used: int, cut: date) -> None:
    made = register(1, Decimal(used), decimals=0)
    made = replace(made, previous=replace(made.previous, quality="estimated"))
    found = quantities(point(made), until=END, models=USUAL)

    assert not isinstance(found, NotBillable)
    parts = [piece.volume_m3 for one in found for piece in pieces(one, cuts=[cut], places=0)]
    assert sum(parts) == 2 * used
    assert not any(part == 0 and part.is_signed() for part in parts)


@given(
    edge=inner_days,
    days=st.lists(inner_days, max_size=3, unique=True).map(sorted),
    used=st.lists(st.integers(0, 30), min_size=4, max_size=4),
    cuts=st.lists(inner_days, max_size=2),
)
def test_two_contracts_told_the_same_readings_share_what_the_meter_counted(
    edge: date, days: list[date], used: list[int], cuts: list[date]
) -> None:
    between, index_m3 = [], Decimal(50)
    for number, (day, more) in enumerate(zip(days, used, strict=False)):
        index_m3 += more
        between.append(reading(100 + number, day, index_m3))
    whole_m3 = index_m3 + used[-1] - 50
    made = register(1, whole_m3, between=tuple(between), decimals=0)
    earlier = point(made, contract_until=edge, other_contracts=(Period(start=edge, until=date.max),))
    later = point(made, contract_from=edge, other_contracts=(Period(start=LONG_AGO, until=edge),))

    billed = [
        billed_m3(
            quantities(one, until=END, models=USUAL), Service.WATER, cuts=[day for day in cuts if (day < edge) is first]
        )
        for one, first in ((earlier, True), (later, False))
    ]

    # each bills up to, or from, the reading nearest to the edge; what lies further on is billed to it alone
    assert sum(billed) == whole_m3
