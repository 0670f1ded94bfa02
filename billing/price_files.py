"""The ``[[price]]`` tables of a tariff file: read, and refused when a day or a m³ would have no price, or two.

``groups``, ``item``, ``unit``, ``basis``; ``valid_from`` or, for the steps of a three-year tariff, ``month_from``
(1, 13, 25: counted from the tariff's first day); ``net_zl`` or ``[[price.block]]`` (``from_m3``, ``net_zl``);
``season`` (``05-01..09-30``, both days included); for an abonament ``per_months`` and ``[price.components]``.

The rows of a group and item with one first day are a step: they say together what the step costs, in and out of season.
"""

from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from itertools import combinations, pairwise

from billing.accounts import Service
from billing.periods import months_later
from billing.prices import MONTHS_MAX, STANDING, Component, PriceBlock, TariffPrice, Unit, components_of
from billing.seasons import Season, days_of_a_leap_year, read_season
from billing.tariff_groups import Metering, TariffGroup
from billing.tariffs import Tariff
from billing.toml_fields import Fields

_UNITS = {
    Service.WATER: Unit.CUBIC_METRE,
    Service.SEWAGE: Unit.CUBIC_METRE,
    Service.STANDING: Unit.MONTH,
    Service.STANDING_SEWAGE: Unit.MONTH,
}
_STEP_MONTHS = (1, 13, 25)
_UNLAWFUL = {Metering.FLAT: Component.READINESS, Metering.NORM: Component.READING}
"""What the abonament of a group must not pay for (Rozp. 2018 par. 13 ust. 3 and 4)."""


def read_prices(fields: Fields, *, groups: tuple[str, ...], tariff_from: date) -> Iterator[TariffPrice]:
    """The prices of one table, one for each group.

    Raises:
        DataRefused: ``TARIFF_FIELD_MISSING``, ``TARIFF_FIELD_WRONG`` or ``TARIFF_COMPONENTS``.
    """
    fields.known(
        *("groups", "item", "unit", "net_zl", "block", "season", "per_months", "components"),
        *("valid_from", "month_from", "basis"),
    )
    service, unit = fields.choice("item", Service), fields.choice("unit", Unit)
    if service not in _UNITS and fields.is_sound("item"):
        with fields.keeping("item"):
            raise fields.refuse("FIELD_WRONG", f"{service} is not priced by a tariff")
    if unit is not _UNITS.get(service, unit) and fields.is_sound("item", "unit"):
        with fields.keeping("unit"):
            raise fields.refuse("FIELD_WRONG", f"{service} is priced per {_UNITS[service]}")
    blocks = _blocks(fields, service)
    net_zl = blocks[0].net_zl if blocks else fields.decimal("net_zl", places=4)
    for group in groups:
        yield TariffPrice(
            group=group,
            service=service,
            unit=_UNITS.get(service, unit),
            net_zl=net_zl,
            valid_from=_first_day(fields, tariff_from),
            basis=fields.text("basis"),
            season=_season(fields, service),
            blocks=blocks,
            per_months=_per_months(fields, service),
            components=_components(fields, service, net_zl),
        )


def refuse_wrong_prices(tariff: Tariff, top: Fields) -> None:
    """Refuse prices that begin too early, are defined twice, leave days out, or pay for what they must not.

    Raises:
        DataRefused: ``TARIFF_FIELD_WRONG``, ``TARIFF_OVERLAP`` or ``TARIFF_COMPONENTS``.
    """
    groups = {group.code: group for group in tariff.groups}
    steps: dict[tuple[str, Service, date], list[TariffPrice]] = {}
    for price in tariff.prices:
        steps.setdefault((price.group, price.service, price.valid_from), []).append(price)
        if price.valid_from < tariff.valid_from:
            with top.keeping("price"):
                text = f"the price of {price.service} for {price.group} starts on {price.valid_from}, before the tariff"
                raise top.refuse("FIELD_WRONG", text)
        if price.group in groups:
            _refuse_unlawful(price, groups[price.group], top)
    for key, step in steps.items():
        _refuse_uneven_step(" ".join(map(str, key)), step, top)


def _first_day(fields: Fields, tariff_from: date) -> date:
    if "month_from" not in fields.table:
        return fields.day("valid_from")
    with fields.keeping("month_from"):
        month = fields.integer("month_from")
        if "valid_from" in fields.table:
            raise fields.refuse("FIELD_WRONG", "valid_from and month_from both say when the price begins")
        if month not in _STEP_MONTHS:
            raise fields.refuse("FIELD_WRONG", f"month_from = {month}, it must be 1, 13 or 25")
        return months_later(tariff_from, months=month - 1)
    return tariff_from


def _blocks(fields: Fields, service: Service) -> tuple[PriceBlock, ...]:
    if "block" not in fields.table:
        return ()
    blocks = tuple(_block(table) for table in fields.each("block"))
    with fields.keeping("block"):
        if service in STANDING:
            raise fields.refuse("FIELD_WRONG", f"{service} is owed by the month, blocks are of m3")
        if "net_zl" in fields.table:
            raise fields.refuse("FIELD_WRONG", "net_zl and [[price.block]] both say what a m3 costs")
        if len(blocks) < 2 or blocks[0].from_m3 != 0:  # noqa: PLR2004 - one block is no block
            raise fields.refuse("FIELD_WRONG", "there must be at least two blocks, the first from_m3 = 0")
        for lower, upper in pairwise(blocks):
            if lower.from_m3 >= upper.from_m3 or lower.net_zl >= upper.net_zl:
                raise fields.refuse("FIELD_WRONG", "from_m3 and net_zl must rise from block to block")
        return blocks
    return ()


def _block(fields: Fields) -> PriceBlock:
    fields.known("from_m3", "net_zl")
    return PriceBlock(from_m3=fields.decimal("from_m3", places=3), net_zl=fields.decimal("net_zl", places=4))


def _season(fields: Fields, service: Service) -> Season | None:
    if "season" not in fields.table:
        return None
    with fields.keeping("season"):
        if service in STANDING:
            raise fields.refuse("FIELD_WRONG", f"{service} has no season, only prices of m3 have")
        try:
            return read_season(fields.text("season"))
        except ValueError as error:
            raise fields.refuse("FIELD_WRONG", f"season: {error}") from None
    return None


def _per_months(fields: Fields, service: Service) -> int:
    months = fields.integer("per_months", default=1)
    with fields.keeping("per_months"):
        if service not in STANDING and months != 1:
            raise fields.refuse("FIELD_WRONG", f"{service} is priced per m3, not per months")
        if not 1 <= months <= MONTHS_MAX:
            raise fields.refuse("FIELD_WRONG", f"per_months = {months}, it must be 1 to {MONTHS_MAX}")
        return months
    return 1


def _components(fields: Fields, service: Service, net_zl: Decimal) -> tuple[tuple[Component, Decimal], ...]:
    if "components" not in fields.table:
        return ()
    table = fields.within("components")
    table.known(*Component)
    amounts_zl = {one: table.decimal(one, places=4) for one in Component if one in table.table}
    with fields.keeping("components"):
        if service not in STANDING:
            raise fields.refuse("FIELD_WRONG", f"{service} has no components, only an abonament has")
        total_zl = sum(amounts_zl.values(), Decimal(0))
        if total_zl != net_zl and fields.is_sound("components", "net_zl"):
            raise fields.refuse("COMPONENTS", f"the components add up to {total_zl} zł, the rate is {net_zl} zł")
    return components_of(amounts_zl)


def _refuse_unlawful(price: TariffPrice, group: TariffGroup, top: Fields) -> None:
    unlawful = _UNLAWFUL.get(group.metering) if group.metering else None
    if unlawful is not None and dict(price.components).get(unlawful):
        with top.keeping("price"):
            text = f"the abonament of {group.code} ({group.metering}) must not pay for {unlawful}"
            raise top.refuse("COMPONENTS", f"{text} (Rozp. 2018 § 13 ust. 3-4)")


def _refuse_uneven_step(name: str, step: Collection[TariffPrice], top: Fields) -> None:
    with top.keeping("price"):
        yearly = [price for price in step if price.season is None]
        if len(yearly) > 1:
            raise top.refuse("OVERLAP", f"{name} is defined twice")
        seasons = [price.season for price in step if price.season]
        for one, other in combinations(seasons, 2):
            if any(one.holds(day) and other.holds(day) for day in days_of_a_leap_year()):
                raise top.refuse("OVERLAP", f"{name}: the seasons {one.word()} and {other.word()} share days")
        bare = (day for day in days_of_a_leap_year() if not yearly and not any(one.holds(day) for one in seasons))
        day = next(bare, None)
        if day is not None:
            raise top.refuse("FIELD_WRONG", f"{name}: no season holds on {day:%d.%m}, and no price is for all the year")
