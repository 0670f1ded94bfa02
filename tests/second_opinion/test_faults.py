"""Each seeded fault of the core is found: by an SQL check, a case or example worked out by hand, or the bill itself."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from databases import own_work
from frozen_towns import FrozenTown, metered_town, priced_town
from mutants import BILLING, Fault, billing_with, faults

from billing.canonical import content_sha256, from_data, to_data
from billing.charges import Bill, Hold
from pipeline.settings import PROJECT
from sql.charges import insert_bills, insert_holds
from sql.checking import check_names, run_check
from sql.cycles import Cycle

CASES = sorted((PROJECT / "tests" / "cases").glob("[a-z0-9]*/given.toml"))
UTILITIES = PROJECT / "utilities"
OWN = PROJECT / "tests" / "cases" / "_utilities"
FAULTS = faults()
LEAST = 30
BILL_ITSELF = "bill"
CASE = "cases"
EXAMPLE = "examples"
HEAD = """# Regressions

What must be found when the core goes wrong. {count} faults are seeded one at a time into a copy of `billing/`
(`tests/second_opinion/faults.toml`); each has to be found by an SQL check of a cycle (`sql/checks/`), by a case worked
out by hand (`cases`), by a tariff's worked examples (`examples`), by the bill that asserts its own sums (`bill`), or by
a test. `make test ARGS=tests/second_opinion` seeds them all; `--update-cases` writes this page.

| Fault | Seeded in | Found by |
|---|---|---|"""
REGRESSIONS = PROJECT / "docs" / "regressions.md"


@pytest.fixture(scope="module")
def towns(cluster: Path) -> Iterator[list[FrozenTown]]:
    with ExitStack() as stack:
        yield [make(*stack.enter_context(own_work(cluster))) for make in (metered_town, priced_town)]


def test_enough_faults_are_seeded_and_each_is_named_once() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= LEAST
    assert all(fault.why_not for fault in FAULTS if not fault.caught_by)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_fault_is_found_or_known_to_be_borne(fault: Fault, towns: list[FrozenTown], tmp_path: Path) -> None:
    found = found_in(fault, towns, tmp_path) | {
        test for test in fault.caught_by if "::" in test and _fails(test, tmp_path)
    }

    assert set(fault.caught_by) <= found
    assert fault.caught_by or not found
    assert fault.caught_by or fault.name in REGRESSIONS.read_text(encoding="utf-8")


def test_the_page_of_regressions_tells_every_fault_and_who_finds_it(update_cases: bool) -> None:  # noqa: FBT001 - a fixture arrives by its name
    text = regressions()
    if update_cases:
        REGRESSIONS.write_text(text, encoding="utf-8")

    assert REGRESSIONS.read_text(encoding="utf-8") == text


def test_the_sound_core_is_found_at_fault_by_nobody(towns: list[FrozenTown], tmp_path: Path) -> None:
    assert found_in(None, towns, tmp_path) == set()


def regressions() -> str:
    """The page, from the list of faults."""
    survivors = [fault for fault in FAULTS if not fault.caught_by]
    rows = [
        f"| {fault.name} | `{fault.file}` | {', '.join(f'`{who}`' for who in fault.caught_by)} |" for fault in FAULTS
    ]
    borne = [f"- {fault.name}: {fault.why_not}" for fault in survivors] or ["None of those that are seeded."]
    return "\n".join((HEAD.format(count=len(FAULTS)), *rows, "", "## Survivors", "", *borne, ""))


def found_in(fault: Fault | None, towns: list[FrozenTown], folder: Path) -> set[str]:
    """Who objects to what the core with the fault makes of the cases and of the towns."""
    try:
        with billing_with(fault, folder) as core:
            books = cache(partial(_book, core))
            found = {CASE} if any(_differs(core, path, books) for path in CASES) else set()
            results = [_rated(core, town) for town in towns]
    except ValueError:
        return {BILL_ITSELF}
    except Exception as error:
        if type(error).__name__ == "DataRefused":  # the faulty core's own class, not ours
            return {EXAMPLE}
        raise
    for town, rated in zip(towns, results, strict=True):
        with town.work.engine.connect() as connection:
            _insert(connection, town.cycle, rated)
            found |= {name for name in check_names() if run_check(connection, name=name, cycle_id=town.cycle.cycle_id)}
            connection.rollback()
    return found


def _fails(test: str, folder: Path) -> bool:
    """Whether a test of the suite fails with the core in ``folder``."""
    paths = os.pathsep.join(str(path) for path in (folder, PROJECT))
    run = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PROJECT / test)]
    done = subprocess.run(run, env=os.environ | {"PYTHONPATH": paths}, cwd=PROJECT, capture_output=True, check=False)
    return done.returncode == pytest.ExitCode.TESTS_FAILED


@cache
def _golden(path: Path) -> Mapping[str, Any]:
    """What the case gives, as it stands beside it; the figures worked out by hand are compared with it elsewhere."""
    data: dict[str, Any] = json.loads(path.with_name("invoice.json").read_text(encoding="utf-8"))
    return data.get("invoice") or data["hold"]


def _differs(core: Mapping[str, ModuleType], path: Path, books: Callable[[Path], Any]) -> bool:
    """Whether the case comes out otherwise."""
    case = core["cases"].read_case(path.read_text(encoding="utf-8"), name=path.parent.name)
    place = OWN / case.utility.rsplit("/", 1)[-1] if case.utility.startswith("..") else UTILITIES / case.utility
    made = core["canonical"].to_data(core["rating"].bill(case.account, books(place), case.cycle))
    golden = _golden(path)
    parts = ("lines", "vat_sums", "net_zl", "vat_zl", "gross_zl") if "lines" in golden else ("code", "facts", "draft")
    return any(made.get(part) != golden[part] for part in parts)


def _book(core: Mapping[str, ModuleType], folder: Path) -> Any:
    """The prices of a utility, as the core reads its folder."""
    text = (folder / "utility.toml").read_text(encoding="utf-8")
    models = core["utility"].load_utility(text, name=folder.name, seller_needed=False).models
    load_tariff, load_list = core["tariff_files"].load_tariff, core["price_list_files"].load_price_list
    tariffs = [
        load_tariff(path.read_bytes(), name=path.name, models=models) for path in sorted(folder.glob("tariffs/*.toml"))
    ]
    lists = [load_list(path.read_bytes(), name=path.name) for path in sorted(folder.glob("price-lists/*.toml"))]
    return core["tariffs"].TariffBook(
        tariffs=tuple(tariffs), models=models, price_book=core["price_lists"].PriceBook(lists=tuple(lists))
    )


def _rated(core: Mapping[str, ModuleType], town: FrozenTown) -> dict[int, Bill | Hold]:
    book = _book(core, town.work.settings.utility)
    terms = core["canonical"].from_data(core["accounts"].CycleTerms, to_data(town.cycle.terms))
    results: dict[int, Bill | Hold] = {}
    for account_id, content in town.accounts:
        account = core["canonical"].from_json(core["accounts"].AccountSnapshot, content)
        made = core["rating"].bill(account, book, terms)
        data = json.loads(core["canonical"].canonical_json(made))
        results[account_id] = from_data(Bill if "lines" in data else Hold, data)
    return results


def _insert(connection: Any, cycle: Cycle, results: Mapping[int, Bill | Hold]) -> None:
    bills = {key: made for key, made in results.items() if isinstance(made, Bill)}
    holds = {key: made for key, made in results.items() if isinstance(made, Hold)}
    insert_bills(
        connection, cycle=cycle, bills=bills, sha256s={key: content_sha256(made) for key, made in bills.items()}
    )
    insert_holds(connection, cycle=cycle, stage="rate", holds=holds)


def test_every_fault_is_of_a_file_that_there_is() -> None:
    assert all((BILLING.parent / fault.file).is_file() for fault in FAULTS)
