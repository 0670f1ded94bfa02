"""A real S3 server for the tests: Debian's radosgw on a monitor and an object store in memory, all on 127.0.0.1.

It needs no root, no network and no settings of the machine; it is up in some twenty seconds and is one for a test run.
"""

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from botocore.config import Config

PROGRAMS = ("setpriv", "ceph-mon", "ceph-osd", "ceph", "monmaptool", "radosgw", "radosgw-admin")
ACCESS_KEY, SECRET_KEY = "obieg-test", "obieg-test-secret"
_UP_WITHIN_S = 120.0

_CONF = """
[global]
fsid = {fsid}
mon host = v1:127.0.0.1:{mon_port}/0
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
mon initial members = a
mon data = {home}/mon
mon allow pool size one = true
mon warn on pool no redundancy = false
mon pg warn min per osd = 0
mon max pg per osd = 1000
mon data avail crit = 1
osd data = {home}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd crush chooseleaf type = 0
osd class update on start = false
osd crush update on start = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
run dir = {home}
admin socket = {home}/$name.asok
pid file = {home}/$name.pid
log file = {home}/$name.log
crash dir = {home}
heartbeat file =
mon cluster log file = {home}/cluster.log
keyring = {home}/keyring
rgw data = {home}/rgw
rgw enable usage log = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw frontends = beast endpoint=127.0.0.1:{rgw_port}
rgw thread pool size = 64
rgw dns name = 127.0.0.1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where the server listens; its one user's keys are ``ACCESS_KEY`` and ``SECRET_KEY``."""

    port: int

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}"


def missing_programs() -> list[str]:
    """What has to be installed before the server can run here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextmanager
def rados_gateway() -> Iterator[Gateway]:
    """Start the server; stop all of it, and remove its folder, at the end."""
    home = Path(tempfile.mkdtemp(prefix="obieg-s3-", dir="/tmp"))
    try:
        with ExitStack() as stack:
            yield _start(home, stack)
    finally:
        shutil.rmtree(home)


def _start(home: Path, stack: ExitStack) -> Gateway:
    fsid, mon_port, rgw_port = str(uuid.uuid4()), _free_port(), _free_port()
    conf = home / "ceph.conf"
    conf.write_text(_CONF.format(home=home, fsid=fsid, mon_port=mon_port, rgw_port=rgw_port))
    for folder in ("mon", "osd", "rgw"):
        (home / folder).mkdir()
    environ = os.environ | {"CEPH_CONF": str(conf), "TMPDIR": str(home)}
    address = f"[v1:127.0.0.1:{mon_port}]"
    _run(environ, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, f"{home}/monmap")
    _run(environ, "ceph-mon", "--mkfs", "-i", "a", "--monmap", f"{home}/monmap")
    stack.enter_context(_daemon(environ, home, "ceph-mon", "-f", "-i", "a"))
    # what the store would say of itself at its start may come before it knows the cluster; then it gives up
    _run(environ, "ceph", "--connect-timeout", "60", "osd", "new", fsid)
    _run(environ, "ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=local")
    _run(environ, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", fsid)
    stack.enter_context(_daemon(environ, home, "ceph-osd", "-f", "-i", "0"))
    user = ("--uid", "obieg", "--display-name", "obieg", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    _run(environ, "radosgw-admin", "user", "create", *user)
    stack.enter_context(_daemon(environ, home, "radosgw", "-f", "-n", "client.admin"))
    _wait_for(f"http://127.0.0.1:{rgw_port}/")
    return Gateway(port=rgw_port)


def _run(environ: Mapping[str, str], *command: str) -> None:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=_UP_WITHIN_S)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


@contextmanager
def _daemon(environ: Mapping[str, str], home: Path, *command: str) -> Iterator[None]:
    tied = ("setpriv", "--pdeathsig", "KILL", *command)  # a killed test run leaves no daemon behind
    with (home / f"{command[0]}.out").open("wb") as said:
        process = subprocess.Popen(tied, env=environ, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=30)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _UP_WITHIN_S
    while True:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own server on loopback
                return
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


_BUCKETS = itertools.count(1)


def s3_admin(server: Gateway) -> Any:
    """A client with every right, for what an archive never does."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def bucket_of(server: Gateway, *, lock: bool = False, default_days: int | None = None) -> str:
    """A new bucket; with ``lock`` it has Object Lock, and with ``default_days`` locks by itself for so long."""
    name = f"archiwum-{next(_BUCKETS)}"
    admin = s3_admin(server)
    admin.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    if default_days is not None:
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": default_days}}
        admin.put_object_lock_configuration(
            Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
    return name
