"""`obieg utility check`: each fault of a table is found in an otherwise sound folder, all of them at once."""

import json
import shutil
from pathlib import Path

import pytest
from utility_faults import FAULTS, ON, SOUND_EDITS, TARIFF, TARIFF_TEXT, TERMS, UTILITY, apply, change

from billing.errors import DataRefused
from billing.readiness import MEANINGS, Severity
from billing.readiness_tariffs import tariff_findings
from billing.tariff_files import load_tariff
from pipeline import utility_check
from pipeline.cli import main
from pipeline.errors import OperatorError
from pipeline.settings import PROJECT
from pipeline.utility_files import load_folder


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A folder without a fault, as a real utility would have it."""
    folder = tmp_path / "sound"
    shutil.copytree(PROJECT / "utilities" / "demo", folder)
    (folder / "profiles").mkdir()
    (folder / "tariffs" / "planned").mkdir(exist_ok=True)
    for old, new in SOUND_EDITS:
        change(folder / UTILITY, old, new)
    return folder


def test_a_sound_folder_has_no_findings(sound: Path) -> None:
    assert utility_check.run(folder=sound, on=ON) == ()
    assert load_folder(sound).utility.individual_accounts


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_its_code_and_place(sound: Path, name: str) -> None:
    fault = FAULTS[name]
    apply(fault, sound)

    found = utility_check.run(folder=sound, on=fault.on)

    severity, remedy = MEANINGS[fault.code]
    assert [(one.severity, one.remedy) for one in found if (one.code, one.field) == (fault.code, fault.field)][:1] == [
        (severity, remedy)
    ], found


@pytest.mark.parametrize("name", FAULTS)
def test_what_the_loader_refuses_is_named_as_blocking_with_the_same_code(sound: Path, name: str) -> None:
    fault = FAULTS[name]
    apply(fault, sound)
    found = utility_check.run(folder=sound, on=ON)

    assert refusal(sound) in {None, *(one.code for one in found if one.severity is Severity.ISSUING)}


def refusal(folder: Path) -> str | None:
    try:
        load_folder(folder)
    except DataRefused as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    "name", [name for name, fault in FAULTS.items() if fault.code not in {"LAW_NO_VALUE", "UTILITY_UNREADABLE"}]
)
def test_one_fault_gives_no_false_alarm_of_another_code(sound: Path, name: str) -> None:
    fault = FAULTS[name]
    apply(fault, sound)

    codes = {one.code for one in utility_check.run(folder=sound, on=fault.on)}

    assert codes - {fault.code} == ({"UTILITY_FIELD_WRONG"} if name == "no routes" else set())


def test_the_table_plants_every_code() -> None:
    assert {fault.code for fault in FAULTS.values()} == set(MEANINGS)
    assert len(FAULTS) >= 30


def test_everything_is_named_at_once_in_the_order_of_importance(sound: Path) -> None:
    names = (
        *("NIP", "REGON", "sender unknown", "no approver", "domain of Message-IDs", "terms with a gap", "a layout"),
        *("30 February", "a series for ever", "an example that does not recompute", "no decision", "a demo"),
    )
    for name in names:
        apply(FAULTS[name], sound)

    found = utility_check.run(folder=sound, on=ON)

    assert {(FAULTS[name].code, FAULTS[name].field) for name in names} == {(one.code, one.field) for one in found}
    severities = [list(Severity).index(one.severity) for one in found]
    assert severities == sorted(severities)
    assert [one.code for one in found][:2] == ["UTILITY_FIELD_WRONG", "UTILITY_FIELD_WRONG"]
    assert set(severities) == set(range(len(Severity)))


def test_a_broken_file_is_one_finding_and_the_others_are_still_checked(sound: Path) -> None:
    apply(FAULTS["utility.toml is not TOML"], sound)
    apply(FAULTS["a decision that nobody knows"], sound)
    (sound / "tariffs" / "2027-broken.toml").write_text("title", encoding="utf-8")

    found = utility_check.run(folder=sound, on=ON)

    assert [(one.code, one.file) for one in found] == [
        ("UTILITY_UNREADABLE", UTILITY),
        ("TARIFF_UNREADABLE", "tariffs/2027-broken.toml"),
        ("TARIFF_DECISION_UNKNOWN", TARIFF),
    ]


@pytest.mark.parametrize("file", [UTILITY, TARIFF, TERMS])
def test_bytes_that_are_no_text_are_a_finding_and_not_a_traceback(sound: Path, file: str) -> None:
    (sound / file).write_bytes(b"\xff\xfe")

    assert [one.code for one in utility_check.run(folder=sound, on=ON)] in (
        ["UTILITY_UNREADABLE"],
        ["TARIFF_UNREADABLE"],
        ["TERMS_MISSING"],
    )


def test_both_wrong_numbers_of_a_seller_are_named(sound: Path) -> None:
    apply(FAULTS["NIP"], sound)
    apply(FAULTS["REGON"], sound)

    assert [one.field for one in utility_check.run(folder=sound, on=ON)] == ["seller.nip", "seller.regon"]


def test_every_example_that_does_not_recompute_is_named(sound: Path) -> None:
    change(sound / TARIFF, "gross_zl = 181.44", "gross_zl = 181.45")
    change(sound / TARIFF, "net_zl = 147.00\ngross_zl = 158.76", "net_zl = 147.01\ngross_zl = 158.76")
    apply(FAULTS["no decision"], sound)

    found = utility_check.run(folder=sound, on=ON)

    assert [one.code for one in found] == ["TARIFF_FIELD_MISSING", "TARIFF_EXAMPLE_WRONG", "TARIFF_EXAMPLE_WRONG"]
    assert "example F on 2026-09-30 (10.000 × water" in found[1].message
    assert "expected gross 181.45 zł, got 181.44 zł" in found[2].message


def test_a_gap_says_class_channel_service_and_days() -> None:
    later = TARIFF_TEXT.replace("net_zl = 5.75\nvalid_from = 2010-01-01", "net_zl = 5.75\nvalid_from = 2011-02-03")
    tariff = load_tariff(later.encode(), name="t.toml")

    messages = [one.message for one in tariff_findings([tariff], on=ON, complete=True)]

    assert messages == [
        f"class business, channel {channel}: no price of water from 2010-01-01 until 2011-02-03"
        for channel in ("paper", "email")
    ]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="FOLDER_MISSING"):
        utility_check.run(folder=tmp_path / "none", on=ON)


def test_the_command_ends_with_2_when_something_blocks_and_speaks_json(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["utility", "check", str(sound)]) == 0
    assert "nothing is missing" in capsys.readouterr().out

    apply(FAULTS["one approver"], sound)
    assert main(["utility", "check", str(sound), "--on", "2026-09-30"]) == 0
    assert "advice (1)\n  APPROVERS_FEW  utility.toml approvers: " in capsys.readouterr().out

    apply(FAULTS["NIP"], sound)
    assert main(["utility", "check", str(sound), "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in answer["findings"]] == ["UTILITY_FIELD_WRONG", "APPROVERS_FEW"]
    assert answer["counts"]["blocks_issuing"] == 1


def test_the_folder_of_the_settings_is_the_default(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBIEG_UTILITY", str(sound))

    assert main(["utility", "check"]) == 0
    assert str(sound) in capsys.readouterr().out


def test_the_demo_blocks_nothing() -> None:
    found = utility_check.run(folder=PROJECT / "utilities" / "demo", on=ON)

    assert [one.code for one in found] == ["DKIM_NONE", "APPROVERS_FEW", "IS_DEMO"]


JUNK = ["-1", "[]", '"{"', None]
"""What is written in place of each value in turn; None removes the line."""


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("file", [UTILITY, TARIFF])
def test_whatever_stands_in_a_field_the_check_finds_what_the_loader_refuses(
    sound: Path, file: str, junk: str | None
) -> None:
    text = (sound / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        name, equals, _ = line.partition(" = ")
        if not equals or name.startswith("#"):
            continue
        changed = [*lines[:number], *([] if junk is None else [f"{name} = {junk}"]), *lines[number + 1 :]]
        (sound / file).write_text("\n".join(changed), encoding="utf-8")

        blocking = {one.code for one in utility_check.run(folder=sound, on=ON) if one.severity is Severity.ISSUING}

        assert refusal(sound) in {None, *blocking}, f"{name} = {junk}"
