"""Files that are either wholly there, on the disk, or not there at all."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

READ_ONLY = 0o440


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Hash of the content that was to be written; ``created`` is False when the file was there already."""

    sha256: str
    created: bool


def write_once(*, target: Path, scratch: Path, write: Callable[[BinaryIO], object], mode: int = READ_ONLY) -> Written:
    """Make ``target`` from what ``write`` puts into a file, unless ``target`` is there already.

    ``scratch`` is a folder on the same file system; both folders are made. On return the content and its name
    are on the disk. A reader never sees a part of the file, and an existing file is never replaced.

    Raises:
        OSError: the disk refused; ``target`` was not made.
    """
    make_folder(scratch)
    make_folder(target.parent)
    handle, name = tempfile.mkstemp(dir=scratch)
    try:
        with os.fdopen(handle, "w+b") as file:
            write(file)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        try:
            os.link(name, target)
        except FileExistsError:
            created = False
        else:
            created = True
    finally:
        Path(name).unlink(missing_ok=True)
    sync_folder(target.parent)
    return Written(sha256=digest, created=created)


def move_once(*, source: Path, target: Path) -> None:
    """Give a finished file its final name on the same file system; the name is on the disk on return.

    Raises:
        FileExistsError: another file bears that name; neither is touched.
        OSError: the disk refused; the file is still there under one of its names, or both.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        if not source.samefile(target):  # else a crash came between the two steps
            raise
    sync_folder(target.parent)
    source.unlink()


def make_folder(folder: Path) -> None:
    """Make ``folder`` and its parents so that they survive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o750, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
