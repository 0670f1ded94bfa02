"""Airflow's four services and its metadata database: what they are started with, and when they are ready."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

from pipeline.errors import OperatorError, Unavailable
from pipeline.services.airflow_api import COMPONENTS, health, log_in
from pipeline.services.credentials import USERS, make_secrets, password_of
from pipeline.services.postgres import Databases
from pipeline.settings import PROJECT, Settings

SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
SETUP_S = 300
HEALTHY_S = 180
LOOPBACK = "127.0.0.1,localhost,::1"

_NOT_FOR_TASKS = ("OBIEG_DATABASE_OWNER_URL",)


def environment(*, settings: Settings, databases: Databases, port: int, inherited: Mapping[str, str]) -> dict[str, str]:
    """What every service finds in its environment; a variable that the caller has set for Airflow stays.

    Tasks get the URL of the role that may only write rows, never the schema owner's.
    """
    url = f"http://127.0.0.1:{port}"
    kept = {name: value for name, value in inherited.items() if name not in _NOT_FOR_TASKS}
    defaults = {"AIRFLOW__CORE__PARALLELISM": str(os.cpu_count() or 1)}
    fixed = {
        "OBIEG_PROJECT": str(PROJECT),
        "OBIEG_HOME": str(settings.home),
        "OBIEG_UTILITY": str(settings.utility),
        "OBIEG_INBOX": str(settings.inbox),
        "OBIEG_DATABASE_URL": databases.app_url,
        "OBIEG_ARCHIVE_URL": settings.archive_url,
        "OBIEG_AIRFLOW_URL": url,
        "AIRFLOW_HOME": str(settings.home / "airflow"),
        "AIRFLOW_CONFIG": str(PROJECT / "airflow.cfg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": databases.airflow_url or "",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "NO_PROXY": _joined(inherited.get("NO_PROXY") or inherited.get("no_proxy")),
        "no_proxy": _joined(inherited.get("NO_PROXY") or inherited.get("no_proxy")),
    }
    if settings.smtp_url is not None:
        fixed["OBIEG_SMTP_URL"] = settings.smtp_url
    if settings.relay_mailbox is not None:
        fixed["OBIEG_RELAY_MAILBOX"] = str(settings.relay_mailbox)
    return {**defaults, **kept, **make_secrets(home=settings.home), **fixed}


def command(*, service: str, port: int) -> list[str]:
    """Command line of one service. Logs are read from the common folder, so no service serves its own."""
    arguments = {
        "api-server": ["--host", "127.0.0.1", "--port", str(port)],
        "scheduler": ["--skip-serve-logs"],
        "triggerer": ["--skip-serve-logs"],
    }
    return [sys.executable, "-m", "airflow", service, *arguments.get(service, [])]


def set_up(*, home: Path, airflow_url: str, environ: Mapping[str, str], log: Path) -> bool:
    """Migrate Airflow's database and make its pools; False when this version has done so already.

    Raises:
        Unavailable: ``AIRFLOW_SETUP``, with the log to read.
    """
    stamp = home / "run" / "airflow-setup.json"
    installed = version("apache-airflow")
    revision = _revision(airflow_url)
    if revision is not None and _read(stamp) == [installed, revision]:
        return False
    with log.open("ab") as output:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "dags.setup_airflow"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                cwd=PROJECT,
                umask=0o077,
                timeout=SETUP_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            done = -1
    if done != 0:
        raise Unavailable("AIRFLOW_SETUP", f"Airflow's database could not be set up; see {log}")
    stamp.write_text(json.dumps([installed, _revision(airflow_url)]), encoding="utf-8")
    return True


def wait_until_healthy(*, url: str, check: Callable[[], None]) -> None:
    """Return once all four services report themselves healthy; ``check`` is called while waiting.

    Raises:
        Unavailable: ``AIRFLOW_UNHEALTHY`` after ``HEALTHY_S`` seconds, naming what is missing.
    """
    deadline = time.monotonic() + HEALTHY_S
    while True:
        check()
        states = health(url=url)
        missing = [name for name in COMPONENTS if states.get(name) != "healthy"]
        if not missing:
            return
        if time.monotonic() > deadline:
            raise Unavailable("AIRFLOW_UNHEALTHY", f"{url}: not healthy after {HEALTHY_S} s: {', '.join(missing)}")
        time.sleep(0.3)


def require_own(*, settings: Settings, url: str) -> None:
    """Return if the Airflow at ``url`` knows this installation's log-ins: a port can be lost between choice and use.

    Raises:
        Unavailable: ``PORT_TAKEN``, it is another installation's.
    """
    user = next(iter(USERS))
    try:
        log_in(url=url, user=user, password=password_of(settings, user)).close()
    except OperatorError as error:
        raise Unavailable("PORT_TAKEN", f"another Airflow has just taken {url}; start again ({error})") from None


def _joined(no_proxy: str | None) -> str:
    return f"{no_proxy},{LOOPBACK}" if no_proxy else LOOPBACK


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _revision(airflow_url: str) -> str | None:
    """Migration that Airflow's database stands at; None when it is empty."""
    dsn = make_url(airflow_url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = psycopg2.connect(dsn, connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise Unavailable("DATABASE_UNREACHABLE", f"Airflow's database: {' '.join(str(error).split())}") from None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('alembic_version') IS NOT NULL")
            row = cursor.fetchone()
            if row is None or not row[0]:
                return None
            cursor.execute("SELECT version_num FROM alembic_version")
            row = cursor.fetchone()
            return None if row is None else str(row[0])
    finally:
        connection.close()
