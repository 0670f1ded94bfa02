"""The order in which the services start, each remembered and stoppable before the next begins."""

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipeline.errors import OperatorError, Unavailable
from pipeline.services import airflow_services, prepare_database
from pipeline.services.postgres import Databases, databases, leave_embedded, start_embedded
from pipeline.services.processes import Process, is_alive, launch, stop_all
from pipeline.services.state import State, this_process, write_state
from pipeline.settings import Settings

AIRFLOW_PORT = 8080
MAILBOX_PORT = 2525
MAILBOX_S = 30
GRACE_S = 20

Tell = Callable[[str], None]


def require_alive(processes: tuple[Process, ...]) -> None:
    """Raise ``Unavailable`` (``SERVICE_DIED``) if one of them has ended, with the log to read."""
    for process in processes:
        if not is_alive(process):
            raise Unavailable("SERVICE_DIED", f"{process.name} has ended; see {process.log}")


def start_services(*, settings: Settings, stack: ExitStack, tell: Tell) -> State:
    """Start everything in its order and wait until it is healthy; ``stack`` takes what stops each part again.

    Raises:
        OperatorError: ``HOME_...``, ``AIRFLOW_DATABASE``.
        Inconsistent: ``MIGRATION_CHANGED``, the database was made by other migrations than these.
        Unavailable: something does not start, with the log to read.
    """
    begun = time.monotonic()
    found, airflow_database = _start_databases(settings, stack)
    tell(f"PostgreSQL is ready ({time.monotonic() - begun:.1f} s)")
    state = State(supervisor=this_process(), databases=found)
    started = _Started(settings.home, state, stack)
    smtp_url = settings.smtp_url or _start_mailbox(settings, started)
    port = _free_port(AIRFLOW_PORT)
    url = f"http://127.0.0.1:{port}"
    filled = replace(
        settings,
        database_url=found.app_url,
        database_owner_url=found.owner_url,
        smtp_url=smtp_url,
        airflow_url=url,
    )
    environ = airflow_services.environment(settings=filled, databases=found, port=port, inherited=os.environ)
    logs = settings.home / "logs"
    tell("Airflow's database is being prepared")
    airflow_services.set_up(
        home=settings.home, airflow_url=airflow_database, environ=environ, log=logs / "airflow-setup.log"
    )
    tell("Airflow's services are starting")
    for service in airflow_services.SERVICES:
        started.launch(service, airflow_services.command(service=service, port=port), environ)
    airflow_services.wait_until_healthy(url=url, check=started.check)
    airflow_services.require_own(settings=filled, url=url)
    ready = started.ready(airflow_url=url, smtp_url=smtp_url)
    tell(f"all services are healthy ({time.monotonic() - begun:.1f} s)")
    return ready


class _Started:
    """The services started so far, each in the state file before the next begins, so that none is ever forgotten."""

    def __init__(self, home: Path, state: State, stack: ExitStack) -> None:
        self._home = home
        self._state = state
        stack.callback(self._stop)

    def launch(self, name: str, command: list[str], environ: dict[str, str]) -> Process:
        log = self._home / "logs" / f"{name}.log"
        process = launch(name=name, command=command, environ=environ, log=log)
        self._write(replace(self._state, processes=(*self._state.processes, process)))
        return process

    def check(self) -> None:
        require_alive(self._state.processes)

    def ready(self, *, airflow_url: str, smtp_url: str) -> State:
        self._write(replace(self._state, airflow_url=airflow_url, smtp_url=smtp_url, ready=True))
        return self._state

    def _write(self, state: State) -> None:
        self._state = state
        write_state(home=self._home, state=state)

    def _stop(self) -> None:
        stop_all(self._state.processes, grace_s=GRACE_S)


def _start_databases(settings: Settings, stack: ExitStack) -> tuple[Databases, str]:
    """The databases, the billing schema brought up to date; beside them the URL of Airflow's own."""
    if settings.database_url is not None:
        found = databases(settings)
    else:
        stack.callback(leave_embedded, home=settings.home)
        found = start_embedded(home=settings.home)
    if found.airflow_url is None:
        raise OperatorError(
            "AIRFLOW_DATABASE", "with OBIEG_DATABASE_URL set, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN must be set as well"
        )
    prepare_database.run(settings, found=found)
    return found, found.airflow_url


def _start_mailbox(settings: Settings, started: _Started) -> str:
    port = _free_port(MAILBOX_PORT)
    arguments = ["--port", str(port), "--maildir", str(settings.mailbox)]
    command = [sys.executable, "-u", "-m", "delivery.mailbox_server", *arguments]
    log = settings.home / "logs" / "mailbox.log"
    before = log.stat().st_size if log.exists() else 0
    started.launch("mailbox", command, dict(os.environ))
    deadline = time.monotonic() + MAILBOX_S
    while b"listening on" not in log.read_bytes()[before:]:
        started.check()
        if time.monotonic() > deadline:
            raise Unavailable("MAILBOX_START", f"the local mailbox server does not start; see {log}")
        time.sleep(0.05)
    return f"smtp://127.0.0.1:{port}"


def _free_port(preferred: int) -> int:
    """The preferred port, so that bookmarks hold, or any free one."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a port rests a minute after use
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("NO_PORT", "no free port on 127.0.0.1")
