"""Single rows for the registry and for readings, imported as anybody would import them."""

from pathlib import Path

from town import HEADERS

from pipeline import collect, import_registry
from pipeline.work import Work

_READINGS = "service_point;meter_no;read_at;index;unit;source;quality"


def register(work: Work, tmp_path: Path, **rows: list[str]) -> None:
    """Import registry rows by file name; every one must be taken."""
    folder = tmp_path / f"registry-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join((HEADERS[name], *lines)) + "\n", encoding="utf-8")
    counts = import_registry.run(work, folder=folder)
    assert counts["accepted"] == sum(len(lines) for lines in rows.values()), counts


def read(work: Work, tmp_path: Path, *lines: str, header: str = _READINGS) -> dict[str, int]:
    """Import reading rows ``point;meter;moment;index`` (handheld, actual, m³ unless they say otherwise)."""
    rows = [line if line.count(";") > 3 else f"{line};m3;handheld;actual" for line in lines]
    file = tmp_path / f"readings-{len(list(tmp_path.iterdir()))}.csv"
    short = header.count(";") - _READINGS.count(";")
    rows = [row if row.count(";") == header.count(";") else row + ";" * short for row in rows]
    file.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    counts: dict[str, int] = collect.run(work, file=file)
    return counts
