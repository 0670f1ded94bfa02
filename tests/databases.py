"""A migrated database of one's own, copied from the template of the test run, and the work of a use-case on it."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import create_engine, text

from pipeline.services.postgres import embedded_url
from pipeline.settings import PROJECT, Settings, read_settings
from pipeline.work import Actor, Work, open_work

_NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDatabase:
    """URLs of one test's own database, by role."""

    __test__ = False

    owner_url: str
    app_url: str
    auditor_url: str


@contextmanager
def own_database(cluster: Path) -> Iterator[TestDatabase]:
    """An empty migrated database that is dropped afterwards."""
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


def own_settings(database: TestDatabase, home: Path) -> Settings:
    """Settings of an installation in ``home``, with the demo utility."""
    return replace(
        read_settings({"OBIEG_HOME": str(home / "var")}),
        utility=PROJECT / "utilities" / "demo",
        database_url=database.app_url,
        database_owner_url=database.owner_url,
    )


@contextmanager
def own_work(cluster: Path) -> Iterator[tuple[Work, Path]]:
    """A use-case's work on a database and in a folder of its own, acting as the operator; and that folder."""
    with own_database(cluster) as database, tempfile.TemporaryDirectory() as folder:
        home = own_settings(database, Path(folder))
        with open_work(settings=home, database_url=database.app_url, actor=Actor(name="operator", via="cli")) as work:
            yield work, Path(folder)
