"""What the lines of two invoices show: all lines of a service at a meter are taken together and compared."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.accounts import Service
from billing.charges import ChargeLine
from billing.money import ZERO_ZL
from billing.old_invoices import Cause, OldLine
from billing.periods import Period
from billing.prices import STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Lines of one service at one meter, or of the abonament, taken together; ``shares`` are quantities by price."""

    label: Mapping[str, str]
    period: Period
    quantity: Decimal
    prices: tuple[Decimal, ...]
    shares: tuple[Decimal, ...]
    groups: frozenset[str]
    payers: int
    net_zl: Decimal
    lines: int


Key = tuple[str, Service, str]


def _group(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    if one is None or other is None or one.prices == other.prices:
        return None
    if not one.groups or not other.groups or one.groups == other.groups:
        return None
    return _facts(other, f"group {','.join(sorted(one.groups))}", f"group {','.join(sorted(other.groups))}")


def _service(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    known = one or other
    if (one is not None and other is not None) or known is None or known.label["service"] in STANDING:
        return None
    told = f"{known.quantity} m³, {known.net_zl} zł"
    return _facts(known, told, "not billed") if other is None else _facts(known, "not billed", told)


def _split(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    if one is None or other is None:
        return None
    if len(one.prices) != len(other.prices):
        return _facts(other, f"prices {_list(one.prices)}", f"prices {_list(other.prices)}")
    if len(one.prices) > 1 and one.prices == other.prices and one.shares != other.shares:
        return _facts(other, f"{_list(one.shares)} at prices {_list(one.prices)}", f"{_list(other.shares)} at the same")
    return None


def _standing(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    known = one or other
    if known is None or known.label["service"] not in STANDING:
        return None
    told = ["not billed" if each is None else f"{each.payers} times, {each.net_zl} zł" for each in (one, other)]
    if one is not None and other is not None and one.payers == other.payers:
        return None
    return _facts(known, *told)


def _period(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    if one is None or other is None:
        return None
    if one.label["service"] in STANDING:
        if one.quantity == other.quantity:
            return None
        return _facts(other, f"{one.quantity.normalize():f} months", f"{other.quantity.normalize():f} months")
    if one.period == other.period:
        return None
    return _facts(other, f"{one.period.start}..{one.period.until}", f"{other.period.start}..{other.period.until}")


def _quantity(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    if one is None or other is None or one.quantity == other.quantity:
        return None
    return _facts(other, f"{one.quantity} m³", f"{other.quantity} m³")


def _price(one: Item | None, other: Item | None) -> Mapping[str, str] | None:
    if one is None or other is None or one.prices == other.prices:
        return None
    return _facts(other, f"price {_list(one.prices)}", f"price {_list(other.prices)}")


BY_LINES: Mapping[Cause, Callable[[Item | None, Item | None], Mapping[str, str] | None]] = {
    Cause.GROUP: _group,
    Cause.SERVICE: _service,
    Cause.SPLIT: _split,
    Cause.STANDING: _standing,
    Cause.PERIOD: _period,
    Cause.QUANTITY: _quantity,
    Cause.PRICE: _price,
}


def _facts(item: Item, old: str, ours: str) -> Mapping[str, str]:
    return {**item.label, "old": old, "ours": ours}


def _list(prices: Iterable[Decimal]) -> str:
    return ", ".join(f"{price:f}" for price in prices)


def items_of(lines: Sequence[OldLine] | Sequence[ChargeLine]) -> dict[Key, Item]:
    """The lines by service, and by point and meter where there is one."""
    found: dict[Key, list[OldLine | ChargeLine]] = {}
    for line in lines:
        metered = line.service not in STANDING
        key = (line.point_no or "", line.service, line.meter_no or "") if metered else ("", line.service, "")
        found.setdefault(key, []).append(line)
    return {key: _item(key, each) for key, each in found.items()}


def _item(key: Key, lines: Sequence[OldLine | ChargeLine]) -> Item:
    point_no, service, meter_no = key
    label = {"service": service.value}
    shares: dict[Decimal, Decimal] = defaultdict(Decimal)
    for line in lines:
        shares[line.price_zl.normalize()] += line.quantity
    return Item(
        label=label if service in STANDING else label | {"point_no": point_no, "meter_no": meter_no},
        period=Period(start=min(line.period.start for line in lines), until=max(line.period.until for line in lines)),
        quantity=sum((line.quantity for line in lines), Decimal("0.000")),
        prices=tuple(sorted(shares)),
        shares=tuple(shares[price_zl] for price_zl in sorted(shares)),
        groups=frozenset(line.tariff_group for line in lines if line.tariff_group),
        payers=len({line.point_no for line in lines}),
        net_zl=sum((line.net_zl for line in lines), ZERO_ZL),
        lines=len(lines),
    )
