"""What one line of a reading file says, before any registry is asked."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.errors import DataRefused
from readings.profile import named_profile, read_profile
from readings.rows import ReadingRow, read_index, read_moment, read_rows
from readings.table import Table, check_sidecar, read_table

GOOD = {
    "service_point": "P1", "meter_no": "W1", "read_at": "2026-07-31 10:00", "index": "12,5", "unit": "m3",
    "source": "handheld", "quality": "actual",
}  # fmt: skip


def row(**changed: str) -> ReadingRow:
    values = GOOD | changed
    content = f"{';'.join(values)}\n{';'.join(values.values())}\n".encode()
    (read,) = read_rows(_table(content), profile=named_profile("standard"))
    return read


def _table(content: bytes) -> Table:
    required = ("read_at", "index", "unit", "source", "quality")
    return read_table(content, required=required, optional=named_profile("standard").columns.values())


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", "FILE_UNREADABLE", "empty"),
        (b" \r\n\n", "FILE_UNREADABLE", "empty"),
        ("read_at;index;unit;source;quality\nżółw".encode("cp1250"), "FILE_UNREADABLE", "byte 34"),
        (b"read_at;index;unit;source;quality\n\0", "FILE_UNREADABLE", "zero"),
        (b"meter_no;index;unit;source;quality\n", "FILE_HEADER", "missing: read_at"),
        (b"modul_no;read_at;index;unit;source;quality\n", "FILE_HEADER", "unknown: modul_no"),
        (b"read_at;read_at;index;unit;source;quality\n", "FILE_HEADER", "twice: read_at"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(content: bytes, code: str, said: str) -> None:
    with pytest.raises(DataRefused, match=said) as refused:
        _table(content)
    assert refused.value.code == code


def test_a_sidecar_of_other_content_refuses_the_file_and_the_right_one_does_not() -> None:
    content = b"abc"
    right = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD  file.csv\n"
    assert check_sidecar(content, right) == check_sidecar(content, None)
    for wrong in ("0" * 64, ""):
        with pytest.raises(DataRefused, match="FILE_HASH"):
            check_sidecar(content, wrong)


def test_byte_order_mark_windows_line_ends_blank_lines_and_quotes_do_not_change_what_is_read() -> None:
    header = "meter_no;read_at;index;unit;source;quality;note"
    text = f'\ufeff{header}\r\n\r\nW1;2026-07-31;1;m3;handheld;actual;"a;""b"\r\n'
    (read,) = read_rows(_table(text.encode()), profile=named_profile("standard"))
    assert (read.line.line_no, read.details["note"], read.errors) == (3, 'a;"b', ())
    assert read.line.raw == 'W1;2026-07-31;1;m3;handheld;actual;"a;""b"'


@pytest.mark.parametrize(
    ("text", "unit", "index_m3"),
    [
        ("12,5", "m3", "12.500"),
        ("12.5", "m3", "12.500"),
        ("0", "m3", "0.000"),
        ("39.36000", "m3", "39.360"),
        ("39360", "l", "39.360"),
        ("1", "l", "0.001"),
        ("999999999.999", "m3", "999999999.999"),
        ("1000000000", "m3", None),
        ("12.3456", "m3", None),
        ("39360,5", "l", None),
        ("-1", "m3", None),
        ("1e3", "m3", None),
        ("NaN", "m3", None),
        ("1 000", "m3", None),
        ("١٢", "m3", None),
        ("", "m3", None),
    ],
)
def test_an_index_is_read_exactly_or_not_at_all(text: str, unit: str, index_m3: str | None) -> None:
    assert read_index(text, unit=unit) == (None if index_m3 is None else Decimal(index_m3))


@pytest.mark.parametrize(
    ("text", "moment", "warning"),
    [
        ("2026-07-31", datetime(2026, 7, 31, 10, tzinfo=UTC), None),
        ("2026-07-31 10:00:01", datetime(2026, 7, 31, 8, 0, 1, tzinfo=UTC), None),
        ("2026-07-31T10:00Z", datetime(2026, 7, 31, 10, tzinfo=UTC), None),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "W203"),
        ("2026-10-25 02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), None),
        ("2026-10-25 03:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC), None),
    ],
)
def test_a_time_without_offset_is_polish_time_and_a_bare_date_is_noon(
    text: str, moment: datetime, warning: str | None
) -> None:
    assert read_moment(text) == (moment, warning)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-29 02:30",
        "2026-02-30",
        "31.07.2026",
        "20260731",
        "2026-W31-5",
        "",
        "0001-01-01",
        "9999-12-31T23:59-12:00",
        "2026-07-31 25:00",
    ],
)
def test_a_time_that_never_was_or_reads_in_two_ways_is_no_time(text: str) -> None:
    assert read_moment(text) is None


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"service_point": "", "meter_no": ""}, ("E101",)),
        ({"register": "x"}, ("E104",)),
        ({"read_at": "yesterday"}, ("E105",)),
        ({"index": "12..5"}, ("E108",)),
        ({"unit": "gal"}, ("E110",)),
        ({"unit": ""}, ("E110",)),
        ({"source": "pigeon"}, ("E111",)),
        ({"quality": "good"}, ("E112",)),
        ({"quality": "not_read", "index": "", "reason_code": ""}, ("E112",)),
        ({"quality": "not_read", "index": "", "reason_code": "lazy"}, ("E112",)),
        ({"external_id": "x" * 65}, ("E113",)),
        ({"month_end_index": "12", "month_end_date": "2026-08-01"}, ("E105",)),
        ({"month_end_index": "x", "month_end_date": "2026-06-30"}, ("E108",)),
    ],
)
def test_a_field_that_breaks_the_contract_gets_its_code(changed: dict[str, str], codes: tuple[str, ...]) -> None:
    assert row(**changed).errors == codes


def test_a_row_with_too_few_fields_is_kept_with_its_code() -> None:
    content = b"meter_no;read_at;index;unit;source;quality\nW1;2026-07-31\n"
    (read,) = read_rows(_table(content), profile=named_profile("standard"))
    assert (read.errors, read.line.raw) == (("E100",), "W1;2026-07-31")


def test_a_line_whose_quotation_marks_make_no_sense_is_a_row_with_its_code() -> None:
    content = b'meter_no;read_at;index;unit;source;quality\nW1;2026-07-31;\r1;m3;handheld;"'
    (read,) = read_rows(_table(content), profile=named_profile("standard"))
    assert read.errors == ("E100",)


def test_a_meter_that_was_not_read_has_a_reason_and_no_index_whatever_the_field_holds() -> None:
    read = row(quality="not_read", reason_code="no_access", index="77", unit="")
    assert (read.index_m3, read.index_received, read.reason_code, read.errors) == (None, "77", "no_access", ())


def test_known_alarms_are_kept_sorted_and_an_unknown_one_warns() -> None:
    assert (row(alarms="leak, burst").alarms, row(alarms="leak, burst").warnings) == (("burst", "leak"), ())
    assert (row(alarms="leak,mice").alarms, row(alarms="leak,mice").warnings) == (("leak",), ("W205",))


def test_the_months_end_index_stands_for_the_row_and_the_index_of_the_visit_is_kept() -> None:
    read = row(read_at="2026-08-02 09:00", index="13", month_end_index="12,75", month_end_date="2026-07-31")
    assert (str(read.read_on), read.index_m3, read.index_received) == ("2026-07-31", Decimal("12.750"), "13")
    assert read.read_at == datetime(2026, 7, 31, 10, tzinfo=UTC)
    assert read.visited_at == datetime(2026, 8, 2, 7, tzinfo=UTC)
    assert read.details == {
        "read_at": "2026-08-02T07:00:00+00:00", "read_on": "2026-08-02", "index_m3": "13.000",
    }  # fmt: skip


def test_a_months_end_on_the_day_of_the_visit_is_not_later_than_the_visit() -> None:
    read = row(read_at="2026-07-31 08:00", month_end_index="12", month_end_date="2026-07-31")
    assert read.read_at == read.visited_at == datetime(2026, 7, 31, 6, tzinfo=UTC)


def test_a_profile_maps_another_suppliers_columns_words_units_and_dates() -> None:
    profile = read_profile("""
        name = "drive-by"
        delimiter = ","
        encoding = "cp1250"
        date_formats = ["%d.%m.%Y %H:%M"]
        [columns]
        meter_no = "Licznik"
        read_at = "Data"
        index = "Stan"
        alarms = "Alarm"
        [defaults]
        unit = "l"
        source = "radio_walkby"
        quality = "actual"
        [values.alarms]
        "wyciek ciągły" = "leak"
    """)
    content = "Licznik,Data,Stan,Alarm\nW1,31.07.2026 10:00,39360,wyciek ciągły\n".encode("cp1250")
    table = read_table(content, required=profile.columns.values(), delimiter=",", encoding=profile.encoding)
    (read,) = read_rows(table, profile=profile)
    assert (read.errors, read.index_m3, read.unit, read.alarms) == ((), Decimal("39.360"), "l", ("leak",))
    assert read.read_at == datetime(2026, 7, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        'name = "x"',
        'name = "x"\ndelimiter = ";"\nencoding = "latin-99"\ndate_formats = ["iso"]\n[columns]',
        'name = "x"\ndelimiter = ";"\nencoding = "utf-8"\ndate_formats = ["iso"]\n[columns]\nmeter = "m"',
    ],
)
def test_a_wrong_profile_is_refused(text: str) -> None:
    with pytest.raises(DataRefused, match="PROFILE_WRONG"):
        read_profile(text)


def test_a_profile_is_found_by_its_name_only() -> None:
    for name in ("nobody", "../profiles/standard"):
        with pytest.raises(DataRefused, match="PROFILE_UNKNOWN"):
            named_profile(name)
