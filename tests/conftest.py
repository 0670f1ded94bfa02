"""One embedded PostgreSQL for the whole test run, one database copied from a migrated template for each test."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipeline.services.postgres import embedded_url, start_embedded, stop_embedded
from pipeline.settings import PROJECT, Settings, read_settings
from pipeline.work import Actor, Work, open_work
from sql.clock import install_clock
from sql.engine import make_engine
from sql.migrate import migrate

_NUMBERS = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-cases", action="store_true", help="rewrite the generated files of tests/cases (never given.toml)"
    )


@pytest.fixture(scope="session")
def update_cases(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-cases"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDatabase:
    """URLs of one test's own database, by role."""

    __test__ = False

    owner_url: str
    app_url: str
    auditor_url: str


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


@pytest.fixture
def database(cluster: Path) -> Iterator[TestDatabase]:
    """An empty migrated database of the test's own."""
    name = f"test_{next(_NUMBERS)}"
    admin = create_engine(
        embedded_url(home=cluster, role="postgres", database="postgres"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(text(f"create database {name} template billing owner obieg_owner"))
    yield TestDatabase(
        owner_url=embedded_url(home=cluster, role="obieg_owner", database=name),
        app_url=embedded_url(home=cluster, role="obieg_app", database=name),
        auditor_url=embedded_url(home=cluster, role="obieg_auditor", database=name),
    )
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def settings(tmp_path: Path, database: TestDatabase) -> Settings:
    """Settings of an installation of the test's own, with the demo utility."""
    return replace(
        read_settings({"OBIEG_HOME": str(tmp_path / "var")}),
        utility=PROJECT / "utilities" / "demo",
        database_url=database.app_url,
        database_owner_url=database.owner_url,
    )


@pytest.fixture
def work(settings: Settings, database: TestDatabase) -> Iterator[Work]:
    """What a use-case is given, on an empty database, acting as the operator."""
    with open_work(settings=settings, database_url=database.app_url, actor=Actor(name="operator", via="cli")) as opened:
        yield opened
