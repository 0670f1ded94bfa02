"""Every folder here is a case: ``given.toml`` by hand, the other files generated and compared (``--update-cases``)."""

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from case_list import case_list

from billing.canonical import to_data
from billing.cases import Case, read_case
from billing.charges import Bill, Hold
from billing.invoices import Invoice
from billing.issuing import make_invoice
from billing.numbering import invoice_number, series_on
from billing.rating import bill
from billing.tariffs import TariffBook
from billing.utility import Utility
from pipeline.utility_files import load_folder

CASES = Path(__file__).parent
UTILITIES = CASES.parent.parent / "utilities"
OWN = "../_utilities/"
"""Utilities that only cases need, as ``given.toml`` names them (a path from its folder)."""
PAGE = CASES.parent.parent / "docs" / "law" / "cases.md"
GENERATED = {"invoice.json", "invoice.txt", "email.txt"}
FOLDERS = sorted(path for path in CASES.iterdir() if path.is_dir() and path.name[0] not in "_.")


@cache
def utility_of(name: str) -> tuple[Utility, TariffBook]:
    folder = CASES / "_utilities" / name.removeprefix(OWN) if name.startswith(OWN) else UTILITIES / name
    loaded = load_folder(folder, seller_needed=False)
    return loaded.utility, loaded.tariffs


def case_of(folder: Path) -> Case:
    return read_case((folder / "given.toml").read_text(encoding="utf-8"), name=folder.name)


def invoice_of(case: Case, made: Bill) -> Invoice:
    utility, _ = utility_of(case.utility)
    series = series_on(numbering=utility.numbering, issue_date=case.cycle.issue_date)
    number = invoice_number(numbering=utility.numbering, series=series, sequence=1)
    return make_invoice(account=case.account, bill=made, number=number, utility=utility, cycle=case.cycle)


def check_sums(expected: Mapping[str, Any], made: Bill) -> None:
    for amount in ("net_zl", "vat_zl", "gross_zl"):
        assert getattr(made, amount) == expected[amount], amount
    for amount in ("subsidy_net_zl", "subsidy_gross_zl"):
        assert getattr(made, amount) == expected.get(amount, 0), amount
    assert made.payable_zl == expected.get("payable_zl", made.gross_zl)
    by_rate = [(part["vat_rate"], part["net_zl"], part["vat_zl"]) for part in expected.get("vat_sum", [])]
    assert by_rate in ([], [(part.vat_rate, part.net_zl, part.vat_zl) for part in made.vat_sums])
    by_hand = [
        (line["service"], Decimal(line["quantity"]), line["price_zl"], line["net_zl"]) for line in expected["line"]
    ]
    assert by_hand == [(line.service, line.quantity, line.price_zl, line.net_zl) for line in made.lines]
    for line, hand in zip(made.lines, expected["line"], strict=True):
        assert hand.get("point_no", line.point_no) == line.point_no
        assert hand.get("subsidy_zl") == (line.subsidy.subsidy_zl if line.subsidy else None)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_case_gives_what_was_worked_out_by_hand_and_what_was_generated(folder: Path, update_cases: bool) -> None:  # noqa: FBT001 - a fixture arrives by its name
    case = case_of(folder)
    outcome = bill(case.account, utility_of(case.utility)[1], case.cycle)
    result: Invoice | Hold
    if isinstance(outcome, Hold):
        assert outcome.code == case.expected["outcome"]
        assert case.expected["facts"].items() <= outcome.facts.items()
        assert (outcome.draft is not None) == ("line" in case.expected)
        if outcome.draft:
            check_sums(case.expected, outcome.draft)
        result = outcome
    else:
        assert case.expected["outcome"] == "invoice"
        check_sums(case.expected, outcome)
        result = invoice_of(case, outcome)
        assert result.kind == case.expected.get("kind", result.kind)
        assert result.due_date == case.expected.get("due_date", result.due_date)

    kind = "hold" if isinstance(result, Hold) else "invoice"
    text = json.dumps({kind: to_data(result)}, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    golden = folder / "invoice.json"
    if update_cases:
        golden.write_text(text, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_figure_worked_out_by_hand_names_its_legal_basis(folder: Path) -> None:
    expected = case_of(folder).expected
    lines = expected.get("line", [])

    assert all(line["basis"].strip() and line["working"].strip() for line in lines)
    assert not lines or expected["vat_basis"].strip()
    assert lines or expected["basis"].strip()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_golden_file_is_without_its_case(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}

    assert {"given.toml", "invoice.json"} <= names
    assert names - {"given.toml"} <= GENERATED


def test_the_published_list_of_cases_is_the_one_of_these_files(update_cases: bool) -> None:  # noqa: FBT001 - as above
    published = case_list({folder.name: case_of(folder) for folder in FOLDERS})
    if update_cases:
        PAGE.write_text(published, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == published


def test_the_published_list_speaks_to_an_accountant_and_not_in_words_of_the_program() -> None:
    told = re.sub(r"`[^`]*`|\(#[^)]*\)", "", PAGE.read_text(encoding="utf-8"))

    assert re.findall(r"\b[a-z]+_[a-z_]+\b|\bmodels?\b|\b[a-z]+ = [a-z]+\b", told) == []
    index = [line for line in told.partition("## Według przepisu")[2].splitlines() if line]
    assert [line for line in index if not line.startswith(("- **uzzwś ", "- **Rozp. ", "- **KC ", "- **ustawa "))] == []


def test_every_line_names_each_provision_once() -> None:
    for folder in FOLDERS:
        found = json.loads((folder / "invoice.json").read_text(encoding="utf-8"))
        made = found.get("invoice") or found["hold"].get("draft") or {"lines": []}
        for line in made["lines"]:
            provisions = line["basis"].split("; ")
            assert len(set(provisions)) == len(provisions), (folder.name, line["basis"])


def test_there_are_cases_and_every_case_is_dated_after_the_law_it_uses() -> None:
    assert len(FOLDERS) >= 40
    assert all(case_of(folder).cycle.issue_date > date(2018, 2, 27) for folder in FOLDERS)
