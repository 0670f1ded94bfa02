"""Files that are either wholly there, on the disk, or not there at all."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

READ_ONLY = 0o440
_NO_NAMELESS_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT)


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
    with _scratch_file(scratch) as (file, name):
        write(file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
        try:
            os.link(name, target, src_dir_fd=file.fileno(), follow_symlinks=True)
        except FileExistsError:
            created = False
        else:
            created = True
    sync_folder(target.parent)
    return Written(sha256=digest, created=created)


@contextmanager
def _scratch_file(folder: Path) -> Iterator[tuple[BufferedRandom, str]]:
    """An empty file and a path to link it by: one without a name, so that nothing of it outlives this process.

    Where the file system knows no such files it has a name in ``folder``, which a killed process leaves behind.
    """
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES:
            raise
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "w+b") as file:
                yield file, name
        finally:
            Path(name).unlink(missing_ok=True)
    else:
        with os.fdopen(handle, "w+b") as file:
            yield file, f"/proc/self/fd/{handle}"


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
