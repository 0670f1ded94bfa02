"""`obieg utility new`: the folder shows every field, cannot issue as it is, and is sound once it is filled in."""

import json
import re
import tomllib
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from billing.accounts import PartyKind, Service
from billing.charges import LineRounding
from billing.consents import ConsentMethod, EffectiveRule
from billing.errors import DataRefused
from billing.prices import BlockPer, Component, Unit
from billing.tariff_files import load_tariff
from billing.tariff_groups import Metering, StandingMonths, StandingPart, StandingPer, StandingPrice
from billing.toml_fields import Fields
from billing.utility import ConsentMode, load_utility
from billing.vat import VatModel
from pipeline import utility_check, utility_new
from pipeline.cli import main
from pipeline.errors import OperatorError
from pipeline.utility_files import load_folder

ON = date(2026, 9, 30)
UTILITY = (utility_new.TEMPLATE / "utility.toml").read_text(encoding="utf-8")
TARIFF = (utility_new.TEMPLATE / "tariffs" / "planned" / "taryfa.toml").read_text(encoding="utf-8")

KNOWN = {
    "name": "Wodociągi Próbne sp. z o.o.", "street": "ul. Wodna 1", "postcode": "00-000", "city": "Próba",
    "nip": "9900000017", "regon": "990000000", "phone": "00 000 00 00", "email": "biuro@proba.example",
    "website": "proba.example", "bank_account": "08 9990 0000 0000 0000 0000 0001", "sender_name": "Wodociągi Próbne",
    "sender_address": "faktury@proba.example", "reply_to": "biuro@proba.example", "message_id_domain": "proba.example",
    "dkim_selector": "f2026", "dkim_domain": "proba.example",
}  # fmt: skip
PRICES = {
    ("water", "G-P"): "5.25",
    ("sewage", "G-P"): "7.75",
    ("abonament", "G-P"): "12.00",
    ("abonament", "G-E"): "8.30",
}
AMOUNTS = {"G-P": ("168.00", "181.44"), "G-E": ("164.30", "177.44")}
GIVEN = """
why = "x"
utility = "proba"
[cycle]
period = "2026-09"
issue_date = 2026-10-02
[account]
account_no = "1"
channel = "email"
[[party]]
name = "Maria Przykładowa"
street = "ul. Lipowa 7"
postcode = "00-000"
city = "Próba"
[[point]]
point_no = "PP-1"
street = "ul. Lipowa 7"
postcode = "00-000"
city = "Próba"
tariff_class = "household"
services = ["water", "sewage"]
[[point.meter]]
meter_no = "W-1"
previous = { on = 2026-08-31, index_m3 = 113 }
current = { on = 2026-09-30, index_m3 = 125 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return utility_new.run(name="proba", parent=tmp_path)


def switched_on(text: str) -> str:
    """A file with its switched-off fields: the lines that begin with # and no space."""
    return re.sub(r"(?m)^#(?=\S)", "", text)


def filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r'(?m)^(\w+) = "unknown"', lambda line: f"{line[1]} = {values.get(line[1], 'MISSING')}", text)


def filled_tariff() -> str:
    """The template's tariff as the office would fill it in: table by table, figures worked out by hand."""
    start = {"title": '"Taryfa Próba"', "decision": '"GD.RZT.1.2026"', "basis": '"uzzwś art. 24f"'}
    parts = re.split(r"(?m)^(?=\[\[)", TARIFF)
    done = [filled(parts[0], start | {"valid_from": "2026-01-08"})]
    for part in parts[1:]:
        table = tomllib.loads(part)
        values = {"valid_from": "2026-01-08", "basis": '"tab. 1"', "on": "2026-09-30", "source": '"by hand"'}
        if "price" in table:
            (price,) = table["price"]
            values["net_zl"] = PRICES[price["item"], price["groups"][0]]
        if "example" in table:
            values["net_zl"], values["gross_zl"] = AMOUNTS[table["example"][0]["groups"][0]]
        done.append(filled(part, values))
    return "".join(done)


def fill(folder: Path) -> None:
    """What README.md of the folder asks for, in its order."""
    text = filled(
        switched_on(UTILITY), {name: f'"{value}"' for name, value in KNOWN.items()} | {"effective_from": "2026-02-01"}
    )
    text = text.replace("approvers = []", 'approvers = ["a.nowak", "j.kowalska"]')
    (folder / "utility.toml").write_text(text, encoding="utf-8")
    Image.new("RGB", (300, 100), "#0a4f6e").save(folder / "logo.png")
    (folder / "tariffs" / "planned" / "taryfa.toml").unlink()
    (folder / "tariffs" / "2026-proba.toml").write_text(filled_tariff(), encoding="utf-8")
    regulamin = folder / "terms" / "regulamin-e-faktury-1.0.md"
    written = re.sub(r"(?s)<!--.*?-->", "", regulamin.read_text(encoding="utf-8")).replace("unknown", "Próba")
    regulamin.write_text(written, encoding="utf-8")


def test_a_new_folder_can_be_looked_at_but_nothing_can_be_issued_with_it(folder: Path) -> None:
    loaded = load_folder(folder, seller_needed=False)
    assert loaded.tariffs.tariffs == ()
    assert loaded.tariffs.tariff_on(ON) is None

    with pytest.raises(DataRefused, match="SELLER_INCOMPLETE"):
        load_folder(folder)


def test_the_check_of_a_new_folder_names_every_unknown_and_whatever_is_switched_off(folder: Path) -> None:
    found = utility_check.run(folder=folder, on=ON)

    unknown = {one.field.rpartition(".")[2] for one in found if one.code == "SELLER_INCOMPLETE"}
    assert unknown == set(KNOWN) - {"dkim_selector", "dkim_domain"}
    assert {one.code for one in found} == {
        *("SELLER_INCOMPLETE", "TARIFF_NONE", "APPROVERS_NONE", "TERMS_NONE", "ROUTES_NONE", "DKIM_NONE"),
        "TARIFF_PLANNED_UNFINISHED",
    }


def test_a_folder_filled_as_its_readme_says_is_sound_and_quotes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)

    assert utility_check.run(folder=folder, on=ON) == ()
    utility = load_folder(folder).utility
    assert (utility.bank_account, utility.individual_accounts) == ("08999000000000000000000001", False)
    assert [(route.code, route.closing_months) for route in utility.routes] == [("R1", tuple(range(1, 13)))]

    given = tmp_path / "given.toml"
    given.write_text(GIVEN, encoding="utf-8")
    monkeypatch.setenv("OBIEG_UTILITY", str(folder))
    assert main(["quote", str(given)]) == 0
    assert main(["quote", "--auditor", str(given)]) == 0
    assert "net 164.30 zł, VAT 13.14 zł, gross 177.44 zł" in capsys.readouterr().out


def test_the_tariff_of_the_template_is_refused_until_it_is_filled_in(folder: Path) -> None:
    planned = folder / "tariffs" / "planned" / "taryfa.toml"
    with pytest.raises(DataRefused, match="TARIFF_FIELD_WRONG"):
        load_tariff(planned.read_bytes(), name=planned.name)

    planned.rename(folder / "tariffs" / planned.name)
    with pytest.raises(DataRefused, match="TARIFF_FIELD_WRONG"):
        load_folder(folder, seller_needed=False)


def test_every_field_that_the_readers_know_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    known: set[tuple[str, str]] = set()
    shown: set[tuple[str, str]] = set()

    def record(self: Fields, *names: str) -> None:
        kind = re.sub(r"\[\d+\]", "", self.place)
        known.update((kind, name) for name in names if kind != "example" or name not in set(Service))
        shown.update((kind, name) for name in self.table)
        for name in self.table:
            assert name in names, f"{self.where} {name}"

    monkeypatch.setattr(Fields, "known", record)
    load_utility(switched_on(UTILITY), name="template", seller_needed=False, faults=[])
    load_tariff(switched_on(TARIFF).encode(), name="taryfa.toml", faults=[])

    missing = {(kind, name) for kind, name in known - shown if kind != "readings.checks"}  # told in docs/law/checks.md
    assert missing == {("example", "gmina"), ("example", "payable_zl")}  # told beside [[subsidy]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *((UTILITY, words) for words in (VatModel, LineRounding, ConsentMode, ConsentMethod, EffectiveRule)),
        *((TARIFF, words) for words in (StandingMonths, StandingPrice, StandingPer, StandingPart, Unit)),
        *((TARIFF, words) for words in (BlockPer, Metering, Component, PartyKind)),
    ],
)
def test_every_word_that_is_allowed_is_shown(text: str, words: type[StrEnum]) -> None:
    assert [word for word in words if word not in text] == []


def test_the_template_names_neither_a_repealed_article_nor_a_real_utility() -> None:
    for path in utility_new.TEMPLATE.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert "106n" not in text
        assert "Zdroje" not in text


@pytest.mark.parametrize("name", ["Gmina", "a b", "../x", "", "a/b", "-a", "."])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError, match="UTILITY_NAME"):
        utility_new.run(name=name, parent=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_nothing_that_exists_is_touched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert main(["utility", "new", folder.name, "--folder", str(folder.parent)]) == 2

    said = capsys.readouterr()
    assert (said.out, said.err.count("\n"), said.err.split(":")[0]) == ("", 1, "UTILITY_EXISTS")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_parent_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="FOLDER_MISSING"):
        utility_new.run(name="proba", parent=tmp_path / "none")


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["utility", "new", "proba", "--folder", str(tmp_path), "--json"]) == 0

    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["folder"] == str(tmp_path / "proba")
    assert all((tmp_path / "proba" / file).is_file() for file in answer["files"])
    assert {"utility.toml", "README.md", "tariffs/planned/taryfa.toml"} <= set(answer["files"])
