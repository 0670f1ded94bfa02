"""A registry of three accounts, and short ways to bring files in."""

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from pipeline import collect, import_registry
from pipeline.work import WARSAW, Work
from sql.clock import set_demo_clock

REGISTRY = {
    "parties": """\
party_no;kind;name;nip;street;postcode;city
K1;natural_person;Żaneta Świerszcz;;ul. Łąkowa 1;00-000;Zdroje
K2;natural_person;Łukasz Gżegżółka;;ul. Łąkowa 2;00-000;Zdroje
K3;organisation;Piekarnia (przykład);9900000017;ul. Łąkowa 3;00-000;Zdroje
""",
    "accounts": """\
account_no;route;bank_account
A1;R1;74000000000000000000000001
A2;R1;47000000000000000000000002
A3;R2;20000000000000000000000003
""",
    "account_parties": """\
account_no;role;party_no;valid_from;valid_until
A1;payer;K1;2026-07-01;
A1;nabywca;K1;2026-07-01;
A2;payer;K2;2026-07-01;
A2;nabywca;K2;2026-07-01;
A3;payer;K3;2026-07-01;
""",
    "points": """\
point_no;street;postcode;city;water_connection_no;sewage_connection_no;parent_point_no
P1;ul. Łąkowa 1;00-000;Zdroje;;;
P2;ul. Łąkowa 2;00-000;Zdroje;;;
P3;ul. Łąkowa 3;00-000;Zdroje;;;
P9;ul. Łąkowa 9;00-000;Zdroje;;;
""",
    "contracts": """\
contract_no;account_no;point_no;tariff_class;services;valid_from;valid_until
U1;A1;P1;household;water+sewage;2026-07-01;
U2;A2;P2;household;water;2026-07-01;
U3;A3;P3;business;sewage+water;2026-07-01;
""",
    "meters": """\
meter_no;point_no;dials;decimals;installed_on;opening_index;replaces_meter_no;removal_index;module_no
W1;P1;5;0;2026-07-01;100;;;
W2;P2;5;3;2026-07-01;200,500;;;M2
W3;P3;5;0;2026-07-01;300;;;
W3N;P3;5;0;2026-07-15;1;W3;310;
""",
    "emails": """\
account_no;email;state;confirmation_kind;confirmed_at
A1;zaneta@example.com;confirmed;signed_paper;2026-06-20
""",
}
HEADER = "service_point;meter_no;module_no;register;read_at;index;unit;source;quality;reason_code;alarms;external_id"


def set_clock(work: Work, *moment: int) -> None:
    with work.engine.begin() as connection:
        assert set_demo_clock(connection, moment=datetime(*moment, tzinfo=WARSAW))  # type: ignore[misc,arg-type]


def write_folder(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return folder


def import_sample_registry(work: Work, folder: Path) -> dict[str, Any]:
    set_clock(work, 2026, 8, 1, 12)
    return import_registry.run(work, folder=write_folder(folder, REGISTRY))


def reading_file(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def collect_rows(work: Work, path: Path, *rows: str) -> dict[str, Any]:
    return collect.run(work, file=reading_file(path, *rows))


def report_codes(path: Path) -> list[tuple[str, str]]:
    """Outcome and codes of each line of a report, in the file's order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["outcome"], row["codes"]) for row in csv.DictReader(file, delimiter=";") if row["line_no"]]


def table_sizes(work: Work) -> dict[str, int]:
    """Rows of every table, to show that nothing was added anywhere."""
    with work.engine.connect() as connection:
        names = connection.execute(
            text("select table_name from information_schema.tables where table_schema = 'public'")
        ).scalars()
        return {name: connection.execute(text(f"select count(*) from {name}")).scalar_one() for name in names}


def rows_of(work: Work, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]
