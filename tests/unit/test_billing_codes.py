"""Every code is documented, and its proof is where the documentation says."""

import re
from pathlib import Path

import pytest

from billing.holds import EXCLUDED, MEANINGS, HoldCode
from billing.readiness import MEANINGS as READINESS

PROJECT = Path(__file__).parents[2]
TEXT = (PROJECT / "docs" / "law" / "codes.md").read_text(encoding="utf-8")
TABLE = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in TEXT.splitlines() if line.startswith("| `")
]
ROWS = {cells[0].strip("`"): cells for cells in TABLE}
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("billing", "delivery", "pipeline", "readings", "sql")
    for path in sorted((PROJECT / folder).rglob("*.py"))
)
REFUSALS = sorted(
    {
        code
        for path in (PROJECT / "billing").glob("*.py")
        for code in re.findall(r'DataRefused\(\s*"([A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    | {f"{kind}_{code}" for kind in ("TARIFF", "PRICE_LIST") for code in ("OVERLAP", "NO_EXAMPLE", "EXAMPLE_WRONG")}
    | {"TARIFF_COMPONENTS"}
    | {
        f"{kind}_{code}"
        for kind in ("TARIFF", "PRICE_LIST", "UTILITY", "CASE")
        for code in ("UNREADABLE", "FIELD_MISSING", "FIELD_WRONG")
    }
)


SEVERITIES = {severity.value for severity, *_ in READINESS.values()}
FINDINGS = [code for code in READINESS if code not in REFUSALS]


@pytest.mark.parametrize("code", list(HoldCode))
def test_every_hold_code_has_a_meaning_and_a_row_in_the_documentation(code: HoldCode) -> None:
    row = ROWS[f"{code}".strip()]

    assert MEANINGS[code]
    assert ("*excluded*" in row[1]) == (code in EXCLUDED)


@pytest.mark.parametrize("cells", TABLE, ids=[cells[0] for cells in TABLE])
def test_every_documented_code_is_proved_in_the_file_that_the_documentation_names(cells: list[str]) -> None:
    proof = PROJECT / cells[-1].strip(" `|")

    assert cells[0].strip("`") in proof.read_text(encoding="utf-8")


def test_every_code_of_the_core_is_documented() -> None:
    assert {*(code.value for code in HoldCode), *REFUSALS, *FINDINGS} <= set(ROWS)


def test_the_documentation_names_no_code_that_does_not_exist() -> None:
    assert {code for code in ROWS if f'"{code}"' not in SOURCES} <= {*HoldCode, *REFUSALS}


def test_the_findings_stand_in_their_order_and_with_their_severity() -> None:
    documented = [(cells[0].strip("`"), cells[1].strip("`")) for cells in TABLE if cells[1].strip("`") in SEVERITIES]

    assert documented == [(code, READINESS[code][0].value) for code in FINDINGS]
