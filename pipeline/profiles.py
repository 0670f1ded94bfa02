"""Which profile reads a file, and whether a person has looked at what it makes of one."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sqlalchemy import Connection

from billing.errors import DataRefused
from pipeline.collect_files import waiting_files
from pipeline.errors import OperatorError
from pipeline.settings import Settings
from pipeline.work import Work
from readings.profile import STANDARD, Profile, named_profile
from sql.profiles import approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A profile of the utility's folder; ``refusal`` says why it cannot be used, ``pattern`` still names its files."""

    name: str
    pattern: str | None
    profile: Profile | None
    refusal: DataRefused | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A file that stays in the inbox until a person has done what ``said`` asks for."""

    path: Path
    code: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """The files that may be imported now, oldest name first, and those that must wait."""

    ready: tuple[Path, ...]
    left: tuple[Left, ...]


def profile_folder(settings: Settings) -> Path:
    """Where the utility's own profiles lie."""
    return settings.utility / "profiles"


def own_profiles(settings: Settings) -> list[Candidate]:
    """The profiles of the utility's folder by name, wrong ones too."""
    return [_candidate(path) for path in sorted(profile_folder(settings).glob("*.toml"))]


def profile_for(settings: Settings, file: Path, *, name: str | None = None) -> Profile:
    """The profile of that name; without one, the utility's whose pattern fits the file's name, else the standard.

    Raises:
        DataRefused: ``PROFILE_UNKNOWN``, ``PROFILE_WRONG``, ``PROFILE_VOLUME``, or ``PROFILE_AMBIGUOUS``: several
            patterns fit.
    """
    if name is not None:
        return named_profile(name, folder=profile_folder(settings))
    return _fitting(own_profiles(settings), file)


def refuse_unseen(connection: Connection, profile: Profile) -> None:
    """Stop the import of a file whose profile nobody has looked at.

    Raises:
        OperatorError: ``PROFILE_NEW``, saying how to look and approve.
    """
    if profile.name == STANDARD or approvals(connection, profile=profile.name, profile_sha256=profile.sha256):
        return
    raise OperatorError(
        "PROFILE_NEW",
        f"nobody has looked yet at what profile {profile.name} ({profile.sha256[:12]}) makes of a file: see"
        f" `obieg readings preview FILE --profile {profile.name}`, then"
        f" `obieg readings profile approve {profile.name} --file FILE --note TEXT`",
    )


def sort_inbox(work: Work) -> Inbox:
    """The files of the inbox; one whose profile is new, wrong or not certain stays where it is, the others go on."""
    known = own_profiles(work.settings)
    patterns = [one.pattern for one in known if one.pattern]
    ready, left = [], []
    with work.engine.connect() as connection:
        for path in waiting_files(work.settings, patterns=patterns):
            try:
                refuse_unseen(connection, _fitting(known, path))
                ready.append(path)
            except (DataRefused, OperatorError) as stop:
                left.append(Left(path=path, code=stop.code, said=str(stop)))
    return Inbox(ready=tuple(ready), left=tuple(left))


def _candidate(path: Path) -> Candidate:
    if path.stem == STANDARD:
        said = DataRefused("PROFILE_WRONG", f"{path.name}: the contract itself is no utility's to change; rename it")
        return Candidate(name=path.stem, pattern=_bare_pattern(path), profile=None, refusal=said)
    try:
        profile = named_profile(path.stem, folder=path.parent)
    except DataRefused as refusal:
        return Candidate(name=path.stem, pattern=_bare_pattern(path), profile=None, refusal=refusal)
    return Candidate(name=path.stem, pattern=profile.file_pattern, profile=profile, refusal=None)


def _bare_pattern(path: Path) -> str | None:
    try:
        pattern = tomllib.loads(path.read_text(encoding="utf-8")).get("file_pattern")
    except (OSError, ValueError):
        return None
    return pattern if isinstance(pattern, str) else None


def _fitting(known: Sequence[Candidate], file: Path) -> Profile:
    fitting = [one for one in known if one.pattern and fnmatchcase(file.name, one.pattern)]
    if len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise DataRefused("PROFILE_AMBIGUOUS", f"{file.name} fits the patterns of {names}: name one, or mend a pattern")
    if not fitting:
        return named_profile(STANDARD)
    if fitting[0].profile is None:
        raise fitting[0].refusal or DataRefused("PROFILE_WRONG", fitting[0].name)
    return fitting[0].profile
