"""What a customer is told about an account that gets no invoice: Polish for every code, fact and reason."""

import re
from pathlib import Path

import pytest
from test_billing_rating import CYCLE, HELD, held

from billing.holds import HoldCode
from billing.polish import NBSP
from billing.polish_holds import REASONS, TOLD, tell_facts
from billing.rating import bill
from pipeline.cli import main
from pipeline.utility_files import load_folder
from readings.words import REASONS as READERS_REASONS

PROJECT = Path(__file__).parents[2]
TARIFFS = load_folder(PROJECT / "utilities" / "demo", seller_needed=False).tariffs
ENGLISH = re.compile(r"\b(the|and|meter|reading|price|no|bill|next|check|of)\b|_", re.IGNORECASE)


@pytest.mark.parametrize("code", list(HoldCode))
def test_every_hold_has_a_polish_sentence_of_its_own(code: HoldCode) -> None:
    assert TOLD[code][0].islower()
    assert not TOLD[code].endswith(".")
    assert not ENGLISH.search(TOLD[code])
    assert list(TOLD.values()).count(TOLD[code]) == 1


def test_every_reason_that_a_hold_or_a_reader_gives_has_its_polish_words() -> None:
    modules = [path for path in (PROJECT / "billing").glob("*.py") if path.stem != "polish_holds"]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in modules)
    given = set(re.findall(r'\breason"?[=:] "(\w+)"', sources)) | READERS_REASONS
    assert {"before_contract", "no_group", "quantity_in_contract"} <= given
    assert given - {"no_history", "gap"} - set(REASONS) == set()  # those are of estimates and findings


@pytest.mark.parametrize("name", HELD)
def test_the_facts_of_a_hold_are_told_without_a_word_of_the_program(name: str) -> None:
    told = tell_facts(held(bill(HELD[name][0](), TARIFFS, CYCLE)).facts)

    assert not ENGLISH.search(told.replace("W_", "")), told
    assert not re.search(r"\d{4}-\d{2}-\d{2}|\d\.\d{3}\b", told), told


def test_figures_days_and_reasons_are_written_as_in_polish() -> None:
    facts = {"meters": "W-2", "main_m3": "10.000", "behind_m3": "12.500", "wanted_on": "2026-09-11", "register": "0"}
    told = tell_facts(facts | {"gross_zl": "3103.59", "reason": "after_contract"}).replace(NBSP, " ")

    assert told == (
        "wodomierze: W-2, wodomierz główny: 10 m³, wodomierze za nim: 12,500 m³, potrzebny odczyt z dnia: 11.09.2026, "
        "kwota brutto: 3 103,59 zł, powód: odczyt po końcu umowy"
    )


def test_a_quote_of_an_account_that_waits_is_polish_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quote", str(PROJECT / "docs" / "quote" / "no-reading.toml")]) == 0
    said = capsys.readouterr().out
    assert "Bez faktury (READING_MISSING): nie mamy odczytu wodomierza; fakturę wystawimy po odczycie." in said
    assert not ENGLISH.search(said.replace("READING_MISSING", ""))
