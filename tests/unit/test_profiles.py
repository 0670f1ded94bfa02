"""Profiles: a table of broken ones, each refused with a line that says what is wrong."""

import re

import pytest

from billing.errors import DataRefused
from pipeline.settings import PROJECT
from readings.codes import PROFILE_CODES
from readings.files import read_file
from readings.profile import named_profile, read_profile

GOOD = """
name = "x"
delimiter = ";"
encoding = "utf-8"
date_formats = ["%d.%m.%Y"]
[columns]
meter_no = "Licznik"
read_at = "Data"
index = "Stan"
[defaults]
unit = "m3"
source = "handheld"
quality = "actual"
"""
PLACES = GOOD.replace('"Licznik"', "1").replace('"Data"', "2").replace('"Stan"', "3")
BROKEN = {
    "not TOML": ("name =", "Invalid"),
    "empty": ("", "field 'name' is missing"),
    "no name": (GOOD.replace('name = "x"', ""), "field 'name' is missing"),
    "a field that nobody knows": (GOOD.replace("[columns]", "digits = 5\n[columns]"), "field 'digits' is not known"),
    "two delimiters": (GOOD.replace('";"', '";,"'), "delimiter must be one character"),
    "a quotation mark between fields": (GOOD.replace('";"', "'\"'"), "delimiter must be one character"),
    "no delimiter": (GOOD.replace('delimiter = ";"', ""), "delimiter must be one character"),
    "an unknown encoding": (GOOD.replace("utf-8", "latin-99"), "encoding 'latin-99' is not known"),
    "an encoding of bytes": (GOOD.replace("utf-8", "hex"), "encoding 'hex' is not known"),
    "no dates": (GOOD.replace('["%d.%m.%Y"]', "[]"), "date_formats is empty"),
    "a date without its year": (GOOD.replace("%d.%m.%Y", "%d.%m"), "'%d.%m' does not give back the day"),
    "a date that is none": (GOOD.replace("%d.%m.%Y", "dd.mm.yyyy"), "'dd.mm.yyyy' does not give back the day"),
    "a pattern that does not exist": (GOOD.replace("%d.%m.%Y", "%Q"), "does not give back the day"),
    "dates as one text": (GOOD.replace('["%d.%m.%Y"]', '"%d.%m.%Y"'), "date_formats must be a list of texts"),
    "no columns": (GOOD.replace("[columns]", "[other]"), "not known"),
    "an unknown column of ours": (
        GOOD.replace("meter_no", "meter"),
        "unknown column meter; .*service_point or meter_no",
    ),
    "no index": (GOOD.replace('index = "Stan"', ""), "nothing gives index"),
    "no meter": (GOOD.replace('meter_no = "Licznik"', ""), "nothing gives service_point or meter_no"),
    "a meter for all rows": (
        GOOD.replace('meter_no = "Licznik"', "").replace("[defaults]", '[defaults]\nmeter_no = "W1"'),
        "nothing gives service_point or meter_no",
    ),
    "a column that is a list": (GOOD.replace('"Stan"', '["a", "b"]'), "neither the name nor the place"),
    "given twice": (GOOD.replace("[defaults]", '[defaults]\nindex = "1"'), "index has a column and a fixed value"),
    "a fixed number": (GOOD.replace('"m3"', "3"), "unit must be a text"),
    "a wrong unit": (GOOD.replace('"m3"', '"gal"'), "unit cannot be 'gal'"),
    "a wrong source": (GOOD.replace('"handheld"', '"pigeon"'), "source cannot be 'pigeon'"),
    "a wrong quality": (GOOD.replace('"actual"', '"good"'), "quality cannot be 'good'"),
    "a reason that we do not have": (GOOD + '[values.reason_code]\npies = "dog"', "reason_code cannot be 'dog'"),
    "an alarm that we do not have": (GOOD + '[values.alarms]\nX = "mice"', "alarms cannot be 'mice'"),
    "words of no column": (GOOD + '[values.colour]\nX = "red"', "unknown column colour"),
    "words that are no table": (GOOD + '[values]\nalarms = "x"', "alarms must be a table"),
    "a decimal mark that is none": (GOOD.replace("[columns]", 'decimal_mark = ";"\n[columns]'), "decimal_mark = ';'"),
    "a measure that is none": (GOOD.replace("[columns]", 'measure = "flow"\n[columns]'), "measure = 'flow'"),
    "used and ignored": (GOOD.replace("[columns]", 'ignored = ["Stan"]\n[columns]'), "column Stan is used and ignored"),
    "places too far": (PLACES.replace("[columns]", "width = 2\n[columns]"), "place from 1 to 2, not '3'"),
    "names without a header": (GOOD.replace("[columns]", "width = 3\n[columns]"), "place from 1 to 3, not 'Data'"),
    "no width at all": (PLACES.replace("[columns]", "width = 0\n[columns]"), "width = 0 is not between 1 and 200"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_profile_is_refused_and_says_what_is_wrong(name: str) -> None:
    text, said = BROKEN[name]
    with pytest.raises(DataRefused, match=f"^PROFILE_WRONG: .*{said}"):
        read_profile(text)


def test_the_profile_that_the_table_breaks_is_good_itself() -> None:
    assert read_profile(GOOD).columns["index"] == "Stan"
    assert read_profile(PLACES.replace("[columns]", "width = 3\n[columns]")).width == 3


def test_files_of_volumes_have_a_code_of_their_own() -> None:
    with pytest.raises(DataRefused, match=r"^PROFILE_VOLUME: x: .* ask the supplier for indexes"):
        read_profile(GOOD.replace("[columns]", 'measure = "volume"\n[columns]'))


def test_the_hash_is_of_the_bytes_of_the_file(tmp_path) -> None:
    (tmp_path / "x.toml").write_bytes(GOOD.replace("\n", "\r\n").encode())
    windows = named_profile("x", folder=tmp_path)
    (tmp_path / "x.toml").write_bytes(GOOD.encode())
    unix = named_profile("x", folder=tmp_path)
    assert windows.sha256 != unix.sha256
    assert unix.content == GOOD.encode()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x", GOOD.replace('"x"', '"y"').encode(), "PROFILE_WRONG: x.toml names itself 'y'"),
        ("x", GOOD.replace("Stan", "Stań").encode("cp1250"), "PROFILE_WRONG: x.toml cannot be read as UTF-8"),
        ("y", GOOD.encode(), "PROFILE_UNKNOWN: there is no profile 'y'"),
        ("../x", GOOD.encode(), "PROFILE_UNKNOWN"),
    ],
)
def test_a_profile_of_the_utility_is_its_file(tmp_path, name: str, content: bytes, code: str) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(DataRefused, match=code):
        named_profile(name, folder=tmp_path)


def test_the_utilitys_profile_goes_before_an_example_but_never_before_the_contract(tmp_path) -> None:
    for name in ("standard", "handheld-example"):
        (tmp_path / f"{name}.toml").write_text(GOOD.replace('"x"', f'"{name}"'), encoding="utf-8")
    assert named_profile("handheld-example", folder=tmp_path).encoding == "utf-8"
    assert named_profile("standard", folder=tmp_path) == named_profile("standard")


@pytest.mark.parametrize(
    ("mark", "index", "read"),
    [("comma", "12,5", "12.500"), ("comma", "12.5", None), ("point", "12,5", None), ("either", "12.5", "12.500")],
)
def test_the_decimal_mark_is_the_profiles(mark: str, index: str, read: str | None) -> None:
    profile = read_profile(GOOD.replace("[columns]", f'decimal_mark = "{mark}"\n[columns]'))
    (row,) = read_file(f"Licznik;Data;Stan\nW1;31.07.2026;{index}\n".encode(), profile=profile)
    assert (row.index_m3 and str(row.index_m3), row.errors) == (read, () if read else ("E108",))


def test_a_file_without_a_header_is_read_by_places_from_its_first_line() -> None:
    profile = read_profile(PLACES.replace("[columns]", "width = 4\nignored = [4]\n[columns]"))
    first, second = read_file(b"W1;31.07.2026;5;z\nW2;31.07.2026;6\n", profile=profile)
    assert (first.line.line_no, first.meter_no, str(first.index_m3), first.errors) == (1, "W1", "5.000", ())
    assert second.errors == ("E100",)


def test_a_column_that_the_profile_does_not_know_refuses_the_file_unless_it_is_ignored() -> None:
    content = b"Licznik;Data;Stan;Nazwisko\nW1;31.07.2026;5;x\n"
    with pytest.raises(DataRefused, match="FILE_HEADER: columns unknown: Nazwisko"):
        read_file(content, profile=read_profile(GOOD))
    profile = read_profile(GOOD.replace("[columns]", 'ignored = ["Nazwisko"]\n[columns]'))
    assert read_file(content, profile=profile)[0].errors == ()


def test_the_month_end_of_a_profile_is_in_its_own_form_of_date_and_alarms_in_its_own_words() -> None:
    profile = named_profile("radio-walkby-example")
    line = b"A7,W1,2026/08/02 09:15:00,13020,2026/07/31,12750,LEAK|-|REV,77\nA8,W2,2026/08/02 09:16:00,5,,,-,\n"
    first, second = read_file(line, profile=profile)
    assert (str(first.read_on), str(first.index_m3), first.alarms, first.errors) == (
        "2026-07-31", "12.750", ("backflow", "leak"), (),
    )  # fmt: skip
    assert (str(second.index_m3), second.alarms, second.warnings) == ("0.005", (), ())


def test_every_code_of_a_profile_is_documented_and_raised_somewhere() -> None:
    documented = (PROJECT / "docs" / "import.md").read_text(encoding="utf-8")
    raising = "".join(
        path.read_text(encoding="utf-8")
        for name in ("readings", "pipeline")
        for path in (PROJECT / name).glob("*.py")
        if path.name != "codes.py"
    )
    for code, meaning in PROFILE_CODES.items():
        assert f"| `{code}` | {meaning} |" in documented
        assert f'"{code}"' in raising
    assert set(re.findall(r'"(PROFILE_[A-Z]+)"', raising)) == set(PROFILE_CODES)


def test_every_code_of_a_round_is_documented() -> None:
    text = (PROJECT / "docs" / "runbook" / "routes.md").read_text(encoding="utf-8")
    raising = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "pipeline").glob("*round*.py"))
    assert set(re.findall(r"^\| `(RO[A-Z_]+)`", text, re.MULTILINE)) == set(re.findall(r'"(RO[A-Z]+_[A-Z]+)"', raising))
