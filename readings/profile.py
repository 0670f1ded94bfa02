"""Mapping profiles: how one supplier's file becomes the contract's columns, as data.

A profile is a TOML file that comes with the project or lies in the utility's folder. Makers' formats are not known to
us: a profile is written from a file that the utility has, and counts only after a person has looked at what it makes
of one (``pipeline.profiles``).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from billing.errors import DataRefused
from billing.toml_fields import Fields, read_fields
from readings.words import ALARMS, COLUMNS, NAMING, QUALITIES, REASONS, REQUIRED, SOURCES, UNITS

STANDARD = "standard"
_PROFILES = Path(__file__).parent / "profiles"
_WORDS = {
    "source": SOURCES,
    "quality": QUALITIES,
    "unit": UNITS,
    "reason_code": REASONS | {""},
    "alarms": ALARMS | {""},
}
_MARKS = {"point": ".", "comma": ",", "either": ".,"}
_PROBE = datetime(2026, 11, 30, 13, 45)  # noqa: DTZ001 - only to see whether a date format gives back what it wrote
_WIDTH_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One supplier's layout.

    ``columns`` maps our column to theirs, ``defaults`` gives columns that they never send, ``values`` maps their words
    of a column to ours, ``ignored`` are columns of theirs that nobody needs; ``date_formats`` are ``iso`` or
    ``strptime`` patterns, tried in order. Without a header a line has ``width`` fields, named by their place from 1.
    ``decimal_marks`` are the characters that may stand before the decimals. ``file_pattern`` is what the names of its
    files look like (``*`` and ``?``), None for a profile that is always named. ``sha256`` is of its ``content``.
    """

    name: str
    sha256: str
    content: bytes
    file_pattern: str | None
    delimiter: str
    encoding: str
    width: int | None
    decimal_marks: str
    date_formats: tuple[str, ...]
    alarm_separator: str
    ignored: tuple[str, ...]
    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]


def read_profile(text: str) -> Profile:
    """A profile from its TOML text.

    Raises:
        DataRefused: ``PROFILE_WRONG``, saying what; ``PROFILE_VOLUME``, its files hold volumes.
    """
    try:
        top = read_fields(text, name="profile", kind="PROFILE")
        profile, measure = _profile(top, text)
    except DataRefused as refusal:
        raise DataRefused("PROFILE_WRONG", str(refusal).removeprefix(f"{refusal.code}: ")) from None
    if measure == "volume":
        said = "a volume does not say from which index it counts, and cannot be billed: ask the supplier for indexes"
        raise DataRefused("PROFILE_VOLUME", f"{profile.name}: {said}")
    faults = list(_faults(profile))
    if measure != "index":
        faults.append(f"measure = {measure!r}, it must be index or volume")
    if faults:
        raise DataRefused("PROFILE_WRONG", f"{profile.name}: {'; '.join(faults)}")
    return profile


def named_profile(name: str, *, folder: Path | None = None) -> Profile:
    """The profile of a name in ``folder`` (of the utility), else one that comes with the project.

    The contract itself, ``standard``, is the project's.

    Raises:
        DataRefused: ``PROFILE_UNKNOWN``, ``PROFILE_WRONG`` or ``PROFILE_VOLUME``.
    """
    places = [_PROFILES] if folder is None or name == STANDARD else [folder, _PROFILES]
    paths = (place / f"{name}.toml" for place in places if "/" not in name)
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise DataRefused("PROFILE_UNKNOWN", f"there is no profile {name!r}")
    try:
        profile = read_profile(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise DataRefused("PROFILE_WRONG", f"{path.name} cannot be read as UTF-8: {error}") from None
    if profile.name != name:
        raise DataRefused("PROFILE_WRONG", f"{path.name} names itself {profile.name!r}")
    return profile


def _profile(top: Fields, text: str) -> tuple[Profile, str]:
    top.known(
        *("name", "file_pattern", "delimiter", "encoding", "width", "measure", "decimal_mark", "date_formats"),
        *("alarm_separator", "ignored", "columns", "defaults", "values"),
    )
    content = text.encode()
    mark = top.text("decimal_mark", default="either")
    if mark not in _MARKS:
        raise top.refuse("FIELD_WRONG", f"decimal_mark = {mark!r}, it must be one of {', '.join(_MARKS)}")
    values = top.within("values", default={})
    profile = Profile(
        name=top.text("name"),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
        file_pattern=top.text("file_pattern") if "file_pattern" in top.table else None,
        delimiter=_delimiter(top),
        encoding=top.text("encoding"),
        width=top.integer("width") if "width" in top.table else None,
        decimal_marks=_MARKS[mark],
        date_formats=top.texts("date_formats"),
        alarm_separator=top.text("alarm_separator", default=","),
        ignored=tuple(_column(top, value) for value in top.table.get("ignored", [])),
        columns={name: _column(top, value) for name, value in top.within("columns").table.items()},
        defaults=_texts(top.within("defaults", default={})),
        values={name: _texts(values.within(name)) for name in values.table},
    )
    return profile, top.text("measure", default="index")


def _delimiter(top: Fields) -> str:
    value = top.table.get("delimiter")
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise top.refuse("FIELD_WRONG", "delimiter must be one character, such as ; or \\t")
    return value


def _column(top: Fields, value: Any) -> str:
    """Their column: its name, or its place where there is no header."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise top.refuse("FIELD_WRONG", f"{value!r} is neither the name nor the place of a column")


def _texts(fields: Fields) -> dict[str, str]:
    for name, value in fields.table.items():
        if not isinstance(value, str):
            raise fields.refuse("FIELD_WRONG", f"{name} must be a text")
    return dict(fields.table)


def _faults(profile: Profile) -> Iterator[str]:
    known = {*profile.columns, *profile.defaults}
    yield from (f"unknown column {name}" for name in sorted(known | set(profile.values)) if name not in COLUMNS)
    yield from (f"{name} has a column and a fixed value" for name in sorted(set(profile.columns) & {*profile.defaults}))
    yield from (f"nothing gives {name}" for name in REQUIRED if name not in known)
    if not profile.columns.keys() & set(NAMING):
        yield "nothing gives service_point or meter_no"
    try:
        "".encode(profile.encoding)
    except LookupError:
        yield f"encoding {profile.encoding!r} is not known"
    yield from _date_faults(profile)
    yield from _word_faults(profile)
    yield from _place_faults(profile)
    used = set(profile.columns.values()).intersection(profile.ignored)
    yield from (f"column {name} is used and ignored" for name in sorted(used))


def _date_faults(profile: Profile) -> Iterator[str]:
    if not profile.date_formats:
        yield "date_formats is empty"
    for form in profile.date_formats:
        try:
            good = form == "iso" or datetime.strptime(_PROBE.strftime(form), form).date() == _PROBE.date()  # noqa: DTZ007
        except ValueError:
            good = False
        if not good:
            yield f"date format {form!r} does not give back the day that it wrote"


def _word_faults(profile: Profile) -> Iterator[str]:
    for name, allowed in _WORDS.items():
        ours = [*profile.values.get(name, {}).values()]
        if name in profile.defaults:
            fixed = profile.defaults[name]
            ours += fixed.split(profile.alarm_separator) if name == "alarms" else [fixed]
        yield from (f"{name} cannot be {word!r}" for word in sorted(set(ours)) if word not in allowed)


def _place_faults(profile: Profile) -> Iterator[str]:
    if profile.width is None:
        return
    if not 1 <= profile.width <= _WIDTH_MAX:
        yield f"width = {profile.width} is not between 1 and {_WIDTH_MAX}"
    places = {str(place) for place in range(1, profile.width + 1)}
    for name in sorted({*profile.columns.values(), *profile.ignored} - places):
        yield f"without a header a column is its place from 1 to {profile.width}, not {name!r}"
