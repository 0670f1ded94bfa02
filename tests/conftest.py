"""One embedded PostgreSQL for the whole test run, one database copied from a migrated template for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import TestDatabase, own_database, own_settings
from hypothesis import HealthCheck, settings
from rados_gateway import ACCESS_KEY, SECRET_KEY, Gateway, missing_programs, rados_gateway

from pipeline.services.postgres import start_embedded, stop_embedded
from pipeline.settings import Settings
from pipeline.work import Actor, Work, open_work
from sql.clock import install_clock
from sql.engine import make_engine
from sql.migrate import migrate

# how busy a machine is decides no test
settings.register_profile("obieg", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("obieg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-cases", action="store_true", help="rewrite the generated files of tests/cases (never given.toml)"
    )


@pytest.fixture(scope="session")
def update_cases(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-cases"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Home of the embedded PostgreSQL; ``billing`` in it is the migrated template."""
    home = Path(tempfile.mkdtemp(prefix="obieg-", dir="/tmp"))
    home.chmod(0o755)
    databases = start_embedded(home=home)
    migrate(owner_url=databases.owner_url)
    engine = make_engine(databases.owner_url)
    with engine.begin() as connection:
        install_clock(connection, is_demo=True)
    engine.dispose()
    yield home
    stop_embedded(home=home)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Gateway]:
    """A real S3 server, its keys in the environment; skips visibly where it is not installed, and fails in CI."""
    missing = missing_programs()
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with pytest.MonkeyPatch.context() as patched, rados_gateway() as running:
        patched.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patched.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        patched.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield running


@pytest.fixture
def database(cluster: Path) -> Iterator[TestDatabase]:
    """An empty migrated database of the test's own."""
    with own_database(cluster) as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path, database: TestDatabase) -> Settings:
    """Settings of an installation of the test's own, with the demo utility."""
    return own_settings(database, tmp_path)


@pytest.fixture
def work(settings: Settings, database: TestDatabase) -> Iterator[Work]:
    """What a use-case is given, on an empty database, acting as the operator."""
    with open_work(settings=settings, database_url=database.app_url, actor=Actor(name="operator", via="cli")) as opened:
        yield opened
