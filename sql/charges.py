"""Charges and holds: appended once, compared ever after."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import Channel
from billing.canonical import canonical_json, content_sha256
from billing.charges import Bill, ChargeLine, Hold, LinePart
from billing.holds import EXCLUDED
from billing.invoices import UsedBefore
from billing.models import Models
from billing.periods import Period
from billing.vat import vat_sums
from sql.charge_lines import (
    LINE_COLUMNS,
    MORE_COLUMNS,
    PART_COLUMNS,
    line_of,
    line_row,
    more_row,
    part_of,
    part_rows,
    says_more,
)
from sql.copying import array, copy_rows
from sql.cycles import Cycle
from sql.queries import queries

_Q = queries("charges")
PERIODS_SHOWN = 12
"""Earlier periods that an invoice is compared with."""


def rated_hashes(connection: Connection, *, cycle: Cycle, chunk_no: int) -> dict[int, str]:
    """Content hash of each charge or hold that an earlier run of the chunk has written, by account id."""
    chunk = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}
    charges = {row.account_id: row.sha256 for row in connection.execute(_Q["charges_of_chunk"], chunk)}
    return charges | rated_holds(connection, cycle=cycle, chunk_no=chunk_no)


def rated_holds(connection: Connection, *, cycle: Cycle, chunk_no: int) -> dict[int, str]:
    """Content hash of each hold that rating a chunk has written, by account id."""
    chunk = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no}
    return {row.account_id: row.sha256 for row in connection.execute(_Q["holds_of_chunk"], chunk)}


def insert_bills(
    connection: Connection,
    *,
    cycle: Cycle,
    bills: Mapping[int, Bill],
    sha256s: Mapping[int, str],
    accounts: Mapping[int, int] | None = None,
) -> None:
    """Append bills by account id, as charges with their lines; ``sha256s`` are their content hashes.

    Of corrections they are by the id of the corrected invoice, and ``accounts`` tells whose that is.
    """
    if not bills:
        return
    inserted = connection.execute(
        _Q["insert_charges"],
        {
            "cycle_id": cycle.cycle_id,
            "account_ids": array(accounts[key] if accounts else key for key in bills),
            "corrects_ids": array(key if accounts else None for key in bills),
            "channels": array(bill.channel.value for bill in bills.values()),
            "nets": array(bill.net_zl for bill in bills.values()),
            "vats": array(bill.vat_zl for bill in bills.values()),
            "grosses": array(bill.gross_zl for bill in bills.values()),
            "subsidies_net": array(bill.subsidy_net_zl for bill in bills.values()),
            "subsidies_gross": array(bill.subsidy_gross_zl for bill in bills.values()),
            "sha256s": array(sha256s[key] for key in bills),
        },
    )
    charge_ids = {row.corrects_id or row.account_id: row.charge_id for row in inserted}
    _insert_lines(connection, bills, charge_ids)


def _insert_lines(connection: Connection, bills: Mapping[int, Bill], charge_ids: Mapping[int, int]) -> None:
    numbers = {line.point_no for bill in bills.values() for line in bill.lines if line.point_no}
    known = connection.execute(_Q["points_by_number"], {"point_nos": list(numbers)})
    points = {row.point_no: row.point_id for row in known}
    lines = [
        (charge_ids[key], line_no, line)
        for key, bill in bills.items()
        for line_no, line in enumerate(bill.lines, start=1)
    ]
    rows = (line_row(*one, points) for one in lines if not says_more(one[2]))
    copy_rows(connection, table="charge_line", columns=LINE_COLUMNS, rows=rows)
    rows = ((*line_row(*one, points), *more_row(one[2])) for one in lines if says_more(one[2]))
    copy_rows(connection, table="charge_line", columns=LINE_COLUMNS + MORE_COLUMNS, rows=rows)
    rows = (row for one in lines if one[2].parts for row in part_rows(*one))
    copy_rows(connection, table="charge_line_part", columns=PART_COLUMNS, rows=rows)


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
        parts[row.charge_id, row.line_no].append(part_of(row))
    lines: dict[int, list[ChargeLine]] = defaultdict(list)
    for row in connection.execute(_Q["lines_of_chunk"], chunk):
        lines[row.charge_id].append(line_of(row, tuple(parts.get((row.charge_id, row.line_no), ()))))
    return lines


def used_before(connection: Connection, *, cycle: Cycle, chunk_no: int) -> Mapping[int, tuple[UsedBefore, ...]]:
    """Water of up to twelve earlier periods, by account id; an account that was never billed is not among them."""
    found: dict[int, list[UsedBefore]] = defaultdict(list)
    wanted = {"cycle_id": cycle.cycle_id, "chunk_no": chunk_no, "issue_date": cycle.issue_date, "most": PERIODS_SHOWN}
    for row in connection.execute(_Q["used_before"], wanted):
        period = Period(start=row.start, until=row.until)
        found[row.account_id].append(UsedBefore(period=period, volume_m3=row.volume_m3))
    return {account_id: tuple(periods) for account_id, periods in found.items()}


def bill_of(row: Row[Any], lines: Iterable[ChargeLine], *, models: Models) -> Bill:
    """The bill that a charge's row and lines were written from."""
    lines = tuple(lines)
    nets = ((line.vat_rate, line.summed_zl(models.line_rounding)) for line in lines)
    return Bill(
        account_no=row.account_no,
        channel=Channel(row.channel),
        lines=lines,
        vat_sums=vat_sums(lines=nets, model=models.vat, rounding=models.line_rounding),
        net_zl=row.net_zl,
        vat_zl=row.vat_zl,
        gross_zl=row.gross_zl,
        subsidy_net_zl=row.subsidy_net_zl,
        subsidy_gross_zl=row.subsidy_gross_zl,
        line_rounding=models.line_rounding,
    )
