"""A utility moves in with dirty data: every defect is told, nothing is mended in silence, and then it bills as before.

``OBIEG_MOVE_ACCOUNTS`` sets the size of the town (3,000 by default; 60,000 takes about half an hour).
"""

import csv
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from old_defects import Planted, kinds
from old_export import write_all

from pipeline import import_registry
from pipeline.settings import Settings
from pipeline.work import WARSAW, Actor, Work, open_work
from sql.clock import set_demo_clock

ACCOUNTS = int(os.environ.get("OBIEG_MOVE_ACCOUNTS", "3000"))
UTILITY = Path(__file__).with_name("brzozowka")
REGISTRY = ("parties", "accounts", "account_parties", "connections", "points", "contracts", "meters", "emails")
CASCADES = {"R108", "R109", "R110", "R111", "R117"}


@pytest.fixture
def moving(settings: Settings, tmp_path: Path) -> Iterator[Work]:
    """An empty database of the utility that moves in, on the day after its last old cycle."""
    folder = tmp_path / "utility"
    shutil.copytree(UTILITY, folder)
    ours = replace(settings, utility=folder)
    with open_work(settings=ours, database_url=str(ours.database_url), actor=Actor(name="operator", via="cli")) as work:
        with work.engine.begin() as connection:
            set_demo_clock(connection, moment=datetime(2026, 9, 20, 8, tzinfo=WARSAW))
        yield work


def reported(folder: Path, kind: str) -> list[tuple[int, str, str, str]]:
    """Line, outcome, codes and raw row of each line of a report that was not simply taken."""
    with (folder / f"{kind}.report.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["line_no"]]
    return [
        (int(row["line_no"]), row["outcome"], row["codes"], row["raw"])
        for row in rows
        if row["outcome"] not in {"ACCEPTED", "DUPLICATE"}
    ]


def assert_told(folder: Path, kind: str, planted: list[Planted]) -> None:
    """Each planted defect stands in the report under its code; whatever else does names a row that was spoilt."""
    wanted = {one.line_no: one.code for one in planted if one.file == kind}
    spoilt = {f"{one.account:06}" for one in planted if one.spoils}
    told = reported(folder, kind)
    assert {line: codes for line, _, codes, _ in told if line in wanted} == wanted
    for line, outcome, codes, raw in told:
        if line not in wanted:
            assert outcome == "REJECTED", (kind, line, codes)
            assert codes in CASCADES, (kind, line, codes)
            assert any(number in raw for number in spoilt), (kind, line, codes)


def test_the_list_of_defects_is_what_it_says() -> None:
    assert sum(defect["count"] for defect in kinds()) == 500
    assert len({defect["kind"] for defect in kinds()}) == len(kinds()) >= 25


def test_every_defect_of_the_registry_is_told_and_the_rest_goes_in(moving: Work, tmp_path: Path) -> None:
    planted = write_all(tmp_path / "old", accounts=1500)
    counts = import_registry.run(moving, folder=tmp_path / "old" / "dirty")
    reports = moving.settings.exports / "registry"
    for kind in REGISTRY:
        assert_told(reports, kind, planted)
    told = Counter(outcome for kind in REGISTRY for _, outcome, _, _ in reported(reports, kind))
    assert counts["rows"] == counts["accepted"] + counts["rejected"] + counts["quarantined"]
    assert (counts["rejected"], counts["quarantined"]) == (told["REJECTED"], told["QUARANTINED"])
    again = import_registry.run(moving, folder=tmp_path / "old" / "dirty")
    assert (again["already"], again["rows"]) == (len(REGISTRY), 0)
    mended = import_registry.run(moving, folder=tmp_path / "old" / "clean")
    assert (mended["rejected"], mended["quarantined"]) == (0, 0)
    with moving.engine.connect() as connection:
        stored = {kind: connection.exec_driver_sql(f"select count(*) from {table}").scalar() for kind, table in TABLES}
    with (tmp_path / "old" / "clean" / "control.csv").open(encoding="utf-8", newline="") as file:
        control = {
            row["name"]: int(row["value"]) for row in csv.DictReader(file, delimiter=";") if row["name"] in stored
        }
    assert stored == control


TABLES = (("parties", "party"), ("accounts", "account"), ("points", "point"), ("contracts", "contract"))
