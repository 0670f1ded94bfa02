"""Defects put into a clean export, as ``old_defects.toml`` lists them: where each is, and which code must tell it."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from old_town import OldAccount, Row

DEFECTS: Final = Path(__file__).with_name("old_defects.toml")
_NEEDS_EMAIL: Final = ("emails", "consents")

Rows = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Planted:
    """One defect: the line of the file that holds it, and the account that it concerns."""

    kind: str
    file: str
    line_no: int
    code: str
    account: int
    spoils: bool


def kinds() -> list[dict[str, Any]]:
    """The list of defects."""
    return list(tomllib.loads(DEFECTS.read_text(encoding="utf-8"))["defect"])


def plant(
    rows: Rows, *, town: Sequence[OldAccount], columns: Mapping[str, Sequence[str]], seed: int, few: bool
) -> list[Planted]:
    """Put every defect (``few``: one of each kind) into ``rows``; no account gets two, so that none hides another."""
    dice = Random(f"{seed}-defects")
    free = dice.sample(list(town), len(town))
    places = {(file, key): place for file, lines in rows.items() for key, place in _places(lines, file)}
    planted = []
    for defect in kinds():
        for number in range(1 if few else defect["count"]):
            one = _take(free, defect["file"])
            file, unused = defect["file"], f"{defect['code']}{len(planted)}{number}"
            if "add" in defect:
                rows[file].append(tuple(_filled(defect["add"], one, unused)))
                place = len(rows[file]) - 1
            else:
                place = places[file, _key(one, file)]
                rows[file][place] = _spoilt(rows[file][place], defect, columns[file])
            planted.append(Planted(defect["kind"], file, place + 2, defect["code"], one.number, "add" not in defect))
    return planted


def _take(free: list[OldAccount], file: str) -> OldAccount:
    position = next(
        number
        for number in range(len(free) - 1, -1, -1)
        if (file not in _NEEDS_EMAIL or free[number].paperless_on) and len(free[number].points[0].meters) == 1
    )
    return free.pop(position)


def _filled(pattern: Sequence[str], one: OldAccount, unused: str) -> Iterator[str]:
    point = one.points[0]
    names = {"n": unused, "a": one.account_no, "b": one.party_no, "p": point.point_no, "m": point.meters[-1].meter_no}
    return (text.format(**names) for text in pattern)


def _spoilt(row: Row, defect: Mapping[str, Any], columns: Sequence[str]) -> Row:
    if "cut" in defect:
        return row[: defect["cut"]]
    changed: Mapping[str, str] = defect["put"]
    return tuple(changed.get(name, value) for name, value in zip(columns, row, strict=True))


def _places(lines: Sequence[Row], file: str) -> Iterator[tuple[str, int]]:
    """Keys of rows with their places; the first row of a key comes last, so that it counts."""
    key = 1 if file in {"positions", "history"} else 0
    return ((str(lines[number][key]), number) for number in range(len(lines) - 1, -1, -1))


def _key(one: OldAccount, file: str) -> str:
    point = one.points[0]
    keys = {"parties": one.party_no, "meters": point.meters[0].meter_no, "positions": point.meters[0].meter_no}
    return keys.get(file, one.account_no)
