"""A folder for a new utility: the commented template of ``templates/utility``, copied as it is."""

import re
import shutil
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.settings import PROJECT

TEMPLATE = PROJECT / "templates" / "utility"
UTILITIES = PROJECT / "utilities"

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def run(*, name: str, parent: Path = UTILITIES) -> Path:
    """The new folder ``parent/name``; nothing that exists is touched.

    Raises:
        OperatorError: ``UTILITY_NAME``, ``UTILITY_EXISTS``, ``FOLDER_MISSING`` or ``FOLDER_NOT_WRITTEN``.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError("UTILITY_NAME", f"{name!r} is no name for a folder: small letters, digits and hyphens")
    if not parent.is_dir():
        raise OperatorError("FOLDER_MISSING", f"there is no folder {parent}")
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise OperatorError("UTILITY_EXISTS", f"{folder} is there already; choose another name")
    try:
        shutil.copytree(TEMPLATE, folder)
    except (OSError, shutil.Error) as error:
        raise OperatorError("FOLDER_NOT_WRITTEN", f"{folder}: {error}") from error
    return folder
