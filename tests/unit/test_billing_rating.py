"""Rating: which bill, or which hold with which facts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from billing.accounts import (
    AccountSnapshot,
    Address,
    Channel,
    CycleTerms,
    Party,
    PartyKind,
    PointBehind,
    PointSnapshot,
    Reading,
    RegisterSnapshot,
    Role,
    Service,
)
from billing.charges import Bill, Hold
from billing.holds import HoldCode
from billing.models import Models, SplitModel
from billing.periods import months_period
from billing.rating import bill
from billing.tariff_files import load_tariff
from billing.tariffs import Tariff, TariffBook
from billing.vat import VatModel

DEMO = Path(__file__).parents[2] / "utilities" / "demo" / "tariffs" / "2010-zdroje.toml"
HOME = Address(street="ul. Lipowa 7", postcode="00-000", city="Zdroje")
JAN = Party(party_no="P1", kind=PartyKind.NATURAL_PERSON, name="Jan Tajny", nip=None, address=HOME)
CYCLE = CycleTerms(
    cycle_key="2026-09/1", period=months_period("2026-09"), issue_date=date(2026, 10, 2), payment_days=14
)


def reading(reading_id: int, read_on: date, index_m3: str, *, source: str = "reader") -> Reading:
    return Reading(reading_id=reading_id, read_on=read_on, index_m3=Decimal(index_m3), source=source, quality="actual")


METER = RegisterSnapshot(
    meter_no="W-1",
    register=1,
    dials=5,
    decimals=0,
    installed_on=date(2020, 1, 1),
    removed_on=None,
    previous=reading(1, date(2026, 8, 31), "113"),
    current=reading(2, date(2026, 9, 30), "125"),
    missing_reason=None,
)
GARDEN = replace(
    METER,
    meter_no="W-2",
    purpose="garden",
    sewage_percent=Decimal(0),
    previous=reading(3, date(2026, 8, 31), "20"),
    current=reading(4, date(2026, 9, 30), "25"),
)
MORE = reading(5, date(2026, 9, 30), "126")
FLAT = PointBehind(
    point_no="PP-1-1",
    contract_no="U/2",
    contract_from=date(2020, 1, 1),
    contract_until=None,
    services=frozenset({Service.WATER, Service.SEWAGE}),
    registers=(),
)
POINT = PointSnapshot(
    point_no="PP-1",
    address=HOME,
    contract_no="U/1",
    contract_from=date(2020, 1, 1),
    contract_until=None,
    tariff_class="household",
    services=frozenset({Service.WATER, Service.SEWAGE}),
    registers=(METER,),
)
ACCOUNT = AccountSnapshot(
    account_no="100001",
    parties={Role.PAYER: JAN, Role.BUYER: JAN},
    bank_account="00 0000 0000 0000 0000 0000 0000",
    channel=Channel.PAPER,
    carrier=Channel.PAPER,
    email="tajny@example.com",
    consent_id=None,
    channel_reason="no consent",
    points=(POINT,),
)


@pytest.fixture(scope="module")
def demo() -> Tariff:
    return load_tariff(DEMO.read_bytes(), name=DEMO.name)


@pytest.fixture(scope="module")
def tariffs(demo: Tariff) -> TariffBook:
    return TariffBook(tariffs=(demo,))


def with_meter(**changes: object) -> AccountSnapshot:
    return replace(ACCOUNT, points=(replace(POINT, registers=(replace(METER, **changes),)),))  # type: ignore[arg-type]


def with_point(**changes: object) -> AccountSnapshot:
    return replace(ACCOUNT, points=(replace(POINT, **changes),))  # type: ignore[arg-type]


def held(outcome: Bill | Hold) -> Hold:
    assert isinstance(outcome, Hold)
    return outcome


def billed(outcome: Bill | Hold) -> Bill:
    assert isinstance(outcome, Bill)
    return outcome


HELD: dict[str, tuple[Callable[[], AccountSnapshot], HoldCode, dict[str, str]]] = {
    "no buyer": (lambda: replace(ACCOUNT, parties={Role.PAYER: JAN}), HoldCode.NO_PARTY, {"missing": "nabywca"}),
    "no payer": (lambda: replace(ACCOUNT, parties={Role.BUYER: JAN}), HoldCode.NO_PARTY, {"missing": "payer"}),
    "nothing came": (lambda: with_meter(current=None), HoldCode.READING_MISSING, {"reason": "none"}),
    "no access": (
        lambda: with_meter(current=None, missing_reason="no_access"),
        HoldCode.READING_NOT_READ,
        {"reason": "no_access", "meter_no": "W-1"},
    ),
    "suspect": (
        lambda: with_meter(current=None, missing_reason="suspect"),
        HoldCode.READING_SUSPECT,
        {"reason": "suspect"},
    ),
    "index went down": (
        lambda: with_meter(current=reading(2, date(2026, 9, 30), "112")),
        HoldCode.CONSUMPTION_NEGATIVE,
        {"previous_index_m3": "113", "index_m3": "112"},
    ),
    "older than the billed one": (
        lambda: with_meter(current=reading(2, date(2026, 8, 30), "120")),
        HoldCode.READING_SUSPECT,
        {"reason": "older_than_previous"},
    ),
    "used within one day": (
        lambda: with_meter(current=reading(2, date(2026, 8, 31), "120")),
        HoldCode.READING_SUSPECT,
        {"reason": "used_in_no_time"},
    ),
    "exchanged, nothing came": (
        lambda: with_meter(removed_on=date(2026, 9, 15), current=None),
        HoldCode.EXCHANGE_INCOMPLETE,
        {"removed_on": "2026-09-15"},
    ),
    "first reading before the contract": (
        lambda: with_point(contract_from=date(2026, 9, 10)),
        HoldCode.READING_MISSING,
        {"reason": "before_contract", "wanted_on": "2026-09-10"},
    ),
    "last reading after the contract": (
        lambda: with_point(contract_until=date(2026, 9, 20)),
        HoldCode.READING_MISSING,
        {"reason": "after_contract", "wanted_on": "2026-09-20"},
    ),
    "a removal reading of another day than the removal": (
        lambda: with_meter(
            removed_on=date(2026, 9, 15), current=reading(2, date(2026, 9, 10), "120", source="exchange_removal")
        ),
        HoldCode.EXCHANGE_INCOMPLETE,
        {"removed_on": "2026-09-15"},
    ),
    "a later reading that fails a check": (
        lambda: with_meter(missing_reason="suspect"),
        HoldCode.READING_SUSPECT,
        {"reason": "contradicted"},
    ),
    "two meters that count the same days": (
        lambda: with_point(registers=(METER, replace(METER, meter_no="W-2"))),
        HoldCode.METERS_OVERLAP,
        {"meters": "W-1,W-2"},
    ),
    "a garden meter that counted more than the main one": (
        lambda: with_point(registers=(METER, replace(GARDEN, current=reading(4, date(2026, 9, 30), "33")))),
        HoldCode.DEDUCTION_TOO_HIGH,
        {"point_no": "PP-1", "meters": "W-2", "main_m3": "12.000", "behind_m3": "13.000"},
    ),
    "a garden meter that nobody read": (
        lambda: with_point(registers=(METER, replace(GARDEN, current=None))),
        HoldCode.READING_MISSING,
        {"point_no": "PP-1", "meter_no": "W-2"},
    ),
    "a garden meter read on another day": (
        lambda: with_point(registers=(METER, replace(GARDEN, current=reading(4, date(2026, 9, 29), "21")))),
        HoldCode.SUB_READINGS_APART,
        {"meter_no": "W-2", "read_until": "2026-09-29", "wanted_until": "2026-09-30"},
    ),
    "a garden meter without a main one": (
        lambda: with_point(registers=(GARDEN,)),
        HoldCode.METERS_UNCLEAR,
        {"reason": "no_main_meter"},
    ),
    "a building whose flats used more than it took": (
        lambda: with_point(behind=(replace(FLAT, registers=(replace(METER, meter_no="W-9", current=MORE),)),)),
        HoldCode.DIFFERENCE_NEGATIVE,
        {"point_no": "PP-1", "meters": "W-9", "main_m3": "12.000", "behind_m3": "13.000"},
    ),
    "a building with a flat that nobody read": (
        lambda: with_point(behind=(replace(FLAT, registers=(replace(METER, meter_no="W-9", current=None),)),)),
        HoldCode.READING_MISSING,
        {"point_no": "PP-1", "behind": "PP-1-1", "meter_no": "W-9"},
    ),
    "another payer since the last reading": (
        lambda: replace(ACCOUNT, handed_over_on=date(2026, 9, 5)),
        HoldCode.PARTY_CHANGED,
        {"changed_on": "2026-09-05", "billed_from": "2026-08-31"},
    ),
    "no meter": (lambda: with_point(registers=()), HoldCode.NO_METER, {"point_no": "PP-1"}),
    "a class without a group": (
        lambda: with_point(tariff_class="industry"),
        HoldCode.NO_PRICE,
        {"tariff_class": "industry", "reason": "no_group"},
    ),
    "readings older than any tariff": (
        lambda: with_meter(previous=reading(1, date(2009, 12, 31), "1")),
        HoldCode.READING_MISSING,
        {"reason": "before_contract"},
    ),
    "contract ended and settled": (
        lambda: with_point(
            contract_until=date(2026, 8, 31),
            registers=(replace(METER, current=None),),
        ),
        HoldCode.CONTRACT_INACTIVE,
        {"period": "2026-09"},
    ),
    "contract not begun": (
        lambda: with_point(contract_from=date(2026, 10, 1)),
        HoldCode.CONTRACT_INACTIVE,
        {"points": "1"},
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_an_account_that_cannot_be_billed_is_a_hold_with_its_code_and_facts(name: str, tariffs: TariffBook) -> None:
    account, code, facts = HELD[name]

    hold = held(bill(account(), tariffs, CYCLE))

    assert hold.code is code
    assert facts.items() <= hold.facts.items()


@pytest.mark.parametrize("name", HELD)
def test_the_facts_of_a_hold_hold_no_personal_data(name: str, tariffs: TariffBook) -> None:
    facts = held(bill(HELD[name][0](), tariffs, CYCLE)).facts

    assert not any(word in value for value in facts.values() for word in ("Tajny", "tajny", "Lipowa"))


def test_days_before_the_first_tariff_have_no_price(tariffs: TariffBook) -> None:
    early = with_point(
        contract_from=date(2000, 1, 1), registers=(replace(METER, previous=reading(1, date(2009, 12, 31), "1")),)
    )

    hold = held(bill(early, tariffs, CYCLE))

    assert (hold.code, hold.facts["days"]) == (HoldCode.NO_PRICE, "2009-12-31..2026-09-29")


def test_an_issue_date_before_the_first_tariff_has_no_price(tariffs: TariffBook) -> None:
    hold = held(bill(ACCOUNT, tariffs, replace(CYCLE, issue_date=date(2009, 1, 1))))

    assert (hold.code, hold.facts["reason"]) == (HoldCode.NO_PRICE, "no_tariff")


def test_a_changed_price_between_two_readings_is_held_and_names_the_day(demo: Tariff) -> None:
    dearer = tuple(replace(price, net_zl=price.net_zl + 1, valid_from=date(2026, 9, 10)) for price in demo.prices)
    successor = replace(demo, name="2026.toml", sha256="f" * 64, valid_from=date(2026, 9, 10), prices=dearer)

    hold = held(bill(ACCOUNT, TariffBook(tariffs=(successor, demo), models=Models(split=SplitModel.HOLD)), CYCLE))

    assert (hold.code, hold.facts["changes_on"]) == (HoldCode.PRICE_CHANGE, "2026-09-10")


def test_a_changed_price_between_two_readings_is_shared_by_days_unless_the_day_was_read(demo: Tariff) -> None:
    dearer = tuple(replace(price, net_zl=price.net_zl + 1, valid_from=date(2026, 9, 10)) for price in demo.prices)
    successor = replace(demo, name="2026.toml", sha256="f" * 64, valid_from=date(2026, 9, 10), prices=dearer)
    book = TariffBook(tariffs=(successor, demo))
    read = with_meter(between=(reading(7, date(2026, 9, 10), "116.4"),))

    by_days = [line for line in billed(bill(ACCOUNT, book, CYCLE)).lines if line.service is Service.WATER]
    by_reading = [line for line in billed(bill(read, book, CYCLE)).lines if line.service is Service.WATER]

    # 12 m³ from 31 August to 30 September, 10 of 30 days before the change: 12 × 10 / 30 = 4
    assert [(line.quantity, line.price_zl) for line in by_days] == [(4, Decimal("5.25")), (8, Decimal("6.25"))]
    assert [line.share and (line.share.days, line.share.of_days) for line in by_days] == [(10, 30), (20, 30)]
    # read on the day: 116 beats the 117 of the days
    assert [(line.quantity, line.share) for line in by_reading] == [
        (line.current_index_m3 - line.previous_index_m3, None)  # type: ignore[operator]
        for line in by_reading
    ]
    assert [line.current_index_m3 for line in by_reading] == [116, by_days[0].current_index_m3]
    assert sum(line.quantity for line in by_reading) == sum(line.quantity for line in by_days)


def test_a_price_that_changes_on_the_day_of_the_current_reading_is_not_yet_used(demo: Tariff) -> None:
    dearer = tuple(replace(price, net_zl=price.net_zl + 1, valid_from=date(2026, 9, 30)) for price in demo.prices)
    successor = replace(demo, name="2026.toml", sha256="f" * 64, valid_from=date(2026, 9, 30), prices=dearer)

    made = billed(bill(ACCOUNT, TariffBook(tariffs=(demo, successor)), CYCLE))

    assert [line.price_zl for line in made.lines] == [Decimal("5.25"), Decimal("7.75"), Decimal("12.00")]
    assert {line.tariff_sha256 for line in made.lines} == {demo.sha256}


def test_a_new_tariff_at_the_same_prices_is_not_a_price_change(demo: Tariff) -> None:
    same = tuple(replace(price, valid_from=date(2026, 9, 10)) for price in demo.prices)
    successor = replace(demo, name="2026.toml", sha256="f" * 64, valid_from=date(2026, 9, 10), prices=same)

    made = billed(bill(ACCOUNT, TariffBook(tariffs=(demo, successor)), CYCLE))

    assert made.gross_zl == Decimal("181.44")
    assert made.lines[0].tariff_sha256 == successor.sha256


@pytest.mark.parametrize("kind", list(PartyKind))
def test_a_buyer_with_a_nip_goes_to_ksef_whatever_its_legal_form(kind: PartyKind, tariffs: TariffBook) -> None:
    buyer = replace(JAN, kind=kind, nip="0000001235")

    hold = held(bill(replace(ACCOUNT, parties={Role.PAYER: JAN, Role.BUYER: buyer}), tariffs, CYCLE))

    assert (hold.code, hold.facts) == (HoldCode.KSEF_ROUTE, {"reason": "nip"})
    assert hold.draft == bill(ACCOUNT, tariffs, CYCLE)


def test_an_organisation_without_a_nip_goes_to_ksef_too(tariffs: TariffBook) -> None:
    buyer = replace(JAN, kind=PartyKind.ORGANISATION)

    hold = held(bill(replace(ACCOUNT, parties={Role.PAYER: JAN, Role.BUYER: buyer}), tariffs, CYCLE))

    assert (hold.code, hold.facts) == (HoldCode.KSEF_ROUTE, {"reason": "not_a_natural_person"})


def test_the_nip_of_a_payer_who_is_not_the_buyer_does_not_matter(tariffs: TariffBook) -> None:
    payer = replace(JAN, kind=PartyKind.ORGANISATION, nip="0000001235")

    assert isinstance(bill(replace(ACCOUNT, parties={Role.PAYER: payer, Role.BUYER: JAN}), tariffs, CYCLE), Bill)


def test_a_missing_reading_of_a_ksef_buyer_is_a_missing_reading(tariffs: TariffBook) -> None:
    buyer = replace(JAN, nip="0000001235")
    account = replace(with_meter(current=None), parties={Role.PAYER: buyer, Role.BUYER: buyer})

    assert held(bill(account, tariffs, CYCLE)).code is HoldCode.READING_MISSING


def test_a_meter_installed_and_read_on_one_day_has_no_line_but_the_abonament_stays(tariffs: TariffBook) -> None:
    made = billed(bill(with_meter(current=reading(2, date(2026, 8, 31), "113")), tariffs, CYCLE))

    assert [line.service for line in made.lines] == [Service.STANDING]


def test_nothing_used_and_no_abonament_is_nothing_to_bill(demo: Tariff) -> None:
    prices = tuple(price for price in demo.prices if price.service is not Service.STANDING)
    single_part = TariffBook(tariffs=(replace(demo, prices=prices),))

    hold = held(bill(with_meter(current=reading(2, date(2026, 9, 30), "113")), single_part, CYCLE))

    assert hold.code is HoldCode.NOTHING_TO_BILL


def test_a_tariff_without_abonament_bills_the_water_alone(demo: Tariff) -> None:
    prices = tuple(price for price in demo.prices if price.service is not Service.STANDING)

    made = billed(bill(ACCOUNT, TariffBook(tariffs=(replace(demo, prices=prices),)), CYCLE))

    assert [line.service for line in made.lines] == [Service.WATER, Service.SEWAGE]


def test_the_abonament_is_owed_for_each_month_that_the_contract_touches(tariffs: TariffBook) -> None:
    first = reading(1, date(2026, 8, 31), "0")
    moved_in = with_point(contract_from=date(2026, 8, 31), registers=(replace(METER, previous=first),))

    made = billed(bill(moved_in, tariffs, replace(CYCLE, period=months_period("2026-07..2026-09"))))

    standing = made.lines[-1]
    assert (standing.quantity, standing.net_zl) == (Decimal(2), Decimal("24.00"))
    assert (standing.period.start, standing.period.last_day) == (date(2026, 8, 31), date(2026, 9, 30))


def test_the_abonament_has_one_line_for_each_step_of_its_price(demo: Tariff) -> None:
    dearer = tuple(
        replace(price, net_zl=Decimal("13.0000"), valid_from=date(2026, 9, 1))
        for price in demo.prices
        if price.service is Service.STANDING
    )
    tariffs = TariffBook(tariffs=(replace(demo, prices=demo.prices + dearer),))

    made = billed(bill(ACCOUNT, tariffs, replace(CYCLE, period=months_period("2026-07..2026-09"))))

    steps = [(line.quantity, line.price_zl, line.net_zl) for line in made.lines if line.service is Service.STANDING]
    assert steps == [(Decimal(2), Decimal("12.00"), Decimal("24.00")), (Decimal(1), Decimal("13.00"), Decimal("13.00"))]


def test_an_abonament_per_point_is_owed_for_every_point(demo: Tariff) -> None:
    per_point = load_tariff(
        DEMO.read_bytes().replace(b'standing_per = "recipient"', b'standing_per = "point"'), name="per-point.toml"
    )
    second = replace(POINT, point_no="PP-2", registers=(replace(METER, meter_no="W-2"),))

    made = billed(bill(replace(ACCOUNT, points=(second, POINT)), TariffBook(tariffs=(per_point,)), CYCLE))

    assert [line.point_no for line in made.lines if line.service is Service.STANDING] == ["PP-1", "PP-2"]


def test_an_abonament_per_point_goes_on_from_what_each_point_was_billed(demo: Tariff) -> None:
    per_point = load_tariff(
        DEMO.read_bytes().replace(b'standing_per = "recipient"', b'standing_per = "point"'), name="per-point.toml"
    )
    ended = replace(POINT, contract_no="U/0", contract_until=date(2026, 9, 3), is_settled=True, registers=())
    handed_over = replace(METER, previous=reading(1, date(2026, 9, 3), "113"))
    again = replace(POINT, contract_from=date(2026, 9, 3), standing_from=date(2026, 8, 1), registers=(handed_over,))
    second = replace(POINT, point_no="PP-2", registers=(replace(METER, meter_no="W-2"),))
    paid = replace(second, point_no="PP-3", standing_from=date(2026, 10, 1))
    points = (replace(ended, standing_from=date(2026, 8, 1)), again, second, paid)

    made = billed(bill(replace(ACCOUNT, points=points), TariffBook(tariffs=(per_point,)), CYCLE))

    owed = [(line.point_no, line.quantity) for line in made.lines if line.service is Service.STANDING]
    assert owed == [("PP-1", Decimal(2)), ("PP-2", Decimal(1))]


def test_months_that_were_waived_are_left_out(tariffs: TariffBook) -> None:
    waited = replace(ACCOUNT, standing_from=date(2026, 6, 1), waived_months=(date(2026, 7, 1), date(2026, 8, 1)))

    made = billed(bill(waited, tariffs, CYCLE))

    owed = [(line.period.start, line.quantity) for line in made.lines if line.service is Service.STANDING]
    assert owed == [(date(2026, 6, 1), Decimal(1)), (date(2026, 9, 1), Decimal(1))]


def test_a_contract_whose_water_is_billed_to_its_end_still_owes_its_last_month(tariffs: TariffBook) -> None:
    left = with_point(contract_until=date(2026, 9, 5), registers=(), is_settled=True)

    made = billed(bill(left, tariffs, CYCLE))

    assert [(line.service, line.period.last_day) for line in made.lines] == [(Service.STANDING, date(2026, 9, 4))]


def test_one_abonament_for_points_of_classes_with_different_rates_is_not_guessed(tariffs: TariffBook) -> None:
    second = replace(POINT, point_no="PP-2", tariff_class="business")

    hold = held(bill(replace(ACCOUNT, channel=Channel.EMAIL, points=(second, POINT)), tariffs, CYCLE))

    assert (hold.code, hold.facts["reason"]) == (HoldCode.NO_PRICE, "tariff_classes_differ")


def test_a_final_reading_before_the_period_is_still_billed_without_abonament(tariffs: TariffBook) -> None:
    final = replace(METER, current=reading(2, date(2026, 9, 30), "125"))
    left = with_point(contract_until=date(2026, 9, 30), registers=(final,))

    made = billed(bill(left, tariffs, replace(CYCLE, period=months_period("2026-10"))))

    assert [line.service for line in made.lines] == [Service.WATER, Service.SEWAGE]


def test_the_vat_model_of_the_utility_decides_and_is_not_the_law_of_the_code(demo: Tariff) -> None:
    fractional = with_meter(decimals=3, current=reading(2, date(2026, 9, 30), "114.013"))

    on_sum = billed(bill(fractional, TariffBook(tariffs=(demo,)), CYCLE))
    per_line = billed(bill(fractional, TariffBook(tariffs=(demo,), models=Models(vat=VatModel.PER_LINE)), CYCLE))

    # nets 5.32 + 7.85 + 12.00 = 25.17: 8 % = 2.0136 → 2.01; per line 0.43 + 0.63 + 0.96 = 2.02
    assert (on_sum.vat_zl, per_line.vat_zl) == (Decimal("2.01"), Decimal("2.02"))


def test_every_line_names_its_readings_tariff_group_and_legal_basis(tariffs: TariffBook) -> None:
    water = billed(bill(ACCOUNT, tariffs, CYCLE)).lines[0]

    assert (water.previous_reading_id, water.current_reading_id, water.meter_no) == (1, 2, "W-1")
    assert water.tariff_group == "G-P"
    assert "art. 27 ust. 1" in water.basis
    assert "Taryfa przykładowa" in water.basis
