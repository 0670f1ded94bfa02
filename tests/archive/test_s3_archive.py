"""An archive on a real S3 server, when the wire breaks, the keys are wrong, or somebody wants to delete."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from fault_proxy import Wire, wire_to
from patient import put_patiently
from rados_gateway import SECRET_KEY, bucket_of, s3_admin

from billing.errors import DataRefused, Retryable
from delivery import archive_s3
from delivery.archive import open_archive
from delivery.archive_s3 import S3Archive, s3_client
from delivery.errors import ArchiveConflict
from delivery.store import Span

KEY = "faktury/2026/11/paczki/2026-10-ALL-1/x.zip"
PACK = bytes(range(256)) * 4000
MIDDLE = len(PACK) // 2
YEAR_OF_RETENTION = 2031
WRITERS = 16


@pytest.fixture
def wire(s3_server) -> Iterator[Wire]:
    with wire_to(s3_server) as running:
        yield running


@pytest.fixture
def bucket(s3_server) -> str:
    return bucket_of(s3_server)


@pytest.fixture
def archive(s3_server, bucket) -> S3Archive:
    """Straight to the server."""
    return open_archive(f"s3://{bucket}", endpoint_url=s3_server.url)


@pytest.fixture
def broken(wire, bucket) -> S3Archive:
    """The same archive over the wire, its lock asked for while the wire was whole."""
    opened = open_archive(f"s3://{bucket}", endpoint_url=wire.url)
    opened.put_once(key="a", content=b"a")
    return opened


def test_a_connection_lost_in_the_middle_of_a_put_leaves_nothing_and_the_next_put_completes(
    broken, archive, wire
) -> None:
    wire.cut_at = MIDDLE
    with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
        broken.put_once(key=KEY, content=PACK)

    assert list(archive.list(prefix="faktury/")) == []
    wire.mend()
    assert broken.put_once(key=KEY, content=PACK).created
    assert archive.get(key=KEY) == PACK


def test_a_lost_answer_is_a_put_that_the_next_one_finds(broken, archive, wire) -> None:
    wire.mute_from = len(PACK)
    with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
        broken.put_once(key=KEY, content=PACK)

    wire.mend()
    assert not broken.put_once(key=KEY, content=PACK).created
    with pytest.raises(ArchiveConflict):
        broken.put_once(key=KEY, content=PACK[1:])
    assert archive.get(key=KEY) == PACK


def test_a_put_that_fails_is_one_request(broken, wire) -> None:
    wire.cut_at = MIDDLE
    before = wire.connections

    with pytest.raises(Retryable):
        broken.put_once(key=KEY, content=PACK)

    assert wire.connections - before <= 1  # at most a new connection for the one request


def test_a_byte_that_changes_on_the_way_is_refused_by_the_server(broken, archive, wire) -> None:
    wire.flip_at = MIDDLE
    with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
        broken.put_once(key=KEY, content=PACK)

    assert list(archive.list(prefix="faktury/")) == []
    wire.mend()
    assert broken.put_once(key=KEY, content=PACK).created


def test_a_worker_killed_while_it_sends_leaves_no_part_and_the_next_one_completes(broken, archive, wire) -> None:
    wire.stall_at = MIDDLE
    child = os.fork()
    if child == 0:
        try:
            broken.put_once(key=KEY, content=PACK)
        finally:
            os._exit(1)
    assert wire.stalled.wait(timeout=30)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    assert list(archive.list(prefix="faktury/")) == []
    wire.mend()
    assert archive.put_once(key=KEY, content=PACK).created


def test_a_server_that_says_nothing_is_waited_for_a_bounded_time(s3_server, bucket, wire, monkeypatch) -> None:
    monkeypatch.setattr(archive_s3, "READ_TIMEOUT_S", 1)
    waiting = open_archive(f"s3://{bucket}", endpoint_url=wire.url)
    waiting.put_once(key="a", content=b"a")
    wire.stall_at = MIDDLE
    begun = time.monotonic()

    with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
        waiting.put_once(key=KEY, content=PACK)

    assert time.monotonic() - begun < 30


def test_a_server_that_is_away_is_away_for_now(wire, bucket) -> None:
    nowhere = open_archive(f"s3://{bucket}", endpoint_url="http://127.0.0.1:1")

    for ask in (
        lambda: nowhere.put_once(key=KEY, content=b"faktura"),
        lambda: nowhere.get(key=KEY),
        lambda: nowhere.get(key=KEY, span=Span(start=0, length=1)),
        lambda: nowhere.head(key=KEY),
        lambda: list(nowhere.list(prefix="")),
    ):
        with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
            ask()


def test_a_wrong_key_is_refused_and_is_not_tried_again(s3_server, bucket, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY + "x")
    stranger = open_archive(f"s3://{bucket}", endpoint_url=s3_server.url)

    for ask in (
        lambda: stranger.put_once(key=KEY, content=b"faktura"),
        lambda: stranger.get(key=KEY),
        lambda: stranger.head(key=KEY),
        lambda: list(stranger.list(prefix="")),
    ):
        with pytest.raises(DataRefused, match="ARCHIVE_REFUSED"):
            ask()


def test_without_any_key_nothing_is_asked(s3_server, bucket, monkeypatch, tmp_path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))

    with pytest.raises(DataRefused, match="ARCHIVE_REFUSED"):
        open_archive(f"s3://{bucket}", endpoint_url=s3_server.url).head(key=KEY)


def test_a_bucket_that_is_not_there_is_refused(s3_server) -> None:
    nowhere = open_archive("s3://nie-ma-takiego", endpoint_url=s3_server.url)

    with pytest.raises(DataRefused, match="ARCHIVE_REFUSED"):
        nowhere.put_once(key=KEY, content=b"faktura")
    with pytest.raises(DataRefused, match="ARCHIVE_REFUSED"):
        list(nowhere.list(prefix=""))


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    with pytest.raises(DataRefused, match="ARCHIVE_REFUSED"):
        s3_client(endpoint_url="nigdzie")


def test_an_endpoint_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(DataRefused, match="ARCHIVE_REFUSED") as refusal:
        s3_client(endpoint_url="https://obieg:tajne@s3.example.com")

    assert "tajne" not in str(refusal.value)


def test_what_the_server_cannot_do_is_refused_and_not_tried_again(archive, monkeypatch) -> None:
    def refuse(**_what: object) -> None:
        raise ClientError({"Error": {"Code": "NotImplemented", "Message": "If-None-Match"}}, "PutObject")

    archive.put_once(key="a", content=b"a")
    monkeypatch.setattr(archive.client, "put_object", refuse)

    with pytest.raises(DataRefused, match=r"ARCHIVE_REFUSED.*If-None-Match"):
        archive.put_once(key=KEY, content=b"faktura")


def test_a_day_of_retention_that_is_past_is_refused_and_not_tried_again(s3_server) -> None:
    archive = open_archive(f"s3://{bucket_of(s3_server, lock=True)}", endpoint_url=s3_server.url)

    with pytest.raises(DataRefused, match="ARCHIVE_REFUSED"):
        archive.put_once(key=KEY, content=b"faktura", retain_until=date(2020, 12, 31))


def test_what_is_there_is_judged_by_its_bytes_not_by_a_hash_beside_them(archive, bucket, s3_server) -> None:
    claimed = hashlib.sha256(b"faktura").hexdigest()
    s3_admin(s3_server).put_object(Bucket=bucket, Key=KEY, Body=b"inna", Metadata={"sha256": claimed})

    assert archive.head(key=KEY).sha256 == hashlib.sha256(b"inna").hexdigest()
    with pytest.raises(ArchiveConflict):
        archive.put_once(key=KEY, content=b"faktura")


def test_what_another_program_put_there_is_hashed(archive, bucket, s3_server) -> None:
    s3_admin(s3_server).put_object(Bucket=bucket, Key=KEY, Body=b"faktura")

    assert archive.head(key=KEY).sha256 == hashlib.sha256(b"faktura").hexdigest()
    assert not archive.put_once(key=KEY, content=b"faktura").created


def test_more_keys_than_a_page_of_the_listing_holds(s3_server, bucket) -> None:
    archive = open_archive(f"s3://{bucket}", endpoint_url=s3_server.url)
    keys = [f"a/{number}" for number in range(7)]
    for key in keys:
        archive.put_once(key=key, content=b"x")
    paginator = archive.client.get_paginator("list_objects_v2")
    assert len(list(paginator.paginate(Bucket=bucket, MaxKeys=3))) == 3

    archive.client.get_paginator = lambda _name: _Paged(paginator)
    assert list(archive.list(prefix="a/")) == keys


class _Paged:
    """The same listing in pages of three."""

    def __init__(self, paginator) -> None:
        self._paginator = paginator

    def paginate(self, **asked):
        return self._paginator.paginate(**asked, MaxKeys=3)


def locked_versions(server, bucket: str) -> list[tuple[str, datetime]]:
    admin = s3_admin(server)
    found = []
    for version in admin.list_object_versions(Bucket=bucket)["Versions"]:
        retention = admin.get_object_retention(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        assert retention["Retention"]["Mode"] == "COMPLIANCE"
        with pytest.raises(ClientError) as refusal:
            admin.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
        assert refusal.value.response["Error"]["Code"] == "AccessDenied"
        found.append((version["Key"], retention["Retention"]["RetainUntilDate"]))
    return found


def test_a_locked_document_cannot_be_deleted_before_the_day_that_was_set(s3_server) -> None:
    bucket = bucket_of(s3_server, lock=True)
    archive = open_archive(f"s3://{bucket}", endpoint_url=s3_server.url)

    assert archive.put_once(key=KEY, content=b"faktura", retain_until=date(YEAR_OF_RETENTION, 12, 31)).created
    assert not archive.put_once(key=KEY, content=b"faktura", retain_until=date(YEAR_OF_RETENTION, 12, 31)).created

    assert locked_versions(s3_server, bucket) == [(KEY, datetime(YEAR_OF_RETENTION + 1, 1, 1, tzinfo=UTC))]
    assert archive.get(key=KEY) == b"faktura"


def test_a_bucket_with_a_rule_of_its_own_locks_without_a_setting(s3_server) -> None:
    bucket = bucket_of(s3_server, lock=True, default_days=1)

    open_archive(f"s3://{bucket}", endpoint_url=s3_server.url).put_once(key=KEY, content=b"faktura")

    ((key, until),) = locked_versions(s3_server, bucket)
    assert key == KEY
    assert until > datetime.now(UTC) + timedelta(hours=20)


def test_a_bucket_that_would_lock_nothing_is_refused_before_anything_is_put(s3_server, bucket) -> None:
    unruled = open_archive(f"s3://{bucket_of(s3_server, lock=True)}", endpoint_url=s3_server.url)
    with pytest.raises(DataRefused, match="ARCHIVE_RETENTION"):
        unruled.put_once(key=KEY, content=b"faktura")
    unlocked = open_archive(f"s3://{bucket}", endpoint_url=s3_server.url)
    with pytest.raises(DataRefused, match="ARCHIVE_RETENTION"):
        unlocked.put_once(key=KEY, content=b"faktura", retain_until=date(YEAR_OF_RETENTION, 12, 31))

    assert list(unruled.list(prefix="")) == list(unlocked.list(prefix="")) == []


def test_of_two_contents_at_the_same_time_in_a_versioned_bucket_somebody_is_told(s3_server) -> None:
    """The server of these tests makes a version of each; an archive that must not replace anything says so at least."""
    archive = open_archive(f"s3://{bucket_of(s3_server, lock=True, default_days=1)}", endpoint_url=s3_server.url)
    together = threading.Barrier(WRITERS)

    def put(number: int) -> str:
        together.wait(timeout=60)
        try:
            return "created" if put_patiently(archive, key=KEY, content=b"%d" % (number % 2)).created else "equal"
        except ArchiveConflict:
            return "conflict"

    with ThreadPoolExecutor(max_workers=WRITERS) as pool:
        results = list(pool.map(put, range(WRITERS)))

    told = [{result != "conflict" for result in results[side::2]} for side in (0, 1)]
    assert {False} in told  # of one content at least, every writer was refused
    with pytest.raises(ArchiveConflict):
        archive.put_once(key=KEY, content=b"2")
