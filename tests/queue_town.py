"""Readings that wait for a person, in the small town of the tests."""

import dataclasses
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from town import set_clock, write_readings

from pipeline import collect
from pipeline.work import Actor, Work

REASON = "the reader was asked"


def read_on(work: Work, file: Path, *rows: str) -> dict[str, Any]:
    """Import rows like ``PP0001;M0001;2026-08-31T08:00:00;12;actual;``: point, meter, moment, index, quality, why."""
    lines = []
    for row in rows:
        point, meter, moment, index, quality, reason = row.split(";")
        lines.append(f"{point};{meter};{moment};{index};m3;handheld;{quality};{reason}")
    header = "service_point;meter_no;read_at;index;unit;source;quality;reason_code"
    file.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return collect.run(work, file=file)


def read_september(work: Work, tmp_path: Path) -> None:
    """September's readings of everybody but the latecomer; it is the 1st of October 2026, noon."""
    set_clock(work, datetime(2026, 10, 1, 12, 0))
    collect.run(work, file=write_readings(tmp_path / "september.csv", month_end=date(2026, 9, 30)))


def by(work: Work, name: str) -> Work:
    """The same work, done by another person."""
    return dataclasses.replace(work, actor=Actor(name=name, via="cli"))


def fetch(work: Work, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def reading_of(work: Work, no: str, on: str, *, source: str = "handheld") -> int:
    """The id of a meter's reading on a day."""
    ((key,),) = fetch(
        work,
        "select reading_id from reading join meter using (meter_id) "
        "where meter_no = :no and read_on = cast(:on as date) and source = :source",
        no=f"M{no}",
        on=on,
        source=source,
    )
    return int(key)


def now_of(work: Work, reading_id: int) -> tuple[str, str | None, bool]:
    """State, index and usability of a reading as it counts."""
    ((state, index_m3, is_usable),) = fetch(
        work, "select state, index_m3, is_usable from reading_now where reading_id = :key", key=reading_id
    )
    return state, None if index_m3 is None else format(index_m3.normalize(), "f"), is_usable
