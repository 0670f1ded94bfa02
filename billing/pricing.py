"""Quantities become lines: one for each price of their days and, where prices are progressive, for each block."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

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
from billing.shares import Piece, needs_days, pieces
from billing.subsidies import price_basis, price_left_zl, subsidy_of
from billing.tariffs import TariffBook

_ESTIMATED = " (odczyt szacowany)"
_SETTLED = " (rozliczenie odczytu szacowanego)"
_DESCRIPTIONS = {Service.WATER: "Dostarczanie wody", Service.SEWAGE: "Odprowadzanie ścieków"}
_THREE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Whom and what a price is asked for: a point, the agreed channel, and what kind of person the nabywca is."""

    point: PointSnapshot
    channel: Channel
    payer: PartyKind | None


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
    whole = Period(start=min(part.start for part in billed), until=max(part.until for part in billed))
    spans = tariffs.spans_in(
        tariff_class=point.tariff_class,
        channel=customer.channel,
        service=service,
        period=whole,
        gmina=point.gmina,
        diameter_mm=point.diameter_mm,
        payer=customer.payer,
    )
    if not spans:
        days = f"{whole.start}..{whole.last_day}"
        return no_price(point, customer.channel, service=service.value, days=days, reason="no_price")
    steps = _steps(spans)
    if tariffs.models.split is SplitModel.HOLD:
        unread = _unread(quantities, steps, point)
        if unread is not None:
            return unread
    is_metered = tariffs.models.split_places is SplitPlaces.METERED
    fewest = min(quantity.places for quantity in quantities) if is_metered else _THREE
    used_m3: dict[date, Decimal] = defaultdict(lambda: VOLUME * 0)
    lines: list[ChargeLine] = []
    for quantity, own in zip(quantities, billed, strict=True):
        places = quantity.places if is_metered else _THREE
        cuts = [own.start, *(step.start for step in steps[1:]), own.until]
        for piece in pieces(quantity, cuts=cuts, places=places):
            if own.overlap(piece.period) is None:
                continue
            step, part = _step_of(steps, piece, whole)
            thresholds = thresholds_of(blocks=step.blocks, per=step.block_per, part=part, whole=whole, places=fewest)
            charged = _parts(step, thresholds, piece, used_m3[step.start])
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


def _steps(spans: Sequence[PriceSpan]) -> list[PriceSpan]:
    """The spans without those that change nothing: the later of two at the same terms stands for both."""
    steps: list[PriceSpan] = []
    for span in spans:
        if steps and steps[-1].terms == span.terms:
            steps[-1] = span.begun_on(steps[-1].start)
        else:
            steps.append(span)
    return steps


def _step_of(steps: Sequence[PriceSpan], piece: Piece, whole: Period) -> tuple[PriceSpan, Period]:
    """The price of a piece, and the days of the bill that have it."""
    if len(steps) == 1:
        return steps[0], whole
    number = max(n for n, step in enumerate(steps) if n == 0 or step.start <= piece.period.start)
    until = steps[number + 1].start if number + 1 < len(steps) else whole.until
    return steps[number], Period(start=max(steps[number].start, whole.start), until=until)


def _parts(
    step: PriceSpan, thresholds: Sequence[Decimal], piece: Piece, before_m3: Decimal
) -> Iterator[tuple[Decimal, Decimal, LineBlock | None]]:
    """Volumes and tariff prices of a piece; ``before_m3`` of the same days are charged already."""
    if not step.blocks:
        yield piece.volume_m3, step.net_zl or ZERO_ZL, None
        return
    for part in in_blocks(piece.volume_m3, before_m3=before_m3, blocks=step.blocks, thresholds=thresholds):
        yield part.volume_m3, part.net_zl, part.block


def _line(
    quantity: Quantity,
    piece: Piece,
    part: tuple[Decimal, Decimal, LineBlock | None],
    *,
    span: PriceSpan,
    point: PointSnapshot,
    issue_date: date,
    row_no: int,
) -> ChargeLine:
    volume_m3, tariff_zl, block = part
    subsidy = subsidy_of(agreed=span.subsidy, volume_m3=volume_m3, tariff_zl=tariff_zl)
    price_zl = price_left_zl(tariff_zl, subsidy=subsidy)
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
        basis=price_basis("; ".join((*quantity.bases, span.basis)), subsidy=subsidy),
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
