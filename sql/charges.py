"""Charges and holds: appended once, compared ever after."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import Channel, Service
from billing.canonical import canonical_json, content_sha256
from billing.charges import Bill, ChargeLine, Hold, LineBlock, LineExcess, LinePart, LineShare, Origin
from billing.holds import EXCLUDED
from billing.periods import Period
from billing.subsidies import LineSubsidy, SubsidyMode
from billing.vat import VatModel, vat_sums
from sql.copying import copy_rows, days
from sql.cycles import Cycle
from sql.queries import queries

_Q = queries("charges")

_LINE_COLUMNS = (
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
    "gmina",
    "subsidy_mode",
    "subsidy_zl_m3",
    "subsidy_zl",
    "subsidy_basis",
    "origin",
    "row_no",
    "share_days",
    "share_of_days",
    "share_of_m3",
    "share_after_days",
    "block_from_m3",
    "block_until_m3",
    "indicator",
    "indicator_measured",
    "indicator_permitted",
)
_PART_COLUMNS = (
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
)
_NO_SUBSIDY = (None,) * 5
_NO_SHARE = (None,) * 4
_NO_BLOCK = (None,) * 2
_NO_EXCESS = (None,) * 3


def rated_hashes(connection: Connection, *, cycle: Cycle, chunk_no: int) -> dict[int, str]:
    """Content hash of each charge or hold that an earlier run of the chunk has written, by account id."""
    chunk = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}
    rows = (*connection.execute(_Q["charges_of_chunk"], chunk), *connection.execute(_Q["holds_of_chunk"], chunk))
    return {row.account_id: row.sha256 for row in rows}


def insert_bills(
    connection: Connection, *, cycle: Cycle, bills: Mapping[int, Bill], sha256s: Mapping[int, str]
) -> None:
    """Append bills by account id, as charges with their lines; ``sha256s`` are their content hashes."""
    if not bills:
        return
    inserted = connection.execute(
        _Q["insert_charges"],
        {
            "cycle_id": cycle.cycle_id,
            "account_ids": list(bills),
            "channels": [bill.channel.value for bill in bills.values()],
            "nets": [bill.net_zl for bill in bills.values()],
            "vats": [bill.vat_zl for bill in bills.values()],
            "grosses": [bill.gross_zl for bill in bills.values()],
            "subsidies_net": [bill.subsidy_net_zl for bill in bills.values()],
            "subsidies_gross": [bill.subsidy_gross_zl for bill in bills.values()],
            "sha256s": [sha256s[account_id] for account_id in bills],
        },
    )
    charge_ids = {row.account_id: row.charge_id for row in inserted}
    numbers = {line.point_no for bill in bills.values() for line in bill.lines if line.point_no}
    known = connection.execute(_Q["points_by_number"], {"point_nos": list(numbers)})
    points = {row.point_no: row.point_id for row in known}
    copy_rows(
        connection,
        table="charge_line",
        columns=_LINE_COLUMNS,
        rows=(
            _line_row(charge_ids[account_id], line_no, line, points)
            for account_id, bill in bills.items()
            for line_no, line in enumerate(bill.lines, start=1)
        ),
    )
    copy_rows(
        connection,
        table="charge_line_part",
        columns=_PART_COLUMNS,
        rows=(
            (charge_ids[account_id], line_no, part_no, *_part_values(part))
            for account_id, bill in bills.items()
            for line_no, line in enumerate(bill.lines, start=1)
            for part_no, part in enumerate(line.parts, start=1)
        ),
    )


def _line_row(charge_id: int, line_no: int, line: ChargeLine, points: Mapping[str, int]) -> tuple[Any, ...]:
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
        *(_NO_SUBSIDY if line.subsidy is None else _subsidy_values(line.subsidy)),
        line.origin.value if line.origin else None,
        line.row_no,
        *(_NO_SHARE if line.share is None else _share_values(line.share)),
        *(_NO_BLOCK if line.block is None else (line.block.from_m3, line.block.until_m3)),
        *(_NO_EXCESS if line.excess is None else _excess_values(line.excess)),
    )


def _subsidy_values(subsidy: LineSubsidy) -> tuple[Any, ...]:
    return subsidy.gmina, subsidy.mode.value, subsidy.zl_m3, subsidy.subsidy_zl, subsidy.basis


def _share_values(share: LineShare) -> tuple[Any, ...]:
    return share.days, share.of_days, share.of_m3, share.after_days


def _excess_values(excess: LineExcess) -> tuple[Any, ...]:
    return excess.indicator, excess.measured, excess.permitted


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
    )


def insert_holds(connection: Connection, *, cycle: Cycle, stage: str, holds: Mapping[int, Hold]) -> None:
    """Append holds by account id; ``stage`` is the step that decided them."""
    copy_rows(
        connection,
        table="hold",
        columns=("cycle_id", "account_id", "code", "excluded", "stage", "facts", "draft", "sha256"),
        rows=(
            (
                cycle.cycle_id,
                account_id,
                hold.code.value,
                hold.code in EXCLUDED,
                stage,
                canonical_json(hold.facts),
                canonical_json(hold.draft) if hold.draft else None,
                content_sha256(hold),
            )
            for account_id, hold in holds.items()
        ),
    )


def control_totals(connection: Connection, *, cycle: Cycle) -> Row[Any]:
    """Counts and sums that a person approves."""
    return connection.execute(_Q["control_totals"], {"cycle_id": cycle.cycle_id}).one()


def breakdown(connection: Connection, *, cycle: Cycle, name: str, **parameters: Any) -> Sequence[Row[Any]]:
    """One of the lists about a cycle's charges: totals_by_service, totals_by_group, holds, movers, drafts."""
    return connection.execute(_Q[name], {"cycle_id": cycle.cycle_id, **parameters}).all()


def charges_to_issue(connection: Connection, *, cycle: Cycle, chunk_no: int) -> Sequence[Row[Any]]:
    """The charges of a chunk with the snapshot they came from and the delivery preference as it is now."""
    chunk = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}
    return connection.execute(_Q["charges_to_issue"], chunk | {"issue_date": cycle.issue_date}).all()


def readings_decided(
    connection: Connection, *, cycle: Cycle, chunk_no: int
) -> Mapping[int, Mapping[int, Decimal | None]]:
    """Indexes that count now of readings decided about since the cycle was opened, by account id and reading id.

    None stands for a reading that does not count any more.
    """
    found: dict[int, dict[int, Decimal | None]] = defaultdict(dict)
    for row in connection.execute(_Q["readings_decided"], {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}):
        found[row.account_id][row.reading_id] = row.index_m3
    return found


def load_lines(connection: Connection, *, cycle: Cycle, chunk_no: int) -> Mapping[int, list[ChargeLine]]:
    """The lines of every charge of a chunk, by charge id."""
    chunk = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}
    parts: dict[tuple[int, int], list[LinePart]] = defaultdict(list)
    for row in connection.execute(_Q["parts_of_chunk"], chunk):
        parts[row.charge_id, row.line_no].append(_line_part(row))
    lines: dict[int, list[ChargeLine]] = defaultdict(list)
    for row in connection.execute(_Q["lines_of_chunk"], chunk):
        lines[row.charge_id].append(_line(row, tuple(parts.get((row.charge_id, row.line_no), ()))))
    return lines


def _line(row: Row[Any], parts: tuple[LinePart, ...]) -> ChargeLine:
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


def _line_part(row: Row[Any]) -> LinePart:
    return LinePart(
        meter_no=row.meter_no,
        purpose=row.purpose,
        previous_reading_id=row.previous_reading_id,
        current_reading_id=row.current_reading_id,
        previous_index_m3=row.previous_index_m3,
        current_index_m3=row.current_index_m3,
        volume_m3=row.volume_m3,
        percent=row.percent,
    )


def _line_subsidy(row: Row[Any]) -> LineSubsidy:
    return LineSubsidy(
        gmina=row.gmina,
        mode=SubsidyMode(row.subsidy_mode),
        zl_m3=row.subsidy_zl_m3,
        subsidy_zl=row.subsidy_zl,
        basis=row.subsidy_basis,
    )


def bill_of(row: Row[Any], lines: Iterable[ChargeLine], *, vat_model: VatModel) -> Bill:
    """The bill that a charge's row and lines were written from."""
    lines = tuple(lines)
    return Bill(
        account_no=row.account_no,
        channel=Channel(row.channel),
        lines=lines,
        vat_sums=vat_sums(lines=((line.vat_rate, line.net_zl) for line in lines), model=vat_model),
        net_zl=row.net_zl,
        vat_zl=row.vat_zl,
        gross_zl=row.gross_zl,
        subsidy_net_zl=row.subsidy_net_zl,
        subsidy_gross_zl=row.subsidy_gross_zl,
    )
