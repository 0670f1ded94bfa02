"""docs/quote.md promises what `obieg quote` prints: every example of the page is run and compared."""

import io
import json
import re
from pathlib import Path

import pytest

from billing.polish import NBSP
from pipeline.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "quote.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \[([\w-]+)\]\(quote/([\w-]+)\.toml\) \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)
EXAMPLE = re.search(r"```toml\n(.*?)```\n\ngives\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def no_database(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("OBIEG_DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    monkeypatch.chdir(tmp_path)


def quoted(capsys, *words: str) -> str:
    assert main(["quote", *words]) == 0
    return capsys.readouterr().out.replace(NBSP, " ")


def result(data: dict) -> str:
    code = [f"`{data['hold']['code']}`"] if data["hold"] else []
    bill = data["bill"]
    sums = [f"net {bill['net_zl']}, VAT {bill['vat_zl']}, payable {bill['payable_zl']}"] if bill else []
    return ", ".join(code + sums)


@pytest.mark.parametrize(("title", "name", "expected"), ROWS, ids=[row[1] for row in ROWS])
def test_an_example_gives_what_the_page_worked_out(capsys, title, name, expected) -> None:
    assert title == name
    data = json.loads(quoted(capsys, "--json", str(DOCS / "quote" / f"{name}.toml")))

    assert result(data) == expected
    assert set(data) == {"account_no", "utility", "outcome", "hold", "bill"}
    for line in data["bill"]["lines"] if data["bill"] else ():
        assert {
            key for key in line if f"`{key}`" not in PAGE and not key.endswith(("_reading_id", "_index_m3"))
        } == set()


def test_every_example_file_stands_on_the_page() -> None:
    assert {row[1] for row in ROWS} == {path.stem for path in (DOCS / "quote").glob("*.toml")}
    assert len(ROWS) >= 12


def test_the_example_within_the_page_prints_what_follows_it(capsys, monkeypatch) -> None:
    assert EXAMPLE is not None
    given, printed = EXAMPLE.groups()
    assert given == (DOCS / "quote" / "water-and-sewage.toml").read_text(encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))

    said = quoted(capsys, "-").splitlines()

    assert [line for line in printed.splitlines() if line not in said] == []


def test_the_auditor_gets_the_statements_of_the_invoice(capsys) -> None:
    said = quoted(capsys, "--auditor", str(DOCS / "quote" / "price-change-by-days.toml"))

    assert "share by days: by day 8 of 31 8.000 m3 of 31.000" in said
    assert "net 223.31 zł, VAT 17.86 zł, gross 241.17 zł" in said


def test_every_fault_is_named_with_its_place_in_one_line(capsys, monkeypatch) -> None:
    given = (DOCS / "quote" / "exchange.toml").read_text(encoding="utf-8")
    wrong = given.replace('channel = "paper"', 'channel = "fax"').replace('"2026-09"', '"2026-13"')
    wrong = wrong.replace('meter_no = "W-2002"', 'metre_no = "W-2002"').replace("985,", "985.0001,")
    wrong = wrong.replace('"sewage"]', '"tea"]')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(wrong.encode())))

    assert main(["quote", "-"]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("CASE_FIELD_WRONG: standard input: ")
    for place in (
        "account.channel",
        "point[1].services",
        "point[1].meter[1].current.index_m3",
        "point[1].meter[2].metre_no",
        "point[1].meter[2].meter_no",
        "cycle.period",
    ):
        assert f"{place}: " in said.err


def test_days_in_the_wrong_order_are_a_fault_like_others(capsys, tmp_path) -> None:
    given = (DOCS / "quote" / "settlement.toml").read_text(encoding="utf-8")
    (tmp_path / "given.toml").write_text(given.replace("until = 2026-08-01", "until = 2026-07-01", 1), encoding="utf-8")

    assert main(["quote", str(tmp_path / "given.toml")]) == 2
    assert "point[1].forecast.charged[1].until: until = 2026-07-01, it must be after" in capsys.readouterr().err


def test_a_utility_may_lie_beside_the_description(capsys, tmp_path) -> None:
    given = (DOCS / "quote" / "water-and-sewage.toml").read_text(encoding="utf-8")
    (tmp_path / "ours").symlink_to(DOCS.parent / "utilities" / "demo")
    (tmp_path / "given.toml").write_text(given.replace('utility = "demo"', 'utility = "./ours"'), encoding="utf-8")

    assert "brutto 181,44 zł" in quoted(capsys, str(tmp_path / "given.toml"))


def test_an_unknown_utility_is_refused(capsys, tmp_path) -> None:
    given = (DOCS / "quote" / "water-and-sewage.toml").read_text(encoding="utf-8")
    (tmp_path / "given.toml").write_text(given.replace('"demo"', '"nobody"'), encoding="utf-8")

    assert main(["quote", str(tmp_path / "given.toml")]) == 2
    assert capsys.readouterr().err.startswith("UTILITY_MISSING: ")


def test_every_field_of_the_format_stands_on_the_page() -> None:
    readers = ("cases.py", "case_extras.py")
    source = "\n".join((DOCS.parent / "billing" / name).read_text(encoding="utf-8") for name in readers)
    known = re.findall(r"known\((.*?)\)\n", source, re.DOTALL)
    names = {name for call in known for name in re.findall(r'"(\w+)"', call)}

    tables = {"expected"}
    assert {name for name in names - tables if not re.search(rf"[`.\[]{name}[`\]]|{name} =", PAGE)} == set()
    assert len(names) > 60
