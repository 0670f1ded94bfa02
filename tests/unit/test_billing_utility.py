"""A utility's own data: what is refused, and that the folders of the project are sound."""

from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from stdnum import iban
from stdnum.pl import nip, regon

from billing.accounts import Channel
from billing.errors import DataRefused
from billing.identifiers import is_nip, is_nrb, is_regon
from billing.numbering import Numbering, invoice_number, series_on
from billing.sender import aligned
from billing.utility import load_utility

UTILITIES = Path(__file__).parents[2] / "utilities"
DEMO = (UTILITIES / "demo" / "utility.toml").read_text(encoding="utf-8")
LYSKI = (UTILITIES / "wodzislaw-lyski" / "utility.toml").read_text(encoding="utf-8")

REFUSED = {
    "not TOML": ("UTILITY_UNREADABLE", "is_demo = true", "is_demo = yes"),
    "no seller": ("UTILITY_FIELD_MISSING", 'city = "Zdroje"\n', ""),
    "misspelt field": ("UTILITY_FIELD_WRONG", "reply_to", "replyto"),
    "wrong NIP": ("UTILITY_FIELD_WRONG", "9900000017", "9900000018"),
    "wrong REGON": ("UTILITY_FIELD_WRONG", '"990000000"', '"990000001"'),
    "unknown VAT model": ("UTILITY_FIELD_WRONG", '"vat_on_rate_sum"', '"vat_by_feeling"'),
    "unknown start rule": ("UTILITY_FIELD_WRONG", '"next_day"', '"at_once"'),
    "unknown method": ("UTILITY_FIELD_WRONG", '"portal_click"', '"telepathy"'),
    "days as a text": ("UTILITY_FIELD_WRONG", "days = 14", 'days = "14"'),
    "negative days": ("UTILITY_FIELD_WRONG", "days = 14", "days = -14"),
    "empty chunk": ("UTILITY_FIELD_WRONG", "chunk_accounts = 250", "chunk_accounts = 0"),
    "number without its sequence": ("NUMBERING_WRONG", "{series}/{sequence:06}", "{series}"),
    "series by month alone": ("NUMBERING_WRONG", "FV/{year}/{month:02}", "FV/{month:02}"),
    "series with another field": ("NUMBERING_WRONG", "FV/{year}/{month:02}", "FV/{account_no}"),
    "corrections in the series of invoices": (
        "NUMBERING_WRONG",
        'number = "{series}/{sequence:06}"',
        'number = "{series}/{sequence:06}"\ncorrection_series = "FV/{year}/{month:02}"',
    ),
    "broken pattern": ("NUMBERING_WRONG", "{series}/{sequence:06}", "{series}/{sequence"),
    "pattern that cannot be filled": ("NUMBERING_WRONG", "{sequence:06}", "{sequence:06z!}"),
    "seller not known": ("SELLER_INCOMPLETE", "9900000017", "unknown"),
    "sender not known": ("SELLER_INCOMPLETE", "faktury@wodociagi-zdroje.example", "unknown"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_utility_file_is_refused_with_its_code_in_one_line(name: str) -> None:
    code, old, new = REFUSED[name]
    assert old in DEMO

    with pytest.raises(DataRefused) as caught:
        load_utility(DEMO.replace(old, new), name="demo")

    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_the_demo_utility_says_what_its_file_says() -> None:
    utility = load_utility(DEMO, name="demo")

    assert (utility.name, utility.is_demo, utility.issue_time) == ("demo", True, time(6, 0))
    assert utility.sending_allowance_days == {Channel.EMAIL: 1, Channel.PAPER: 3}
    assert utility.reject_share_max == Decimal("0.20")


def test_the_demo_seller_passes_the_official_check_digits() -> None:
    seller = load_utility(DEMO, name="demo").seller

    assert nip.is_valid(seller.nip)
    assert regon.is_valid(seller.regon)


def test_lyski_cannot_issue_before_its_seller_is_completed_but_can_be_quoted() -> None:
    with pytest.raises(DataRefused, match=r"SELLER_INCOMPLETE: wodzislaw-lyski/utility.toml \[seller\].*nip, regon"):
        load_utility(LYSKI, name="wodzislaw-lyski")

    assert load_utility(LYSKI, name="wodzislaw-lyski", seller_needed=False).seller.nip == "unknown"


def test_the_terms_of_a_day_are_the_latest_begun_and_their_file_is_there() -> None:
    utility = load_utility(DEMO, name="demo")

    assert utility.terms_on(date(2026, 1, 31)) is None
    in_force = utility.terms_on(date(2026, 2, 1))
    assert in_force is not None
    assert (UTILITIES / "demo" / in_force.file).is_file()


def test_the_regulamin_does_not_cite_the_repealed_article() -> None:
    for path in UTILITIES.glob("*/terms/*.md"):
        assert "106n" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", ["0000000017", "9900000017", "9900000016", "123", "", "99000000 7", "٣٣٣٣٣٣٣٣٣٣"])
def test_our_nip_check_agrees_with_the_library(number: str) -> None:
    assert is_nip(number) == (nip.is_valid(number) and number == nip.compact(number))


@pytest.mark.parametrize("number", ["000000129", "990000000", "990000001", "0", "", "12345678512347", "12345678512348"])
def test_our_regon_check_agrees_with_the_library(number: str) -> None:
    assert is_regon(number) == regon.is_valid(number)


NUMBERING = Numbering(series_pattern="FV/{year}/{month:02}", number_pattern="{series}/{sequence:06}")


def test_a_number_is_its_series_and_a_padded_sequence() -> None:
    series = series_on(numbering=NUMBERING, issue_date=date(2026, 3, 31))

    assert invoice_number(numbering=NUMBERING, series=series, sequence=1).text == "FV/2026/03/000001"
    assert invoice_number(numbering=NUMBERING, series=series, sequence=1_234_567).text == "FV/2026/03/1234567"


def test_a_sequence_starts_with_one() -> None:
    with pytest.raises(ValueError, match="starts with 1"):
        invoice_number(numbering=NUMBERING, series="FV/2026/03", sequence=0)


def test_what_a_folder_does_not_say_means_what_it_meant_before() -> None:
    utility = load_utility(LYSKI, name="wodzislaw-lyski", seller_needed=False)

    assert (utility.bank_account, utility.individual_accounts, utility.routes) == (None, False, ())
    assert (utility.mail.dkim_selector, utility.mail.dkim_domain) == (None, None)


def test_an_unknown_own_account_stops_issuing_and_an_unknown_key_does_not() -> None:
    with_key = DEMO.replace("[mail]\n", '[mail]\ndkim_selector = "unknown"\ndkim_domain = "unknown"\n')
    assert load_utility(with_key, name="demo").mail.dkim_domain is None

    with pytest.raises(DataRefused, match=r"SELLER_INCOMPLETE: demo/utility.toml \[payment\]: complete bank_account"):
        load_utility(DEMO.replace("08999000000000000000000001", "unknown"), name="demo")


def test_a_route_closes_its_periods_in_these_months() -> None:
    quarterly = DEMO.replace("every_months = 1\nfirst_month = 1", "every_months = 3\nfirst_month = 2")

    assert load_utility(quarterly, name="demo").routes[0].closing_months == (2, 5, 8, 11)


@pytest.mark.parametrize(
    "number",
    ["08999000000000000000000001", "09999000000000000000000001", "0" * 26, "08", "", "PL08999000000000000000000001"],
)
def test_our_check_of_bank_accounts_agrees_with_the_library(number: str) -> None:
    assert is_nrb(number) == (number.isdigit() and iban.is_valid(f"PL{number}"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("zdroje.pl", "zdroje.pl", True),
        ("Faktury.Zdroje.pl", "zdroje.pl", True),
        ("zdroje.pl", "faktury.zdroje.pl", True),
        ("zdroje.pl", "xzdroje.pl", False),
        ("zdroje.pl", "zdroje.com.pl", False),
    ],
)
def test_domains_are_aligned_when_one_holds_the_other(one: str, other: str, *, expected: bool) -> None:
    assert aligned(one, other) is expected
