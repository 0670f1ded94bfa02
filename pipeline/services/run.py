"""The services of an installation: PostgreSQL, the local mailbox, Airflow. Start, keep, find and stop them.

``services`` runs them inside the calling process for as long as its block lasts (``make run``). Called with ``up``, the
module leaves them to a supervisor in the background; with ``down`` it stops it (``make up``, ``make down``).
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline.errors import Inconsistent, OperatorError, Unavailable
from pipeline.services import postgres_server
from pipeline.services.credentials import USERS, password_of, passwords_file
from pipeline.services.postgres import Databases, stop_unused
from pipeline.services.processes import Process, is_alive, launch, stop_all
from pipeline.services.start import GRACE_S, Tell, require_alive, start_services
from pipeline.services.state import (
    State,
    read_state,
    remove_state,
    supervising,
    this_process,
    write_state,
)
from pipeline.settings import Settings, read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Services that are up. ``settings`` has the URLs of all of them filled in, for work in this process."""

    settings: Settings
    databases: Databases
    airflow_url: str
    smtp_url: str
    processes: tuple[Process, ...]

    def check(self) -> None:
        """Raise ``Unavailable`` (``SERVICE_DIED``) if one of them has ended, with the log to read."""
        require_alive(self.processes)


def running(settings: Settings) -> Running | None:
    """The services that already run for this home, whoever started them; None if they don't or aren't ready."""
    state = read_state(home=settings.home)
    if state is None or not state.ready or not state.is_supervised:
        return None
    return _as_running(settings, state)


@contextmanager
def services(settings: Settings, *, tell: Tell = print) -> Iterator[Running]:
    """Everything that a cycle needs, running; what this call has started it stops at the end, however that comes.

    Services that already run are used and left alone. ``tell`` receives one line for each step of the start.

    Raises:
        OperatorError: the installation cannot hold the services (codes ``HOME_...``, ``AIRFLOW_DATABASE``).
        Unavailable: something does not start, with the log to read.
    """
    found = running(settings)
    if found is not None:
        yield found
        return
    _make_folders(settings)
    with supervising(home=settings.home), _signals_restored(), ExitStack() as stack, _ended_by_sigterm():
        _clear_leftovers(settings.home)
        write_state(home=settings.home, state=State(supervisor=this_process()))
        stack.callback(remove_state, home=settings.home)
        yield _as_running(settings, start_services(settings=settings, stack=stack, tell=tell))


def stop_services(settings: Settings) -> bool:
    """Stop the services of this home and wait until nothing is left; False when nothing ran."""
    home = settings.home
    state = read_state(home=home)
    if state is None or not state.is_supervised:
        return _clear_leftovers(home)
    os.kill(state.supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + 3 * GRACE_S + postgres_server.STOP_S
    while state.is_supervised:
        if time.monotonic() > deadline:
            os.kill(state.supervisor.pid, signal.SIGKILL)
            break
        time.sleep(0.1)
    _clear_leftovers(home)
    return True


def _as_running(settings: Settings, state: State) -> Running:
    if state.databases is None or state.airflow_url is None or state.smtp_url is None:
        raise Unavailable("SERVICES_START", "the services are not ready yet")
    filled = replace(
        settings,
        database_url=state.databases.app_url,
        database_owner_url=state.databases.owner_url,
        smtp_url=state.smtp_url,
        airflow_url=state.airflow_url,
    )
    return Running(
        settings=filled,
        databases=state.databases,
        airflow_url=state.airflow_url,
        smtp_url=state.smtp_url,
        processes=state.processes,
    )


def _clear_leftovers(home: Path) -> bool:
    """Stop what a supervisor that was killed has left behind."""
    state = read_state(home=home)
    if state is not None:
        stop_all(state.processes, grace_s=GRACE_S)
        remove_state(home=home)
    return stop_unused(home=home) or state is not None


def _make_folders(settings: Settings) -> None:
    if settings.database_url is None:
        postgres_server.prepare_home(settings.home)
    for folder in ("run", "logs", "airflow"):
        (settings.home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _signals_restored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the block as an error does; while things are being stopped nothing cuts that short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


_ENDING = (signal.SIGTERM, signal.SIGINT)


def _up(settings: Settings) -> int:
    """Leave the services to a supervisor in the background; its lines are shown while it starts them."""
    found = running(settings)
    if found is None:
        _make_folders(settings)
        log = settings.home / "logs" / "supervisor.log"
        shown = log.stat().st_size if log.exists() else 0
        command = [sys.executable, "-m", "pipeline.services.run", "supervise"]
        supervisor = launch(name="supervisor", command=command, environ=os.environ, log=log)
        try:
            while (found := running(settings)) is None and is_alive(supervisor):
                shown = _show(log, shown)
                time.sleep(0.2)
        except KeyboardInterrupt:
            stop_all([supervisor], grace_s=3 * GRACE_S)
            raise
        _show(log, shown)
        if found is None:
            return supervisor.child.returncode if supervisor.child else 1
    _print_addresses(found)
    return 0


def _show(log: Path, shown: int) -> int:
    with log.open("rb") as lines:
        lines.seek(shown)
        sys.stdout.write(lines.read().decode(errors="replace"))
        sys.stdout.flush()
        return lines.tell()


def _supervise(settings: Settings) -> int:
    with services(settings, tell=_tell) as found:
        while True:
            found.check()
            time.sleep(1)


def _down(settings: Settings) -> int:
    _tell("all services are stopped" if stop_services(settings) else "no services are running")
    return 0


def _print_addresses(found: Running) -> None:
    settings = found.settings
    _tell(f"Airflow    {found.airflow_url}")
    if sys.stdout.isatty():
        for user in USERS:
            _tell(f"           log-in {user} / {password_of(settings, user)}")
    else:
        _tell(f"           log-ins {', '.join(USERS)}; passwords in {passwords_file(home=settings.home)}")
    _tell(f"mail       {found.smtp_url}, local mailbox in {settings.mailbox}")
    _tell(f"database   {found.databases.app_url}")
    _tell(f"logs       {settings.home / 'logs'}")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """The commands ``up`` and ``down``; exit codes as in ``pipeline.errors``."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.services.run", description="Obieg's services")
    commands = {"up": _up, "down": _down, "supervise": _supervise}
    parser.add_argument("command", choices=commands)
    chosen = parser.parse_args(arguments).command
    try:
        return commands[chosen](read_settings())
    except (OperatorError, Inconsistent, Unavailable) as error:
        _tell(str(error))
        return 2 if isinstance(error, OperatorError) else 3 if isinstance(error, Inconsistent) else 4
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
