"""Quantities of contracts as their file brings them: dated, each ending the one before, never overwritten."""

from pathlib import Path

import pytest
from intake_samples import import_sample_registry, report_codes, rows_of, write_folder
from sqlalchemy.exc import DBAPIError

from pipeline import import_registry
from pipeline.work import Work
from sql.engine import make_engine

HEADER = "contract_no;service;basis;norm;persons;m3_month;valid_from;valid_until"


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    import_sample_registry(work, tmp_path / "registry")
    return work


def bring(town: Work, folder: Path, *rows: str) -> list[tuple[str, str]]:
    import_registry.run(town, folder=write_folder(folder, {"quantities": "\n".join([HEADER, *rows, ""])}))
    return report_codes(town.settings.exports / "registry" / "quantities.report.csv")


def stored(town: Work) -> list[tuple[object, ...]]:
    return rows_of(
        town,
        """select c.contract_no, q.service, q.basis, q.norm, q.persons, q.m3_month, lower(q.valid)::text,
                  upper(q.valid)::text
           from contract_quantity q join contract c using (contract_id) order by 1, 2, 7""",
    )


def test_another_number_of_persons_ends_the_one_before_on_its_day(town: Work, tmp_path: Path) -> None:
    first = bring(town, tmp_path / "a", "U1;water;norm;2002-4-sewer;3;;2026-07-01;")
    again = bring(
        town,
        tmp_path / "b",
        "U1;water;norm;2002-4-sewer;3;;2026-07-01;",
        "U1;water;norm;2002-4-sewer;4;;2026-09-16;",
        "U1;water;contract;;;7,5;2026-11-01;2027-01-01",
    )

    assert first == [("ACCEPTED", "")]
    assert again == [("DUPLICATE", ""), ("ACCEPTED", ""), ("ACCEPTED", "")]
    assert [row[2:] for row in stored(town)] == [
        ("norm", "2002-4-sewer", 3, None, "2026-07-01", "2026-09-16"),
        ("norm", "2002-4-sewer", 4, None, "2026-09-16", "2026-11-01"),
        ("contract", None, None, 7.5, "2026-11-01", "2027-01-01"),
    ]


def test_a_row_that_cannot_stand_gets_its_code(town: Work, tmp_path: Path) -> None:
    rows = {
        "U1;water;norm;2002-4-sewer;3;;2026-07-01;": "",
        "U1;water;norm;2002-9;3;;2026-07-01;": "R120",
        "C999;water;norm;2002-4-sewer;3;;2026-07-01;": "R121",
        "U1;water;norm;2002-4-sewer;5;;2026-07-01;": "R201",
        "U1;water;norm;2002-4-sewer;5;;2026-06-01;": "",
        "U1;sewage;norm;2002-4-sewer;3;6;2026-07-01;": "R102",
        "U1;sewage;norm;2002-4-sewer;0;;2026-07-01;": "R107",
        "U1;sewage;contract;;;6;2026-07-01;2026-07-01": "R106",
    }
    codes = bring(town, tmp_path / "a", *rows)

    assert sorted(code for _, code in codes) == sorted(rows.values())
    later = bring(town, tmp_path / "b", "U1;water;norm;2002-4-sewer;6;;2026-05-01;")
    assert later == [("REJECTED", "R112")]


def test_what_a_contract_said_is_not_rewritten(town: Work, tmp_path: Path) -> None:
    bring(town, tmp_path / "a", "U1;water;norm;2002-4-sewer;3;;2026-07-01;")
    owner = make_engine(town.settings.database_owner_url)
    for statement in (
        "update contract_quantity set persons = 4",
        "delete from contract_quantity",
        "update contract_quantity set valid = '[2026-08-01,)', ended_by = 'x'",
    ):
        with pytest.raises(DBAPIError), owner.begin() as connection:
            connection.exec_driver_sql(statement)
    owner.dispose()
    assert [row[4] for row in stored(town)] == [3]
