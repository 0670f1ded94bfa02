"""A small town for the tests: twelve accounts written as registry and readings files, imported as anybody would."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from pipeline import collect, convert, import_consents, import_registry
from pipeline.open_cycle import CycleOrder
from pipeline.work import WARSAW, Work
from sql.clock import set_demo_clock

HOUSEHOLDS = tuple(f"{number:04}" for number in range(1, 11))
COMPANY = "0011"
LATECOMER = "0012"
PAPERLESS = ("0002", "0005", "0008", "0010")
EVERYBODY = (*HOUSEHOLDS, COMPANY, LATECOMER)

HEADERS = {
    "parties": "party_no;kind;name;nip;street;postcode;city",
    "accounts": "account_no;route;bank_account",
    "account_parties": "account_no;role;party_no;valid_from;valid_until",
    "points": "point_no;street;postcode;city",
    "contracts": "contract_no;account_no;point_no;tariff_class;services;valid_from;valid_until",
    "meters": "meter_no;point_no;dials;decimals;installed_on;opening_index;replaces_meter_no;removal_index",
    "emails": "account_no;email;state;confirmation_kind;confirmed_at;valid_from",
    "route_stops": "point_no;route;seq;place;note;valid_from",
}


def bank_account(account_no: str) -> str:
    """A valid NRB of 26 digits for the account."""
    body = f"10101397{int(account_no):016d}"
    check = 98 - int(f"{body}252100") % 97
    return f"{check:02d}{body}"


def write_registry(folder: Path) -> Path:
    """Registry files: ten households, a company with NIP, and one whose meter nobody reads."""
    rows: dict[str, list[str]] = {name: [] for name in HEADERS}
    for no in EVERYBODY:
        company = no == COMPANY
        kind, nip = ("organisation", "5260250274") if company else ("natural_person", "")
        rows["parties"].append(f"P{no};{kind};Józef Żółć {no};{nip};ul. Łąkowa {int(no)};00-001;Zdroje")
        rows["accounts"].append(f"A{no};{'R1' if int(no) <= 6 else 'R2'};{bank_account(no)}")
        rows["account_parties"] += [f"A{no};{role};P{no};2026-01-01;" for role in ("payer", "nabywca")]
        rows["points"].append(f"PP{no};ul. Łąkowa {int(no)};00-001;Zdroje")
        services = "water" if no == "0010" else "water+sewage"
        rows["contracts"].append(f"C{no};A{no};PP{no};{'business' if company else 'household'};{services};2026-06-01;")
        rows["meters"].append(f"M{no};PP{no};5;0;2026-06-30;{int(no) * 10};;")
        if not company:
            rows["emails"].append(f"A{no};klient{no}@example.com;confirmed;click;2026-06-01T12:00:00;2026-06-01")
    folder.mkdir(parents=True, exist_ok=True)
    for name, header in HEADERS.items():
        if not rows[name]:
            continue
        (folder / f"{name}.csv").write_text("\n".join((header, *rows[name])) + "\n", encoding="utf-8")
    return folder


def write_readings(path: Path, *, month_end: date, used: Mapping[str, int] | None = None) -> Path:
    """Readings of every meter but the latecomer's: the opening index and so many m³ (3 by default) a month."""
    months = (month_end.year - 2026) * 12 + month_end.month - 6
    header = "service_point;meter_no;read_at;index;unit;source;quality"
    rows = [
        f"PP{no};M{no};{month_end}T08:00:00;{int(no) * 10 + (used or {}).get(no, 3 * months)};m3;handheld;actual"
        for no in EVERYBODY
        if no != LATECOMER
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def set_clock(work: Work, moment: datetime) -> None:
    """Set the business clock of the test's demo database (naive: Warsaw time)."""
    with work.engine.begin() as connection:
        assert set_demo_clock(connection, moment=moment.replace(tzinfo=moment.tzinfo or WARSAW))


def write_consents(path: Path, *, accounts: tuple[str, ...], event: str = "accept", on: str = "2026-07-10") -> Path:
    """Signed forms as the office typed them."""
    header = "account_no;event;method;occurred_at;received_at;terms_label;email;signer_name;scan_sha256"
    terms = "1.0" if event == "accept" else ""
    rows = [
        f"A{no};{event};paper_form;{on}T09:00:00;{on}T10:00:00;{terms};{f'klient{no}@example.com' if terms else ''};"
        f"Józef Żółć {no};{'ab' * 32}"
        for no in accounts
    ]
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def settle(work: Work, tmp_path: Path) -> None:
    """Import the registry, four acceptances of e-invoices and July's readings; it is the 1st of August 2026, noon."""
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    registry = import_registry.run(work, folder=write_registry(tmp_path / "registry"))
    readings = collect.run(work, file=write_readings(tmp_path / "july.csv", month_end=date(2026, 7, 31)))
    assert (registry["rejected"], registry["refused"], readings["accepted"]) == (0, 0, len(EVERYBODY) - 1)
    consents = import_consents.run(work, file=write_consents(tmp_path / "consents.csv", accounts=PAPERLESS))
    report = (work.settings.exports / "consents" / "consents.report.csv").read_text(encoding="utf-8")
    assert consents["accepted"] == len(PAPERLESS), report
    assert convert.run(work)["applied"] == len(PAPERLESS)


def read_august(work: Work, tmp_path: Path) -> None:
    """Import August's readings; it is the 1st of September 2026, noon."""
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    readings = collect.run(work, file=write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31)))
    assert readings["accepted"] == len(EVERYBODY) - 1


def cycle_order() -> CycleOrder:
    """July for everybody, issued on Monday the 3rd of August."""
    return CycleOrder(period="2026-07", route_set="ALL", issue_date=date(2026, 8, 3), payment_days=14, dry_run=False)
