"""What holds for every account, however it is made up."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path

from hypothesis import assume, given
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
from billing.canonical import from_data, to_data
from billing.charges import Bill, Hold
from billing.consents import (
    ConsentEvent,
    ConsentKind,
    ConsentMethod,
    ConsentRule,
    EffectiveRule,
    effective_from,
    preference,
)
from billing.invoices import Invoice
from billing.issuing import make_invoice
from billing.models import Models
from billing.numbering import invoice_number
from billing.periods import Period, months_period
from billing.rating import bill
from billing.registers import Tenure, consumptions
from billing.subsidies import SubsidyMode, TariffSubsidy
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook
from billing.utility import load_utility
from billing.vat import VatModel, vat_sums

DEMO = Path(__file__).parents[2] / "utilities" / "demo"
TARIFF = DEMO / "tariffs" / "2010-zdroje.toml"
TARIFFS = TariffBook(tariffs=(load_tariff(TARIFF.read_bytes(), name=TARIFF.name),))
UTILITY = load_utility((DEMO / "utility.toml").read_text(encoding="utf-8"), name="demo")
HOME = Address(street="ul. Źródlana 1", postcode="00-000", city="Zdroje")
CYCLE = CycleTerms(
    cycle_key="2026-09/1", period=months_period("2026-09"), issue_date=date(2026, 10, 2), payment_days=14
)
LONG_AGO = date(2015, 1, 1)

indexes_m3 = st.decimals(min_value=0, max_value=99999, places=3)
nets_zl = st.decimals(min_value=0, max_value=100000, places=2)
rates = st.sampled_from([Decimal("0.23"), Decimal("0.08"), Decimal("0.05"), Decimal("0.00")])
days = st.dates(min_value=date(2026, 6, 1), max_value=date(2026, 9, 30))


def reading(reading_id: int, read_on: date, index_m3: Decimal) -> Reading:
    return Reading(reading_id=reading_id, read_on=read_on, index_m3=index_m3, source="reader", quality="actual")


@st.composite
def registers(draw: st.DrawFn) -> RegisterSnapshot:
    first, last = sorted(draw(st.tuples(days, days)))
    before, after = sorted(draw(st.tuples(indexes_m3, indexes_m3)))
    number = draw(st.integers(1, 10**6))
    has_current = draw(st.integers(0, 9)) > 0
    return RegisterSnapshot(
        meter_no=f"W-{number}",
        register=draw(st.integers(1, 2)),
        dials=5,
        decimals=draw(st.integers(0, 3)),
        installed_on=LONG_AGO,
        removed_on=None,
        previous=reading(2 * number, first, before),
        current=reading(2 * number + 1, last, after) if has_current else None,
        missing_reason=None if has_current else draw(st.sampled_from([None, "suspect", "no_access"])),
    )


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[RegisterSnapshot, ...]:
    """Meters of one point, each replaced by the next on the day of its last reading; the newest may be unread."""
    parts = draw(st.lists(registers(), max_size=3, unique_by=lambda item: item.meter_no))
    ends = sorted(draw(st.lists(days, min_size=len(parts) + 1, max_size=len(parts) + 1, unique=True)))
    chain = []
    for place, part in enumerate(parts):
        removed_on = ends[place + 1] if place + 1 < len(parts) else None
        current = part.current and replace(
            part.current, read_on=ends[place + 1], source="exchange_removal" if removed_on else "reader"
        )
        previous = replace(part.previous, read_on=ends[place])
        chain.append(replace(part, register=0, previous=previous, current=current, removed_on=removed_on))
    return tuple(chain)


@st.composite
def points(draw: st.DrawFn) -> PointSnapshot:
    return PointSnapshot(
        point_no=f"PP-{draw(st.integers(1, 10**6))}",
        address=HOME,
        contract_no="U/1",
        contract_from=LONG_AGO,
        contract_until=draw(st.none() | st.dates(min_value=date(2026, 10, 1), max_value=date(2027, 1, 1))),
        tariff_class="household",
        services=frozenset({Service.WATER, *draw(st.sampled_from([(), (Service.SEWAGE,)]))}),
        registers=draw(exchanges()),
    )


@st.composite
def accounts(draw: st.DrawFn) -> AccountSnapshot:
    party = Party(
        party_no="P1",
        kind=draw(st.sampled_from(PartyKind)),
        name=draw(st.text(min_size=1, max_size=20)),
        nip=draw(st.none() | st.just("0000001235")),
        address=HOME,
    )
    channel = draw(st.sampled_from(Channel))
    return AccountSnapshot(
        account_no="100001",
        parties={Role.PAYER: party, Role.BUYER: party},
        bank_account="00000000000000000000000000",
        channel=channel,
        carrier=draw(st.sampled_from(Channel)),
        email=draw(st.none() | st.just("a@example.com")),
        consent_id=draw(st.none() | st.integers(1, 9)),
        channel_reason="drawn",
        points=tuple(draw(st.lists(points(), min_size=1, max_size=3, unique_by=lambda item: item.point_no))),
    )


def draft_of(outcome: Bill | Hold) -> Bill | None:
    return outcome.draft if isinstance(outcome, Hold) else outcome


@given(account=accounts())
def test_the_parts_of_a_bill_add_up_to_the_whole(account: AccountSnapshot) -> None:
    made = draft_of(bill(account, TARIFFS, CYCLE))
    assume(made is not None)
    assert made is not None

    for line in made.lines:
        exact = line.quantity * line.price_zl
        assert line.net_zl == exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        assert line.quantity >= 0
    assert made.net_zl == sum(line.net_zl for line in made.lines)
    assert made.vat_zl == sum(part.vat_zl for part in made.vat_sums)
    assert made.gross_zl == made.net_zl + made.vat_zl


@given(account=accounts())
def test_sewage_is_the_water_of_the_same_point(account: AccountSnapshot) -> None:
    made = draft_of(bill(account, TARIFFS, CYCLE))
    assume(made is not None)
    assert made is not None

    for point in account.points:
        volumes = {
            service: [
                line.quantity for line in made.lines if (line.point_no, line.service) == (point.point_no, service)
            ]
            for service in (Service.WATER, Service.SEWAGE)
        }
        if Service.SEWAGE in point.services:
            assert volumes[Service.SEWAGE] == volumes[Service.WATER]
        else:
            assert volumes[Service.SEWAGE] == []


@given(account=accounts(), data=st.data())
def test_the_order_of_points_and_registers_does_not_matter(account: AccountSnapshot, data: st.DataObject) -> None:
    shuffled = [
        replace(point, registers=tuple(data.draw(st.permutations(point.registers)))) for point in account.points
    ]
    other = replace(account, points=tuple(data.draw(st.permutations(shuffled))))

    assert bill(other, TARIFFS, CYCLE) == bill(account, TARIFFS, CYCLE)


@st.composite
def subsidies(draw: st.DrawFn, mode: SubsidyMode) -> TariffBook:
    """The demo's tariff with what a gmina pays for water, and perhaps for sewage, in both groups of households."""
    tariff, gmina = TARIFFS.tariffs[0], "Zdroje"
    rates_zl = draw(st.tuples(*[st.decimals(min_value=Decimal("0.0001"), max_value=Decimal("5.25"), places=4)] * 2))
    services = draw(st.sampled_from([(Service.WATER,), (Service.WATER, Service.SEWAGE)]))
    paid = tuple(
        TariffSubsidy(
            gmina=gmina,
            group=group,
            service=service,
            mode=mode,
            zl_m3=zl_m3,
            valid_from=tariff.valid_from,
            valid_until=None,
            basis="unknown",
        )
        for group in ("G-P", "G-E")
        for service, zl_m3 in zip(services, rates_zl, strict=False)
    )
    return TariffBook(tariffs=(replace(tariff, subsidies=paid),))


def in_gmina(account: AccountSnapshot) -> AccountSnapshot:
    return replace(account, points=tuple(replace(point, gmina="Zdroje") for point in account.points))


@given(account=accounts(), data=st.data())
def test_what_a_gmina_pays_net_and_what_is_billed_make_the_price_of_the_tariff(
    account: AccountSnapshot, data: st.DataObject
) -> None:
    whole = draft_of(bill(account, TARIFFS, CYCLE))
    made = draft_of(bill(in_gmina(account), data.draw(subsidies(SubsidyMode.NET)), CYCLE))
    assume(whole is not None and made is not None)
    assert whole is not None
    assert made is not None

    assert made.net_zl + made.subsidy_net_zl == whole.net_zl
    for line, full in zip(made.lines, whole.lines, strict=True):
        paid = line.subsidy
        assert line.net_zl + (paid.subsidy_zl if paid else 0) == full.net_zl
        assert line.net_zl == (line.quantity * line.price_zl).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
        if paid:
            assert line.price_zl + paid.zl_m3 == full.price_zl
            # two roundings of half a grosz each
            assert abs(paid.subsidy_zl - line.quantity * paid.zl_m3) <= Decimal("0.01")
    assert made.payable_zl == made.gross_zl
    assert from_data(Bill, to_data(made)) == made


@given(account=accounts(), data=st.data())
def test_what_a_gmina_pays_gross_and_what_is_payable_make_the_whole_gross(
    account: AccountSnapshot, data: st.DataObject
) -> None:
    whole = draft_of(bill(account, TARIFFS, CYCLE))
    made = draft_of(bill(in_gmina(account), data.draw(subsidies(SubsidyMode.GROSS)), CYCLE))
    assume(whole is not None and made is not None)
    assert whole is not None
    assert made is not None

    assert (made.net_zl, made.vat_zl, made.gross_zl) == (whole.net_zl, whole.vat_zl, whole.gross_zl)
    assert made.payable_zl + made.subsidy_gross_zl == made.gross_zl
    exact = [(line.subsidy.subsidy_zl, line.quantity * line.subsidy.zl_m3) for line in made.lines if line.subsidy]
    assert all(zl == sum_zl.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) for zl, sum_zl in exact)
    assert made.subsidy_gross_zl == sum(zl for zl, _ in exact)
    assert from_data(Bill, to_data(made)) == made


@given(
    register=registers(),
    read_on=st.lists(days, min_size=3, max_size=3, unique=True).map(sorted),
    index_m3=st.tuples(indexes_m3, indexes_m3, indexes_m3).map(sorted),
)
def test_two_consecutive_bills_count_the_same_as_one_over_both(
    register: RegisterSnapshot, read_on: list[date], index_m3: list[Decimal]
) -> None:
    start, middle, end = (reading(at, read_on[at], index_m3[at]) for at in range(3))

    counted = [
        consumptions(
            register=replace(register, previous=one, current=two, missing_reason=None),
            tenure=Tenure(start=LONG_AGO, until=None),
            models=Models(),
        )
        for one, two in ((start, end), (start, middle), (middle, end))
    ]

    assert all(isinstance(found, tuple) for found in counted)
    whole, first, second = (one for found in counted if isinstance(found, tuple) for one in found)
    assert first.volume_m3 + second.volume_m3 == whole.volume_m3
    assert first.period.days + second.period.days == whole.period.days


@given(lines=st.lists(st.tuples(rates, nets_zl), max_size=20))
def test_vat_is_never_further_than_half_a_grosz_from_the_exact_tax_and_a_tie_goes_up(
    lines: list[tuple[Decimal, Decimal]],
) -> None:
    for part in vat_sums(lines=lines, model=VatModel.ON_RATE_SUM):
        exact = part.net_zl * part.vat_rate
        assert -Decimal("0.005") <= exact - part.vat_zl < Decimal("0.005")
    assert sum(part.net_zl for part in vat_sums(lines=lines, model=VatModel.ON_RATE_SUM)) == sum(
        net for _, net in lines
    )


@given(rate=st.sampled_from([Decimal("0.23"), Decimal("0.05")]), grosze=st.integers(0, 10**6))
def test_every_tie_of_half_a_grosz_goes_up(rate: Decimal, grosze: int) -> None:
    # with these rates a net of 50 grosze more than a full zloty (0.05: 10 more than 20) taxes to half a grosz
    net_zl = Decimal(grosze) + (Decimal("0.50") if rate == Decimal("0.23") else Decimal("0.10"))
    (made,) = vat_sums(lines=[(rate, net_zl)], model=VatModel.ON_RATE_SUM)

    assert made.vat_zl - net_zl * rate == Decimal("0.005")


@given(volume_m3=st.integers(0, 5000))
def test_in_the_demo_town_an_e_invoice_saves_four_zloty_a_month_at_any_consumption(volume_m3: int) -> None:
    previous, current = reading(1, date(2026, 8, 31), Decimal(0)), reading(2, date(2026, 9, 30), Decimal(volume_m3))
    register = RegisterSnapshot(
        meter_no="W-1",
        register=1,
        dials=5,
        decimals=0,
        installed_on=LONG_AGO,
        removed_on=None,
        previous=previous,
        current=current,
        missing_reason=None,
    )
    party = Party(party_no="P1", kind=PartyKind.NATURAL_PERSON, name="A", nip=None, address=HOME)
    gross_zl = {}
    for channel in Channel:
        outcome = bill(
            AccountSnapshot(
                account_no="1",
                parties={Role.PAYER: party, Role.BUYER: party},
                bank_account="",
                channel=channel,
                carrier=channel,
                email=None,
                consent_id=None,
                channel_reason="",
                points=(
                    PointSnapshot(
                        point_no="PP-1",
                        address=HOME,
                        contract_no="U/1",
                        contract_from=LONG_AGO,
                        contract_until=None,
                        tariff_class="household",
                        services=frozenset({Service.WATER, Service.SEWAGE}),
                        registers=(register,),
                    ),
                ),
            ),
            TARIFFS,
            CYCLE,
        )
        assert isinstance(outcome, Bill)
        gross_zl[channel] = outcome.gross_zl

    assert gross_zl[Channel.PAPER] - gross_zl[Channel.EMAIL] == Decimal("4.00")


@given(account=accounts())
def test_snapshot_outcome_and_invoice_survive_the_way_through_plain_data(account: AccountSnapshot) -> None:
    outcome = bill(account, TARIFFS, CYCLE)
    made = draft_of(outcome)

    assert from_data(AccountSnapshot, to_data(account)) == account
    assert from_data(type(outcome), to_data(outcome)) == outcome
    if made:
        number = invoice_number(numbering=UTILITY.numbering, series="FV/2026/10", sequence=1)
        invoice = make_invoice(account=account, bill=made, number=number, utility=UTILITY, cycle=CYCLE)
        again = from_data(Invoice, to_data(invoice))
        assert again == invoice
        assert to_data(again) == to_data(invoice)


@given(start=st.dates(date(2020, 1, 1), date(2030, 1, 1)), length=st.integers(1, 900))
def test_the_months_of_a_period_are_its_days_without_gap_or_overlap(start: date, length: int) -> None:
    period = Period(start=start, until=start + timedelta(days=length))

    months = list(period.months())

    assert (months[0].start, months[-1].until) == (period.start, period.until)
    assert all(earlier.until == later.start for earlier, later in pairwise(months))
    assert sum(month.days for month in months) == period.days


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@st.composite
def consent_events(draw: st.DrawFn) -> list[ConsentEvent]:
    received = draw(st.lists(moments, max_size=6))
    return [
        ConsentEvent(
            consent_id=number,
            kind=draw(st.sampled_from(ConsentKind)),
            method=draw(st.sampled_from(ConsentMethod)),
            occurred_at=at - timedelta(days=draw(st.integers(0, 30))),
            received_at=at,
            terms_version="1.0",
            terms_sha256=draw(st.sampled_from(["a", "b"])),
            requested_from=draw(st.none() | st.dates(date(2026, 1, 1), date(2027, 1, 1))),
        )
        for number, at in enumerate(received)
    ]


rules = st.builds(ConsentRule, paper_form_start=st.sampled_from(EffectiveRule), withdraw=st.sampled_from(EffectiveRule))


@given(events=consent_events(), rule=rules, data=st.data())
def test_preferences_do_not_overlap_and_do_not_depend_on_the_order_of_recording(
    events: list[ConsentEvent], rule: ConsentRule, data: st.DataObject
) -> None:
    spans = preference(events=events, rule=rule)

    assert all(earlier.valid_until == later.valid_from for earlier, later in pairwise(spans))
    assert all(span.valid_until is None or span.valid_from < span.valid_until for span in spans)
    assert not spans or (spans[0].channel is Channel.EMAIL and spans[-1].valid_until is None)
    shuffled = data.draw(st.permutations([*events, *events]))
    assert preference(events=shuffled, rule=rule) == spans


@given(events=consent_events(), rule=rules)
def test_the_statement_that_arrived_last_decides_from_its_day_on(events: list[ConsentEvent], rule: ConsentRule) -> None:
    assume(events)
    last = max(events, key=lambda event: (event.received_at, event.consent_id))
    spans = preference(events=events, rule=rule)

    decided = [span for span in spans if span.valid_until is None]
    if last.kind is ConsentKind.ACCEPT:
        assert decided[0].channel is Channel.EMAIL
        assert decided[0].valid_from <= effective_from(event=last, rule=rule)
    else:
        assert not decided or decided[0].channel is Channel.PAPER
