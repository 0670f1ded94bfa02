"""What a line would have cost invoiced in another manner: some tariffs have a group of their own for e-invoices."""

from decimal import Decimal

from billing.accounts import Channel
from billing.charge_sums import full_price
from billing.charges import ChargeLine
from billing.prices import TariffPrice
from billing.tariffs import TariffBook


def price_by_channel_zl(line: ChargeLine, *, channel: Channel, tariffs: TariffBook) -> Decimal | None:
    """The net price of a line in the group that its customer would be in by that channel; None where nothing tells."""
    tariff = next((one for one in tariffs.tariffs if one.sha256 == line.tariff_sha256), None)
    own = next((group for group in tariff.groups if group.code == line.tariff_group), None) if tariff else None
    if tariff is None or own is None:
        return None
    kind = (own.tariff_class, own.diameters, own.payer)
    for group in tariff.groups:
        if channel in group.channels and (group.tariff_class, group.diameters, group.payer) == kind:
            present, other = (
                tariff.price_on(group=code, service=line.service, day=line.period.start)
                for code in (own.code, group.code)
            )
            return _same_place_zl(line, present, other) if present and other else None
    return None


def _same_place_zl(line: ChargeLine, present: TariffPrice, other: TariffPrice) -> Decimal | None:
    """The other price of the block that the line is of, or of its unit."""
    if (present.per_months, len(present.blocks)) != (other.per_months, len(other.blocks)):
        return None
    for own, same in zip(present.blocks, other.blocks, strict=True):
        if own.net_zl == full_price(line):
            return same.net_zl
    return None if present.blocks else other.net_zl
