"""The lines of charges as rows: one for each line, and one for each register that had a part in it."""

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Row

from billing.accounts import Service
from billing.charges import (
    ChargeLine,
    LineArea,
    LineBlock,
    LineDifference,
    LineExcess,
    LinePart,
    LineSettled,
    LineShare,
    LineTerms,
    Origin,
)
from billing.periods import Period
from billing.subsidies import LineSubsidy, SubsidyMode
from sql.copying import days

LINE_COLUMNS = (
    "charge_id",
    "line_no",
    "point_id",
    "service",
    "description",
    "period",
    "meter_no",
    "previous_reading_id",
    "current_reading_id",
    "previous_index_m3",
    "current_index_m3",
    "quantity",
    "unit",
    "price_zl",
    "net_zl",
    "vat_rate",
    "tariff_group",
    "tariff_sha256",
    "basis",
    "row_no",
)
"""What every line says; many say nothing more."""
MORE_COLUMNS = (
    "gmina",
    "subsidy_mode",
    "subsidy_zl_m3",
    "subsidy_zl",
    "subsidy_basis",
    "origin",
    "share_days",
    "share_of_days",
    "share_of_m3",
    "share_after_days",
    "block_from_m3",
    "block_until_m3",
    "indicator",
    "indicator_measured",
    "indicator_permitted",
    "terms_norm",
    "terms_persons",
    "terms_m3_month",
    "difference_share_id",
    "extra_service_id",
    "surface",
    "area_m2",
    "m3_per_m2_year",
    "forecast_line_id",
    "forecast_document",
)
PART_COLUMNS = (
    "charge_id",
    "line_no",
    "part_no",
    "meter_no",
    "purpose",
    "previous_reading_id",
    "current_reading_id",
    "previous_index_m3",
    "current_index_m3",
    "volume_m3",
    "percent",
    "lapsed_on",
    "billed",
)
_MORE = ("subsidy", "origin", "share", "block", "excess", "terms", "difference", "extra_service_id", "area", "settles")
_more, _NOTHING_MORE = attrgetter(*_MORE), (None,) * len(_MORE)
_NO_SUBSIDY = (None,) * 5
_NO_SHARE = (None,) * 4
_NO_BLOCK = (None,) * 2
_NO_EXCESS = (None,) * 3
_NO_TERMS = (None,) * 3
_NO_AREA = (None,) * 3
_NO_FORECAST = (None,) * 2


def says_more(line: ChargeLine) -> bool:
    """Whether one of ``MORE_COLUMNS`` has a value."""
    return _more(line) != _NOTHING_MORE


def line_row(charge_id: int, line_no: int, line: ChargeLine, points: Mapping[str, int]) -> tuple[Any, ...]:
    """The values of ``LINE_COLUMNS``; ``points`` are point ids by number."""
    return (
        charge_id,
        line_no,
        points[line.point_no] if line.point_no else None,
        line.service.value,
        line.description,
        days(line.period.start, line.period.until),
        line.meter_no,
        line.previous_reading_id,
        line.current_reading_id,
        line.previous_index_m3,
        line.current_index_m3,
        line.quantity,
        line.unit,
        line.price_zl,
        line.net_zl,
        line.vat_rate,
        line.tariff_group,
        line.tariff_sha256,
        line.basis,
        line.row_no,
    )


def more_row(line: ChargeLine) -> tuple[Any, ...]:
    """The values of ``MORE_COLUMNS``."""
    return (
        *(_NO_SUBSIDY if line.subsidy is None else _subsidy_values(line.subsidy)),
        line.origin.value if line.origin else None,
        *(_NO_SHARE if line.share is None else _share_values(line.share)),
        *(_NO_BLOCK if line.block is None else (line.block.from_m3, line.block.until_m3)),
        *(_NO_EXCESS if line.excess is None else _excess_values(line.excess)),
        *(_NO_TERMS if line.terms is None else (line.terms.norm, line.terms.persons, line.terms.m3_month)),
        line.difference.share_id if line.difference else None,
        line.extra_service_id,
        *(_NO_AREA if line.area is None else (line.area.surface, line.area.area_m2, line.area.m3_per_m2_year)),
        *(_NO_FORECAST if line.settles is None else (line.settles.forecast_line_id, line.settles.document)),
    )


def _subsidy_values(subsidy: LineSubsidy) -> tuple[Any, ...]:
    return subsidy.gmina, subsidy.mode.value, subsidy.zl_m3, subsidy.subsidy_zl, subsidy.basis


def _share_values(share: LineShare) -> tuple[Any, ...]:
    return share.days, share.of_days, share.of_m3, share.after_days


def _excess_values(excess: LineExcess) -> tuple[Any, ...]:
    return excess.indicator, excess.measured, excess.permitted


def part_rows(charge_id: int, line_no: int, line: ChargeLine) -> Iterator[tuple[Any, ...]]:
    """The values of ``PART_COLUMNS`` for each part of a line."""
    for part_no, part in enumerate(line.parts, start=1):
        yield charge_id, line_no, part_no, *_part_values(part)


def _part_values(part: LinePart) -> tuple[Any, ...]:
    return (
        part.meter_no,
        part.purpose,
        part.previous_reading_id,
        part.current_reading_id,
        part.previous_index_m3,
        part.current_index_m3,
        part.volume_m3,
        part.percent,
        part.lapsed_on,
        None if part.billed is None else days(part.billed.start, part.billed.until),
    )


def line_of(row: Row[Any], parts: tuple[LinePart, ...]) -> ChargeLine:
    """The line that a row and the rows of its parts were written from."""
    return ChargeLine(
        point_no=row.point_no,
        service=Service(row.service),
        description=row.description,
        period=Period(start=row.period_start, until=row.period_until),
        meter_no=row.meter_no,
        previous_reading_id=row.previous_reading_id,
        current_reading_id=row.current_reading_id,
        previous_index_m3=row.previous_index_m3,
        current_index_m3=row.current_index_m3,
        quantity=row.quantity,
        unit=row.unit,
        price_zl=row.price_zl,
        net_zl=row.net_zl,
        vat_rate=row.vat_rate,
        tariff_group=row.tariff_group,
        tariff_sha256=row.tariff_sha256,
        basis=row.basis,
        subsidy=None if row.subsidy_mode is None else _line_subsidy(row),
        origin=None if row.origin is None else Origin(row.origin),
        row_no=row.row_no,
        parts=parts,
        share=None if row.share_days is None else _line_share(row),
        block=None if row.block_from_m3 is None else LineBlock(from_m3=row.block_from_m3, until_m3=row.block_until_m3),
        excess=None if row.indicator is None else _line_excess(row),
        terms=None if row.terms_m3_month is None else _line_terms(row),
        difference=None if row.share_id is None else _line_difference(row),
        extra_service_id=row.extra_service_id,
        area=None if row.surface is None else _line_area(row),
        settles=None if row.forecast_line_id is None else _line_settled(row),
    )


def _line_share(row: Row[Any]) -> LineShare:
    return LineShare(
        days=row.share_days, of_days=row.share_of_days, of_m3=row.share_of_m3, after_days=row.share_after_days
    )


def _line_excess(row: Row[Any]) -> LineExcess:
    return LineExcess(
        indicator=row.indicator,
        measured=row.indicator_measured,
        permitted=row.indicator_permitted,
    )


def _line_difference(row: Row[Any]) -> LineDifference:
    return LineDifference(
        share_id=row.share_id,
        front_point_no=row.front_point_no,
        of_m3=row.of_m3,
        before_m3=row.before_m3,
        own_m3=row.own_m3,
        all_m3=row.all_m3,
    )


def _line_terms(row: Row[Any]) -> LineTerms:
    return LineTerms(norm=row.terms_norm, persons=row.terms_persons, m3_month=row.terms_m3_month)


def _line_area(row: Row[Any]) -> LineArea:
    return LineArea(surface=row.surface, area_m2=row.area_m2, m3_per_m2_year=row.m3_per_m2_year)


def _line_settled(row: Row[Any]) -> LineSettled:
    return LineSettled(forecast_line_id=row.forecast_line_id, document=row.forecast_document)


def part_of(row: Row[Any]) -> LinePart:
    """The part that a row was written from."""
    return LinePart(
        meter_no=row.meter_no,
        purpose=row.purpose,
        previous_reading_id=row.previous_reading_id,
        current_reading_id=row.current_reading_id,
        previous_index_m3=row.previous_index_m3,
        current_index_m3=row.current_index_m3,
        volume_m3=row.volume_m3,
        percent=row.percent.normalize() + 0,
        lapsed_on=row.lapsed_on,
        billed=None if row.billed_from is None else Period(start=row.billed_from, until=row.billed_until),
        read=Period(start=row.read_from, until=row.read_until),
    )


def _line_subsidy(row: Row[Any]) -> LineSubsidy:
    return LineSubsidy(
        gmina=row.gmina,
        mode=SubsidyMode(row.subsidy_mode),
        zl_m3=row.subsidy_zl_m3,
        subsidy_zl=row.subsidy_zl,
        basis=row.subsidy_basis,
    )
