"""Real readings files, where somebody names a folder of them: all rows accounted for, and a second import adds none."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from billing.reading_rules import CheckRules
from billing.reading_use import Use, unusual
from pipeline import collect, derive, import_registry

FOLDER = os.environ.get("OBIEG_SAMPLE_READINGS")
FILES = sorted(Path(FOLDER).glob("*.csv")) if FOLDER else []


@pytest.mark.skipif(not FILES, reason="OBIEG_SAMPLE_READINGS names no folder with readings files")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_a_real_readings_file_is_derived_imported_and_balanced_and_comes_again_for_nothing(
    work, tmp_path, file
) -> None:
    derive.run(file=file, folder=tmp_path / "registry", removal="last-reading")
    import_registry.run(work, folder=tmp_path / "registry")

    first = collect.run(work, file=file)
    readings = count(work)
    second = collect.run(work, file=file)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(file.read_bytes() + b"\r\n")
    overlapping = collect.run(work, file=copy)

    outcomes = ("accepted", "accepted_warn", "quarantined", "rejected", "duplicate")
    assert first["rows"] == sum(first[outcome] for outcome in outcomes) > 0
    assert first["accepted"] > 0
    assert first["rejected"] == 0
    assert second["already"] == 1
    assert overlapping["accepted"] == 0
    assert overlapping["duplicate"] == overlapping["rows"]
    assert count(work) == readings


def count(work) -> int:
    with work.engine.connect() as connection:
        return int(connection.execute(text("select count(*) from reading")).scalar_one())


SAMPLES = {
    # checks, flagged by the wide band, by the strict one
    "sample_monthly_amr.csv": (704, 18, 26),
    "sample_quarterly_manual.csv": (983, 45, 76),
}
TYPED = {
    # share caught by the wide band, by the strict one, in per cent
    "three red digits": (100, 100),
    "one red digit": (99.8, 99.7),
    "a dropped digit": (99.8, 99.8),
    "two neighbours swapped": (86, 93),
    "one wrong digit": (60, 66),
}
POINTS = 2.5


def sample(name: str) -> list[list[tuple[date, Decimal]]]:
    """Day and index of each meter of a sample, in the file's order, without what came twice."""
    meters: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    with (Path(str(FOLDER)) / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            shown = datetime.fromisoformat(row["read_at"]).date(), Decimal(row["index"])
            if not meters[row["meter_no"]] or meters[row["meter_no"]][-1][0] != shown[0]:
                meters[row["meter_no"]].append(shown)
    return list(meters.values())


def checked(name: str, *, rules: CheckRules) -> Iterator[tuple[Decimal, tuple[date, Decimal], tuple[date, Decimal]]]:
    """The base and the two readings of each interval that has enough before it, flagged ones included."""
    wanted = rules.intervals(90 if "quarterly" in name else 30)
    for readings in sample(name):
        uses: list[Use] = []
        for before, after in pairwise(readings):
            if len(uses) >= wanted:
                yield sum((use.m3_day for use in uses[-wanted:]), Decimal(0)) / wanted, before, after
            uses.append(Use(after[0], (after[0] - before[0]).days, after[1] - before[1]))


def rules_for(name: str) -> CheckRules:
    """The defaults, each file measured by the figures of its own rhythm, however long a single interval is."""
    return CheckRules(quarter_from_days=1 if "quarterly" in name else 100_000)


@pytest.mark.skipif(not FILES, reason="OBIEG_SAMPLE_READINGS names no folder with readings files")
@pytest.mark.parametrize("name", SAMPLES)
def test_the_shares_flagged_among_real_readings(name: str) -> None:
    rules = rules_for(name)
    uses = [
        (Use(after[0], (after[0] - before[0]).days, after[1] - before[1]), base)
        for base, before, after in checked(name, rules=rules)
    ]
    found = [
        sum(unusual(use, base_m3_day=base, rules=rules, strict=strict) is not None for use, base in uses)
        for strict in (False, True)
    ]
    assert (len(uses), *found) == SAMPLES[name]


def mistyped(kind: str, index: int, draw: Random) -> int:
    digits = str(index)
    at = draw.randrange(len(digits))
    match kind:
        case "three red digits":
            return index * 1000 + draw.randrange(1000)
        case "one red digit":
            return index * 10 + draw.randrange(10)
        case "a dropped digit":
            return int(digits[:at] + digits[at + 1 :] or "0")
        case "two neighbours swapped":
            at = draw.randrange(len(digits) - 1)
            return int(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :])
        case _:
            other = draw.choice([digit for digit in "0123456789" if digit != digits[at]])
            return int(digits[:at] + other + digits[at + 1 :])


@pytest.mark.skipif(not FILES, reason="OBIEG_SAMPLE_READINGS names no folder with readings files")
@pytest.mark.parametrize("kind", TYPED)
def test_the_typing_errors_that_are_caught_among_real_readings(kind: str) -> None:
    name = "sample_quarterly_manual.csv"
    rules = rules_for(name)
    draw = Random(20261121)  # noqa: S311 - errors that are made up are repeated on purpose
    caught, made = [0, 0], 0
    for base, before, after in checked(name, rules=rules):
        for _ in range(5):
            index = int(after[1])
            if kind == "two neighbours swapped" and len(set(str(index))) < 2:
                continue
            typed = mistyped(kind, index, draw)
            if typed == index:
                continue
            made += 1
            volume = Decimal(typed) - before[1]
            use = Use(after[0], (after[0] - before[0]).days, volume)
            for place, strict in enumerate((False, True)):
                caught[place] += volume < 0 or unusual(use, base_m3_day=base, rules=rules, strict=strict) is not None
    shares = [100 * one / made for one in caught]
    assert all(abs(share - expected) <= POINTS for share, expected in zip(shares, TYPED[kind], strict=True)), shares
    assert made > 3000


@pytest.mark.skipif(not FILES, reason="OBIEG_SAMPLE_READINGS names no folder with readings files")
def test_the_quarterly_sample_brings_its_95_rows_that_came_twice_once(work, tmp_path) -> None:
    file = Path(str(FOLDER)) / "sample_quarterly_manual.csv"
    derive.run(file=file, folder=tmp_path / "registry", removal="last-reading")
    import_registry.run(work, folder=tmp_path / "registry")
    counts = collect.run(work, file=file)
    repeated = 95
    assert (counts["rows"], counts["duplicate"], counts["rejected"]) == (1274, repeated, 0)
    with work.engine.connect() as connection:
        again = connection.execute(
            text(
                "select sum(n - 1) from (select count(*) as n from import_row join import_file using (file_id)"
                " where kind = 'readings' group by raw) every_raw"
            )
        ).scalar_one()
    assert again == repeated
