"""The old system's arithmetic, as simply as it can be said: an opinion that shares no line with ``billing.rating``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

GROSZ: Final = Decimal("0.01")
PRICES: Final = {
    ("household", "water"): Decimal("6.80"),
    ("business", "water"): Decimal("7.15"),
    ("household", "sewage"): Decimal("9.43"),
    ("business", "sewage"): Decimal("9.43"),
}
ABONAMENT: Final = {
    ("household", "paper"): Decimal("13.95"),
    ("household", "email"): Decimal("10.25"),
    ("business", "paper"): Decimal("13.95"),
    ("business", "email"): Decimal("13.95"),
}
VAT_PERCENT: Final = 8


@dataclass(frozen=True, slots=True)
class OldLine:
    """One line of an old invoice."""

    point_no: str
    service: str
    meter_no: str
    start: date
    until: date
    previous: str
    current: str
    quantity: Decimal
    unit: str
    price_zl: Decimal
    net_zl: Decimal


def metered_line(
    place: tuple[str, str], service: str, tariff_class: str, span: tuple[date, date], indices: tuple[int, int]
) -> OldLine:
    quantity = Decimal(indices[1] - indices[0])
    price = PRICES[tariff_class, service]
    net = (quantity * price).quantize(GROSZ, ROUND_HALF_UP)
    return OldLine(place[0], service, place[1], *span, str(indices[0]), str(indices[1]), quantity, "m3", price, net)


def abonament_line(tariff_class: str, channel: str, span: tuple[date, date]) -> OldLine:
    price = ABONAMENT[tariff_class, channel]
    return OldLine("", "abonament", "", *span, "", "", Decimal(1), "month", price, price)


def totals(lines: Sequence[OldLine]) -> tuple[Decimal, Decimal, Decimal]:
    """Net, VAT and gross of an invoice."""
    net = sum((line.net_zl for line in lines), Decimal(0))
    vat = (net * VAT_PERCENT / 100).quantize(GROSZ, ROUND_HALF_UP)
    return net, vat, net + vat
