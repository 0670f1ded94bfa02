"""Rules of the house that a machine can keep. Each finds something when it is broken: see the planted examples."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import PROJECT

PACKAGES = ("billing", "readings", "sql", "pdf", "delivery", "pipeline", "dags")
CLOCK_CALLS = {"now", "today", "utcnow", "localtime", "gmtime"}
FUNCTION_LINES_MAX = 50
FILE_LINES_MAX = 300


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (PROJECT / package).rglob("*.py"))


def tracked_texts() -> Iterator[tuple[Path, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split("\n")
    for name in filter(None, listed):
        path = PROJECT / name
        if path.is_file() and path.suffix not in {".ttf", ".png", ".pdf"}:
            yield path, path.read_text(encoding="utf-8")


def clock_calls(tree: ast.AST) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS
    ]


def long_functions(tree: ast.AST) -> list[str]:
    return [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]


@pytest.mark.parametrize("path", sources("billing", "readings", "sql", "pdf"), ids=str)
def test_the_clock_is_an_argument_below_the_pipeline(path: Path) -> None:
    assert clock_calls(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_a_planted_clock_call_is_found() -> None:
    assert clock_calls(ast.parse("import datetime\nx = datetime.datetime.now()")) == [2]


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=str)
def test_functions_and_files_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert long_functions(ast.parse(text)) == []
    assert len(text.splitlines()) <= FILE_LINES_MAX


def test_the_core_needs_nothing_but_the_standard_library() -> None:
    modules = ", ".join(f"billing.{path.stem}" for path in sources("billing") if path.stem != "__init__")

    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import {modules}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_sql_stays_in_sql() -> None:
    statement = re.compile(r"\b(select .+ from|insert into|delete from|update \w+ set)\b", re.IGNORECASE)
    found = [
        f"{path.name}: {node.value[:40]!r}"
        for path in sources("billing", "readings", "pdf", "delivery", "dags")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and statement.search(node.value)
    ]

    assert found == []


def test_no_path_of_a_machine_stands_in_the_project() -> None:
    forbidden = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")
    here = Path(__file__).name

    found = [path.name for path, text in tracked_texts() if path.name != here and forbidden.search(text)]

    assert found == []


def test_every_document_that_another_names_exists() -> None:
    link = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
    missing = [
        f"{path.name} -> {target}"
        for path, text in tracked_texts()
        if path.suffix == ".md"
        for target in link.findall(text)
        if not (path.parent / target).exists()
    ]

    assert missing == []


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) < 100
