"""What runs, written down: ``home/run/services.json``, and the lock that its supervisor holds while it lives."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.services.postgres import Databases
from pipeline.services.processes import Process, is_alive, start_time


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A supervisor, what it has started so far, and the addresses once everything is ready."""

    supervisor: Process
    processes: tuple[Process, ...] = ()
    airflow_url: str | None = None
    smtp_url: str | None = None
    databases: Databases | None = None
    ready: bool = False

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor lives; without it the rest is left over."""
        return is_alive(self.supervisor)


class AlreadySupervised(OperatorError):  # noqa: N818 - names the state of things
    """Another process runs the services of this home."""


def write_state(*, home: Path, state: State) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    databases = state.databases
    content = {
        "boot": _boot(),
        "supervisor": _row(state.supervisor),
        "processes": [_row(process) for process in state.processes],
        "airflow_url": state.airflow_url,
        "smtp_url": state.smtp_url,
        "databases": None
        if databases is None
        else {name: getattr(databases, name) for name in Databases.__dataclass_fields__},
        "ready": state.ready,
    }
    draft = home / "run" / "services.json.new"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as output:
        json.dump(content, output, indent=1)
    draft.replace(_file(home))


def read_state(*, home: Path) -> State | None:
    """What was written last; None when nothing was, or before the machine's last start."""
    try:
        content = json.loads(_file(home).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except PermissionError:
        raise OperatorError("HOME_FOREIGN", f"{home} belongs to another user; run as that user") from None
    if content["boot"] != _boot():
        return None
    found = content["databases"]
    return State(
        supervisor=_process(content["supervisor"]),
        processes=tuple(_process(row) for row in content["processes"]),
        airflow_url=content["airflow_url"],
        smtp_url=content["smtp_url"],
        databases=None if found is None else Databases(**found),
        ready=content["ready"],
    )


def remove_state(*, home: Path) -> None:
    """Nothing runs any more."""
    _file(home).unlink(missing_ok=True)


@contextmanager
def supervising(*, home: Path) -> Iterator[None]:
    """Be the only supervisor of this home.

    Raises:
        AlreadySupervised: there is one.
    """
    handle = os.open(home / "run" / "services.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadySupervised("SERVICES_RUN", f"the services of {home} are run by another process") from None
        yield
    finally:
        os.close(handle)


def this_process() -> Process:
    """The caller as a supervisor."""
    pid = os.getpid()
    return Process(name="supervisor", pid=pid, started=start_time(pid=pid) or 0, log=Path(os.devnull))


def _file(home: Path) -> Path:
    return home / "run" / "services.json"


def _row(process: Process) -> dict[str, str | int]:
    return {"name": process.name, "pid": process.pid, "started": process.started, "log": str(process.log)}


def _process(row: dict[str, str | int]) -> Process:
    return Process(name=str(row["name"]), pid=int(row["pid"]), started=int(row["started"]), log=Path(str(row["log"])))


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
