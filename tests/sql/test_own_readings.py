"""Real readings files, where somebody names a folder of them: all rows accounted for, and a second import adds none."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

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
