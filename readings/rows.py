"""One line of a reading file to one reading: what can be said without the registry."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from readings.profile import Profile
from readings.table import Line, Table
from readings.words import ALARMS, COLUMNS, QUALITIES, REASONS, SOURCES

WARSAW = ZoneInfo("Europe/Warsaw")
NOON = time(12)
_DETAILS = ("backflow_m3", "interval", "reader_id", "route", "seq", "note", "photo_ref")
_NUMBER = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,12}))?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_DECIMALS = {"m3": 3, "l": 0}
_INTEGER_DIGITS = 9
_EXTERNAL_ID_LENGTH = 64
_FIRST_YEAR, _LAST_YEAR = 1950, 2199


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """A row as read; with ``errors`` the other fields hold what could be read.

    ``read_at``, ``read_on`` and ``index_m3`` are those of the month's end when the row carries them. ``visited_at`` is
    when the meter told them, by which a row that lies in the future is known. ``interval_m3`` is the use since the row
    before as the supplier has it: compared, never billed.
    """

    line: Line
    service_point: str
    meter_no: str
    module_no: str
    register: int
    read_at: datetime
    visited_at: datetime
    read_on: date
    index_m3: Decimal | None
    index_received: str
    unit: str
    source: str
    quality: str
    reason_code: str | None
    alarms: tuple[str, ...]
    external_id: str | None
    details: Mapping[str, str]
    interval_m3: Decimal | None
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def read_rows(table: Table, *, profile: Profile) -> Iterator[ReadingRow]:
    """Every line of ``table`` as a row, in the file's order."""
    return rows_of(table.lines, columns=table.columns, profile=profile)


def rows_of(lines: Iterable[Line], *, columns: Sequence[str], profile: Profile) -> Iterator[ReadingRow]:
    """Lines of a file with these columns as rows, one after the other."""
    pick = _picker(columns, profile)
    width = len(columns)
    for line in lines:
        fields = line.fields if len(line.fields) == width else ("",) * width
        row = _read(line, pick(fields), profile)
        yield row if len(line.fields) == width else _misshapen(row)


def noon(day: date) -> datetime:
    """The moment that a bare date stands for: noon in Poland, which no clock change touches."""
    return datetime.combine(day, NOON, WARSAW)


def read_index(text: str, *, unit: str, marks: str = ".,") -> Decimal | None:
    """An index in m³ from decimal text in ``unit``, exactly; None when it is none or needs more than three places.

    ``marks`` are the characters that may stand before the decimals.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or (match.group(2) is not None and text[match.end(1)] not in marks):
        return None
    whole, fraction = match.group(1), (match.group(2) or "").rstrip("0")
    if len(fraction) > _DECIMALS[unit]:
        return None
    index_m3 = Decimal(f"{whole}.{fraction:0<3}") if unit == "m3" else Decimal(whole).scaleb(-3)
    return index_m3 if index_m3 < 10**_INTEGER_DIGITS else None


def read_moment(text: str, *, formats: Sequence[str] = ("iso",)) -> tuple[datetime, str | None] | None:
    """A moment in time, with the warning ``W203`` if its hour exists twice; None when there is no such moment.

    A bare date is noon; a time without an offset is Polish time.
    """
    local = _local(text, formats)
    if local is None or not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        return None
    if local.tzinfo is not None:
        return local.astimezone(UTC), None
    offset = _offset_all_day(local.date())
    if offset is not None:
        return local.replace(tzinfo=UTC) - offset, None
    first, second = local.replace(tzinfo=WARSAW), local.replace(tzinfo=WARSAW, fold=1)
    first_offset, second_offset = first.utcoffset(), second.utcoffset()
    if first_offset == second_offset:
        return first.astimezone(UTC), None
    if first_offset is None or second_offset is None or first_offset < second_offset:
        return None
    return first.astimezone(UTC), "W203"


@lru_cache(maxsize=1000)
def _offset_all_day(day: date) -> timedelta | None:
    """The offset of Polish time on a day; None when it is not the same for the whole of it."""
    begins, ends = (datetime.combine(day, at, WARSAW).utcoffset() for at in (time.min, time.max))
    return begins if begins == ends else None


def _local(text: str, formats: Sequence[str]) -> datetime | None:
    for form in formats:
        try:
            if form != "iso":
                moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is settled by the caller
                return moment if "%H" in form else datetime.combine(moment, NOON)
            if _ISO.fullmatch(text):
                moment = datetime.fromisoformat(text)
                return datetime.combine(moment, NOON) if len(text) == len("2026-01-31") else moment
        except ValueError:
            continue
    return None


def _picker(columns: Sequence[str], profile: Profile) -> Callable[[Sequence[str]], dict[str, str]]:
    places = {ours: columns.index(theirs) for ours, theirs in profile.columns.items() if theirs in columns}
    absent = dict.fromkeys(COLUMNS, "") | {"register": "0"} | dict(profile.defaults)
    wanted = tuple(places.items())
    words = tuple((name, mapping) for name, mapping in profile.values.items() if name != "alarms")

    def pick(fields: Sequence[str]) -> dict[str, str]:
        row = absent.copy()
        for name, place in wanted:
            row[name] = fields[place].strip()
        for name, mapping in words:
            row[name] = mapping.get(row[name], row[name])
        return row

    return pick


def _read(line: Line, row: Mapping[str, str], profile: Profile) -> ReadingRow:
    errors: list[str] = []
    warnings: list[str] = []
    if not row["service_point"] and not row["meter_no"]:
        errors.append("E101")
    register = row["register"] or "0"
    if not (register.isascii() and register.isdigit() and len(register) <= 2):  # noqa: PLR2004 - 0 to 99
        errors.append("E104")
        register = "0"
    moment = read_moment(row["read_at"], formats=profile.date_formats)
    if moment is None:
        errors.append("E105")
        moment = noon(date(_FIRST_YEAR, 1, 1)), None
    visited_at, doubled = moment
    if doubled:
        warnings.append(doubled)
    index_m3, unit = _index(row, profile, errors)
    _check_words(row, errors)
    details = {name: row[name] for name in _DETAILS if row[name]}
    read_at = visited_at
    if row["month_end_index"] or row["month_end_date"]:
        read_at, index_m3 = _month_end(row, visited_at, index_m3, details, errors, profile=profile)
    return ReadingRow(
        line=line,
        service_point=row["service_point"],
        meter_no=row["meter_no"],
        module_no=row["module_no"],
        register=int(register),
        read_at=read_at,
        visited_at=visited_at,
        read_on=read_at.astimezone(WARSAW).date(),
        index_m3=index_m3,
        index_received=row["index"],
        unit=unit,
        source=row["source"],
        quality=row["quality"],
        reason_code=row["reason_code"] or None,
        alarms=_alarms(row["alarms"], profile, warnings) if row["alarms"] else (),
        external_id=row["external_id"] or None,
        details=details,
        interval_m3=read_index(row["interval"], unit=unit, marks=profile.decimal_marks)
        if row["interval"] and unit in _DECIMALS
        else None,
        errors=tuple(errors),
        warnings=tuple(warnings),
    )


def _index(row: Mapping[str, str], profile: Profile, errors: list[str]) -> tuple[Decimal | None, str]:
    not_read = row["quality"] == "not_read"
    unit = row["unit"] or ("m3" if not_read else "")
    if unit not in _DECIMALS:
        errors.append("E110")
        return None, unit
    if not_read:
        return None, unit
    index_m3 = read_index(row["index"], unit=unit, marks=profile.decimal_marks)
    if index_m3 is None:
        errors.append("E108")
    return index_m3, unit


def _check_words(row: Mapping[str, str], errors: list[str]) -> None:
    if row["source"] not in SOURCES:
        errors.append("E111")
    reason = row["reason_code"]
    if row["quality"] not in QUALITIES or (reason not in REASONS and (reason or row["quality"] == "not_read")):
        errors.append("E112")
    if len(row["external_id"]) > _EXTERNAL_ID_LENGTH:
        errors.append("E113")


def _month_end(
    row: Mapping[str, str],
    visited_at: datetime,
    index_m3: Decimal | None,
    details: dict[str, str],
    errors: list[str],
    *,
    profile: Profile,
) -> tuple[datetime, Decimal | None]:
    """The month-end index and its moment stand for the row; those of the visit are kept in the details."""
    moment = read_moment(row["month_end_date"], formats=profile.date_formats)
    visited_on = visited_at.astimezone(WARSAW).date()
    if moment is None or moment[0].astimezone(WARSAW).date() > visited_on:
        errors.append("E105")
        return visited_at, index_m3
    if index_m3 is None:
        return visited_at, None
    month_end_m3 = read_index(row["month_end_index"], unit=row["unit"], marks=profile.decimal_marks)
    if month_end_m3 is None:
        errors.append("E108")
        return visited_at, index_m3
    details |= {
        "read_at": visited_at.isoformat(),
        "read_on": visited_on.isoformat(),
        "index_m3": format(index_m3, "f"),
    }
    return min(moment[0], visited_at), month_end_m3  # a bare date is noon, the visit may have been that morning


def _alarms(text: str, profile: Profile, warnings: list[str]) -> tuple[str, ...]:
    words = profile.values.get("alarms", {})
    parts = (part.strip() for part in text.split(profile.alarm_separator))
    named = [name for name in (words.get(part, part) for part in parts) if name]
    if not ALARMS.issuperset(named):
        warnings.append("W205")
    return tuple(sorted(ALARMS.intersection(named)))


def _misshapen(row: ReadingRow) -> ReadingRow:
    return ReadingRow(**{name: getattr(row, name) for name in ReadingRow.__slots__} | {"errors": ("E100",)})
