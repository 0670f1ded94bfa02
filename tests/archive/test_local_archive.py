"""An archive in a folder: what it leaves on the disk, and what it does not; and the names of things in any archive."""

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from billing.errors import DataRefused, Retryable
from delivery.archive import key_word, open_archive, pack_folder, pack_key
from delivery.errors import ArchiveConflict
from delivery.store import Archive, Span

KEY = "faktury/2026/11/ab/FV-2026-11-000001/x.pdf"
PROJECT = Path(__file__).resolve().parent.parent.parent

NO_NAMELESS_FILES = """
open_as_asked = os.open
def open_named(path, flags, mode=0o777):
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(95, "no such files here")
    return open_as_asked(path, flags, mode)
durable.os.open = open_named
"""


@pytest.fixture
def archive(tmp_path) -> Archive:
    return open_archive(f"file://{tmp_path / 'archiwum'}")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_is_stored_is_read_back_with_its_hash(archive, tmp_path) -> None:
    stored = archive.put_once(key=KEY, content=b"faktura")

    assert (stored.created, stored.size_bytes) == (True, 7)
    assert stored.sha256 == hashlib.sha256(b"faktura").hexdigest()
    assert archive.get(key=KEY) == b"faktura"
    assert (tmp_path / "archiwum" / KEY).stat().st_mode & 0o777 == 0o440
    assert files(tmp_path / "archiwum") == [KEY]


def test_the_same_content_again_is_a_success_and_changes_nothing(archive, tmp_path) -> None:
    archive.put_once(key=KEY, content=b"faktura")
    before = (tmp_path / "archiwum" / KEY).stat()

    again = archive.put_once(key=KEY, content=b"faktura")

    assert not again.created
    assert (tmp_path / "archiwum" / KEY).stat() == before


def test_a_disk_that_is_full_in_the_middle_of_a_file_leaves_nothing_behind(archive, tmp_path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
            archive.put_once(key=KEY, content=b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert files(tmp_path / "archiwum") == []
    assert archive.head(key=KEY) is None
    assert archive.put_once(key=KEY, content=b"x" * 100_000).created


@pytest.mark.parametrize(("named", "left"), [("", 0), (NO_NAMELESS_FILES, 1)], ids=["nameless", "named"])
def test_a_writer_killed_in_the_middle_leaves_no_part_under_the_key(archive, tmp_path, named, left) -> None:
    script = (
        "import os, signal, sys\n"
        "from delivery import durable\n"
        f"{named}"
        "from delivery.archive import open_archive\n"
        "real = os.fsync\n"
        "def die(handle):\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if os.fstat(handle).st_size == 100_000 else real(handle)\n"
        "durable.os.fsync = die\n"
        "open_archive(sys.argv[1]).put_once(key=sys.argv[2], content=b'x' * 100_000)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, f"file://{tmp_path / 'archiwum'}", KEY], cwd=PROJECT, check=False
    )

    assert done.returncode == -signal.SIGKILL
    assert len(files(tmp_path / "archiwum" / ".incoming")) == left
    assert archive.head(key=KEY) is None
    assert list(archive.list(prefix="")) == []
    assert archive.put_once(key=KEY, content=b"x" * 100_000).created


def test_where_every_file_has_a_name_an_archive_is_the_same(archive, tmp_path, monkeypatch) -> None:
    open_as_asked = os.open

    def open_named(path, flags, mode=0o777) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no such files here")
        return open_as_asked(path, flags, mode)

    monkeypatch.setattr(os, "open", open_named)

    assert archive.put_once(key=KEY, content=b"faktura").created
    assert not archive.put_once(key=KEY, content=b"faktura").created
    assert files(tmp_path / "archiwum") == [KEY]


def test_damage_on_the_disk_is_seen(archive, tmp_path) -> None:
    archive.put_once(key=KEY, content=b"faktura")
    path = tmp_path / "archiwum" / KEY
    path.chmod(0o600)
    path.write_bytes(b"faktury")

    found = archive.head(key=KEY)

    assert found is not None
    assert found.sha256 == hashlib.sha256(b"faktury").hexdigest()
    with pytest.raises(ArchiveConflict):
        archive.put_once(key=KEY, content=b"faktura")


@pytest.mark.parametrize("mount_point", [True, False])
def test_an_archive_whose_disk_is_not_mounted_is_away_and_has_lost_nothing(archive, tmp_path, mount_point) -> None:
    archive.put_once(key=KEY, content=b"faktura")
    (tmp_path / "archiwum").rename(tmp_path / "disk")
    if mount_point:
        (tmp_path / "archiwum").mkdir()

    for span in (None, Span(start=0, length=1)):
        with pytest.raises(Retryable, match=r"ARCHIVE_UNREACHABLE.*mounted"):
            archive.get(key=KEY, span=span)


def test_an_archive_that_is_no_folder_is_away_for_now(tmp_path) -> None:
    (tmp_path / "archiwum").write_text("to nie jest folder")
    archive = open_archive(f"file://{tmp_path / 'archiwum'}")

    with pytest.raises(Retryable):
        archive.put_once(key=KEY, content=b"faktura")
    with pytest.raises(Retryable):
        archive.get(key=KEY)


def test_the_key_of_a_pack_tells_its_month_its_run_and_its_invoices() -> None:
    folder = pack_folder(issue_date=date(2026, 11, 2), run="2026-10~R1+R2~1-7")
    key = pack_key(folder=folder, part="0003-FV/2026/11/000001", invoice_sha256s=["a" * 64, "b" * 64])

    assert key.startswith("faktury/2026/11/paczki/2026-10-R1-R2-1-7/0003-FV-2026-11-000001-")
    assert key == pack_key(folder=folder, part="0003-FV/2026/11/000001", invoice_sha256s=["a" * 64, "b" * 64])
    assert key != pack_key(folder=folder, part="0003-FV/2026/11/000001", invoice_sha256s=["b" * 64, "a" * 64])


def test_a_run_over_very_many_routes_still_has_a_key_of_its_own(archive) -> None:
    routes = "+".join(f"R{number:03}" for number in range(400))
    keys = {
        pack_key(
            folder=pack_folder(issue_date=date(2026, 11, 2), run=f"2026-10~{routes}~1-{cycle_id}"),
            part="FV/" + "7" * 400,
            invoice_sha256s=["a" * 64],
        )
        for cycle_id in (7, 8)
    }

    assert len(keys) == 2
    assert all(archive.put_once(key=key, content=b"faktura").created for key in keys)


def test_a_number_may_begin_with_a_sign(archive) -> None:
    key = pack_key(folder="faktury/2026/11/paczki/duplikaty/", part="_FV/1-2026-11-02", invoice_sha256s=["a" * 64])

    assert archive.put_once(key=key, content=b"faktura").created


def test_a_name_without_a_letter_or_digit_makes_no_key() -> None:
    with pytest.raises(ValueError, match="without a letter"):
        key_word("///")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://K/faktury", "ARCHIVE_URL"),
        ("s3://", "ARCHIVE_URL"),
        ("s3://kubelek/a/../b", "ARCHIVE_URL"),
        ("ftp://x/y", "ARCHIVE_SCHEME"),
        ("var/archive", "ARCHIVE_SCHEME"),
        ("file://var/archive", "ARCHIVE_URL"),
    ],
)
def test_an_archive_elsewhere_is_refused_in_clear_words(url, code) -> None:
    with pytest.raises(DataRefused) as refusal:
        open_archive(url)

    assert refusal.value.code == code


def test_a_key_in_the_place_of_the_bucket_is_not_repeated() -> None:
    with pytest.raises(DataRefused, match="ARCHIVE_URL") as refusal:
        open_archive("s3://AKIAEXAMPLE:tajne@kubelek/faktury")

    assert "tajne" not in str(refusal.value)
