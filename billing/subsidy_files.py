"""The ``[[subsidy]]`` tables of a tariff file: read, and refused like prices when they cannot be right.

``gmina`` as the registry writes it, ``groups``, ``item`` (water or sewage), ``mode`` (``net`` or ``gross``, one in a
file), ``zl_m3``, ``valid_from``, ``valid_until`` (the first day that no longer belongs; left out: open-ended) and
``basis``, the resolution of the council.
"""

from collections.abc import Iterator
from itertools import combinations

from billing.accounts import Service
from billing.law import vat_rate
from billing.prices import STANDING
from billing.subsidies import SubsidyMode, TariffSubsidy
from billing.tariffs import Tariff, TariffExample
from billing.toml_fields import Fields


def read_subsidies(fields: Fields, *, groups: tuple[str, ...]) -> Iterator[TariffSubsidy]:
    """The subsidies of one table, one for each group.

    Raises:
        DataRefused: ``TARIFF_FIELD_MISSING`` or ``TARIFF_FIELD_WRONG``.
    """
    fields.known("gmina", "groups", "item", "mode", "zl_m3", "valid_from", "valid_until", "basis")
    service = fields.choice("item", Service)
    if service in STANDING:
        raise fields.refuse("FIELD_WRONG", f"{service} is owed by the month, a subsidy is paid for m3")
    valid_from = fields.day("valid_from")
    valid_until = fields.day("valid_until") if "valid_until" in fields.table else None
    if valid_until is not None and valid_until <= valid_from:
        raise fields.refuse("FIELD_WRONG", f"it ends on {valid_until}, before it begins")
    zl_m3 = fields.decimal("zl_m3", places=4)
    if zl_m3 <= 0:
        raise fields.refuse("FIELD_WRONG", "zl_m3 must be above zero")
    for group in groups:
        yield TariffSubsidy(
            gmina=fields.text("gmina"),
            group=group,
            service=service,
            mode=fields.choice("mode", SubsidyMode),
            zl_m3=zl_m3,
            valid_from=valid_from,
            valid_until=valid_until,
            basis=fields.text("basis"),
        )


def refuse_wrong_subsidies(tariff: Tariff, top: Fields) -> None:
    """Refuse subsidies that overlap, mix modes, exceed the price, or are proved by no worked example.

    Raises:
        DataRefused: ``TARIFF_FIELD_WRONG``, ``TARIFF_OVERLAP`` or ``TARIFF_NO_EXAMPLE``.
    """
    if len({one.mode for one in tariff.subsidies}) > 1:
        raise top.refuse("FIELD_WRONG", "subsidies are of one mode in a file, net or gross")
    for one, other in combinations(tariff.subsidies, 2):
        if _place(one) == _place(other) and (one.holds_on(other.valid_from) or other.holds_on(one.valid_from)):
            raise top.refuse("OVERLAP", f"the subsidy of {_place(one)} is defined twice for {other.valid_from}")
    for subsidy in tariff.subsidies:
        _refuse_excess(tariff, subsidy, top)
        if not any(_proves(example, subsidy) for example in tariff.examples):
            raise top.refuse("NO_EXAMPLE", f"no example touches the subsidy of {_place(subsidy)}")
    gminas = {subsidy.gmina for subsidy in tariff.subsidies}
    for example in tariff.examples:
        if example.gmina is not None and example.gmina not in gminas:
            raise top.refuse("FIELD_WRONG", f"an example names {example.gmina}, which pays no subsidy in this file")


def _refuse_excess(tariff: Tariff, subsidy: TariffSubsidy, top: Fields) -> None:
    steps = {price.valid_from for price in tariff.prices if subsidy.holds_on(price.valid_from)}
    for day in sorted({subsidy.valid_from, *steps}):
        price = tariff.price_on(group=subsidy.group, service=subsidy.service, day=day)
        if price is None:
            raise top.refuse("FIELD_WRONG", f"the subsidy of {_place(subsidy)} starts on {day}, before its price")
        vat = vat_rate(service=subsidy.service, on=day) if subsidy.mode is SubsidyMode.GROSS else 0
        same_step = tariff.prices_of(group=subsidy.group, service=subsidy.service)
        lowest_zl = min(one.net_zl for one in same_step if one.valid_from == price.valid_from)
        if subsidy.zl_m3 > lowest_zl * (1 + vat):
            raise top.refuse("FIELD_WRONG", f"the subsidy of {_place(subsidy)} exceeds the price of {day}")


def _proves(example: TariffExample, subsidy: TariffSubsidy) -> bool:
    """Whether the example's figures depend on the subsidy; in gross mode only ``payable_zl`` does."""
    same = (example.gmina, example.group) == (subsidy.gmina, subsidy.group) and subsidy.holds_on(example.on)
    shown = subsidy.mode is SubsidyMode.NET or example.payable_zl is not None
    return same and shown and subsidy.service in example.quantities


def _place(subsidy: TariffSubsidy) -> str:
    return f"{subsidy.gmina} for {subsidy.service} of {subsidy.group}"
