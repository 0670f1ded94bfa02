"""Mapping profiles: how one supplier's file becomes the contract's columns, as data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from billing.errors import DataRefused

_PROFILES = Path(__file__).parent / "profiles"
COLUMNS = (
    "service_point", "meter_no", "module_no", "register", "read_at", "index", "unit", "source", "quality",
    "reason_code", "alarms", "backflow_m3", "month_end_index", "month_end_date", "reader_id", "route", "seq", "note",
    "photo_ref", "external_id",
)  # fmt: skip
REQUIRED = ("read_at", "index", "unit", "source", "quality")
_NAMING = ("service_point", "meter_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One supplier's layout.

    ``columns`` maps our column to theirs, ``defaults`` gives columns that they never send, ``values`` maps their words
    of a column to ours; ``date_formats`` are ``iso`` or ``strptime`` patterns, tried in order.
    """

    name: str
    delimiter: str
    encoding: str
    date_formats: tuple[str, ...]
    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]


def read_profile(text: str) -> Profile:
    """A profile from its TOML text.

    Raises:
        DataRefused: ``PROFILE_WRONG``, saying what.
    """
    try:
        data = tomllib.loads(text)
        profile = Profile(
            name=data["name"],
            delimiter=data["delimiter"],
            encoding=data["encoding"],
            date_formats=tuple(data["date_formats"]),
            columns=data["columns"],
            defaults=data.get("defaults", {}),
            values=data.get("values", {}),
        )
        "".encode(profile.encoding)
    except (tomllib.TOMLDecodeError, KeyError, LookupError) as error:
        raise DataRefused("PROFILE_WRONG", str(error)) from None
    known = {*profile.columns, *profile.defaults}
    faults = [f"unknown column {name}" for name in sorted(known | set(profile.values)) if name not in COLUMNS]
    faults += [f"nothing gives {name}" for name in REQUIRED if name not in known]
    if not known.intersection(_NAMING):
        faults.append("nothing gives service_point or meter_no")
    if faults:
        raise DataRefused("PROFILE_WRONG", f"{profile.name}: {'; '.join(faults)}")
    return profile


@cache
def named_profile(name: str) -> Profile:
    """A profile that comes with the project.

    Raises:
        DataRefused: ``PROFILE_UNKNOWN`` or ``PROFILE_WRONG``.
    """
    path = _PROFILES / f"{name}.toml"
    if path.parent != _PROFILES or not path.is_file():
        raise DataRefused("PROFILE_UNKNOWN", f"there is no profile {name!r}")
    return read_profile(path.read_text(encoding="utf-8"))
