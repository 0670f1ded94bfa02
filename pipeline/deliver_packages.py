"""Print packages on the disk: one is seen in ``exports/print`` only once it is recorded.

A package is written into ``.pending``, recorded with its letters (commit), then moved. Whatever a crash leaves in
``.pending`` is either recorded, and moved by the next run, or not, and removed by it.
"""

from pathlib import Path

from sqlalchemy import Connection

from delivery.durable import move_once
from delivery.errors import ArchiveConflict
from pipeline.work import Work
from sql.deliveries import recorded_packages
from sql.locks import take_turn

TURN = "package"


def pending_folder(work: Work) -> Path:
    """Where packages are written."""
    return _folder(work) / ".pending"


def recorded_path(work: Work, *, pending: Path) -> str:
    """The path, relative to the home folder, that a pending package is recorded and later found under.

    Raises:
        ArchiveConflict: ``PRINT_CONFLICT``: a file that this database does not know of is there already.
    """
    target = _folder(work) / pending.name
    if target.exists():
        raise ArchiveConflict("PRINT_CONFLICT", f"{target} is there, but no package of that number is recorded")
    return str(target.relative_to(work.settings.home))


def settle_pending(work: Work, connection: Connection) -> None:
    """Move what is recorded, remove what is not; the caller holds the turn, so nobody else is writing."""
    pending = pending_folder(work)
    paths = {str((_folder(work) / file.name).relative_to(work.settings.home)): file for file in pending.glob("*.zip")}
    recorded = recorded_packages(connection, paths=list(paths)) if paths else set()
    for path in recorded:
        move_once(source=paths[path], target=work.settings.home / path)
    for file in pending.rglob("*"):
        if file.is_file():
            file.unlink()


def show_recorded(work: Work) -> None:
    """Move every recorded package to where it is looked for."""
    with work.engine.begin() as connection:
        take_turn(connection, TURN)
        settle_pending(work, connection)


def _folder(work: Work) -> Path:
    return work.settings.exports / "print"
