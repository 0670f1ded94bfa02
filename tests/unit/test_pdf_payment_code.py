from decimal import Decimal

import pytest
from pdf_reading import codes
from pdf_samples import ACCOUNT, SELLER, sample_invoice, standing_line, water_line

from pdf.invoice import render_invoice
from pdf.payment_code import CEILING_ZL, checked_account, payment_payload, qr_rows

PAYLOAD = "9990000008|PL|37102000030000000000010023|021234|Wodociagi Zdrojowe s|FV/2026/11/000123 klient 10023|||"


def payload(**changes: object) -> str | None:
    given = {
        "nip": SELLER.nip,
        "bank_account": ACCOUNT,
        "amount_zl": Decimal("212.34"),
        "name": SELLER.name,
        "title": "FV/2026/11/000123 klient 10023",
    }
    return payment_payload(**{**given, **changes})


def test_the_payload_is_laid_out_as_the_banks_recommend() -> None:
    assert payload() == PAYLOAD


@pytest.mark.parametrize("dpi", [96, 150, 300])
def test_a_scanner_reads_from_the_page_exactly_what_the_payload_says(dpi: int) -> None:
    assert codes(render_invoice(sample_invoice()).content, dpi=dpi) == [PAYLOAD]


@pytest.mark.parametrize("amount", ["-5.00", "0.00", "10000.00", "123456.78"])
def test_there_is_no_code_for_what_six_digits_of_grosze_cannot_say(amount: str) -> None:
    assert payload(amount_zl=Decimal(amount)) is None


def test_the_largest_and_the_smallest_payable_amount_have_a_code() -> None:
    assert payload(amount_zl=CEILING_ZL).split("|")[3] == "999999"
    assert payload(amount_zl=Decimal("0.01")).split("|")[3] == "000001"


def test_an_invoice_above_the_ceiling_shows_the_account_but_no_code() -> None:
    costly = sample_invoice(lines=(water_line(current_m3="9999", price_zl="9.99"),))
    assert costly.gross_zl > CEILING_ZL

    assert codes(render_invoice(costly).content) == []


def test_an_overpaid_invoice_has_no_code() -> None:
    assert codes(render_invoice(sample_invoice(lines=(standing_line(months=-1),))).content) == []


def test_long_names_and_titles_are_cut_and_never_break_the_layout() -> None:
    made = payload(name="Żółć|" * 30, title="Ł" * 99)

    fields = made.split("|")
    assert len(fields) == 9
    assert len(fields[4]) <= 20
    assert fields[5] == "L" * 32
    assert len(made) <= 160
    assert made.isascii()


def test_a_nip_that_banking_apps_would_reject_is_left_out() -> None:
    assert payload(nip="unknown").startswith("|PL|")


@pytest.mark.parametrize("account", ["38102000030000000000010023", "3710200003", "PL37 1020"])
def test_a_wrong_bank_account_is_refused_and_not_printed(account: str) -> None:
    with pytest.raises(ValueError, match=r"account number"):
        checked_account(account)


def test_the_symbol_is_square_and_fits_the_largest_payload() -> None:
    rows = qr_rows("9" * 160)

    assert {len(row) for row in rows} == {len(rows)}
    assert set(b"".join(rows)) == {0, 255}
