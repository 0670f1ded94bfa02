"""Migrations: numbered forward-only SQL files, each run once and remembered with its checksum."""

import hashlib
from pathlib import Path

from sqlalchemy import Connection, text

from sql.copying import driver_cursor
from sql.engine import make_engine

MIGRATIONS = Path(__file__).parent / "migrations"

_JOURNAL = """
create table if not exists migration (
    number      integer primary key,
    name        text not null,
    sha256      text not null,
    recorded_at timestamptz not null default clock_timestamp()
)
"""


class MigrationChanged(Exception):  # noqa: N818 - names what was found
    """A migration that has already run is no longer the file it was."""


def migrate(*, owner_url: str) -> list[str]:
    """Bring the database up to date; the names of the migrations that ran, none when it already was.

    Raises:
        MigrationChanged: a file that has run before differs from what ran; nothing is done.
    """
    engine = make_engine(owner_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext('obieg.migrate'))"))
            connection.execute(text(_JOURNAL))
            return [path.name for path in sorted(MIGRATIONS.glob("*.sql")) if _run_once(connection, path)]
    finally:
        engine.dispose()


def _run_once(connection: Connection, path: Path) -> bool:
    number, sha256 = int(path.name[:4]), hashlib.sha256(path.read_bytes()).hexdigest()
    known = connection.execute(
        text("select sha256 from migration where number = :number"), {"number": number}
    ).scalar_one_or_none()
    if known is not None:
        if known != sha256:
            raise MigrationChanged(f"{path.name} has run as {known[:12]} and is now {sha256[:12]}")
        return False
    driver_cursor(connection).execute(path.read_text(encoding="utf-8"))
    connection.execute(
        text("insert into migration (number, name, sha256) values (:number, :name, :sha256)"),
        {"number": number, "name": path.name, "sha256": sha256},
    )
    return True
