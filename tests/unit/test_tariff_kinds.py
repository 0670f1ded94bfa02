"""Kinds of tariffs: seasons, blocks, rates of several months, components, groups by diameter and payer, price steps."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing.accounts import Channel, PartyKind, Service
from billing.errors import DataRefused
from billing.prices import PriceSpan
from billing.seasons import days_of_a_leap_year, read_season
from billing.tariff_files import load_tariff
from billing.tariffs import Tariff, TariffBook

PUBLISHED = Path(__file__).parents[1] / "tariffs"
HEAD = """
title = "T"
decision = "unknown"
basis = "unknown"
valid_from = 2024-01-01
standing_months = "touched"
standing_price = "first_day"
standing_per = "recipient"
"""
GROUP = '\n[[group]]\ncode = "A"\nclass = "household"\nchannel = "any"\nname = "Wszyscy"\n'
YEARLY = (
    '\n[[price]]\ngroups = ["A"]\nitem = "water"\nunit = "m3"\nnet_zl = 4.00\nvalid_from = 2024-01-01\nbasis = "x"\n'
)
PEAK = YEARLY.replace("4.00", "6.00") + 'season = "05-01..09-30"\n'
BLOCKS = (
    '\n[[price]]\ngroups = ["A"]\nitem = "water"\nunit = "m3"\nvalid_from = 2024-01-01\nbasis = "x"\n'
    "[[price.block]]\nfrom_m3 = 0\nnet_zl = 4.00\n[[price.block]]\nfrom_m3 = 10\nnet_zl = 6.00\n"
)
STANDING = YEARLY.replace('"water"', '"abonament"').replace('"m3"', '"month"').replace("4.00", "9.00")
COMPONENTS = "[price.components]\nreadiness = 3.00\nreading = 2.00\nsettlement = 4.00\n"


def example(on: str, gross: str, item: str = "water", quantity: str = "1") -> str:
    return f'\n[[example]]\ngroups = ["A"]\non = {on}\n{item} = {quantity}\ngross_zl = {gross}\nsource = "by hand"\n'


SEASONAL = HEAD + GROUP + YEARLY + PEAK + example("2024-01-01", "4.32") + example("2024-05-01", "6.48")
PROGRESSIVE = HEAD + 'block_per = "bill"\n' + GROUP + BLOCKS + example("2024-01-01", "49.68", quantity="11")
COMPOSED = HEAD + GROUP + STANDING + COMPONENTS + example("2024-01-01", "9.72", item="abonament")


def load(text: str) -> Tariff:
    return load_tariff(text.encode(), name="t.toml")


def published(*names: str) -> TariffBook:
    files = [PUBLISHED / f"{name}.toml" for name in names]
    return TariffBook(tariffs=tuple(load_tariff(file.read_bytes(), name=file.name) for file in files))


def span(book: TariffBook, day: date, service: Service = Service.WATER, **asked: object) -> PriceSpan:
    found = book.span_on(**({"tariff_class": "household", "channel": Channel.PAPER} | asked), service=service, day=day)  # type: ignore[arg-type]
    assert isinstance(found, PriceSpan)
    return found


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.toml")), ids=lambda path: path.stem)
def test_the_published_nets_give_the_printed_gross_amounts(path: Path) -> None:
    tariff = load_tariff(path.read_bytes(), name=path.name)

    assert all(one.source == "published" for one in tariff.examples)
    assert {(one.group, one.service) for one in tariff.prices} == {
        (one.group, service) for one in tariff.examples for service in one.quantities
    }


@pytest.mark.parametrize(
    ("day", "net_zl"),
    [
        (date(2021, 10, 1), "7.32"),
        (date(2022, 9, 30), "7.32"),
        (date(2022, 10, 1), "7.45"),
        (date(2023, 10, 1), "7.47"),
        (date(2026, 11, 21), "7.47"),
    ],
)
def test_three_price_steps_follow_from_the_entry_date_and_the_last_one_is_prolonged(day: date, net_zl: str) -> None:
    assert span(published("gliwice-2021"), day, Service.SEWAGE).net_zl == Decimal(net_zl)


def test_a_later_decision_cuts_a_tariff_short_before_its_printed_end() -> None:
    book = published("zamosc-2018", "zamosc-2019")

    assert span(book, date(2019, 10, 4)).net_zl == Decimal("2.22")
    assert span(book, date(2019, 10, 5)).net_zl == Decimal("2.58")
    assert span(book, date(2021, 5, 22)).net_zl == Decimal("2.67")
    assert span(book, date(2019, 10, 4)).until == date(2019, 10, 5)
    # a group that the new tariff does not price any more has no price, though the old one printed a later end
    gone = book.span_on(tariff_class="other", channel=Channel.PAPER, service=Service.WATER, day=date(2019, 10, 5))
    assert gone is None


@pytest.mark.parametrize(
    ("start", "second", "third"),
    [
        ("2024-05-08", date(2025, 5, 8), date(2026, 5, 8)),
        ("2024-02-29", date(2025, 3, 1), date(2026, 3, 1)),
        ("2023-03-01", date(2024, 3, 1), date(2025, 3, 1)),
        ("2023-12-31", date(2024, 12, 31), date(2025, 12, 31)),
    ],
)
def test_month_13_and_25_begin_on_the_day_of_the_entry(start: str, second: date, third: date) -> None:
    prices = "".join(
        YEARLY.replace("valid_from = 2024-01-01", f"month_from = {month}").replace("4.00", net)
        for month, net in ((1, "1.00"), (13, "2.00"), (25, "3.00"))
    )
    days = [(date.fromisoformat(start), "1.08"), (second, "2.16"), (third, "3.24")]
    examples = "".join(example(str(day), gross) for day, gross in days)
    book = TariffBook(tariffs=(load(HEAD.replace("2024-01-01", start) + GROUP + prices + examples),))

    assert [span(book, day - timedelta(days=1)).net_zl for day in (second, third)] == [1, 2]
    assert book.price_days(before=date(2030, 1, 1)) == [day for day, _ in days]


def test_the_price_of_a_season_holds_on_its_first_and_last_day_of_every_year() -> None:
    book = TariffBook(tariffs=(load(SEASONAL),))

    for year in (2024, 2025, 2044):
        found = span(book, date(year, 7, 1))
        assert (found.start, found.until, found.net_zl) == (date(year, 5, 1), date(year, 10, 1), 6)
        assert span(book, date(year, 4, 30)).net_zl == span(book, date(year, 10, 1)).net_zl == 4
    assert span(book, date(2024, 2, 1)).start == date(2024, 1, 1)
    assert book.price_days(before=date(2025, 5, 2)) == [
        *(date(2024, 1, 1), date(2024, 5, 1), date(2024, 10, 1), date(2025, 5, 1)),
    ]


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [
        ("02-01..02-28", ["2024-02-28", "2025-02-28"], ["2024-02-29", "2025-03-01"]),
        ("02-01..02-29", ["2024-02-29", "2025-02-28"], ["2024-03-01", "2025-03-01"]),
        ("02-29..06-30", ["2024-02-29", "2025-03-01"], ["2024-02-28", "2025-02-28"]),
        ("11-01..03-31", ["2024-12-31", "2025-01-01", "2025-03-31"], ["2025-04-01", "2025-10-31"]),
    ],
)
def test_a_season_knows_leap_years_and_new_year(word: str, inside: list[str], outside: list[str]) -> None:
    season = read_season(word)

    assert all(season.holds(date.fromisoformat(day)) for day in inside)
    assert not any(season.holds(date.fromisoformat(day)) for day in outside)
    assert season.word() == word


@pytest.mark.parametrize("word", ["05-01", "05-01..02-30", "13-01..14-01", "01-01..12-31", "03-01..02-29", "5-1..9-30"])
def test_what_is_no_season_is_refused(word: str) -> None:
    with pytest.raises(DataRefused, match="TARIFF_FIELD_WRONG"):
        load(SEASONAL.replace("05-01..09-30", word))


def test_two_seasons_may_make_up_the_year_without_a_price_for_all_of_it() -> None:
    whole = SEASONAL.replace(YEARLY, YEARLY + 'season = "10-01..04-30"\n')
    book = TariffBook(tariffs=(load(whole),))

    assert {span(book, day).net_zl for day in days_of_a_leap_year()} == {4, 6}


DIAMETERS = HEAD + "".join(
    GROUP.replace('"A"', f'"{code}"') + rule + STANDING.replace('"A"', f'"{code}"').replace("9.00", net)
    + example("2024-01-01", gross, item="abonament").replace('"A"', f'"{code}"')
    for code, rule, net, gross in (
        ("D20", "diameters_mm = [15, 20]\n", "9.00", "9.72"),
        ("D40", "diameter_from_mm = 25\ndiameter_until_mm = 41\n", "18.00", "19.44"),
        ("D50", "diameter_from_mm = 50\n", "50.00", "54.00"),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("diameter_mm", "net_zl"),
    [
        (15, 9),
        (20, 9),
        (25, 18),
        (40, 18),
        (50, 50),
        (100, 50),
        (16, None),
        (24, None),
        (41, None),
        (49, None),
        (None, None),
    ],
)
def test_the_meters_diameter_picks_the_group(diameter_mm: int | None, net_zl: int | None) -> None:
    tariff = load(DIAMETERS)
    book = TariffBook(tariffs=(tariff,))
    asked = {"tariff_class": "household", "channel": Channel.PAPER, "diameter_mm": diameter_mm}

    found = book.span_on(**asked, service=Service.STANDING, day=date(2024, 1, 1))  # type: ignore[arg-type]
    group = tariff.group_for(**asked)  # type: ignore[arg-type]

    assert (found.net_zl if found else None) == net_zl
    assert (group is None) == (net_zl is None)
    assert not found or not group or found.group == group.code


def test_the_nabywca_picks_the_group() -> None:
    book = published("myszkow-2021")
    day, asked = date(2021, 7, 1), {"tariff_class": "metered"}

    assert span(book, day, payer=PartyKind.NATURAL_PERSON, **asked).net_zl == Decimal("4.19")
    assert span(book, day, payer=PartyKind.ORGANISATION, **asked).net_zl == Decimal("4.22")
    assert span(book, day, tariff_class="flat", payer=PartyKind.ORGANISATION).net_zl == Decimal("4.19")
    assert book.span_on(tariff_class="metered", channel=Channel.PAPER, service=Service.WATER, day=day) is None


REFUSED = {
    "a season twice": ("TARIFF_OVERLAP", SEASONAL + PEAK.replace("05-01", "09-30").replace("..09-30", "..12-31")),
    "days of no season": ("TARIFF_FIELD_WRONG", SEASONAL.replace(YEARLY, "")),
    "29 February of no season": (
        "TARIFF_FIELD_WRONG",
        HEAD
        + GROUP
        + PEAK.replace("05-01..09-30", "03-01..08-31")
        + PEAK.replace("05-01..09-30", "09-01..02-28").replace("6.00", "5.00")
        + example("2024-03-01", "6.48")
        + example("2024-09-01", "5.40"),
    ),
    "a season that no example touches": (
        "TARIFF_NO_EXAMPLE",
        SEASONAL.replace("2024-05-01", "2024-04-30").replace("6.48", "4.32"),
    ),
    "an abonament with a season": (
        "TARIFF_FIELD_WRONG",
        COMPOSED.replace("[price.comp", 'season = "05-01..09-30"\n[price.comp'),
    ),
    "a block that no example reaches": (
        "TARIFF_NO_EXAMPLE",
        PROGRESSIVE.replace("water = 11", "water = 10").replace("49.68", "43.20"),
    ),
    "blocks that do not begin with 0": ("TARIFF_FIELD_WRONG", PROGRESSIVE.replace("from_m3 = 0", "from_m3 = 1")),
    "blocks that fall": ("TARIFF_FIELD_WRONG", PROGRESSIVE.replace("net_zl = 6.00", "net_zl = 3.00")),
    "one block": ("TARIFF_FIELD_WRONG", PROGRESSIVE.replace("[[price.block]]\nfrom_m3 = 10\nnet_zl = 6.00\n", "")),
    "a price beside its blocks": (
        "TARIFF_FIELD_WRONG",
        PROGRESSIVE.replace('basis = "x"\n[[', 'basis = "x"\nnet_zl = 4.00\n[['),
    ),
    "blocks of nobody knows what": ("TARIFF_FIELD_MISSING", PROGRESSIVE.replace('block_per = "bill"\n', "")),
    "components that miss the rate": ("TARIFF_COMPONENTS", COMPOSED.replace("reading = 2.00", "reading = 2.01")),
    "readiness of a flat": ("TARIFF_COMPONENTS", COMPOSED.replace('"Wszyscy"\n', '"Wszyscy"\nmetering = "flat"\n')),
    "reading of a norm": ("TARIFF_COMPONENTS", COMPOSED.replace('"Wszyscy"\n', '"Wszyscy"\nmetering = "norm"\n')),
    "components of water": (
        "TARIFF_FIELD_WRONG",
        SEASONAL.replace(YEARLY, YEARLY + COMPONENTS.replace("4.00", "-1.00")),
    ),
    "no months": ("TARIFF_FIELD_WRONG", COMPOSED.replace("[price.comp", "per_months = 0\n[price.comp")),
    "water per two months": ("TARIFF_FIELD_WRONG", SEASONAL.replace(YEARLY, YEARLY + "per_months = 2\n")),
    "month 12": ("TARIFF_FIELD_WRONG", SEASONAL.replace("valid_from = 2024-01-01\nbasis", "month_from = 12\nbasis")),
    "two first days": ("TARIFF_FIELD_WRONG", SEASONAL.replace(YEARLY, YEARLY + "month_from = 1\n")),
    "diameters that overlap": ("TARIFF_OVERLAP", DIAMETERS.replace("diameter_from_mm = 25", "diameter_from_mm = 20")),
    "diameters twice over": (
        "TARIFF_FIELD_WRONG",
        DIAMETERS.replace("diameters_mm", "diameter_from_mm = 1\ndiameters_mm"),
    ),
    "no diameter at all": ("TARIFF_FIELD_WRONG", DIAMETERS.replace("diameter_until_mm = 41", "diameter_until_mm = 25")),
    "one group for all meters": ("TARIFF_OVERLAP", DIAMETERS.replace("diameters_mm = [15, 20]\n", "")),
    "a nabywca that is none": ("TARIFF_FIELD_WRONG", SEASONAL.replace('"Wszyscy"\n', '"Wszyscy"\npayer = "dog"\n')),
    "a printed end before the beginning": ("TARIFF_FIELD_WRONG", "valid_until = 2023-12-31" + SEASONAL),
    "a service outside the tariff": (
        "TARIFF_FIELD_WRONG",
        SEASONAL.replace(YEARLY, YEARLY.replace('"water"', '"excess"')),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_tariff_that_leaves_a_day_or_a_rate_in_doubt_is_refused(name: str) -> None:
    code, text = REFUSED[name]

    with pytest.raises(DataRefused) as caught:
        load(text)

    assert caught.value.code == code
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [SEASONAL, PROGRESSIVE, COMPOSED, DIAMETERS])
def test_the_tariffs_that_are_spoilt_above_are_sound(text: str) -> None:
    assert load(text).examples


def test_the_same_group_for_either_nabywca_is_unambiguous_only_with_both_named() -> None:
    natural = GROUP + 'payer = "natural_person"\n'
    other = GROUP.replace('"A"', '"B"') + 'payer = "organisation"\n'
    book = TariffBook(tariffs=(load(HEAD + natural + other + YEARLY + example("2024-01-01", "4.32")),))

    assert span(book, date(2024, 1, 1), payer=PartyKind.NATURAL_PERSON).group == "A"
    with pytest.raises(DataRefused, match="TARIFF_OVERLAP"):
        load(HEAD + natural + other.replace('payer = "organisation"\n', "") + YEARLY + example("2024-01-01", "4.32"))
