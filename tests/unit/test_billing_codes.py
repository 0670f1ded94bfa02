"""Every code is documented, and its proof is where the documentation says."""

import re
from pathlib import Path

import pytest

from billing.holds import EXCLUDED, MEANINGS, HoldCode

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "law" / "codes.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for line in TEXT.splitlines()
    if line.startswith("| `") and (cells := [cell.strip() for cell in line.strip("|").split(" | ")])
}
REFUSALS = sorted(
    {
        code
        for path in (PROJECT / "billing").glob("*.py")
        for code in re.findall(r'DataRefused\(\s*"([A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    | {f"TARIFF_{code}" for code in ("OVERLAP", "NO_EXAMPLE", "EXAMPLE_WRONG")}
    | {
        f"{kind}_{code}"
        for kind in ("TARIFF", "UTILITY", "CASE")
        for code in ("UNREADABLE", "FIELD_MISSING", "FIELD_WRONG")
    }
)
REQUESTS = {
    code
    for path in (PROJECT / "pipeline").rglob("*.py")
    for code in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("code", list(HoldCode))
def test_every_hold_code_has_a_meaning_and_a_row_in_the_documentation(code: HoldCode) -> None:
    row = ROWS[f"{code}".strip()]

    assert MEANINGS[code]
    assert ("*excluded*" in row[1]) == (code in EXCLUDED)


@pytest.mark.parametrize("code", sorted({*HoldCode, *REFUSALS, *ROWS}))
def test_every_code_of_the_core_is_proved_in_the_file_that_the_documentation_names(code: str) -> None:
    proof = PROJECT / ROWS[code][-1].strip(" `|")

    assert code in proof.read_text(encoding="utf-8")


def test_the_documentation_names_no_code_that_does_not_exist() -> None:
    core = {*(code.value for code in HoldCode), *REFUSALS}

    assert core <= set(ROWS)
    assert set(ROWS) - core <= REQUESTS
