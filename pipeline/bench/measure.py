"""What a piece of work costs: wall time, CPU of this process and of PostgreSQL, peak memory.

Every measurement runs in a forked child, so that each has a peak of its own and no cache is warmed by the one before.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.errors import Inconsistent

T = TypeVar("T")

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PARENT, _DEAD_USER, _DEAD_SYSTEM = 1, 13, 14  # places in /proc/<pid>/stat after the name, counted from the state


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What ``items`` of work took; ``cpu_s`` is this process, ``database_cpu_s`` PostgreSQL with all its backends."""

    items: int
    wall_s: float
    cpu_s: float
    database_cpu_s: float
    peak_mb: float

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of this process for each item."""
        return 1000 * self.cpu_s / max(self.items, 1)

    @property
    def database_cpu_ms(self) -> float:
        """CPU milliseconds of PostgreSQL for each item."""
        return 1000 * self.database_cpu_s / max(self.items, 1)

    @property
    def all_cpu_ms(self) -> float:
        """Both together."""
        return self.cpu_ms + self.database_cpu_ms

    @property
    def per_s(self) -> float:
        """Items a second, by the clock on the wall."""
        return self.items / self.wall_s if self.wall_s else 0.0


def measured(job: Callable[[T], int], *, opened: Callable[[], AbstractContextManager[T]], postmaster: int) -> Cost:
    """Run ``job`` in a child on what ``opened`` gives (not counted); ``job`` tells how many items it did.

    Raises:
        Inconsistent: ``BENCH_FAILED``, the job failed; its traceback stands on standard error.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with opened() as subject:
                cost = _clocked(job, subject, postmaster=postmaster)
            os.write(writer, json.dumps(asdict(cost)).encode())
        except BaseException:  # noqa: BLE001 - nothing may escape from the child into the parent's code
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
    except BaseException:  # an interrupted bench leaves no child behind
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        os.waitpid(child, 0)
    if not answer:
        raise Inconsistent("BENCH_FAILED", "a measured step failed, see above")
    return Cost(**json.loads(answer))


def _clocked(job: Callable[[T], int], subject: T, *, postmaster: int) -> Cost:
    database, cpu, wall = _cpu_s(postmaster), time.process_time(), time.perf_counter()
    items = job(subject)
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(
        items=items,
        wall_s=wall_s,
        cpu_s=cpu_s,
        database_cpu_s=max(0.0, _cpu_s(postmaster) - database),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _cpu_s(postmaster: int) -> float:
    """CPU seconds of a PostgreSQL server so far: its processes, and those that have ended."""
    ended = _stat(postmaster)
    ended_s = (int(ended[_DEAD_USER]) + int(ended[_DEAD_SYSTEM])) / _TICKS_PER_S if ended else 0.0
    return ended_s + sum(_running_s(pid) for pid in (postmaster, *_children(postmaster)))


def _children(parent: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) and int(fields[_PARENT]) == parent:
            yield int(entry.name)


def _running_s(pid: int) -> float:
    """To the nanosecond where the kernel counts them; the ticks of ``stat`` are too coarse for a few hundred rows."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    except (OSError, IndexError):
        fields = _stat(pid)
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S if fields else 0.0


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
