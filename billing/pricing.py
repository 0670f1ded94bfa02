"""Quantities become lines: one for each price of their days and, where prices are progressive, for each block."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from billing.accounts import Channel, PartyKind, PointSnapshot, Service
from billing.blocks import in_blocks, thresholds_of
from billing.charges import ChargeLine, LineBlock
from billing.holds import HoldCode
from billing.law import vat_rate
from billing.models import SplitModel, SplitPlaces
from billing.money import PRICE, VOLUME, ZERO_ZL, multiply_zl
from billing.periods import Period
from billing.polish import format_quantity
from billing.prices import PriceSpan
from billing.quantities import NotBillable, Quantity
from billing.quick import quick
from billing.shares import Piece, needs_days, pieces
from billing.subsidies import price_basis, price_left_zl, subsidy_of
from billing.tariffs import TariffBook

_ESTIMATED = " (odczyt szacowany)"
_SETTLED = " (rozliczenie odczytu szacowanego)"
_DESCRIPTIONS = {Service.WATER: "Dostarczanie wody", Service.SEWAGE: "Odprowadzanie ścieków"}
_THREE = 3


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Whom and what a price is asked for: a point, the agreed channel, and what kind of person the nabywca is."""

    point: PointSnapshot
    channel: Channel
    payer: PartyKind | None


class _Asked(NamedTuple):
    """What a price depends on, beside the day."""

    tariff_class: str
    channel: Channel
    service: Service
    gmina: str | None
    diameter_mm: int | None
    payer: PartyKind | None
    period: Period


_Part = tuple[Decimal, Decimal, LineBlock | None]
"""A volume, the tariff's price of it, and the block that it lies in."""


def priced_lines(
    quantities: Sequence[Quantity], *, customer: Customer, tariffs: TariffBook, issue_date: date
) -> list[ChargeLine] | NotBillable:
    """The lines of a point's quantities at the prices of their days, or why one has no price.

    Where a price begins between two readings a reading of that day wins; else the utility's ``split`` model decides.
    Days that are another contract's are left out.
    """
    lines: list[ChargeLine] = []
    for service in dict.fromkeys(quantity.service for quantity in quantities):
        found = [quantity for quantity in quantities if quantity.service is service]
        priced = _of_service(found, customer, tariffs, issue_date)
        if isinstance(priced, NotBillable):
            return priced
        lines += priced
    return lines


def _of_service(
    quantities: Sequence[Quantity], customer: Customer, tariffs: TariffBook, issue_date: date
) -> list[ChargeLine] | NotBillable:
    point, service = customer.point, quantities[0].service
    billed = [quantity.billed or quantity.period for quantity in quantities]
    whole = billed[0]
    if len(billed) > 1:
        whole = Period(start=min(part.start for part in billed), until=max(part.until for part in billed))
    asked = _Asked(point.tariff_class, customer.channel, service, point.gmina, point.diameter_mm, customer.payer, whole)
    steps = _steps(tariffs, asked)
    if not steps:
        days = f"{whole.start}..{whole.last_day}"
        return no_price(point, customer.channel, service=service.value, days=days, reason="no_price")
    if tariffs.models.split is SplitModel.HOLD:
        unread = _unread(quantities, steps, point)
        if unread is not None:
            return unread
    is_metered = tariffs.models.split_places is SplitPlaces.METERED
    fewest = min([quantity.places for quantity in quantities]) if is_metered else _THREE
    used_m3: dict[date, Decimal] = defaultdict(lambda: VOLUME * 0)
    cuts = [step.start for step in steps[1:]]
    lines: list[ChargeLine] = []
    for quantity in quantities:
        places = quantity.places if is_metered else _THREE
        for piece in pieces(quantity, cuts=cuts, places=places):
            step, part = _step_of(steps, piece, whole)
            charged: Iterable[_Part] = ((piece.volume_m3, step.net_zl or ZERO_ZL, None),)
            if step.blocks:
                charged = _in_blocks(step, piece, part=part, whole=whole, places=fewest, before_m3=used_m3[step.start])
                used_m3[step.start] += piece.volume_m3
            # a share in a difference is of days that the contract's own use occupies
            first = 2 if quantity.difference is not None else 1
            for row_no, one in enumerate(charged, start=first):
                lines.append(_line(quantity, piece, one, span=step, point=point, issue_date=issue_date, row_no=row_no))
    return lines


def _unread(quantities: Sequence[Quantity], steps: Sequence[PriceSpan], point: PointSnapshot) -> NotBillable | None:
    cuts = [step.start for step in steps[1:]]
    for quantity in quantities:
        own = quantity.billed or quantity.period
        unread = needs_days(quantity, cuts=[day for day in cuts if own.start < day < own.until])
        if unread is not None:
            facts = {"point_no": point.point_no, "service": quantity.service.value, "changes_on": str(unread)}
            if quantity.counted:
                facts["meter_no"] = quantity.counted.meter_no
            return NotBillable(code=HoldCode.PRICE_CHANGE, facts=facts)
    return None


@lru_cache(maxsize=4096)
def _steps(tariffs: TariffBook, asked: _Asked) -> tuple[PriceSpan, ...]:
    """The prices of the days, in order, without those that change nothing; none when a day has none.

    The later of two at the same terms stands for both. Most customers of a town ask for the same.
    """
    steps: list[PriceSpan] = []
    for span in tariffs.spans_in(**asked._asdict()):
        if steps and steps[-1].terms == span.terms:
            steps[-1] = span.begun_on(steps[-1].start)
        else:
            steps.append(span)
    return tuple(steps)


def _step_of(steps: Sequence[PriceSpan], piece: Piece, whole: Period) -> tuple[PriceSpan, Period]:
    """The price of a piece, and the days of the bill that have it."""
    if len(steps) == 1:
        return steps[0], whole
    number = max(n for n, step in enumerate(steps) if n == 0 or step.start <= piece.period.start)
    until = steps[number + 1].start if number + 1 < len(steps) else whole.until
    return steps[number], Period(start=max(steps[number].start, whole.start), until=until)


def _in_blocks(
    step: PriceSpan, piece: Piece, *, part: Period, whole: Period, places: int, before_m3: Decimal
) -> Iterator[_Part]:
    """A piece by blocks; ``before_m3`` of the same days are charged already."""
    thresholds = thresholds_of(blocks=step.blocks, per=step.block_per, part=part, whole=whole, places=places)
    for one in in_blocks(piece.volume_m3, before_m3=before_m3, blocks=step.blocks, thresholds=thresholds):
        yield one.volume_m3, one.net_zl, one.block


def _basis(of_quantity: Sequence[str], of_price: str) -> str:
    """The provisions of a line, each named once: how much it is may rest on the same one as what it is."""
    if not of_quantity:
        return of_price
    return "; ".join(dict.fromkeys(one for given in (*of_quantity, of_price) for one in given.split("; ")))


def _line(
    quantity: Quantity,
    piece: Piece,
    part: _Part,
    *,
    span: PriceSpan,
    point: PointSnapshot,
    issue_date: date,
    row_no: int,
) -> ChargeLine:
    volume_m3, tariff_zl, block = part
    subsidy, price_zl, basis = None, tariff_zl, _basis(quantity.bases, span.basis)
    if span.subsidy is not None:
        subsidy = subsidy_of(agreed=span.subsidy, volume_m3=volume_m3, tariff_zl=tariff_zl)
        price_zl = price_left_zl(tariff_zl, subsidy=subsidy)
        basis = price_basis(basis, subsidy=subsidy)
    counted = piece.counted
    return ChargeLine(
        point_no=point.point_no,
        service=quantity.service,
        description=_description(quantity, block),
        period=piece.period,
        meter_no=counted.meter_no if counted else None,
        previous_reading_id=counted.previous_reading_id if counted else None,
        current_reading_id=counted.current_reading_id if counted else None,
        previous_index_m3=counted.previous_index_m3.quantize(VOLUME) if counted else None,
        current_index_m3=counted.current_index_m3.quantize(VOLUME) if counted else None,
        quantity=volume_m3.quantize(VOLUME),
        unit=span.unit.value,
        price_zl=price_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=volume_m3, price_zl=price_zl),
        vat_rate=vat_rate(service=quantity.service, on=issue_date),
        tariff_group=span.group,
        tariff_sha256=span.tariff_sha256,
        basis=basis,
        subsidy=subsidy,
        origin=quantity.origin,
        row_no=row_no,
        parts=piece.parts,
        share=piece.share,
        block=block,
        terms=quantity.terms,
        difference=quantity.difference,
    )


def is_estimated(line: ChargeLine) -> bool:
    """Whether a line bills up to an estimate."""
    return line.description.endswith(_ESTIMATED)


def _description(quantity: Quantity, block: LineBlock | None) -> str:
    remark = _ESTIMATED if quantity.estimated else _SETTLED if quantity.settles_estimate else ""
    return _DESCRIPTIONS[quantity.service] + _block_words(block) + quantity.remark + remark


def _block_words(block: LineBlock | None) -> str:
    if block is None:
        return ""
    above = f" ponad {format_quantity(block.from_m3)}" if block.from_m3 else ""
    up_to = f" do {format_quantity(block.until_m3)}" if block.until_m3 is not None else ""
    return f" –{above}{up_to} m³"


def no_price(point: PointSnapshot, channel: Channel, **facts: str) -> NotBillable:
    """A hold for want of a price, naming the point and what it is asked for."""
    known = {"point_no": point.point_no, "tariff_class": point.tariff_class, "channel": channel.value}
    return NotBillable(code=HoldCode.NO_PRICE, facts=known | facts)
