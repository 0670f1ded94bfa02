"""What the old system of the tests' small town hands over: it has billed July 2026; all is as of August 1."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from town import EVERYBODY, HOUSEHOLDS, set_clock, write_registry

from pipeline import convert, import_consents, import_registry
from pipeline.cutover import load
from pipeline.work import Work

AS_OF = date(2026, 8, 1)
LAST_NUMBER = 41
OLD_METER = "OLD1"
CONSENTING = ("0003", "0004")

HEADERS = {
    "positions": "point_no;meter_no;last_billed_on;last_billed_index;quality",
    "balances": "account_no;balance_zl;standing_billed_until",
    "history": "point_no;meter_no;period_from;period_until;volume_m3;quality;old_invoice_no;gross_zl",
    "series": "series;last_number",
    "control": "name;value",
}
Rows = dict[str, list[str]]


def index_m3(no: str) -> Decimal:
    """The last index that the old system billed: the opening one and 3.25 m³, of which 3 were billed."""
    return int(no) * 10 + Decimal("3.250")


def rows() -> Rows:
    """The rows of every file but the control totals."""
    return {
        "positions": [f"PP{no};M{no};2026-07-31;{index_m3(no)};actual" for no in EVERYBODY],
        "balances": [f"A{no};{Decimal(int(no)) - 6}.50;2026-08-01" for no in EVERYBODY],
        "history": [
            f"PP{no};M{no};2026-06-30;2026-07-{until};{volume};{quality};F{no};{gross}"
            for no in EVERYBODY
            for until, volume, quality, gross in (("31", "3,25", "actual", "55.10"),)
        ],
        "series": [f"FV/2026/09;{LAST_NUMBER}"],
    }


def totals(**changed: object) -> dict[str, object]:
    """The control totals, counted by hand from the files above and the registry of the town."""
    people, balances = len(EVERYBODY), [Decimal(f"{Decimal(int(no)) - 6}.50") for no in EVERYBODY]
    known: dict[str, object] = {
        **dict.fromkeys(("parties", "accounts", "points", "contracts", "positions"), people),
        "meters": people + 1,
        "sum_of_last_indices_m3": sum(index_m3(no) for no in EVERYBODY),
        "accounts_with_balance": sum(balance != 0 for balance in balances),
        "balance_zl": sum(balances),
        "history_rows": people,
        "history_m3": people * Decimal("3.25"),
        "history_zl": people * Decimal("55.10"),
        "consents": len(CONSENTING),
        "email_addresses": len(HOUSEHOLDS) + 1,
        "series": 1,
        "sum_of_last_numbers": LAST_NUMBER,
    }
    return known | changed


def control_rows(values: Mapping[str, object]) -> list[str]:
    return [f"{name};{value}" for name, value in values.items()]


def write(folder: Path, files: Mapping[str, Sequence[str]]) -> Path:
    """Files of a cut-over, by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join((HEADERS[name], *lines, "")), encoding="utf-8")
    return folder


def take_over(work: Work, tmp_path: Path, **changed: list[str]) -> dict[str, object]:
    """Everything up to the switch-on: registry, cut-over files (``changed`` ones instead of ours), consents."""
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    registry = write_registry(tmp_path / "registry")
    _add_old_meter(registry / "meters.csv")
    assert import_registry.run(work, folder=registry)["rejected"] == 0
    files = rows() | {"control": control_rows(totals())} | changed
    loaded = load.run(work, folder=write(tmp_path / "old", files), as_of=AS_OF)
    import_consents.run(work, file=write_consents(tmp_path / "old" / "consents.csv"))
    convert.run(work)
    return loaded


def _add_old_meter(meters: Path) -> None:
    """A meter at PP0001 that the old system had billed and removed long before; nothing hands over its position."""
    lines = meters.read_text(encoding="utf-8").splitlines()
    lines = [line.replace("10;;", f"10;{OLD_METER};55") if line.startswith("M0001;") else line for line in lines]
    meters.write_text("\n".join((*lines, f"{OLD_METER};PP0001;5;0;2026-06-02;0;;", "")), encoding="utf-8")


def write_consents(path: Path) -> Path:
    header = "account_no;event;method;occurred_at;received_at;terms_label;email;evidence"
    lines = [
        f"A{no};accept;staff_import;2026-07-04T10:22;2026-07-04T10:22;1.0;klient{no}@example.com;"
        f"E-BOK log 2026-07-04 10:22, IP commitment 9f2c{no}, scan 12/2026"
        for no in CONSENTING
    ]
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path
