"""Services outside the tariff that were ordered and done: sealing, materials, a check of the meter.

A check that does not confirm the complaint is the customer's (Rozp. 2018 par. 18 ust. 3).
"""

from collections.abc import Sequence
from datetime import date, timedelta

from billing.accounts import Service
from billing.beside_meters import ServiceOrder
from billing.charges import ChargeLine, Origin
from billing.holds import HoldCode
from billing.law import charge_basis, vat_class_rate
from billing.money import PRICE, VOLUME, multiply_zl
from billing.periods import Period
from billing.price_lists import ListedPrice, PriceBook
from billing.quantities import NotBillable

_ONE_DAY = timedelta(days=1)


def order_lines(
    orders: Sequence[ServiceOrder], *, prices: PriceBook, issue_date: date
) -> list[ChargeLine] | NotBillable:
    """One line an order, at the price of the day on which it was done, in the order of these days."""
    lines = []
    for order in sorted(orders, key=lambda one: (one.performed_on, one.extra_service_id)):
        price = prices.price_on(code=order.item_code, day=order.performed_on)
        if price is None or price.item.service is not Service.EXTRA:
            facts = {"service": Service.EXTRA.value, "item": order.item_code, "on": order.performed_on.isoformat()}
            return NotBillable(code=HoldCode.NO_PRICE, facts=facts | {"reason": "not_in_price_list"})
        lines.append(_line(order, price, issue_date))
    return lines


def _line(order: ServiceOrder, price: ListedPrice, issue_date: date) -> ChargeLine:
    item = price.item
    return ChargeLine(
        point_no=order.point_no,
        service=Service.EXTRA,
        description=item.name,
        period=Period(start=order.performed_on, until=order.performed_on + _ONE_DAY),
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=order.quantity.quantize(VOLUME),
        unit=item.unit,
        price_zl=item.net_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=order.quantity, price_zl=item.net_zl),
        vat_rate=vat_class_rate(vat_class=item.vat, on=issue_date),
        tariff_group=item.code,
        tariff_sha256=price.sha256,
        basis=f"{charge_basis(service=Service.EXTRA)}; {price.title}: {item.basis}",
        origin=Origin.ORDER,
        extra_service_id=order.extra_service_id,
    )
