"""A quantity becomes lines: one for each price of its days."""

from collections.abc import Sequence
from datetime import date

from billing.accounts import Channel, PointSnapshot, Service
from billing.charges import ChargeLine
from billing.holds import HoldCode
from billing.law import vat_rate
from billing.models import SplitModel, SplitPlaces
from billing.money import PRICE, VOLUME, ZERO_ZL, multiply_zl
from billing.quantities import NotBillable, Quantity
from billing.shares import Piece, needs_days, pieces
from billing.subsidies import price_basis, price_left_zl, subsidy_of
from billing.tariffs import PriceSpan, TariffBook

_ESTIMATED = " (odczyt szacowany)"
_DESCRIPTIONS = {Service.WATER: "Dostarczanie wody", Service.SEWAGE: "Odprowadzanie ścieków"}
_THREE = 3


def priced_lines(
    quantity: Quantity, *, point: PointSnapshot, channel: Channel, tariffs: TariffBook, issue_date: date
) -> list[ChargeLine] | NotBillable:
    """The lines of a quantity at the prices of its days, or why it has no price.

    Where a price begins between two readings a reading of that day wins; else the utility's ``split`` model decides.
    """
    spans = tariffs.spans_in(
        tariff_class=point.tariff_class,
        channel=channel,
        service=quantity.service,
        period=quantity.billed or quantity.period,
        gmina=point.gmina,
    )
    if not spans:
        days = f"{quantity.period.start}..{quantity.period.last_day}"
        return no_price(point, channel, service=quantity.service.value, days=days, reason="no_price")
    steps = _steps(spans)
    cuts = [step.start for step in steps[1:]]
    models = tariffs.models
    unread = needs_days(quantity, cuts=cuts)
    if unread is not None and models.split is SplitModel.HOLD:
        facts = {"point_no": point.point_no, "service": quantity.service.value, "changes_on": str(unread)}
        if quantity.counted:
            facts["meter_no"] = quantity.counted.meter_no
        return NotBillable(code=HoldCode.PRICE_CHANGE, facts=facts)
    places = quantity.places if models.split_places is SplitPlaces.METERED else _THREE
    return [
        _line(quantity, piece, span=_span_of(steps, piece), point=point, issue_date=issue_date)
        for piece in pieces(quantity, cuts=cuts, places=places)
    ]


def _steps(spans: Sequence[PriceSpan]) -> list[PriceSpan]:
    """The spans without those that change nothing: the later of two at the same terms stands for both."""
    steps: list[PriceSpan] = []
    for span in spans:
        if steps and steps[-1].terms == span.terms:
            steps[-1] = span.begun_on(steps[-1].start)
        else:
            steps.append(span)
    return steps


def _span_of(steps: Sequence[PriceSpan], piece: Piece) -> PriceSpan:
    return next(step for step in reversed(steps) if step.start <= piece.period.start or step is steps[0])


def _line(quantity: Quantity, piece: Piece, *, span: PriceSpan, point: PointSnapshot, issue_date: date) -> ChargeLine:
    tariff_zl = span.net_zl or ZERO_ZL
    subsidy = subsidy_of(agreed=span.subsidy, volume_m3=piece.volume_m3, tariff_zl=tariff_zl)
    price_zl = price_left_zl(tariff_zl, subsidy=subsidy)
    counted = piece.counted
    return ChargeLine(
        point_no=point.point_no,
        service=quantity.service,
        description=_DESCRIPTIONS[quantity.service] + (_ESTIMATED if quantity.estimated else "") + quantity.remark,
        period=piece.period,
        meter_no=counted.meter_no if counted else None,
        previous_reading_id=counted.previous_reading_id if counted else None,
        current_reading_id=counted.current_reading_id if counted else None,
        previous_index_m3=counted.previous_index_m3.quantize(VOLUME) if counted else None,
        current_index_m3=counted.current_index_m3.quantize(VOLUME) if counted else None,
        quantity=piece.volume_m3.quantize(VOLUME),
        unit=span.unit.value,
        price_zl=price_zl.quantize(PRICE),
        net_zl=multiply_zl(quantity=piece.volume_m3, price_zl=price_zl),
        vat_rate=vat_rate(service=quantity.service, on=issue_date),
        tariff_group=span.group,
        tariff_sha256=span.tariff_sha256,
        basis=price_basis("; ".join((*quantity.bases, span.basis)), subsidy=subsidy),
        subsidy=subsidy,
        origin=quantity.origin,
        parts=piece.parts,
        share=piece.share,
        terms=quantity.terms,
    )


def no_price(point: PointSnapshot, channel: Channel, **facts: str) -> NotBillable:
    """A hold for want of a price, naming the point and what it is asked for."""
    known = {"point_no": point.point_no, "tariff_class": point.tariff_class, "channel": channel.value}
    return NotBillable(code=HoldCode.NO_PRICE, facts=known | facts)
