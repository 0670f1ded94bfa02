"""Service processes: each the leader of its own session, known again by pid and start time, stopped to the last.

A session and not only a process group, because Airflow puts every task into a group of its own.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.settings import PROJECT

POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A service started by us, perhaps by an earlier process of ours.

    ``started`` is the start time in clock ticks since boot: with the pid it names a process for good.
    ``child`` is known only to the process that launched it.
    """

    name: str
    pid: int
    started: int
    log: Path
    child: subprocess.Popen[bytes] | None = None


def launch(*, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> Process:
    """Start a service in a session of its own, with its output appended to ``log``, its files private to us."""
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - the commands are the project's own, no shell
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            cwd=PROJECT,
            start_new_session=True,
            umask=0o077,  # invoices and mail are nobody else's business
        )
    return Process(name=name, pid=child.pid, started=start_time(pid=child.pid) or 0, log=log, child=child)


def is_alive(process: Process) -> bool:
    """Whether exactly this process still runs."""
    if process.child is not None:
        return process.child.poll() is None
    return start_time(pid=process.pid) == process.started


def stop_all(processes: Sequence[Process], *, grace_s: float) -> None:
    """SIGTERM to each service's group, ``grace_s`` seconds to comply, then SIGKILL to whatever its session holds.

    A pid that now belongs to a stranger is left alone.
    """
    ours = [process for process in processes if not _is_stranger(process)]
    for process in ours:
        _signal(-process.pid, signal.SIGTERM)
    _wait_for_end(ours, seconds=grace_s)
    for pid in _members(ours):
        _signal(pid, signal.SIGKILL)
    _wait_for_end(ours, seconds=10)


def start_time(*, pid: int) -> int | None:
    """Start time of a running process in clock ticks since boot; None if there is none (a zombie does not run)."""
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def session_members(*, session: int) -> list[int]:
    """Pids of the running processes in a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and fields[0] != "Z" and int(fields[3]) == session:
                found.append(int(entry.name))
    return found


def _is_stranger(process: Process) -> bool:
    now = start_time(pid=process.pid)
    return now is not None and now != process.started


def _members(processes: Sequence[Process]) -> list[int]:
    return [pid for process in processes for pid in session_members(session=process.pid)]


def _wait_for_end(processes: Sequence[Process], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for process in processes:
            if process.child is not None:
                process.child.poll()
        if not _members(processes):
            return
        time.sleep(POLL_S)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, number)


def _stat(pid: int) -> list[str] | None:
    """Fields of ``/proc/<pid>/stat`` from the state on; the name before it may hold blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
