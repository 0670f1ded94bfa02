"""The small town with what needs more than one meter to a point: entered as registry rows and read."""

from collections.abc import Mapping
from pathlib import Path

from registry_rows import read
from town import bank_account, settle

from pipeline import import_registry
from pipeline.work import Work

METERS = "meter_no;point_no;dials;decimals;installed_on;opening_index;purpose;legalised_until"
FILES = {
    "parties": "party_no;kind;name;nip;street;postcode;city",
    "accounts": "account_no;route;bank_account",
    "account_parties": "account_no;role;party_no;valid_from;valid_until",
    "points": "point_no;street;postcode;city;parent_point_no",
    "contracts": "contract_no;account_no;point_no;tariff_class;services;valid_from;valid_until;difference",
    "meters": METERS,
    "quantities": "contract_no;service;basis;norm;persons;m3_month;valid_from",
}
FLATS = ("0111", "0112", "0113")


def load(work: Work, tmp_path: Path, rows: Mapping[str, list[str]]) -> None:
    """Import registry rows; every one must be taken."""
    folder = tmp_path / f"more-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    for name, given in rows.items():
        (folder / f"{name}.csv").write_text("\n".join((FILES[name], *given)) + "\n", encoding="utf-8")
    counts = import_registry.run(work, folder=folder)
    assert counts["accepted"] == sum(map(len, rows.values())), counts


def customer(
    no: str, *, services: str = "water+sewage", parent: str = "", since: str = "2026-06-01", difference: str = ""
) -> dict[str, list[str]]:
    """An account of a person with one point and one contract."""
    return {
        "parties": [f"P{no};natural_person;Józef Żółć {no};;ul. Łąkowa {int(no)};00-001;Zdroje"],
        "accounts": [f"A{no};R1;{bank_account(no)}"],
        "account_parties": [f"A{no};{role};P{no};2026-01-01;" for role in ("payer", "nabywca")],
        "points": [f"PP{no};ul. Łąkowa {int(no)};00-001;Zdroje;{parent}"],
        "contracts": [f"C{no};A{no};PP{no};household;{services};{since};;{difference}"],
    }


def joined(*parts: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {
        name: [row for part in parts for row in part.get(name, [])] for name in FILES if any(name in p for p in parts)
    }


def meter(no: str, opening: int, more: str = ";") -> dict[str, list[str]]:
    return {"meters": [f"M{no};PP{no};5;0;2026-06-30;{opening};{more}"]}


def settle_metered(work: Work, tmp_path: Path) -> None:
    """The town with a building of three flats, a garden meter, and a household by norms."""
    settle(work, tmp_path)
    building = joined(
        customer("0101"),
        meter("0101", 1000),
        *(joined(customer(no, parent="PP0101"), meter(no, 10)) for no in FLATS),
    )
    garden = joined(
        customer("0102"), meter("0102", 200), {"meters": ["G0102;PP0102;5;0;2026-06-30;40;garden;2026-08-15"]}
    )
    norm = joined(
        customer("0103"),
        {"quantities": [f"C0103;{service};norm;2002-4-sewer;3;;2026-07-01" for service in ("water", "sewage")]},
    )
    load(work, tmp_path, joined(building, garden, norm))
    counts = read(
        work,
        tmp_path,
        *("PP0101;M0101;2026-07-31T08:00:00;1030", "PP0102;M0102;2026-07-31T08:00:00;218"),
        *("PP0102;G0102;2026-07-31T08:00:00;45", "PP0111;M0111;2026-07-31T08:00:00;15"),
        *("PP0112;M0112;2026-07-31T08:00:00;17", "PP0113;M0113;2026-07-31T08:00:00;22"),
    )
    assert counts["accepted"] == 6
