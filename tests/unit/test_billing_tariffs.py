"""Tariff files: what is refused, with which code, and what a day costs."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from billing.accounts import Channel, Service
from billing.errors import DataRefused
from billing.prices import PriceSpan
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook

UTILITIES = Path(__file__).parents[2] / "utilities"
LYSKI = UTILITIES / "wodzislaw-lyski" / "tariffs" / "2024-lyski.toml"
SMALL = """
title = "T"
decision = "unknown"
basis = "unknown"
valid_from = 2024-01-01
standing_months = "touched"
standing_price = "first_day"
standing_per = "recipient"

[[group]]
code = "A"
class = "household"
channel = "any"
name = "Wszyscy"

[[price]]
groups = ["A"]
item = "water"
unit = "m3"
net_zl = 6.46
valid_from = 2024-01-01
basis = "unknown"

[[example]]
groups = ["A"]
on = 2024-01-01
water = 1
gross_zl = 6.98
source = "published"
"""


def refusal(text: str | bytes) -> DataRefused:
    with pytest.raises(DataRefused) as caught:
        load_tariff(text if isinstance(text, bytes) else text.encode(), name="t.toml")
    return caught.value


REFUSED = {
    "not TOML": ("TARIFF_UNREADABLE", "title = ", "title == "),
    "no title": ("TARIFF_FIELD_MISSING", 'title = "T"\n', ""),
    "no decision": ("TARIFF_FIELD_MISSING", 'decision = "unknown"\n', ""),
    "no basis of a price": ("TARIFF_FIELD_MISSING", '2024-01-01\nbasis = "unknown"\n\n[[ex', "2024-01-01\n\n[[ex"),
    "empty decision": ("TARIFF_FIELD_WRONG", 'decision = "unknown"', 'decision = " "'),
    "no price": ("TARIFF_FIELD_MISSING", "[[price]]", "[[example]]"),
    "misspelt field": ("TARIFF_FIELD_WRONG", "decision =", "decission ="),
    "price with five places": ("TARIFF_FIELD_WRONG", "6.46", "6.46001"),
    "price that is no number": ("TARIFF_FIELD_WRONG", "6.46", '"sześć"'),
    "not a number at all": ("TARIFF_FIELD_WRONG", "6.46", "nan"),
    "unknown item": ("TARIFF_FIELD_WRONG", '"water"\nunit', '"tea"\nunit'),
    "unit of another item": ("TARIFF_FIELD_WRONG", '"m3"', '"month"'),
    "unknown channel": ("TARIFF_FIELD_WRONG", '"any"', '"pigeon"'),
    "unknown group": ("TARIFF_FIELD_WRONG", 'groups = ["A"]\nitem', 'groups = ["B"]\nitem'),
    "unknown model": ("TARIFF_FIELD_WRONG", '"touched"', '"guessed"'),
    "price before the tariff": (
        "TARIFF_FIELD_WRONG",
        "net_zl = 6.46\nvalid_from = 2024-01-01",
        "net_zl = 6.46\nvalid_from = 2023-12-31",
    ),
    "date with a time": ("TARIFF_FIELD_WRONG", "valid_from = 2024-01-01\nst", "valid_from = 2024-01-01T00:00:00\nst"),
    "wrong gross": ("TARIFF_EXAMPLE_WRONG", "6.98", "6.97"),
    "wrong price": ("TARIFF_EXAMPLE_WRONG", "6.46", "6.64"),
    "only an example before the price": ("TARIFF_NO_EXAMPLE", "on = 2024-01-01", "on = 2023-12-31"),
    "example of an unpriced item": ("TARIFF_EXAMPLE_WRONG", "water = 1", "water = 1\nsewage = 1"),
}


def test_the_small_tariff_is_accepted_as_it_stands() -> None:
    tariff = load_tariff(SMALL.encode(), name="t.toml")

    assert tariff.sha256 == sha256(SMALL.encode()).hexdigest()
    assert tariff.prices[0].net_zl == Decimal("6.46")


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_tariff_file_is_refused_with_its_code_and_its_name(name: str) -> None:
    code, old, new = REFUSED[name]
    assert old in SMALL

    error = refusal(SMALL.replace(old, new))

    assert error.code == code
    assert "t.toml" in str(error)
    assert "\n" not in str(error)


def test_bytes_that_are_not_utf8_are_unreadable() -> None:
    assert refusal("title = 'ż'".encode("cp1250")).code == "TARIFF_UNREADABLE"


def test_a_wrong_example_says_what_was_expected_and_what_came_out() -> None:
    text = str(refusal(SMALL.replace("6.98", "6.97")))

    assert "example A on 2024-01-01 (1.000 × water): expected gross 6.97 zł, got 6.98 zł" in text


def test_a_price_that_no_example_touches_is_refused() -> None:
    later = SMALL.replace("[[example]]", SMALL[SMALL.index("[[price]]") : SMALL.index("[[example]]")] + "[[example]]")
    second = later[: later.rindex("[[price]]")] + later[later.rindex("[[price]]") :].replace(
        "2024-01-01", "2025-01-01", 1
    )

    error = refusal(second)

    assert error.code == "TARIFF_NO_EXAMPLE"
    assert "water for A from 2025-01-01" in str(error)


@pytest.mark.parametrize("table", ["group", "price"])
def test_the_same_group_or_price_twice_is_an_overlap(table: str) -> None:
    start = SMALL.index(f"[[{table}]]")
    block = SMALL[start : SMALL.index("[[", start + 2)]

    assert refusal(SMALL.replace(block, block + block)).code == "TARIFF_OVERLAP"


def test_two_groups_for_one_class_and_channel_are_an_overlap() -> None:
    start = SMALL.index("[[group]]")
    block = SMALL[start : SMALL.index("[[", start + 2)]
    other = block.replace('"A"', '"B"').replace('"any"', '"paper"')

    assert refusal(SMALL.replace(block, block + other)).code == "TARIFF_OVERLAP"


def test_two_tariffs_that_start_on_one_day_are_an_overlap() -> None:
    tariff = load_tariff(SMALL.encode(), name="t.toml")

    with pytest.raises(DataRefused, match="TARIFF_OVERLAP"):
        TariffBook(tariffs=(tariff, replace(tariff, name="u.toml")))


@pytest.mark.parametrize("path", sorted(UTILITIES.glob("*/tariffs/*.toml")), ids=lambda path: path.name)
def test_every_tariff_of_the_project_recomputes_its_examples(path: Path) -> None:
    tariff = load_tariff(path.read_bytes(), name=path.name)

    assert tariff.examples
    assert all(example.source for example in tariff.examples)


def price(book: TariffBook, day: date, service: Service = Service.WATER, channel: Channel = Channel.PAPER) -> Decimal:
    span = book.span_on(tariff_class="household", channel=channel, service=service, day=day)
    assert isinstance(span, PriceSpan)
    assert span.net_zl is not None
    return span.net_zl


@pytest.mark.parametrize(
    ("day", "net_zl"),
    [
        (date(2024, 5, 8), "6.46"),
        (date(2025, 5, 7), "6.46"),
        (date(2025, 5, 8), "6.62"),
        (date(2026, 5, 7), "6.62"),
        (date(2026, 5, 8), "6.80"),
        (date(2040, 1, 1), "6.80"),
    ],
)
def test_the_published_water_price_of_lyski_holds_on_the_first_and_last_day_of_each_year(
    day: date, net_zl: str
) -> None:
    book = TariffBook(tariffs=(load_tariff(LYSKI.read_bytes(), name=LYSKI.name),))

    assert price(book, day) == Decimal(net_zl)


def test_the_channel_picks_the_group_that_prices_the_abonament() -> None:
    book = TariffBook(tariffs=(load_tariff(LYSKI.read_bytes(), name=LYSKI.name),))
    day = date(2026, 11, 1)

    assert price(book, day, Service.STANDING, Channel.PAPER) == Decimal("13.95")
    assert price(book, day, Service.STANDING, Channel.EMAIL) == Decimal("10.25")


def test_a_successor_wins_from_its_first_day_though_the_old_one_has_later_slices() -> None:
    old = load_tariff(LYSKI.read_bytes(), name=LYSKI.name)
    start = date(2026, 1, 1)
    new = replace(
        old,
        name="2026.toml",
        valid_from=start,
        prices=tuple(
            replace(item, net_zl=Decimal("7.0000"), valid_from=start)
            for item in old.prices
            if item.valid_from == old.valid_from
        ),
    )
    book = TariffBook(tariffs=(new, old))

    assert price(book, start - timedelta(days=1)) == Decimal("6.62")
    assert price(book, start) == price(book, date(2026, 6, 1)) == Decimal("7.00")
    assert book.tariff_on(date(2026, 6, 1)) is new


def test_a_group_that_the_successor_does_not_price_has_no_price_from_its_first_day() -> None:
    old = load_tariff(LYSKI.read_bytes(), name=LYSKI.name)
    start = date(2026, 1, 1)
    sewage_only = tuple(replace(item, service=Service.SEWAGE, valid_from=start) for item in old.prices[:1])
    book = TariffBook(tariffs=(old, replace(old, name="2026.toml", valid_from=start, prices=sewage_only)))

    assert price(book, start - timedelta(days=1)) == Decimal("6.62")
    assert book.span_on(tariff_class="household", channel=Channel.PAPER, service=Service.WATER, day=start) is None


def test_a_day_before_the_first_tariff_has_no_price() -> None:
    book = TariffBook(tariffs=(load_tariff(LYSKI.read_bytes(), name=LYSKI.name),))

    assert (
        book.span_on(tariff_class="household", channel=Channel.PAPER, service=Service.WATER, day=date(2024, 5, 7))
        is None
    )
