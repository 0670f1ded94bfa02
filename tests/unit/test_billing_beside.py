"""Stormwater, services and prognozy at their edges; how a line of each is explained; what the e-mail says."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace

import pytest

from billing.accounts import Service
from billing.beside_meters import Forecast, ForecastBasis, ServiceOrder, Surface
from billing.canonical import canonical_json, from_json, to_data
from billing.cases import Case, read_case
from billing.charges import Bill, Hold, LineRounding
from billing.due_dates import DueDate, agreed_due_date
from billing.errors import DataRefused
from billing.explanations import explain, formula
from billing.forecasts import forecast_m3
from billing.holds import HoldCode
from billing.invoices import Invoice
from billing.issuing import make_invoice
from billing.models import read_models
from billing.numbering import invoice_number
from billing.periods import Period, months_period
from billing.polish import NBSP
from billing.price_lists import AreaUnit
from billing.rating import bill
from billing.stormwater import area_quantity
from billing.toml_fields import read_fields
from billing.vat import VatModel
from delivery.message import Sender, build_message
from pipeline.mail import invoice_mail
from pipeline.utility_files import load_folder

PROJECT = Path(__file__).parents[2]
CASES = PROJECT / "tests" / "cases"
DEMO = load_folder(PROJECT / "utilities" / "demo")


def case(name: str) -> Case:
    return read_case((CASES / name / "given.toml").read_text(encoding="utf-8"), name=name)


def billed(given: Case) -> Bill:
    outcome = bill(given.account, DEMO.tariffs, given.cycle)
    assert isinstance(outcome, Bill)
    return outcome


def invoice(name: str) -> Invoice:
    given = case(name)
    number = invoice_number(numbering=DEMO.utility.numbering, series="FV/2026/10", sequence=7)
    account = replace(given.account, bank_account="08999000000000000000000001")
    return make_invoice(account=account, bill=billed(given), number=number, utility=DEMO.utility, cycle=given.cycle)


@pytest.mark.parametrize(
    ("start", "until", "months"),
    [
        ("2026-01-01", "2027-01-01", "12"),
        ("2028-02-01", "2028-03-01", "1"),
        ("2028-02-29", "2028-03-01", "0.034"),  # 1 day of 29
        ("2027-02-28", "2027-03-01", "0.036"),  # 1 day of 28
        ("2026-03-29", "2026-03-30", "0.032"),  # the day on which the clock jumps is a day like any other
        ("2026-12-31", "2027-01-01", "0.032"),
        ("2026-12-16", "2027-02-02", "1.552"),  # 16/31 + 1 + 1/28
    ],
)
def test_a_month_of_rain_is_a_month_and_a_part_of_it_counts_by_its_days(start: str, until: str, months: str) -> None:
    period = Period(start=date.fromisoformat(start), until=date.fromisoformat(until))

    got = area_quantity(area_m2=Decimal(1), period=period, unit=AreaUnit.M2_MONTH, m3_per_m2_year=None)

    assert got == Decimal(months)


def test_a_price_of_the_list_that_begins_within_the_month_cuts_its_days() -> None:
    book = DEMO.tariffs.price_book
    (one,) = book.lists
    dearer = replace(
        next(item for item in one.items if item.code == "DESZCZ-M2"),
        net_zl=Decimal("0.30"),
        valid_from=date(2026, 9, 11),
    )
    tariffs = replace(DEMO.tariffs, price_book=replace(book, lists=(replace(one, items=(*one.items, dearer)),)))
    given = case("deszczowka-od-metra-kwadratowego-za-miesiac")

    outcome = bill(given.account, tariffs, given.cycle)

    assert isinstance(outcome, Bill)
    rain = [line for line in outcome.lines if line.area]
    # 120,5 × 10/30 = 40,167 × 0,25 = 10,04; 120,5 × 20/30 = 80,333 × 0,30 = 24,10
    assert [(line.quantity, line.net_zl) for line in rain] == [
        (Decimal("40.167"), Decimal("10.04")),
        (Decimal("80.333"), Decimal("24.10")),
    ]


def test_what_no_list_prices_holds_the_account() -> None:
    given = case("usluga-dodatkowa-i-woda-dwie-stawki-vat")
    order = ServiceOrder(extra_service_id=9, item_code="DESZCZ-M2", quantity=Decimal(1), performed_on=date(2026, 9, 1))
    surface = Surface(surface="dach", area_m2=Decimal(9), item_code="PLOMBA", valid_from=date(2026, 9, 1))
    for account in (
        replace(given.account, orders=(order,)),
        replace(given.account, points=(replace(given.account.points[0], surfaces=(surface,)),)),
    ):
        outcome = bill(account, DEMO.tariffs, given.cycle)
        assert isinstance(outcome, Hold)
        assert (outcome.code, outcome.facts["reason"]) == (HoldCode.NO_PRICE, "not_in_price_list")


def test_a_mean_that_nobody_knows_is_not_guessed() -> None:
    given = case("prognoza-ze-sredniej-poprzedniego-okresu")
    (point,) = given.account.points
    assert point.forecast is not None
    unknown = replace(point, forecast=replace(point.forecast, water_mean=None))

    outcome = bill(replace(given.account, points=(unknown,)), DEMO.tariffs, given.cycle)

    assert isinstance(outcome, Hold)
    assert outcome.code is HoldCode.FORECAST_UNKNOWN
    terms = replace(point.forecast, water_mean=None, water_m3_month=Decimal(4))
    september = months_period("2026-09")
    assert forecast_m3(terms, service=Service.WATER, period=september) == Decimal(4)


@pytest.mark.parametrize(
    ("planned", "day", "agreed"),
    [
        ("2026-10-19", 20, "2026-10-20"),
        ("2026-10-20", 20, "2026-10-20"),
        ("2026-10-21", 20, "2026-11-20"),
        ("2026-12-21", 1, "2027-01-01"),
        ("2027-01-31", 28, "2027-02-28"),
    ],
)
def test_a_prognoza_is_due_on_the_contracts_day_and_never_before_the_lawful_one(
    planned: str, day: int, agreed: str
) -> None:
    due = agreed_due_date(DueDate(day=date.fromisoformat(planned), basis="x"), payment_day=day)

    assert due.day == date.fromisoformat(agreed)
    assert "par. 17 ust. 2" in due.basis


@pytest.mark.parametrize(
    ("name", "place", "statements"),
    [
        ("deszczowka-w-metrach-szesciennych-z-powierzchni", 2, ["250.00 m2 x 0.570 m3 in a year", "2026-cennik.toml"]),
        ("przekroczenie-warunkow-sciekow-zaczyna-sie-w-okresie", 2, ["days 12 to 30 of 30", "(1500.0000 - 1000.0000)"]),
        ("usluga-dodatkowa-i-woda-dwie-stawki-vat", 3, ["service 1, done on 2026-09-10", "VAT 23%"]),
        ("rozliczenie-prognoz-z-doplata", 2, ["takes off what FV/2026/08/000001 charged"]),
        ("prognoza-z-ilosci-w-umowie", 0, ["settled by a later reading"]),
    ],
)
def test_a_line_that_no_register_measured_says_where_it_comes_from(
    name: str, place: int, statements: list[str]
) -> None:
    line = billed(case(name)).lines[place]

    told = "\n".join(explain(line, tariffs=DEMO.tariffs))

    assert all(statement in told for statement in statements)
    assert "abonament" not in told


def test_the_sum_of_an_excess_shows_its_part() -> None:
    line = billed(case("przekroczenie-warunkow-sciekow-dwa-wskazniki")).lines[2]

    assert "× (1 500 − 1 000) / 1 000" in formula(line).replace(NBSP, " ")


def test_snapshots_and_lines_without_all_this_keep_their_text_and_those_with_it_come_back_whole() -> None:
    plain = case("woda-i-scieki-jeden-wodomierz-faktura-papierowa")
    assert {"orders", "surfaces", "forecast", "excesses"}.isdisjoint(canonical_json(plain.account).split('"'))
    for name in ("rozliczenie-prognoz-z-nadplata", "deszczowka-z-drugiej-powierzchni-od-polowy-miesiaca"):
        account = case(name).account
        assert from_json(type(account), canonical_json(account)) == account
        made = billed(case(name))
        assert to_data(from_json(Bill, canonical_json(made))) == to_data(made)


def test_a_notice_in_place_of_an_invoice_is_refused() -> None:
    fields = read_fields('forecast_document = "notice"', name="u", kind="UTILITY")

    with pytest.raises(DataRefused, match="forecast_document"):
        read_models(
            fields,
            vat=VatModel.ON_RATE_SUM,
            line_rounding=LineRounding.EACH_LINE,
            volume_max_m3_day=Decimal(60),
        )


@pytest.mark.parametrize(
    ("name", "subject", "sentences"),
    [
        ("prognoza-z-ilosci-w-umowie", "Faktura – prognoza FV", ["fakturę z prognozą nr", "rozliczymy ją po odczycie"]),
        (
            "rozliczenie-prognoz-z-nadplata",
            "Faktura rozliczeniowa FV",
            ["fakturę rozliczeniową nr", "Nadpłatę 29,18", "14 dni", "nie trzeba nic płacić"],
        ),
        ("rozliczenie-prognoz-z-doplata", "Faktura rozliczeniowa FV", ["Do zapłaty"]),
    ],
)
def test_the_e_mail_names_the_kind_of_invoice(name: str, subject: str, sentences: list[str]) -> None:
    sender = Sender(
        name="Wodociągi",
        address="ul. Źródlana 1, 00-000 Zdroje",
        nip="9900000017",
        phone="00 000 00 00",
        email="b@example.com",
        website="www.example.com",
        mail_from="f@example.com",
        reply_to="b@example.com",
    )
    row = SimpleNamespace(
        content=canonical_json(invoice(name)),
        address="k@example.com",
        delivery_id="00000000-0000-0000-0000-000000000001",
        message_id="<inv.1@example.com>",
        issued_at=datetime(2026, 10, 2, 6, 0, tzinfo=UTC),
        duplicate_on=None,
    )

    built = message_from_bytes(build_message(invoice_mail(row, sender=sender, content=b"%PDF")), policy=policy.default)

    assert str(built["Subject"]).startswith(subject)
    part = built.get_body(("plain",))
    assert part is not None
    words = " ".join(part.get_content().replace("\u00a0", " ").split())
    assert all(sentence in words for sentence in sentences)


def test_a_forecast_of_terms_that_have_ended_settles_at_once() -> None:
    ended = Forecast(basis=ForecastBasis.CONTRACT, settle_every_months=0, water_m3_month=Decimal(1))
    given = case("woda-i-scieki-jeden-wodomierz-faktura-papierowa")
    account = replace(given.account, points=(replace(given.account.points[0], forecast=ended),))

    outcome = bill(account, DEMO.tariffs, given.cycle)

    assert isinstance(outcome, Bill)
    assert outcome.net_zl == Decimal("168.00")
