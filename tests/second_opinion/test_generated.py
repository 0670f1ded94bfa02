"""Rating and the SQL checks agree on any tariff, with any change of price, any season and any readings."""

import dataclasses
import shutil
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from databases import own_work
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from town import EVERYBODY, LATECOMER, cycle_order, settle, write_readings

from pipeline import check, collect, freeze, open_cycle, rate

GROUPS = '["H", "B"]'
NAMED = ("line_rounding", "vat_model")
USUAL = ("each_line", "vat_on_rate_sum")
VAT = Decimal("1.08")
FIRST = date(2012, 1, 1)
JULY = [date(2026, 7, 1) + timedelta(days=number) for number in range(31)]

prices = st.decimals(min_value="0.01", max_value=40, places=4)
tariffs = st.fixed_dictionaries(
    {
        "water": st.lists(prices, min_size=2, max_size=2),
        "changes_on": st.sampled_from(JULY),
        "sewage": prices,
        "season": st.none() | st.tuples(prices, st.sampled_from(JULY[:-1]), st.sampled_from(JULY)),
        "threshold": st.none() | st.integers(1, 12),
        "abonament": prices,
        "per_months": st.sampled_from([1, 2, 3]),
        "abonament_sewage": st.none() | prices,
        "split_places": st.sampled_from(["metered", "three"]),
        "rounding": st.sampled_from(
            [("each_line", "vat_on_rate_sum"), ("each_line", "vat_per_line"), ("rate_sum", "vat_on_rate_sum")]
        ),
    }
)
readings = st.dictionaries(st.sampled_from([no for no in EVERYBODY if no != LATECOMER]), st.integers(0, 45))


def gross(net: Decimal) -> Decimal:
    """Of one unit: the net to the grosz, and VAT on it to the grosz."""
    grosz = Decimal("0.01")
    rounded = net.quantize(grosz, rounding=ROUND_HALF_UP)
    return rounded + (rounded * (VAT - 1)).quantize(grosz, rounding=ROUND_HALF_UP)


def price(item: str, unit: str, net: Decimal, *, on: date = FIRST, more: str = "", example: date | None = None) -> str:
    """A price of every group, with an example of one unit."""
    return f"""
[[price]]
groups = {GROUPS}
item = "{item}"
unit = "{unit}"
valid_from = {on}
basis = "made up"
{more or f"net_zl = {net}"}

[[example]]
groups = {GROUPS}
on = {example or on}
{item} = 1
gross_zl = {gross(net)}
source = "by hand"
"""


def water(drawn: dict[str, Any]) -> str:
    """One price, or two blocks of which the upper is half as dear again, up to the change and from then on."""
    found = ""
    for net, on in zip(drawn["water"], (FIRST, drawn["changes_on"]), strict=True):
        if drawn["threshold"] is None:
            found += price("water", "m3", net, on=on)
            continue
        upper = net * 2
        blocks = f"[[price.block]]\nfrom_m3 = 0\nnet_zl = {net}\n[[price.block]]\nfrom_m3 = {drawn['threshold']}\n"
        found += price("water", "m3", net, on=on, more=f"{blocks}net_zl = {upper}\n")
        whole = net * drawn["threshold"] + upper
        found += f"[[example]]\ngroups = {GROUPS}\non = {on}\nwater = {drawn['threshold'] + 1}\n"
        both = two_lines(net * drawn["threshold"], upper, rounding=drawn["rounding"])
        found += f'gross_zl = {both}\nsource = "by hand: {whole}"\n'
    return found


def two_lines(*nets: Decimal, rounding: tuple[str, str]) -> Decimal:
    """Of two lines, as the models of the utility round them and their VAT."""
    if rounding == ("each_line", "vat_per_line"):
        return sum((gross(net) for net in nets), Decimal(0))
    if rounding[0] == "rate_sum":
        return gross(sum(nets, Decimal(0)))
    return gross(sum((net.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) for net in nets), Decimal(0)))


def taryfa(drawn: dict[str, Any]) -> str:
    found = f"""
title = "Taryfa wylosowana"
decision = "made up"
basis = "made up"
valid_from = {FIRST}
standing_months = "touched"
standing_price = "first_day"
standing_per = "recipient"
block_per = "bill"

[[group]]
code = "H"
class = "household"
channel = "any"
name = "Gospodarstwa domowe"

[[group]]
code = "B"
class = "business"
channel = "any"
name = "Pozostali"
"""
    found += water(drawn) + price("sewage", "m3", drawn["sewage"])
    if drawn["season"] is not None and drawn["season"][1] <= drawn["season"][2]:
        net, first, last = drawn["season"]
        season = f'net_zl = {net}\nseason = "{first:%m-%d}..{last:%m-%d}"'
        found += price("sewage", "m3", net, more=season, example=first.replace(year=2012))
    found += price(
        "abonament",
        "month",
        drawn["abonament"],
        more=f"net_zl = {drawn['abonament']}\nper_months = {drawn['per_months']}",
    )
    if drawn["abonament_sewage"] is not None:
        found += price("abonament_sewage", "month", drawn["abonament_sewage"])
    return found


@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(drawn=tariffs, used=readings)
def test_no_check_objects_to_what_rating_makes_of_any_tariff_and_any_readings(
    cluster: Path, drawn: dict[str, Any], used: dict[str, int]
) -> None:
    with own_work(cluster) as (work, folder):
        utility = folder / "utility"
        shutil.copytree(work.settings.utility, utility)
        (old,) = utility.glob("tariffs/*.toml")
        old.write_text(taryfa(drawn | {"vat": VAT}), encoding="utf-8")
        terms = utility / "utility.toml"
        words = terms.read_text(encoding="utf-8")
        for name, usual, wanted in zip(NAMED, USUAL, drawn["rounding"], strict=True):
            words = words.replace(f'{name} = "{usual}"', f'{name} = "{wanted}"')
        words = words.replace("[seller]", f'[models]\nsplit_places = "{drawn["split_places"]}"\n\n[seller]', 1)
        terms.write_text(words, encoding="utf-8")
        own = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
        settle(own, folder)
        later = write_readings(folder / "later.csv", month_end=date(2026, 7, 31), used=used)
        later.write_text(later.read_text(encoding="utf-8").replace("T08:00:00", "T18:00:00"), encoding="utf-8")
        collect.run(own, file=later)
        key = open_cycle.run(own, order=cycle_order())["cycle_key"]
        freeze.run(own, cycle_key=key)
        rated = rate.run(own, cycle_key=key, chunk_no=0)

        check.run(own, cycle_key=key)

        assert rated["charged"] > 0
        with work.engine.connect() as connection:
            sums = connection.execute(
                text("select count(*), sum(gross_zl - net_zl - vat_zl) from charge where net_zl >= 0")
            ).one()
        assert tuple(sums) == (rated["charged"], 0)
