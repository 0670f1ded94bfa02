"""Do a utility's tariffs price every class, channel, service and day, and does a decision stand behind each price?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise, product

from billing.accounts import Channel, PartyKind, Service
from billing.law import threshold_min
from billing.prices import STANDING, PriceSpan, TariffPrice
from billing.readiness import Finding, finding
from billing.sender import UNKNOWN
from billing.tariffs import Tariff, TariffBook

_STEP_FACTOR_MAX = 2
_FOLDER = "tariffs"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Whom a price is looked up for."""

    tariff_class: str
    channel: Channel
    diameter_mm: int | None
    payer: PartyKind | None

    def words(self) -> str:
        """``class household, channel paper`` and, where groups are told apart by them, meter and nabywca."""
        meter = f", {self.diameter_mm} mm" if self.diameter_mm else ""
        return f"class {self.tariff_class}, channel {self.channel}{meter}" + (f", {self.payer}" if self.payer else "")


def tariff_file(name: str) -> str:
    """A tariff's file within the utility's folder."""
    return f"{_FOLDER}/{name}"


def tariff_findings(tariffs: Sequence[Tariff], *, on: date, complete: bool) -> Iterator[Finding]:
    """What the tariffs lack together; ``complete`` says that every tariff file could be read, else days are not judged.

    Whatever is wrong inside one file is refused by ``billing.tariff_files.load_tariff``.
    """
    ordered = sorted(tariffs, key=lambda tariff: (tariff.valid_from, tariff.name))
    for tariff in ordered:
        yield from _unfounded(tariff)
        yield from _prices(tariff)
    for earlier, later in pairwise(ordered):
        if earlier.valid_from == later.valid_from:
            message = f"{earlier.name} and {later.name} both start on {later.valid_from}"
            yield finding("TARIFF_OVERLAP", file=tariff_file(later.name), field="valid_from", message=message)
        yield from _never(earlier, later.valid_from)
    if not complete:
        return
    if not ordered:
        yield finding("TARIFF_NONE", file=_FOLDER, field="", message="there is no tariff file")
    elif ordered[0].valid_from > on:
        message = f"the first tariff starts on {ordered[0].valid_from}: none is in force on {on}"
        yield finding("TARIFF_NONE", file=tariff_file(ordered[0].name), field="valid_from", message=message)
    for tariff in ordered:
        yield from _thresholds(tariff, on)
    begun = [tariff for tariff in ordered if tariff.valid_from <= on]
    if begun:
        yield from _prolonged(begun[-1], on)
    if ordered:
        yield from _uncovered([tariff for tariff in ordered if tariff is _of_its_day(tariff, ordered)])


def _of_its_day(tariff: Tariff, ordered: Sequence[Tariff]) -> Tariff:
    return next(one for one in ordered if one.valid_from == tariff.valid_from)


def _unfounded(tariff: Tariff) -> Iterator[Finding]:
    file = tariff_file(tariff.name)
    for field, value in (("decision", tariff.decision), ("basis", tariff.basis)):
        if value == UNKNOWN:
            yield finding("TARIFF_DECISION_UNKNOWN", file=file, field=field, message=f"{field} is unknown")
    for price in tariff.prices:
        if price.basis == UNKNOWN:
            message = f"the basis of {_named(price)} is unknown"
            yield finding("TARIFF_DECISION_UNKNOWN", file=file, field="price.basis", message=message)


def _prices(tariff: Tariff) -> Iterator[Finding]:
    file = tariff_file(tariff.name)
    steps = sorted(_amounts(tariff.prices), key=lambda one: (one[0], one[1].valid_from))
    for _, price, net_zl in steps:
        if net_zl <= 0:
            message = f"{_named(price)} is {net_zl} zł"
            yield finding("TARIFF_PRICE_NOT_POSITIVE", file=file, field="price", message=message)
    for (row, _, earlier_zl), (later_row, later, later_zl) in pairwise(steps):
        small, large = sorted((earlier_zl, later_zl))
        if row == later_row and 0 < small * _STEP_FACTOR_MAX < large:
            message = f"{_named(later)} is {later_zl} zł after {earlier_zl} zł"
            yield finding("TARIFF_STEP_LARGE", file=file, field="price", message=message)


def _amounts(prices: Sequence[TariffPrice]) -> Iterator[tuple[tuple[str, str, str, int], TariffPrice, Decimal]]:
    """Every amount with the row of a price list that it stands in: group, service, season, and number of its block."""
    for price in prices:
        season = price.season.word() if price.season else ""
        for number, net_zl in enumerate([one.net_zl for one in price.blocks] or [price.net_zl]):
            yield (price.group, price.service.value, season, number), price, net_zl


def _thresholds(tariff: Tariff, on: date) -> Iterator[Finding]:
    """A lowest block that ends below what one person needs; of a bill, as if it were of one month."""
    for price in tariff.prices:
        least = threshold_min(on=max(on, price.valid_from)) if price.blocks else None
        if least is not None and price.blocks[1].from_m3 < least.m3_month:
            norm = f"the norm of one person, {least.m3_month} m3 a month ({least.basis})"
            ends = f"the first block ends at {price.blocks[1].from_m3} m3 a {tariff.block_per}"
            message = f"{_named(price)}: {ends}, below {norm}"
            yield finding("TARIFF_BLOCK_LOW", file=tariff_file(tariff.name), field="price.block", message=message)


def _prolonged(tariff: Tariff, on: date) -> Iterator[Finding]:
    if tariff.valid_until is not None and tariff.valid_until <= on:
        message = f"its printed end was {tariff.valid_until - timedelta(days=1)}; it goes on until a new one begins"
        yield finding("TARIFF_PROLONGED", file=tariff_file(tariff.name), field="valid_until", message=message)


def _never(tariff: Tariff, successor_from: date) -> Iterator[Finding]:
    for price in tariff.prices:
        if tariff.valid_from < successor_from <= price.valid_from:
            message = f"{_named(price)} never applies: the next tariff starts on {successor_from}"
            yield finding("TARIFF_STEP_NEVER", file=tariff_file(tariff.name), field="price", message=message)


def _named(price: TariffPrice) -> str:
    return f"{price.service} for {price.group} from {price.valid_from}"


def _uncovered(tariffs: Sequence[Tariff]) -> Iterator[Finding]:
    book = TariffBook(tariffs=tuple(tariffs))
    priced = _services(tariffs)
    everywhere = set().union(*priced.values()) - set(STANDING)
    for tariff_class in sorted(priced):
        for service in sorted(everywhere - priced[tariff_class]):
            message = f"class {tariff_class} has no price of {service}, other classes have one"
            yield finding("TARIFF_SERVICE_PARTIAL", file=_FOLDER, field="price", message=message)
        first = next(tariff for tariff in book.tariffs if _has_class(tariff, tariff_class))
        if first is not book.tariffs[0]:
            message = f"class {tariff_class} begins on {first.valid_from}, after the first tariff"
            yield finding("TARIFF_CLASS_LATER", file=tariff_file(first.name), field="group", message=message)
        whom = _told_apart(tariffs, tariff_class)
        for service, channel, (diameter_mm, payer) in product(sorted(priced[tariff_class]), Channel, whom):
            asked = _Asked(tariff_class=tariff_class, channel=channel, diameter_mm=diameter_mm, payer=payer)
            yield from _gaps(book, asked, service, since=first.valid_from)


def _services(tariffs: Sequence[Tariff]) -> dict[str, set[Service]]:
    """The services that each class has a price of, in whichever tariff and channel."""
    found: dict[str, set[Service]] = {group.tariff_class: set() for tariff in tariffs for group in tariff.groups}
    for tariff in tariffs:
        classes = {group.code: group.tariff_class for group in tariff.groups}
        for price in tariff.prices:
            if price.group in classes:
                found[classes[price.group]].add(price.service)
    return found


def _told_apart(tariffs: Sequence[Tariff], tariff_class: str) -> list[tuple[int | None, PartyKind | None]]:
    """The meters and nabywcy that are priced apart in a class: one of each stretch of diameters that a group names."""
    groups = [group for tariff in tariffs for group in tariff.groups if group.tariff_class == tariff_class]
    named_mm = sorted({one.from_mm for group in groups for one in group.diameters})
    named = {group.payer for group in groups if group.payer}
    payers = sorted(named if all(group.payer for group in groups) else PartyKind) if named else []
    return list(product(named_mm or (None,), payers or (None,)))


def _gaps(book: TariffBook, asked: "_Asked", service: Service, *, since: date) -> Iterator[Finding]:
    """Days without a price, one finding for each stretch of them."""
    unpriced: date | None = None
    for day in _days_of_change(book, since=since):
        span = book.span_on(
            tariff_class=asked.tariff_class,
            channel=asked.channel,
            service=service,
            day=day,
            diameter_mm=asked.diameter_mm,
            payer=asked.payer,
        )
        if span is None and unpriced is None:
            unpriced = day
        if span is not None and unpriced is not None:
            yield _gap(book, asked, service, start=unpriced, span=span)
            unpriced = None
    if unpriced is not None:
        yield _gap(book, asked, service, start=unpriced, span=None)


def _has_class(tariff: Tariff, tariff_class: str) -> bool:
    return any(group.tariff_class == tariff_class for group in tariff.groups)


def _days_of_change(book: TariffBook, *, since: date) -> list[date]:
    starts = {tariff.valid_from for tariff in book.tariffs}
    starts |= {price.valid_from for tariff in book.tariffs for price in tariff.prices}
    return sorted(day for day in starts if day >= since)


def _gap(book: TariffBook, asked: "_Asked", service: Service, *, start: date, span: PriceSpan | None) -> Finding:
    tariff = book.tariff_on(start) or book.tariffs[0]
    until = f" until {span.start}" if span else " on"
    message = f"{asked.words()}: no price of {service} from {start}{until}"
    return finding("TARIFF_GAP", file=tariff_file(tariff.name), field="price", message=message)
