"""Subsidies of gminas: what stands on a bill, what holds it, which tariff files are refused, which hashes stay."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pdf_samples import sample_invoice
from test_billing_rating import ACCOUNT, CYCLE, METER, POINT, reading

from billing.accounts import AccountSnapshot, Service
from billing.canonical import content_sha256, from_data, to_data
from billing.cases import read_case
from billing.charges import Bill, Hold
from billing.errors import DataRefused
from billing.explanations import explain
from billing.holds import HoldCode
from billing.models import Models, SplitModel
from billing.rating import bill
from billing.subsidies import SubsidyMode, TariffSubsidy
from billing.tariff_files import load_tariff
from billing.tariffs import Tariff, TariffBook

FILES = Path(__file__).parents[2] / "utilities" / "przyklad-doplata" / "tariffs"
NET = (FILES / "2025-netto.toml").read_text(encoding="utf-8")
GROSS = (FILES / "2026-brutto.toml").read_text(encoding="utf-8")
CASE = Path(__file__).parents[1] / "cases" / "ceny-ogloszone-w-lyskach-faktura-papierowa" / "given.toml"


def tariff_of(text: str) -> Tariff:
    return load_tariff(text.encode(), name="t.toml")


def book(tariff: Tariff, *subsidies: TariffSubsidy) -> TariffBook:
    return TariffBook(tariffs=(replace(tariff, subsidies=subsidies),))


def paid(mode: SubsidyMode, zl_m3: str, **changes: object) -> TariffSubsidy:
    subsidy = TariffSubsidy(
        gmina="Rzeczna",
        group="G",
        service=Service.WATER,
        mode=mode,
        zl_m3=Decimal(zl_m3),
        valid_from=date(2025, 1, 1),
        valid_until=None,
        basis="unknown",
    )
    return replace(subsidy, **changes)  # type: ignore[arg-type]


def lying_in(gmina: str | None, *, used_m3: str = "12", services: frozenset[Service] | None = None) -> AccountSnapshot:
    meter = replace(
        METER,
        decimals=3,
        previous=reading(1, date(2026, 8, 31), "100"),
        current=reading(2, date(2026, 9, 30), str(100 + Decimal(used_m3))),
    )
    point = replace(POINT, gmina=gmina, registers=(meter,), services=services or frozenset({Service.WATER}))
    return replace(ACCOUNT, points=(point,))


def billed(outcome: Bill | Hold) -> Bill:
    assert isinstance(outcome, Bill), outcome
    return outcome


def held(outcome: Bill | Hold) -> Hold:
    assert isinstance(outcome, Hold)
    return outcome


@pytest.mark.parametrize("gmina", [None, "Leśna", "rzeczna"])
def test_a_point_elsewhere_pays_the_whole_price(gmina: str | None) -> None:
    made = billed(bill(lying_in(gmina), book(tariff_of(NET), paid(SubsidyMode.NET, "1.20")), CYCLE))

    assert [line.subsidy for line in made.lines] == [None, None]
    assert made.lines[0].price_zl == Decimal("6.80")
    assert made.payable_zl == made.gross_zl


def test_an_unknown_resolution_is_not_printed_and_not_invented() -> None:
    tariffs = book(tariff_of(NET), paid(SubsidyMode.NET, "1.20"))
    line = billed(bill(lying_in("Rzeczna"), tariffs, CYCLE)).lines[0]

    assert line.basis.endswith("grupa G; uzzwś art. 24 ust. 6")
    assert "resolution: unknown" in explain(line, tariffs=tariffs)[-1]


def test_the_explanation_of_a_price_that_was_lowered() -> None:
    tariffs = TariffBook(tariffs=(tariff_of(NET),))
    line = billed(bill(lying_in("Rzeczna", used_m3="12.345"), tariffs, CYCLE)).lines[0]

    said = explain(line, tariffs=tariffs)[-1]
    assert "12.345 x 6.8000 at the tariff's price, rounded half up to 83.95 zl, less 69.13 zl = 14.82 zl net" in said
    assert "the price is 6.8000 - 1.2000 = 5.6000 zl net per m3" in said
    assert "uchwała Rady Gminy Rzeczna XII/100/2024" in said


def test_the_explanation_of_what_comes_off_the_gross() -> None:
    tariffs = TariffBook(tariffs=(tariff_of(GROSS),))
    line = billed(bill(lying_in("Rzeczna", used_m3="12.1"), tariffs, CYCLE)).lines[0]

    said = explain(line, tariffs=tariffs)[-1]
    assert "12.100 x 0.8500 = 10.2850000 zl, rounded half up to 10.29 zl; taken off the gross" in said


CHANGES: dict[str, tuple[tuple[TariffSubsidy, ...], str]] = {
    "it ends": ((paid(SubsidyMode.NET, "1.20", valid_until=date(2026, 9, 10)),), "2026-09-10"),
    "it begins": ((paid(SubsidyMode.NET, "1.20", valid_from=date(2026, 9, 29)),), "2026-09-29"),
    "its rate changes": (
        (
            paid(SubsidyMode.GROSS, "1.20", valid_until=date(2026, 9, 15)),
            paid(SubsidyMode.GROSS, "1.21", valid_from=date(2026, 9, 15)),
        ),
        "2026-09-15",
    ),
    "its mode changes": (
        (
            paid(SubsidyMode.GROSS, "1.20", valid_until=date(2026, 9, 15)),
            paid(SubsidyMode.NET, "1.20", valid_from=date(2026, 9, 15)),
        ),
        "2026-09-15",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_subsidy_that_changes_between_the_readings_holds_the_account(name: str) -> None:
    subsidies, changes_on = CHANGES[name]

    waiting = replace(book(tariff_of(NET), *subsidies), models=Models(split=SplitModel.HOLD))
    hold = held(bill(lying_in("Rzeczna"), waiting, CYCLE))

    assert (hold.code, hold.facts["changes_on"]) == (HoldCode.PRICE_CHANGE, changes_on)
    assert isinstance(bill(lying_in("Leśna"), book(tariff_of(NET), *subsidies), CYCLE), Bill)


@pytest.mark.parametrize(
    "subsidies",
    [
        (
            paid(SubsidyMode.NET, "1.20", valid_until=date(2026, 9, 15)),
            paid(SubsidyMode.NET, "1.20", valid_from=date(2026, 9, 15), basis="a new resolution"),
        ),
        (paid(SubsidyMode.NET, "1.20", valid_from=date(2026, 8, 31), valid_until=date(2026, 9, 30)),),
    ],
    ids=["another resolution", "just the billed days"],
)
def test_the_same_rate_on_every_day_is_billed(subsidies: tuple[TariffSubsidy, ...]) -> None:
    made = billed(bill(lying_in("Rzeczna"), book(tariff_of(NET), *subsidies), CYCLE))

    assert made.subsidy_net_zl == Decimal("14.40")


def test_a_gmina_that_pays_all_of_the_net_leaves_a_bill_of_nothing_that_it_is_claimed_by() -> None:
    no_standing = replace(tariff_of(NET), prices=tuple(p for p in tariff_of(NET).prices if p.unit == "m3"))

    made = billed(bill(lying_in("Rzeczna"), book(no_standing, paid(SubsidyMode.NET, "6.80")), CYCLE))

    assert (made.gross_zl, made.subsidy_net_zl) == (Decimal("0.00"), Decimal("81.60"))


def test_rounding_that_brings_the_subsidy_above_the_gross_holds_the_account() -> None:
    cheap = replace(tariff_of(NET), prices=tuple(p for p in tariff_of(NET).prices if p.unit == "m3"))
    one = tuple(replace(price, net_zl=Decimal("1.0000")) for price in cheap.prices)
    both = [paid(SubsidyMode.GROSS, "1.08", service=service) for service in (Service.WATER, Service.SEWAGE)]
    account = lying_in("Rzeczna", used_m3="0.144", services=frozenset({Service.WATER, Service.SEWAGE}))

    hold = held(bill(account, book(replace(cheap, prices=one), *both), CYCLE))

    # 2 × 0.14 = 0.28, VAT 0.02; 2 × 0.144 × 1.08 = 2 × 0.16
    assert (hold.code, hold.facts) == (HoldCode.SUBSIDY_TOO_HIGH, {"gross_zl": "0.30", "subsidy_zl": "0.32"})


def test_a_tie_goes_up_where_eight_percent_cannot_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.pricing.vat_rate", lambda **_: Decimal("0.05"))
    services = frozenset({Service.WATER})
    no_standing = replace(tariff_of(NET), prices=tuple(p for p in tariff_of(NET).prices if p.unit == "m3"))

    account = lying_in("Rzeczna", used_m3="0.5", services=services)
    net = billed(bill(account, book(no_standing, paid(SubsidyMode.NET, "5.80")), CYCLE))
    gross = billed(bill(account, book(no_standing, paid(SubsidyMode.GROSS, "0.05")), CYCLE))

    # net: 0.5 × 1.00 = 0.50, VAT 0.025 goes up to 0.03; gross: 0.5 × 0.05 = 0.025 goes up to 0.03
    assert (net.net_zl, net.vat_zl, net.subsidy_net_zl) == (Decimal("0.50"), Decimal("0.03"), Decimal("2.90"))
    assert (gross.gross_zl, gross.subsidy_gross_zl, gross.payable_zl) == (
        Decimal("3.57"),
        Decimal("0.03"),
        Decimal("3.54"),
    )


def test_a_bill_whose_subsidies_do_not_add_up_cannot_be_made() -> None:
    made = billed(bill(lying_in("Rzeczna"), TariffBook(tariffs=(tariff_of(GROSS),)), CYCLE))

    with pytest.raises(ValueError, match="subsidies of the lines"):
        replace(made, subsidy_gross_zl=made.subsidy_gross_zl + Decimal("0.01"))


def last(text: str, old: str, new: str) -> str:
    assert old in text
    head, _, tail = text.rpartition(old)
    return head + new + tail


RESOLUTION = "uchwała Rady Gminy Rzeczna XII/100/2024 (przykład)"
WRONG, OVERLAP, NO_EXAMPLE = "TARIFF_FIELD_WRONG", "TARIFF_OVERLAP", "TARIFF_NO_EXAMPLE"
GROUPED = 'gmina = "Rzeczna"\ngroups = ["{}"]'
REFUSED: dict[str, tuple[str, str, Callable[[], str]]] = {
    "two modes": (WRONG, "one mode", lambda: last(NET, 'mode = "net"', 'mode = "gross"')),
    "another mode": (WRONG, "must be one of net, gross", lambda: last(NET, 'mode = "net"', 'mode = "half"')),
    "of the abonament": (WRONG, "month", lambda: NET.replace('item = "water"\nmode', 'item = "abonament"\nmode')),
    "above the price": (WRONG, "exceeds", lambda: NET.replace("zl_m3 = 1.20", "zl_m3 = 6.8001")),
    "above the gross price": (WRONG, "exceeds", lambda: GROSS.replace("zl_m3 = 0.85", "zl_m3 = 7.6681")),
    "nothing": (WRONG, "above zero", lambda: NET.replace("zl_m3 = 1.20", "zl_m3 = 0")),
    "five places": (WRONG, "4 decimals", lambda: NET.replace("zl_m3 = 1.20", "zl_m3 = 1.20001")),
    "before the tariff": (
        *(WRONG, "before its price"),
        lambda: NET.replace("1.20\nvalid_from = 2025-01-01", "1.20\nvalid_from = 2024-12-31"),
    ),
    "no end": (WRONG, "before it begins", lambda: GROSS.replace("until = 2026-10-15", "until = 2026-01-01")),
    "an unknown group": (WRONG, "'H' is not defined", lambda: last(NET, GROUPED.format("G"), GROUPED.format("H"))),
    "an unknown field": (WRONG, "'note'", lambda: NET.replace("zl_m3 = 1.20", "zl_m3 = 1.20\nnote = 1")),
    "no basis": (WRONG, "basis must not be empty", lambda: NET.replace(RESOLUTION, "")),
    "an example elsewhere": (WRONG, "Rzeczne", lambda: GROSS + EXAMPLE_ELSEWHERE),
    "twice": (OVERLAP, "Rzeczna for water of G", lambda: NET.replace('"sewage"\nmode', '"water"\nmode')),
    "no example": (NO_EXAMPLE, "subsidy of Rzeczna", lambda: NET.replace('gmina = "Rzeczna"\nwater', "water")),
    "only the gross, which it does not change": (
        *(NO_EXAMPLE, "subsidy of Rzeczna"),
        lambda: GROSS.replace("payable_zl = 149.02\n", ""),
    ),
    "a wrong net": (
        "TARIFF_EXAMPLE_WRONG",
        "128.51 zł, got 128.50",
        lambda: NET.replace("= 128.50", "= 128.51"),
    ),
    "a wrong payable": (
        "TARIFF_EXAMPLE_WRONG",
        "payable 149.03 zł",
        lambda: GROSS.replace("149.02", "149.03"),
    ),
    "a price that only a subsidised example touches": (
        *(NO_EXAMPLE, "no example touches water for G"),
        lambda: NET.replace("water = 1\nnet_zl = 6.80\ngross_zl = 7.34", IN_RZECZNA),
    ),
}
IN_RZECZNA = 'gmina = "Rzeczna"\nwater = 1\nnet_zl = 5.60\ngross_zl = 6.05'
EXAMPLE_ELSEWHERE = """
[[example]]
groups = ["G"]
on = 2026-01-01
gmina = "Rzeczne"
water = 1
gross_zl = 7.67
source = "by hand"
"""


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_subsidy_refuses_the_file(name: str) -> None:
    code, words, text = REFUSED[name]

    with pytest.raises(DataRefused) as refusal:
        tariff_of(text())

    assert refusal.value.code == code, refusal.value
    assert words in str(refusal.value)


def test_subsidies_one_after_the_other_are_no_overlap() -> None:
    first = GROSS.index("[[subsidy]]\n", GROSS.index("[[subsidy]]\n") + 1)
    block = GROSS[first : GROSS.index("[[example]]")]
    next_one = block.replace("2026-01-01", "2026-10-15").replace("valid_until = 2026-10-15\n", "")
    example = GROSS[GROSS.rindex("[[example]]") :].replace("2026-01-01", "2026-11-01")

    made = tariff_of(GROSS.replace(block, block + next_one) + example)

    assert [one.valid_from for one in made.subsidies if one.service is Service.SEWAGE] == [
        date(2026, 1, 1),
        date(2026, 10, 15),
    ]


def test_what_was_hashed_before_there_were_subsidies_keeps_its_hash() -> None:
    invoice = sample_invoice()
    made = Bill(
        account_no="1",
        channel=invoice.channel,
        lines=invoice.lines,
        vat_sums=invoice.vat_sums,
        net_zl=invoice.net_zl,
        vat_zl=invoice.vat_zl,
        gross_zl=invoice.gross_zl,
    )
    account = read_case(CASE.read_text(encoding="utf-8"), name="case").account

    assert content_sha256(invoice) == "4b246d065427ba86ab500f281b22762dbe1a1fbdaafef8956532d0890b11a294"
    assert content_sha256(made) == "e346fae3f59b4c118dbe730ae03e07df58f8229e70ad1f9258e36cde27fdde63"
    assert content_sha256(account) == "555bfec89963182c65a5247f82843a63f09b1f4f323755befd1da31fead1b4e5"


def test_a_snapshot_and_a_bill_with_a_subsidy_survive_as_plain_data() -> None:
    account = lying_in("Rzeczna")
    made = billed(bill(account, TariffBook(tariffs=(tariff_of(GROSS),)), CYCLE))

    assert from_data(AccountSnapshot, to_data(account)) == account
    assert from_data(Bill, to_data(made)) == made
    assert to_data(account)["points"][0]["gmina"] == "Rzeczna"
    assert "gmina" not in to_data(lying_in(None))["points"][0]
