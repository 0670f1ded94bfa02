"""The demo utility with a gmina that pays for water, and the small town's points in their gminas."""

import dataclasses
import shutil
from pathlib import Path

from town import HEADERS, HOUSEHOLDS, settle

from pipeline import import_registry
from pipeline.work import Work

ELSEWHERE = ("0003", "0009")
"""One household whose gmina nobody noted, and one in a gmina that pays nothing."""
SUBSIDISED = tuple(no for no in HOUSEHOLDS if no not in ELSEWHERE)

_TABLES = """
[[subsidy]]
gmina = "Zdroje"
groups = ["G-P", "G-E"]
item = "water"
mode = "{mode}"
zl_m3 = 1.1250
valid_from = 2026-01-01
basis = "uchwała Rady Gminy Zdroje VII/70/2025 (przykład)"

[[example]]
groups = ["G-P", "G-E"]
on = 2026-09-30
gmina = "Zdroje"
water = 3
{figures}
source = "by hand: {working}"
"""
_EXAMPLES = {
    "net": (
        "net_zl = 12.38\ngross_zl = 13.37",
        "3 × (5.25 − 1.125) = 12.375, rounded 12.38; VAT 0.9904",
    ),
    "gross": (
        "net_zl = 15.75\ngross_zl = 17.01\npayable_zl = 13.63",
        "3 × 5.25 = 15.75, VAT 1.26; less 3 × 1.125 = 3.375, rounded 3.38",
    ),
}


def settle_subsidised(work: Work, tmp_path: Path, *, mode: str) -> Work:
    """The settled town whose points were registered without gminas, which then come in a file of their own."""
    utility = tmp_path / "utility"
    shutil.copytree(work.settings.utility, utility)
    (tariff,) = utility.glob("tariffs/*.toml")
    figures, working = _EXAMPLES[mode]
    with tariff.open("a", encoding="utf-8") as file:
        file.write(_TABLES.format(mode=mode, figures=figures, working=working))
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
    settle(work, tmp_path)
    folder = tmp_path / "gminas"
    folder.mkdir()
    gminas = dict.fromkeys(SUBSIDISED, "Zdroje") | {"0009": "Dolna"}
    rows = [f"PP{no};ul. Łąkowa {int(no)};00-001;Zdroje;{gmina}" for no, gmina in gminas.items()]
    (folder / "points.csv").write_text("\n".join((f"{HEADERS['points']};gmina", *rows)) + "\n", encoding="utf-8")
    assert import_registry.run(work, folder=folder)["accepted"] == len(rows)
    return work
