"""The ``[[example]]`` tables of a tariff file: every price must be touched by one, and each must recompute.

``groups``, ``on``, the quantities by item (m³, or rates of abonament), ``gross_zl``, ``source``; where the decision
prints it ``net_zl``; for a subsidy the gmina and, in gross mode, ``payable_zl``; for thresholds that count by months
the ``days`` of the m³ (30 when it is left out).
"""

from collections.abc import Iterator
from decimal import Decimal

from billing.accounts import Service
from billing.blocks import MONTH_DAYS, in_blocks, thresholds_of
from billing.errors import DataRefused
from billing.law import vat_rate
from billing.models import Models
from billing.money import ZERO_ZL
from billing.periods import days_from
from billing.prices import STANDING, BlockPer, TariffPrice
from billing.subsidies import LineSubsidy, SubsidyMode, price_left_zl, subsidy_of, total_zl
from billing.tariffs import Tariff, TariffExample
from billing.toml_fields import Fields
from billing.vat import vat_sums

_THREE = 3


def read_examples(fields: Fields, *, groups: tuple[str, ...]) -> Iterator[TariffExample]:
    """The examples of one table, one for each group.

    Raises:
        DataRefused: ``TARIFF_FIELD_MISSING`` or ``TARIFF_FIELD_WRONG``.
    """
    fields.known("groups", "on", "days", "gmina", "net_zl", "gross_zl", "payable_zl", "source", *Service)
    quantities = {
        service: fields.decimal(service, places=0 if service in STANDING else 3)
        for service in Service
        if service in fields.table
    }
    for group in groups:
        yield TariffExample(
            group=group,
            on=fields.day("on"),
            quantities=quantities,
            net_zl=fields.decimal("net_zl", places=2) if "net_zl" in fields.table else None,
            gross_zl=fields.decimal("gross_zl", places=2),
            source=fields.text("source"),
            gmina=fields.text("gmina") if "gmina" in fields.table else None,
            payable_zl=fields.decimal("payable_zl", places=2) if "payable_zl" in fields.table else None,
            days=fields.integer("days", default=MONTH_DAYS),
        )


def refuse_untouched_prices(tariff: Tariff, top: Fields) -> None:
    """Refuse a price, of a season or a block, that no example touches.

    Raises:
        DataRefused: ``TARIFF_NO_EXAMPLE``.
    """
    touched = {key for example in tariff.examples if example.gmina is None for key in _touches(tariff, example)}
    for price in tariff.prices:
        for number in range(max(1, len(price.blocks))):
            if _key(price, number) not in touched:
                season = f" in {price.season.word()}" if price.season else ""
                block = f" above {price.blocks[number].from_m3} m3" if price.blocks else ""
                text = f"no example touches {price.service} for {price.group} from {price.valid_from}{season}{block}"
                with top.keeping("example"):
                    raise top.refuse("NO_EXAMPLE", text)


def recompute(tariff: Tariff, example: TariffExample, top: Fields, *, models: Models) -> None:
    """Refuse an example whose amounts are not what the prices give.

    Raises:
        DataRefused: ``TARIFF_EXAMPLE_WRONG``.
    """
    what = ", ".join(f"{quantity} × {service}" for service, quantity in example.quantities.items())
    where = f" in {example.gmina}" if example.gmina else ""
    place = f"example {example.group}{where} on {example.on} ({what})"
    unpriced = top.refuse("EXAMPLE_WRONG", f"{place}: the file does not price all of that on that day")
    lines = [
        line
        for service, quantity in example.quantities.items()
        for line in _lines(tariff, example, service, quantity=quantity, refusal=unpriced)
    ]
    nets = ((rate, net_zl) for rate, net_zl, _ in lines)
    sums = vat_sums(lines=nets, model=models.vat, rounding=models.line_rounding)
    got = {
        "net": sum((part.net_zl for part in sums), ZERO_ZL),
        "gross": sum((part.gross_zl for part in sums), ZERO_ZL),
    }
    got["payable"] = got["gross"] - total_zl((subsidy for _, _, subsidy in lines), mode=SubsidyMode.GROSS)
    wanted = {"net": example.net_zl, "gross": example.gross_zl, "payable": example.payable_zl}
    for kind, amount_zl in wanted.items():
        if amount_zl is not None and amount_zl != got[kind]:
            raise top.refuse("EXAMPLE_WRONG", f"{place}: expected {kind} {amount_zl} zł, got {got[kind]} zł")


def _key(price: TariffPrice, block: int) -> tuple[object, ...]:
    return price.group, price.service, price.valid_from, price.season, block


def _touches(tariff: Tariff, example: TariffExample) -> Iterator[tuple[object, ...]]:
    for service, quantity in example.quantities.items():
        price = tariff.price_on(group=example.group, service=service, day=example.on)
        if price is not None:
            parts = _parts(tariff, example, price, quantity)
            yield from (_key(price, number) for number, (volume, _) in enumerate(parts) if volume or not price.blocks)


def _parts(
    tariff: Tariff, example: TariffExample, price: TariffPrice, quantity: Decimal
) -> list[tuple[Decimal, Decimal]]:
    """Quantities and prices, one for each block that the quantity reaches."""
    if not price.blocks:
        return [(quantity, price.net_zl)]
    days = MONTH_DAYS if tariff.block_per is BlockPer.BILL else example.days
    whole = days_from(example.on, days=days)
    thresholds = thresholds_of(blocks=price.blocks, per=tariff.block_per, part=whole, whole=whole, places=_THREE)
    parts = in_blocks(quantity, before_m3=ZERO_ZL, blocks=price.blocks, thresholds=thresholds)
    return [(part.volume_m3, part.net_zl) for part in parts]


def _lines(
    tariff: Tariff, example: TariffExample, service: Service, *, quantity: Decimal, refusal: DataRefused
) -> Iterator[tuple[Decimal, Decimal, LineSubsidy | None]]:
    price = tariff.price_on(group=example.group, service=service, day=example.on)
    if price is None:
        raise refusal
    agreed = tariff.subsidy_on(gmina=example.gmina, group=example.group, service=service, day=example.on)
    for volume_m3, price_zl in _parts(tariff, example, price, quantity):
        subsidy = subsidy_of(agreed=agreed, volume_m3=volume_m3, tariff_zl=price_zl)
        left_zl = price_left_zl(price_zl, subsidy=subsidy)
        yield vat_rate(service=service, on=example.on), volume_m3 * left_zl, subsidy
