"""The archive keeps each document once, whole, unchanged, under a key that nobody can bend."""

import hashlib
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from billing.errors import DataRefused, Retryable
from delivery.archive import Archive, document_key, open_archive
from delivery.errors import ArchiveConflict, ArchiveMissing

KEY = "faktury/2026/11/ab/FV-2026-11-000001/x.pdf"
PROJECT = Path(__file__).resolve().parent.parent.parent


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


def test_other_content_under_the_same_key_is_refused_and_the_first_stays(archive) -> None:
    archive.put_once(key=KEY, content=b"faktura")

    with pytest.raises(ArchiveConflict, match="ARCHIVE_CONFLICT"):
        archive.put_once(key=KEY, content=b"inna")

    assert archive.get(key=KEY) == b"faktura"


def test_of_many_at_the_same_time_exactly_one_writes(archive, tmp_path) -> None:
    together = threading.Barrier(32)

    def put(number: int) -> str:
        together.wait(timeout=20)
        try:
            stored = archive.put_once(key=KEY, content=b"%d" % (number % 2) * 100_000)
        except ArchiveConflict:
            return "conflict"
        return "created" if stored.created else "equal"

    with ThreadPoolExecutor(max_workers=32) as pool:
        results = list(pool.map(put, range(32)))

    assert sorted(results) == ["conflict"] * 16 + ["created"] + ["equal"] * 15
    assert len(set(archive.get(key=KEY))) == 1
    assert files(tmp_path / "archiwum") == [KEY]


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


def test_a_writer_killed_in_the_middle_leaves_no_part_under_the_key(archive, tmp_path) -> None:
    script = (
        "import os, signal, sys\n"
        "from delivery import durable\n"
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
    assert len(files(tmp_path / "archiwum" / ".incoming")) == 1
    assert archive.head(key=KEY) is None
    assert list(archive.list(prefix="")) == []
    assert archive.put_once(key=KEY, content=b"x" * 100_000).created


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


def test_what_was_never_stored_is_missing(archive) -> None:
    assert archive.head(key=KEY) is None
    with pytest.raises(ArchiveMissing, match="ARCHIVE_MISSING"):
        archive.get(key=KEY)
    assert list(archive.list(prefix="faktury/")) == []


def test_an_archive_that_is_no_folder_is_away_for_now(tmp_path) -> None:
    (tmp_path / "archiwum").write_text("to nie jest folder")
    archive = open_archive(f"file://{tmp_path / 'archiwum'}")

    with pytest.raises(Retryable):
        archive.put_once(key=KEY, content=b"faktura")
    with pytest.raises(Retryable):
        archive.get(key=KEY)


def test_keys_are_listed_by_their_beginning_in_order(archive) -> None:
    keys = ["a/b.pdf", "a/b/c.pdf", "a/b-c.pdf", "a/c/d.pdf", "b/a.pdf"]
    for key in reversed(keys):
        archive.put_once(key=key, content=b"faktura")

    assert list(archive.list(prefix="")) == sorted(keys)
    assert list(archive.list(prefix="a/b")) == sorted(key for key in keys if key.startswith("a/b"))
    assert list(archive.list(prefix="a/b/")) == ["a/b/c.pdf"]
    assert list(archive.list(prefix="c/")) == []


@pytest.mark.parametrize(
    "key",
    [
        *("", "/etc/x", "../x", "a/../x", "a//x", "a/./x", "a/x/", ".incoming/x", "a/.x"),
        *("ż.pdf", "a\0b", "a\nb", "a/x\n", "a\\b", "a" * 513),
    ],
)
def test_a_key_cannot_leave_the_archive(archive, tmp_path, key) -> None:
    with pytest.raises(ValueError, match="not a key"):
        archive.put_once(key=key, content=b"faktura")
    with pytest.raises(ValueError, match="not a key"):
        archive.get(key=key)
    with pytest.raises(ValueError, match="not a key"):
        archive.head(key=key)

    assert files(tmp_path) == []


def test_a_listing_cannot_leave_the_archive(archive) -> None:
    with pytest.raises(ValueError, match="not a key"):
        list(archive.list(prefix="../"))


def test_the_key_of_a_document_holds_month_number_and_hash() -> None:
    sha256 = "ab" + "0" * 62

    key = document_key(issue_date=date(2026, 11, 2), invoice_no="FV/2026/11/000001", sha256=sha256)

    assert key == f"faktury/2026/11/ab/FV-2026-11-000001/{sha256}.pdf"


@pytest.mark.parametrize(("number", "sha256"), [("///", "a" * 64), ("FV/1", "A" * 64), ("FV/1", "a" * 63)])
def test_a_document_without_a_number_or_a_hash_has_no_key(number, sha256) -> None:
    with pytest.raises(ValueError, match=r"invoice number|SHA-256"):
        document_key(issue_date=date(2026, 11, 2), invoice_no=number, sha256=sha256)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://kubelek/faktury", "ARCHIVE_SCHEME"),
        ("ftp://x/y", "ARCHIVE_SCHEME"),
        ("var/archive", "ARCHIVE_SCHEME"),
        ("file://var/archive", "ARCHIVE_URL"),
    ],
)
def test_an_archive_elsewhere_is_refused_in_clear_words(url, code) -> None:
    with pytest.raises(DataRefused) as refusal:
        open_archive(url)

    assert refusal.value.code == code
