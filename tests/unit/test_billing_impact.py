"""What a new tariff changes, worked out by hand for three customers, and what holds for all of them."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.accounts import Channel, Service
from billing.impact import Impact, KnownUse, NoImpact, NoImpactReason, UsedPoint, UsingAccount, impact
from billing.impact_summary import by_group, movers, percent
from billing.priced_year import PricedYear
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook

HEAD = """
title = "T"
decision = "1/2026"
basis = "test"
valid_from = {start}
standing_months = "touched"
standing_price = "first_day"
standing_per = "{per}"
"""
GROUP = '\n[[group]]\ncode = "{}"\nclass = "{}"\nchannel = "{}"\nname = "x"\n'
PRICE = '\n[[price]]\ngroups = ["{}"]\nitem = "{}"\nunit = "{}"\nnet_zl = {}\nvalid_from = {}\nbasis = "test"\n'
EXAMPLE = '\n[[example]]\ngroups = ["{}"]\non = {}\n{} = 1\ngross_zl = {}\nsource = "by hand"\n'
START = date(2027, 1, 1)
# group, item, net, from, gross of one unit (net and 8 % VAT, by hand)
OLD = (
    ("GP", "water", "5.00", "2020-01-01", "5.40"),
    ("GP", "sewage", "8.00", "2020-01-01", "8.64"),
    ("GP", "abonament", "10.00", "2020-01-01", "10.80"),
    ("GE", "water", "5.00", "2020-01-01", "5.40"),
    ("GE", "sewage", "8.00", "2020-01-01", "8.64"),
    ("GE", "abonament", "7.00", "2020-01-01", "7.56"),
)
NEW = (
    ("GP", "water", "5.50", "2027-01-01", "5.94"),
    ("GP", "water", "6.00", "2027-07-01", "6.48"),
    ("GP", "sewage", "8.00", "2027-01-01", "8.64"),
    ("GP", "abonament", "12.00", "2027-01-01", "12.96"),
    ("GE", "water", "5.50", "2027-01-01", "5.94"),
    ("GE", "water", "6.00", "2027-07-01", "6.48"),
    ("GE", "sewage", "8.00", "2027-01-01", "8.64"),
    ("GE", "abonament", "6.00", "2027-01-01", "6.48"),
)


def tariff(start, prices, *, groups=("GP", "GE"), per="recipient"):
    channels = {"GP": "paper", "GE": "email"}
    parts = [HEAD.format(start=start, per=per)]
    parts += [GROUP.format(code, "household", channels[code]) for code in groups]
    for group, item, net, day, gross in prices:
        unit = "month" if item == "abonament" else "m3"
        parts += [PRICE.format(group, item, unit, net, day), EXAMPLE.format(group, day, item, gross)]
    return load_tariff("".join(parts).encode(), name=f"{start}.toml")


def years(new=NEW, *, start="2027-01-01", **how):
    old = tariff("2020-01-01", OLD)
    books = TariffBook(tariffs=(old,)), TariffBook(tariffs=(old, tariff(start, new, **how)))
    return tuple(PricedYear(book=book, start=date.fromisoformat(start)) for book in books)


def account(channel, *points):
    uses = [
        UsedPoint(
            tariff_class="household",
            uses={Service(name): KnownUse(volume_m3=Decimal(m3), days=days) for name, (m3, days) in point.items()},
        )
        for point in points
    ]
    return UsingAccount(account_no="A1", channel=channel, points=tuple(uses))


def figures(found):
    return tuple(str(getattr(side, name)) for side in (found.before, found.after) for name in ("net_zl", "gross_zl"))


def test_a_household_on_paper_with_a_whole_year_of_water_and_sewage() -> None:
    # Known: 120 m³ of water and of sewage in 365 days, so 120 m³ a year of each.
    # Before: 120 × 5.00 = 600.00; 120 × 8.00 = 960.00; 12 × 10.00 = 120.00; net 1680.00; VAT 134.40; gross 1814.40.
    # After: 1 January to 30 June are 181 days: 120 × 181 / 365 = 59.507 m³ at 5.50 = 327.29 (327.2885);
    #   the other 60.493 m³ at 6.00 = 362.96 (362.958); sewage 960.00; 12 × 12.00 = 144.00;
    #   net 1794.25; VAT 143.54; gross 1937.79. More by 123.39, which is 6.80 %.
    before, after = years()
    found = impact(account(Channel.PAPER, {"water": ("120", 365), "sewage": ("120", 365)}), before=before, after=after)

    assert figures(found) == ("1680.00", "1814.40", "1794.25", "1937.79")
    assert (found.before.groups, found.after.groups) == ("GP", "GP")
    assert found.difference_zl == Decimal("123.39")
    assert percent(part=found.difference_zl, whole=found.before.gross_zl) == Decimal("6.80")


def test_a_customer_by_e_mail_whose_two_months_are_made_a_year() -> None:
    # Known: 6 m³ of water in 61 days: 6 × 365 / 61 = 35.902 m³ a year.
    # Before: 35.902 × 5.00 = 179.51; 12 × 7.00 = 84.00; net 263.51; VAT 21.08 (21.0808); gross 284.59.
    # After: 35.902 × 181 / 365 = 17.803 m³ at 5.50 = 97.92 (97.9165); 18.099 m³ at 6.00 = 108.59 (108.594);
    #   12 × 6.00 = 72.00; net 278.51; VAT 22.28 (22.2808); gross 300.79.
    before, after = years()
    found = impact(account(Channel.EMAIL, {"water": ("6", 61)}), before=before, after=after)

    assert found.water_m3 == Decimal("35.902")
    assert figures(found) == ("263.51", "284.59", "278.51", "300.79")


def test_a_customer_by_e_mail_who_uses_little_pays_less() -> None:
    # Known: 5 m³ in 365 days. Before: 25.00 + 84.00 = 109.00; VAT 8.72; gross 117.72.
    # After: 2.479 m³ at 5.50 = 13.63 (13.6345); 2.521 m³ at 6.00 = 15.13 (15.126); 72.00; net 100.76;
    #   VAT 8.06 (8.0608); gross 108.82. Less by 8.90.
    before, after = years()
    found = impact(account(Channel.EMAIL, {"water": ("5", 365)}), before=before, after=after)

    assert figures(found) == ("109.00", "117.72", "100.76", "108.82")
    assert found.difference_zl == Decimal("-8.90")


def test_two_points_of_a_recipient_owe_one_abonament_and_those_of_a_per_point_tariff_two() -> None:
    # Water 10 m³ a year at each point. Before 2 × 50.00 + 12 × 10.00 = 220.00 net. After, by days: 4.959 × 5.50 = 27.27
    # (27.2745) and 5.041 × 6.00 = 30.25 (30.246), so 57.52 a point; with 2 × 12 × 12.00 = 288.00: 403.04 net.
    before, after = years(per="point")
    point = {"water": ("10", 365)}
    found = impact(account(Channel.PAPER, point, point), before=before, after=after)

    assert (str(found.before.net_zl), str(found.after.net_zl)) == ("220.00", "403.04")


def test_a_tariff_that_starts_inside_a_month_prices_the_abonament_of_the_next_twelve() -> None:
    # From 15 January 2027 the months that begin in the year are February to January: all twelve at 12.00.
    new = (
        ("GP", "water", "5.50", "2027-01-15", "5.94"),
        ("GP", "abonament", "12.00", "2027-01-15", "12.96"),
    )
    before, after = years(new, start="2027-01-15", groups=("GP",))
    found = impact(account(Channel.PAPER, {"water": ("10", 365)}), before=before, after=after)

    assert (str(found.before.net_zl), str(found.after.net_zl)) == ("170.00", "199.00")


@pytest.mark.parametrize(
    ("new", "groups", "lacking"),
    [
        (tuple(row for row in NEW if row[:2] != ("GE", "sewage")), ("GP", "GE"), "household by email: sewage"),
        (tuple(row for row in NEW if row[0] == "GP"), ("GP",), "household by email: no group"),
    ],
)
def test_what_the_new_tariff_does_not_price_is_named_even_without_history(new, groups, lacking) -> None:
    before, after = years(new, groups=groups)
    found = impact(account(Channel.EMAIL, {"water": ("1", 2), "sewage": ("1", 2)}), before=before, after=after)

    assert isinstance(found, NoImpact)
    assert (found.reason, found.lacking) == (NoImpactReason.NO_PRICE, lacking)


def test_a_class_that_only_the_new_tariff_prices_is_no_gap_of_it() -> None:
    before, after = years()
    found = impact(account(Channel.PAPER, {"water": ("120", 365)}), before=after, after=after)
    nowhere = PricedYear(book=TariffBook(tariffs=()), start=START)
    new = impact(account(Channel.PAPER, {"water": ("120", 365)}), before=nowhere, after=after)

    assert isinstance(found, Impact)
    assert found.difference_zl == 0
    assert (new.reason, new.lacking) == (NoImpactReason.NO_PRICE_BEFORE, "household by paper: no group")
    assert before.book != after.book


@pytest.mark.parametrize(("days", "known"), [(27, False), (28, True)])
def test_four_weeks_are_the_least_that_is_made_a_year(days, known) -> None:
    before, after = years()
    found = impact(account(Channel.PAPER, {"water": ("3", days)}), before=before, after=after)

    assert isinstance(found, Impact) == known
    assert known or found.reason is NoImpactReason.NO_HISTORY


uses = st.builds(
    KnownUse,
    volume_m3=st.decimals(min_value=0, max_value=9999, places=3),
    days=st.integers(min_value=20, max_value=400),
)
using = st.builds(
    UsingAccount,
    account_no=st.text("0123456789", min_size=1, max_size=6),
    channel=st.sampled_from(Channel),
    points=st.lists(
        st.builds(
            UsedPoint,
            tariff_class=st.just("household"),
            uses=st.dictionaries(st.sampled_from([Service.WATER, Service.SEWAGE]), uses, min_size=1),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(st.lists(using, max_size=12))
def test_the_groups_add_up_to_the_accounts_and_movers_are_the_extremes(accounts) -> None:
    before, after = years()
    found = [impact(each, before=before, after=after) for each in accounts]
    rated = [each for each in found if isinstance(each, Impact)]
    groups, extremes = by_group(rated), movers(rated, most=3)

    assert sum(group.accounts for group in groups) == len(rated)
    for name in ("net", "gross"):
        for side in ("before", "after"):
            whole = sum(getattr(getattr(each, side), f"{name}_zl") for each in rated)
            assert sum(getattr(group, f"{name}_{side}_zl") for group in groups) == whole
    for name in ("water_m3", "sewage_m3"):
        assert sum(getattr(group, name) for group in groups) == sum(getattr(each, name) for each in rated)
    assert sum(group.difference_zl for group in groups) == sum(each.difference_zl for each in rated)
    assert all(group.pay_more + group.pay_less <= group.accounts for group in groups)
    ups = sorted((each.difference_zl for each in rated if each.difference_zl > 0), reverse=True)
    downs = sorted(each.difference_zl for each in rated if each.difference_zl < 0)
    assert [each.difference_zl for each in extremes.up_zl] == ups[:3]
    assert [each.difference_zl for each in extremes.down_zl] == downs[:3]


def stepping(*prices_zl: int) -> PricedYear:
    """A book that prices water and sewage alike, so many whole złoty from each of three days on."""
    days = ("2027-01-01", "2027-03-15", "2027-11-30")
    rows = tuple(
        ("GP", item, f"{price_zl}.00", day, f"{Decimal(price_zl) * Decimal('1.08'):.2f}")
        for item in ("water", "sewage")
        for day, price_zl in zip(days, prices_zl, strict=True)
    )
    return PricedYear(book=TariffBook(tariffs=(tariff("2027-01-01", rows, groups=("GP",)),)), start=START)


ONE_TWO_ONE, TWO_ONE_TWO = stepping(1000, 2000, 1000), stepping(2000, 1000, 2000)


@given(using)
def test_the_parts_of_a_year_at_each_price_hold_its_whole_volume(each) -> None:
    """At whole thousands nothing is rounded, and what one book prices at 1000 the other prices at 2000."""
    account = UsingAccount(account_no=each.account_no, channel=Channel.PAPER, points=each.points)
    found = impact(account, before=ONE_TWO_ONE, after=TWO_ONE_TWO)

    if isinstance(found, Impact):
        assert found.before.net_zl + found.after.net_zl == 3000 * (found.water_m3 + found.sewage_m3)


KINDS = (
    HEAD.format(start="2027-01-01", per="recipient")
    + 'block_per = "{}"\n'
    + GROUP.format("GP", "household", "any")
    + """
[[price]]
groups = ["GP"]
item = "water"
unit = "m3"
valid_from = 2027-01-01
basis = "test"
[[price.block]]
from_m3 = 0
net_zl = 4.00
[[price.block]]
from_m3 = 5
net_zl = 6.00

[[price]]
groups = ["GP"]
item = "sewage"
unit = "m3"
net_zl = 8.00
valid_from = 2027-01-01
basis = "test"

[[price]]
groups = ["GP"]
item = "sewage"
unit = "m3"
net_zl = 9.00
season = "06-01..08-31"
valid_from = 2027-01-01
basis = "test"

[[price]]
groups = ["GP"]
item = "abonament"
unit = "month"
net_zl = 20.00
per_months = 2
valid_from = 2027-01-01
basis = "test"

[[price]]
groups = ["GP"]
item = "abonament_sewage"
unit = "month"
net_zl = 3.00
valid_from = 2027-01-01
basis = "test"

[[example]]
groups = ["GP"]
on = 2027-01-01
water = 6
sewage = 1
abonament = 1
gross_zl = 58.32
source = "by hand: 20.00 + 6.00 + 8.00 + 20.00 = 54.00; VAT 4.32"

[[example]]
groups = ["GP"]
on = 2027-06-01
sewage = 1
abonament_sewage = 1
gross_zl = 12.96
source = "by hand: 9.00 + 3.00 = 12.00; VAT 0.96"
"""
)


def kinds(block_per):
    new = load_tariff(KINDS.format(block_per).encode(), name="2027.toml")
    old = tariff("2020-01-01", OLD)
    return tuple(PricedYear(book=TariffBook(tariffs=book), start=START) for book in ((old,), (old, new)))


def test_a_year_of_seasons_blocks_and_a_rate_of_two_months() -> None:
    # Known: 73 m³ of water and of sewage in 365 days. After: the threshold of 5 m³ in 30 days is 5 × 365 / 30 = 60.833
    #   m³ in the year: 60.833 × 4.00 = 243.33 (243.332), 12.167 × 6.00 = 73.00 (73.002); sewage: 151 days to 31 May are
    #   30.2 m³ at 8.00 = 241.60, 92 days to 31 August 18.4 m³ at 9.00 = 165.60, 122 days 24.4 m³ at 8.00 = 195.20;
    #   6 × 20.00 = 120.00 and 12 × 3.00 = 36.00; net 1074.73; VAT 85.98 (85.9784); gross 1160.71.
    before, after = kinds("month")
    found = impact(account(Channel.PAPER, {"water": ("73", 365), "sewage": ("73", 365)}), before=before, after=after)

    assert figures(found)[2:] == ("1074.73", "1160.71")


def test_thresholds_of_a_bill_give_no_figures_of_a_year_and_say_so() -> None:
    before, after = kinds("bill")
    found = impact(account(Channel.PAPER, {"water": ("73", 365)}), before=before, after=after)
    without_water = impact(account(Channel.PAPER, {"sewage": ("73", 365)}), before=before, after=after)

    assert isinstance(found, NoImpact)
    assert (found.reason, found.lacking) == (
        NoImpactReason.NO_BILL_LENGTH,
        "water: the thresholds of household count by bills",
    )
    assert isinstance(without_water, Impact)
