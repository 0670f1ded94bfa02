"""Why a bill differs from the one before: its difference taken apart into causes that sum to it to the grosz.

Each service of a point is compared as a whole, however many lines it has, in a fixed order: other days at the former
daily use and price, then other m³ at the former price, then the rest, which is the price, or the manner of invoicing
where that picks another tariff group. These are net amounts; VAT is a cause of its own, so is what a gmina pays.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Channel, Service
from billing.channel_prices import price_by_channel_zl
from billing.charge_sums import (
    begins,
    days_of,
    full_price,
    full_zl,
    has_one_price,
    has_same_blocks,
    is_one_rate,
    per_day,
    quantity_of,
)
from billing.charges import Bill, ChargeLine, Origin
from billing.money import ZERO_ZL, multiply_zl, round_zl
from billing.prices import Unit
from billing.tariffs import TariffBook


class Cause(StrEnum):
    """What made a part of the difference.

    ``days``: more or fewer days between the readings, or months of abonament. ``volume``: another use in as many days.
    ``blocks``: another share of the m³ in the blocks of an unchanged progressive price. ``channel``: another tariff
    group by the manner of invoicing. ``came`` and ``went``: a service of a point that only one of the bills has.
    ``forecast``: what a prognoza had charged comes off. ``extra``: services outside the tariff and excess charges.
    ``rounding``: printed nets miss the sum of their rate where only that sum is rounded.
    """

    DAYS = "days"
    VOLUME = "volume"
    PRICE = "price"
    BLOCKS = "blocks"
    CHANNEL = "channel"
    CAME = "came"
    WENT = "went"
    FORECAST = "forecast"
    EXTRA = "extra"
    SUBSIDY = "subsidy"
    ROUNDING = "rounding"
    VAT = "vat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A part of the difference: its cause, where it lies (None: the whole bill), and the figure that changed.

    ``was`` and ``now`` are in ``unit``: ``day``, a unit of lines, ``m3/day`` (use, where the days differ too), ``zl``,
    or ``zl/m3`` and the like for the net price of one unit; None where no one figure tells it. ``amount_zl`` is net,
    except of ``vat`` and of a ``subsidy`` that comes off the gross.
    """

    cause: Cause
    amount_zl: Decimal
    service: Service | None = None
    point_no: str | None = None
    was: Decimal | None = None
    now: Decimal | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillChange:
    """What was to pay before, what is to pay now, and the parts of the difference: they sum to it or it is not made."""

    was_zl: Decimal
    now_zl: Decimal
    parts: tuple[Change, ...]

    @property
    def difference_zl(self) -> Decimal:
        """How much more is to pay than before."""
        return self.now_zl - self.was_zl

    def __post_init__(self) -> None:
        if sum((part.amount_zl for part in self.parts), ZERO_ZL) != self.difference_zl:
            raise ValueError("the parts of a change do not add up to the difference of the bills")


def compare_bills(*, was: Bill, now: Bill, tariffs: TariffBook) -> BillChange:
    """Why ``now`` differs from ``was`` (bills in force: of a correction what is owed instead); no part is zero.

    ``tariffs`` tell what the new lines would cost invoiced in the former manner; without the tariff of a line the whole
    difference of price is laid on the manner of invoicing when it changed.
    """
    before, after = _by_charge(was.lines), _by_charge(now.lines)
    former = _Former(was.channel if was.channel != now.channel else None, tariffs)
    parts: list[Change] = []
    for key in sorted(before.keys() | after.keys()):
        parts += _compared(key, before.get(key, ()), after.get(key, ()), former)
    parts.append(Change(cause=Cause.ROUNDING, amount_zl=_rounded_zl(now) - _rounded_zl(was)))
    subsidy_was, subsidy_now = (_subsidy_zl(billed) for billed in (was, now))
    for cause, amount_zl, former_zl, present_zl in (
        (Cause.SUBSIDY, subsidy_was - subsidy_now, subsidy_was, subsidy_now),
        (Cause.VAT, now.vat_zl - was.vat_zl, was.vat_zl, now.vat_zl),
    ):
        parts.append(Change(cause=cause, amount_zl=amount_zl, was=former_zl, now=present_zl, unit="zl"))
    return BillChange(
        was_zl=was.payable_zl, now_zl=now.payable_zl, parts=tuple(part for part in parts if part.amount_zl)
    )


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    """What is compared with what; ``cause`` is set where neither days nor m³ nor a price tell the change."""

    is_of_all: bool
    point_no: str
    service_no: int
    cause: str

    @property
    def service(self) -> Service:
        return list(Service)[self.service_no]

    def change(self, cause: Cause, amount_zl: Decimal, figures: "_Figures | None" = None) -> Change:
        told = figures or _Figures(None, None, None)
        return Change(
            cause=cause,
            amount_zl=amount_zl,
            service=self.service,
            point_no=self.point_no or None,
            was=told.was,
            now=told.now,
            unit=told.unit,
        )


@dataclass(frozen=True, slots=True)
class _Figures:
    was: Decimal | None
    now: Decimal | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class _Former:
    """The manner of invoicing before, None when it is the same now, and what tells its prices."""

    channel: Channel | None
    tariffs: TariffBook


def _by_charge(lines: Iterable[ChargeLine]) -> Mapping[_Key, Sequence[ChargeLine]]:
    charges: dict[_Key, list[ChargeLine]] = defaultdict(list)
    for line in lines:
        cause = ""
        if line.origin is Origin.SETTLED_FORECAST:
            cause = Cause.FORECAST
        elif line.service in (Service.EXTRA, Service.EXCESS):
            cause = Cause.EXTRA
        charges[_Key(line.point_no is None, line.point_no or "", list(Service).index(line.service), cause)].append(line)
    return charges


def _compared(
    key: _Key,
    was: Sequence[ChargeLine],
    now: Sequence[ChargeLine],
    former: _Former,
) -> Iterator[Change]:
    difference_zl = full_zl(now) - full_zl(was)
    if key.cause:
        yield key.change(Cause(key.cause), difference_zl)
    elif not was or not now:
        yield key.change(Cause.CAME if now else Cause.WENT, difference_zl)
    else:
        rest_zl = difference_zl
        for part in _of_quantity(key, was, now):
            rest_zl -= part.amount_zl
            yield part
        yield from _of_price(key, was, now, rest_zl, former)


def _of_quantity(key: _Key, was: Sequence[ChargeLine], now: Sequence[ChargeLine]) -> Iterator[Change]:
    """What days and m³ tell, or months; nothing when the bills count in different units."""
    units = {line.unit for line in (*was, *now)}
    if len(units) > 1:
        return
    (unit,) = units
    used = _Figures(quantity_of(was), quantity_of(now), unit)
    moved_zl = full_zl(now) - full_zl(was) if has_one_price(was=was, now=now) else _at_former_price(was, now)
    if unit != Unit.CUBIC_METRE:
        yield key.change(Cause.DAYS, moved_zl, used)
    elif moved_zl:
        days_was, days_now = days_of(was), days_of(now)
        of_days_zl = round_zl(full_zl(was) * (days_now - days_was) / days_was)
        yield key.change(Cause.DAYS, of_days_zl, _Figures(Decimal(days_was), Decimal(days_now), "day"))
        if of_days_zl:
            used = _Figures(per_day(was, days=days_was), per_day(now, days=days_now), "m3/day")
        yield key.change(Cause.VOLUME, moved_zl - of_days_zl, used)


def _of_price(
    key: _Key,
    was: Sequence[ChargeLine],
    now: Sequence[ChargeLine],
    rest_zl: Decimal,
    former: _Former,
) -> Iterator[Change]:
    channel_zl = _of_channel(was, now, rest_zl, former)
    first, last = full_price(min(was, key=begins)), full_price(max(now, key=begins))
    figures = (
        _Figures(first, last, f"zl/{now[0].unit}") if first != last and is_one_rate(was) and is_one_rate(now) else None
    )
    if channel_zl:
        yield key.change(Cause.CHANNEL, channel_zl, figures)
    if has_same_blocks(was=was, now=now):
        yield key.change(Cause.BLOCKS, rest_zl - channel_zl)
    else:
        yield key.change(Cause.PRICE, rest_zl - channel_zl, None if channel_zl else figures)


def _of_channel(
    was: Sequence[ChargeLine],
    now: Sequence[ChargeLine],
    rest_zl: Decimal,
    former: _Former,
) -> Decimal:
    """What the new lines cost more than they would in the tariff group of the former manner of invoicing."""
    if former.channel is None or {line.tariff_group for line in was} == {line.tariff_group for line in now}:
        return ZERO_ZL
    amount_zl = ZERO_ZL
    for line in now:
        price_zl = price_by_channel_zl(line, channel=former.channel, tariffs=former.tariffs)
        if price_zl is None:
            return rest_zl
        amount_zl += full_zl([line]) - multiply_zl(quantity=line.quantity, price_zl=price_zl)
    return amount_zl


def _at_former_price(was: Sequence[ChargeLine], now: Sequence[ChargeLine]) -> Decimal:
    """What the change of the quantity costs at what one unit cost before, on average of all lines."""
    used, more = quantity_of(was), quantity_of(now) - quantity_of(was)
    if used:
        return round_zl(full_zl(was) * more / used)
    rows = {line.row_no: full_price(line) for line in was}
    return round_zl(more * (sum(rows.values(), Decimal(0)) if not was[0].block else rows[min(rows)]))


def _rounded_zl(billed: Bill) -> Decimal:
    """What the net has beyond the nets printed on the lines."""
    return billed.net_zl - sum((line.net_zl for line in billed.lines), ZERO_ZL)


def _subsidy_zl(billed: Bill) -> Decimal:
    return billed.subsidy_net_zl + billed.subsidy_gross_zl
