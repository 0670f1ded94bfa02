"""From a bill to an invoice and its reasons, and cases described by hand."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from billing.cases import Case, read_case
from billing.charges import Bill
from billing.errors import DataRefused
from billing.explanations import explain, formula
from billing.invoices import Invoice
from billing.issuing import make_invoice
from billing.numbering import invoice_number
from billing.polish import NBSP
from billing.rating import bill
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook
from billing.utility import Utility, load_utility

PROJECT = Path(__file__).parents[2]
GIVEN = PROJECT / "tests" / "cases" / "dwa-punkty-na-jednej-fakturze-jeden-abonament" / "given.toml"
TEXT = GIVEN.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tariffs() -> TariffBook:
    path = PROJECT / "utilities" / "demo" / "tariffs" / "2010-zdroje.toml"
    return TariffBook(tariffs=(load_tariff(path.read_bytes(), name=path.name),))


@pytest.fixture(scope="module")
def utility() -> Utility:
    return load_utility((PROJECT / "utilities" / "demo" / "utility.toml").read_text(encoding="utf-8"), name="demo")


@pytest.fixture(scope="module")
def case() -> Case:
    return read_case(TEXT, name="two points")


@pytest.fixture(scope="module")
def made(case: Case, tariffs: TariffBook) -> Bill:
    outcome = bill(case.account, tariffs, case.cycle)
    assert isinstance(outcome, Bill)
    return outcome


def issued(case: Case, made: Bill, utility: Utility) -> Invoice:
    number = invoice_number(numbering=utility.numbering, series="FV/2026/10", sequence=7)
    return make_invoice(account=case.account, bill=made, number=number, utility=utility, cycle=case.cycle)


def test_an_invoice_shows_seller_points_in_order_and_a_title_that_fits_a_transfer(
    case: Case, made: Bill, utility: Utility
) -> None:
    invoice = issued(case, made, utility)

    assert invoice.seller.nip == "9900000017"
    assert [point.point_no for point in invoice.points] == ["PP-1", "PP-2"]
    assert invoice.payment_title == "Faktura FV/2026/10/000007"
    assert len(invoice.payment_title) <= 32
    assert (invoice.kind, invoice.issue_date, invoice.due_date) == ("invoice", date(2026, 10, 2), date(2026, 10, 19))


def test_a_bill_of_another_account_makes_no_invoice(case: Case, made: Bill, utility: Utility) -> None:
    with pytest.raises(ValueError, match="was not made from this snapshot"):
        issued(replace(case, account=replace(case.account, account_no="1")), made, utility)


def test_a_line_explains_itself_from_the_reading_to_the_amount(made: Bill, tariffs: TariffBook) -> None:
    reasons = "\n".join(explain(made.lines[1], tariffs=tariffs))

    for reason in (
        "meter W-1111, reading 3: 200.000 m3 on 2026-07-31",
        "quantity: 220.000 - 200.000 = 20.000 m3 (sewage is the water taken)",
        "2026-07-31 to 2026-09-29, both included (61 days)",
        f"sha256 {tariffs.tariffs[0].sha256}",
        "group G-P, from 2010-01-01",
        "uzzwś art. 27 ust. 5",
        "rounded half up to 155.00 zl net; VAT 8%",
    ):
        assert reason in reasons


def test_a_line_of_a_tariff_that_is_not_at_hand_still_names_its_hash(made: Bill, tariffs: TariffBook) -> None:
    orphan = replace(made.lines[0], tariff_sha256="0" * 64)

    assert any("not at hand, sha256 000" in reason for reason in explain(orphan, tariffs=tariffs))


def test_the_customer_reads_the_sum_of_a_line_in_polish(made: Bill) -> None:
    texts = [formula(line).replace(NBSP, " ") for line in made.lines]

    assert texts[0] == "(220 − 200) m³ × 5,25 zł = 105,00 zł"
    assert texts[-1] == "2 mies. × 12,00 zł = 24,00 zł"


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("CASE_UNREADABLE", "why =", "why = ="),
        ("CASE_FIELD_MISSING", 'utility = "demo"\n', ""),
        ("CASE_FIELD_WRONG", "2026-08..2026-09", "2026-09..2026-08"),
        ("CASE_FIELD_WRONG", '"sewage"', '"tea"'),
        ("CASE_FIELD_WRONG", "index_m3 = 7 }", "index_m3 = 7.0001 }"),
        ("CASE_FIELD_WRONG", "meter_no", "metre_no"),
    ],
)
def test_a_wrong_description_is_refused_with_its_code(code: str, old: str, new: str) -> None:
    assert old in TEXT

    with pytest.raises(DataRefused) as caught:
        read_case(TEXT.replace(old, new, 1), name="case")

    assert caught.value.code == code
