"""The whole export of the old system in a folder: clean, dirty, control totals, two past cycles, two months to come.

``.venv/bin/python tests/moving/old_export.py FOLDER`` writes it for anybody who wants to try moving in.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

from brzozowka_rater import GROSZ, OldLine, totals
from old_defects import Planted, plant
from old_town import (
    AS_OF,
    NEW_CYCLES,
    PAST_CYCLES,
    OldAccount,
    Row,
    consent_rows,
    cutover_rows,
    old_lines,
    old_town,
    readings_of,
    registry_rows,
)

from billing.periods import next_month
from pipeline.registry.csv import write_csv

SEED: Final = 20260901
COLUMNS: Final = {
    "parties": ("party_no", "kind", "name", "nip", "street", "postcode", "city"),
    "accounts": ("account_no", "route", "bank_account"),
    "account_parties": ("account_no", "role", "party_no", "valid_from", "valid_until"),
    "connections": ("connection_no", "service", "street", "postcode", "city", "diameter_mm", "built_on"),
    "points": (
        *("point_no", "street", "postcode", "city"),
        *("water_connection_no", "sewage_connection_no", "parent_point_no"),
    ),
    "contracts": ("contract_no", "account_no", "point_no", "tariff_class", "services", "valid_from", "valid_until"),
    "meters": (
        *("meter_no", "point_no", "dials", "decimals", "installed_on", "opening_index", "legalised_until"),
        *("replaces_meter_no", "removal_index", "purpose"),
    ),
    "emails": ("account_no", "email", "state", "confirmation_kind", "confirmed_at", "valid_from"),
    "consents": (
        *("account_no", "event", "method", "occurred_at", "received_at", "terms_label", "email"),
        *("signer_name", "scan_sha256", "requested_from", "evidence"),
    ),
    "positions": ("point_no", "meter_no", "register", "last_billed_on", "last_billed_index", "quality"),
    "balances": ("account_no", "balance_zl", "standing_billed_until"),
    "history": (
        *("point_no", "meter_no", "register", "period_from", "period_until", "volume_m3", "quality"),
        *("old_invoice_no", "gross_zl"),
    ),
    "series": ("series", "last_number"),
}
_INVOICES: Final = (
    *("invoice_no", "account_no", "period", "issue_date", "net_zl", "vat_zl", "gross_zl", "channel", "group"),
)
_LINES: Final = (
    *("invoice_no", "point_no", "service", "meter_no", "from", "until", "previous_index", "current_index"),
    *("quantity", "unit", "price_zl", "net_zl", "tariff_group"),
)
QUIRKS: Final = ("rounding", "group", "missing_reading", "quantity", "price")
QUIRKS_EACH: Final = 5
GROUPS: Final = {
    ("household", "paper"): "GP",
    ("household", "email"): "GE",
    ("business", "paper"): "F",
    ("business", "email"): "F",
}


def write_all(folder: Path, *, accounts: int, seed: int = SEED, few: bool = False) -> list[Planted]:
    """Write ``dirty/``, ``clean/``, ``past/<month>/`` and ``readings/``; the defects of ``dirty/``."""
    town = old_town(accounts=accounts, seed=seed)
    rows = {**registry_rows(town), "consents": consent_rows(town), **cutover_rows(town)}
    control = control_totals(rows)
    _write_files(folder / "clean", rows, control)
    planted = plant(rows, town=town, columns=COLUMNS, seed=seed, few=few)
    _write_files(folder / "dirty", rows, control)
    facts = ((one.kind, f"{one.file}.csv", one.line_no, one.code) for one in planted)
    write_csv(folder / "defects.csv", columns=("kind", "file", "line_no", "code"), rows=facts)
    spoilt = {one.account for one in planted}
    quirks = quirks_of([one for one in town if one.number not in spoilt], seed=seed)
    for month in PAST_CYCLES:
        _write_past(folder / "past" / f"{month:%Y-%m}", town, month, quirks)
    for month in NEW_CYCLES:
        _write_readings(folder / "readings", town, month)
    return planted


def control_totals(rows: Mapping[str, Sequence[Row]]) -> list[Row]:
    """What the old system says that it holds."""
    positions, balances, history = rows["positions"], rows["balances"], rows["history"]
    counted = ("parties", "accounts", "points", "contracts", "positions", "consents")
    return [
        *((name, len(rows[name])) for name in counted),
        ("meters", len({row[0] for row in rows["meters"]})),
        ("sum_of_last_indices_m3", sum(Decimal(str(row[4])) for row in positions)),
        ("accounts_with_balance", sum(row[1] != 0 for row in balances)),
        ("balance_zl", sum((Decimal(str(row[1])) for row in balances), Decimal(0)).quantize(GROSZ)),
        ("history_rows", len(history)),
        ("history_m3", sum(Decimal(str(row[5])) for row in history)),
        ("history_zl", sum(Decimal(str(row[8])) for row in history)),
        ("email_addresses", len(rows["emails"])),
        ("series", len(rows["series"])),
        ("sum_of_last_numbers", sum(int(str(row[1])) for row in rows["series"])),
        ("parallel_runs", len(PAST_CYCLES)),
    ]


def quirks_of(town: Sequence[OldAccount], *, seed: int) -> dict[int, str]:
    """Accounts that the old system billed in its own way, and how."""
    dice = Random(f"{seed}-quirks")
    plain = [one for one in town if one.nip is None and len(one.points) == 1 and not one.points[0].garden]
    paperless = dice.sample([one.number for one in plain if one.paperless_on], QUIRKS_EACH)
    others = dice.sample([one.number for one in plain if not one.paperless_on], QUIRKS_EACH * (len(QUIRKS) - 1))
    named = [name for name in QUIRKS if name != "group"] * QUIRKS_EACH
    return dict(zip(others, named, strict=True)) | dict.fromkeys(paperless, "group")


def _write_files(folder: Path, rows: Mapping[str, Sequence[Row]], control: Sequence[Row]) -> None:
    for kind, lines in rows.items():
        write_csv(folder / f"{kind}.csv", columns=COLUMNS[kind], rows=lines)
    write_csv(folder / "control.csv", columns=("name", "value"), rows=control)


def _write_past(folder: Path, town: Sequence[OldAccount], month: date, quirks: Mapping[int, str]) -> None:
    invoices, lines, readings = [], [], []
    issued = next_month(month).replace(day=5)
    for one in town:
        quirk = quirks.get(one.number)
        billed = old_lines(one, month)
        number = f"FB/{month:%Y/%m}/{one.number:06}"
        channel = "email" if one.paperless_on else "paper"
        if quirk == "group":
            channel = "paper"
            billed = [_dearer(line) for line in billed]
        elif quirk in {"quantity", "price"}:
            billed = [_bent(billed[0], quirk), *billed[1:]]
        net, vat, gross = totals(billed)
        if quirk == "rounding":
            vat, gross = vat + GROSZ, gross + GROSZ
        group = GROUPS[one.tariff_class, channel]
        invoices.append((number, one.account_no, f"{month:%Y-%m}", issued, net, vat, gross, channel, group))
        lines += [_line_row(number, line) for line in billed]
        readings += _past_readings(one, month, missing=quirk == "missing_reading")
    write_csv(folder / "invoices.csv", columns=_INVOICES, rows=invoices)
    write_csv(folder / "lines.csv", columns=_LINES, rows=lines)
    columns = ("point_no", "meter_no", "register", "read_on", "index", "quality")
    write_csv(folder / "readings.csv", columns=columns, rows=readings)
    facts = ((f"B{number:06}", quirk) for number, quirk in sorted(quirks.items()))
    write_csv(folder.parent / "quirks.csv", columns=("account_no", "cause"), rows=facts)


def _dearer(line: OldLine) -> OldLine:
    if line.service != "abonament":
        return line
    price = Decimal("13.95")
    return OldLine(
        *("", "abonament", "", line.start, line.until, "", "", line.quantity, "month", price, price),
    )


def _bent(line: OldLine, quirk: str) -> OldLine:
    quantity = line.quantity + (quirk == "quantity")
    price = line.price_zl - (Decimal("0.10") if quirk == "price" else 0)
    return OldLine(
        *(line.point_no, line.service, line.meter_no, line.start, line.until, line.previous, line.current),
        *(quantity, line.unit, price, (quantity * price).quantize(GROSZ)),
    )


def _line_row(number: str, line: OldLine) -> Row:
    return (
        *(number, line.point_no, line.service, line.meter_no, line.start, line.until, line.previous, line.current),
        *(line.quantity, line.unit, line.price_zl, line.net_zl, ""),
    )


def _past_readings(one: OldAccount, month: date, *, missing: bool) -> Iterable[Row]:
    days = (month.replace(day=1), next_month(month))
    for point in one.points:
        for meter in point.meters:
            near = [day for day in sorted(meter.indices) if _before(days[0]) <= day <= _before(days[1])]
            for day in near[:-1] if missing else near:
                yield point.point_no, meter.meter_no, 0, day, meter.indices[day], "actual"


def _before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _write_readings(folder: Path, town: Sequence[OldAccount], month: date) -> None:
    columns = ("service_point", "meter_no", "read_at", "index", "unit", "source", "quality")
    rows = (
        (point.point_no, meter.meter_no, day, index, "m3", "handheld", "actual")
        for point, meter, day, index in readings_of(list(town), month)
    )
    write_csv(folder / f"brzozowka_inkasent_{_before(next_month(month)):%Y%m%d}T180000.csv", columns=columns, rows=rows)


def main() -> None:
    """Write the export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--few", action="store_true", help="one defect of each kind instead of 500")
    options = parser.parse_args()
    planted = write_all(options.folder, accounts=options.accounts, few=options.few)
    sys.stdout.write(f"{options.accounts} accounts as of {AS_OF}, {len(planted)} defects, in {options.folder}\n")


if __name__ == "__main__":
    main()
