"""What every archive promises, asked of each kind: a folder, and S3 on a real server."""

import hashlib
import os
import resource
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pytest
from patient import put_patiently

from billing.errors import Retryable
from delivery.errors import ArchiveConflict, ArchiveMissing
from delivery.packs import PackDocument, read_index, write_pack
from delivery.store import Span

KEY = "faktury/2026/11/paczki/2026-10-ALL-1/x.zip"
WRITERS = 64


def test_what_is_stored_is_read_back_with_its_hash(archive) -> None:
    stored = archive.put_once(key=KEY, content=b"faktura")

    assert (stored.key, stored.created, stored.size_bytes) == (KEY, True, 7)
    assert stored.sha256 == hashlib.sha256(b"faktura").hexdigest()
    assert archive.get(key=KEY) == b"faktura"
    found = archive.head(key=KEY)
    assert (found.sha256, found.size_bytes, found.created) == (stored.sha256, 7, False)


def test_what_a_writer_writes_is_stored(archive) -> None:
    def write(file: BinaryIO) -> None:
        file.writelines(b"%06d" % number for number in range(1000))

    stored = archive.put_once(key=KEY, content=write)

    assert (stored.created, stored.size_bytes) == (True, 6000)
    assert archive.get(key=KEY, span=Span(start=6 * 321, length=6)) == b"000321"
    assert not archive.put_once(key=KEY, content=write).created
    with pytest.raises(ArchiveConflict):
        archive.put_once(key=KEY, content=lambda file: file.write(b"inna"))


def test_a_writer_that_gives_up_leaves_nothing(archive) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"x" * 100_000)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        archive.put_once(key=KEY, content=write)

    assert list(archive.list(prefix="")) == []
    assert archive.put_once(key=KEY, content=b"faktura").created


def test_the_same_content_again_is_a_success(archive) -> None:
    assert archive.put_once(key=KEY, content=b"faktura").created
    assert not archive.put_once(key=KEY, content=b"faktura").created


def test_other_content_under_the_same_key_is_refused_and_the_first_stays(archive) -> None:
    archive.put_once(key=KEY, content=b"faktura")

    with pytest.raises(ArchiveConflict, match="ARCHIVE_CONFLICT"):
        archive.put_once(key=KEY, content=b"inna")

    assert archive.get(key=KEY) == b"faktura"


def test_of_many_at_the_same_time_with_one_content_all_succeed(archive) -> None:
    together = threading.Barrier(WRITERS)

    def put(_number: int) -> bool:
        together.wait(timeout=60)
        return put_patiently(archive, key=KEY, content=b"x" * 100_000).created

    with ThreadPoolExecutor(max_workers=WRITERS) as pool:
        results = list(pool.map(put, range(WRITERS)))

    assert sum(results) >= 1
    assert archive.get(key=KEY) == b"x" * 100_000
    assert list(archive.list(prefix="")) == [KEY]


@pytest.mark.parametrize("archive", ["local", "s3"], indirect=True)  # with Object Lock: see test_s3_archive
def test_of_many_at_the_same_time_exactly_one_writes(archive) -> None:
    together = threading.Barrier(WRITERS)

    def put(number: int) -> str:
        together.wait(timeout=60)
        try:
            stored = put_patiently(archive, key=KEY, content=b"%d" % (number % 2) * 100_000)
        except ArchiveConflict:
            return "conflict"
        return "created" if stored.created else "equal"

    with ThreadPoolExecutor(max_workers=WRITERS) as pool:
        results = list(pool.map(put, range(WRITERS)))

    half = WRITERS // 2
    assert sorted(results) == ["conflict"] * half + ["created"] + ["equal"] * (half - 1)
    assert len(set(archive.get(key=KEY))) == 1
    assert list(archive.list(prefix="")) == [KEY]


def test_a_part_is_read_by_its_place(archive) -> None:
    archive.put_once(key=KEY, content=b"0123456789")

    assert archive.get(key=KEY, span=Span(start=0, length=10)) == b"0123456789"
    assert archive.get(key=KEY, span=Span(start=3, length=4)) == b"3456"
    assert archive.get(key=KEY, span=Span(start=9, length=1)) == b"9"


@pytest.mark.parametrize(("start", "length"), [(8, 3), (10, 1), (500, 7)])
def test_a_part_that_is_not_wholly_there_is_missing(archive, start, length) -> None:
    archive.put_once(key=KEY, content=b"0123456789")

    with pytest.raises(ArchiveMissing, match="ARCHIVE_MISSING"):
        archive.get(key=KEY, span=Span(start=start, length=length))


@pytest.mark.parametrize(("start", "length"), [(-1, 3), (0, 0), (3, -1)])
def test_a_part_has_a_beginning_and_a_length(start, length) -> None:
    with pytest.raises(ValueError, match="not a part"):
        Span(start=start, length=length)


def test_a_disk_that_is_full_in_the_middle_leaves_nothing_behind(archive) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
            archive.put_once(key=KEY, content=b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert list(archive.list(prefix="")) == []
    assert archive.head(key=KEY) is None
    assert archive.put_once(key=KEY, content=b"x" * 100_000).created


def test_a_writer_killed_in_the_middle_leaves_no_part_under_the_key(archive) -> None:
    def write_and_die(file: BinaryIO) -> None:
        file.write(b"x" * 50_000)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            archive.put_once(key=KEY, content=write_and_die)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert archive.head(key=KEY) is None
    assert list(archive.list(prefix="")) == []
    assert archive.put_once(key=KEY, content=b"x" * 100_000).created


def test_what_was_never_stored_is_missing(archive) -> None:
    archive.put_once(key="a", content=b"faktura")

    assert archive.head(key=KEY) is None
    with pytest.raises(ArchiveMissing, match="ARCHIVE_MISSING"):
        archive.get(key=KEY)
    with pytest.raises(ArchiveMissing, match="ARCHIVE_MISSING"):
        archive.get(key=KEY, span=Span(start=0, length=1))
    assert list(archive.list(prefix="faktury/")) == []


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
def test_a_key_cannot_leave_the_archive(archive, key) -> None:
    with pytest.raises(ValueError, match="not a key"):
        archive.put_once(key=key, content=b"faktura")
    with pytest.raises(ValueError, match="not a key"):
        archive.get(key=key)
    with pytest.raises(ValueError, match="not a key"):
        archive.head(key=key)

    assert list(archive.list(prefix="")) == []


def test_a_listing_cannot_leave_the_archive(archive) -> None:
    with pytest.raises(ValueError, match="not a key"):
        list(archive.list(prefix="../"))


def test_a_pack_is_read_by_its_directory_and_its_parts(archive) -> None:
    documents = [
        PackDocument(name=f"FV-{number}.pdf", content=b"%d" % number * 700, pages=1, invoice_sha256=f"{number:064}")
        for number in range(1, 40)
    ]
    packed = []

    stored = archive.put_once(
        key=KEY, content=lambda file: packed.extend(write_pack(file, documents=documents, made_by={"zlib": "1"}))
    )

    index = read_index(archive, key=KEY, size_bytes=stored.size_bytes)
    assert list(index.documents) == packed
    assert index.made_by == {"zlib": "1"}
    assert [archive.get(key=KEY, span=each.span) for each in packed] == [each.content for each in documents]
