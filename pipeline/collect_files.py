"""The inbox: which files wait, where they go, where their reports lie."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.errors import Unavailable
from pipeline.import_files import Received, sidecar_of
from pipeline.settings import Settings


def waiting_files(settings: Settings, *, patterns: Sequence[str] = ()) -> list[Path]:
    """Reading files that wait, oldest name first: ``.csv``, and those whose names fit one of the patterns.

    A supplier writes under another name (``….part``) and renames: a hidden file, a link, or one with a ``.part``
    beside it is left alone.
    """
    if not settings.inbox.is_dir():
        return []
    names = ("*.csv", *patterns)
    found = sorted(path for path in settings.inbox.iterdir() if any(fnmatchcase(path.name, name) for name in names))
    return [path for path in found if _is_whole(path)]


def find_file(settings: Settings, file: Path) -> Path:
    """``file``, or where an interrupted run had already put it away."""
    if file.is_file() or file.parent.resolve() != settings.inbox:
        return file
    places = (settings.inbox / folder / file.name for folder in ("done", "refused"))
    return next((place for place in places if place.is_file()), file)


def put_away(settings: Settings, received: Received, *, folder: str) -> None:
    """Move a file of the inbox, with its sidecar, into ``done`` or ``refused``; files from elsewhere stay.

    Raises:
        Unavailable: ``INBOX_UNWRITABLE``; what became of the file is recorded all the same.
    """
    try:
        _move(settings, received, folder)
    except OSError as error:
        said = f"{error.filename}: {error.strerror}; the file stays in the inbox, what became of it is recorded"
        raise Unavailable("INBOX_UNWRITABLE", said) from error


def _move(settings: Settings, received: Received, folder: str) -> None:
    path = received.path
    if path.parent.resolve() not in (settings.inbox, settings.inbox / "refused") or path.parent.name == folder:
        return
    target = settings.inbox / folder / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.read_bytes() != received.content:
        target = target.with_name(f"{received.facts.sha256[:12]}_{path.name}")
    sidecar = sidecar_of(path)
    if sidecar.is_file():
        sidecar.replace(sidecar_of(target))
    path.replace(target)


def _is_whole(path: Path) -> bool:
    unfinished = path.with_name(f"{path.name}.part")
    hidden = path.name.startswith(".")
    if path.suffix in {".part", ".sha256"}:
        return False
    return path.is_file() and not hidden and not path.is_symlink() and not unfinished.exists()
