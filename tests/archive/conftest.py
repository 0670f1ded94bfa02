"""The kinds of archive, each empty and the test's own."""

from pathlib import Path

import pytest
from rados_gateway import Gateway, bucket_of

from delivery.archive import open_archive
from delivery.store import Archive

KINDS = ("local", "s3", "s3 with Object Lock")


@pytest.fixture
def bucket(s3_server: Gateway) -> str:
    """A bucket without Object Lock."""
    return bucket_of(s3_server)


@pytest.fixture(params=KINDS)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """An empty archive of each kind in turn."""
    if request.param == "local":
        return open_archive(f"file://{tmp_path / 'archiwum'}")
    server: Gateway = request.getfixturevalue("s3_server")
    locked = request.param != "s3"
    bucket = bucket_of(server, lock=locked, default_days=1 if locked else None)
    return open_archive(f"s3://{bucket}/wodociagi/zdroje", endpoint_url=server.url)
