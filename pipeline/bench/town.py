"""Where the bench works: a home and a PostgreSQL of its own, and a town of any size to copy for each round."""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import partial
from os import environ
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import text

from pipeline import convert, import_consents, import_registry
from pipeline.bench.measure import measured
from pipeline.demo import town as demo_town
from pipeline.demo.town_make import make_town
from pipeline.errors import Unavailable
from pipeline.registry.csv import write_csv
from pipeline.services.postgres import embedded_url, start_embedded, stop_embedded
from pipeline.services.postgres_server import data_dir
from pipeline.services.processes import launch, stop_all
from pipeline.settings import PROJECT, Settings, read_settings
from pipeline.work import WARSAW, Actor, Work, open_work
from readings.consents import OPTIONAL, REQUIRED
from sql.clock import install_clock, set_demo_clock
from sql.engine import make_engine
from sql.migrate import migrate

MONTH = demo_town.FIRST_MONTH
READ_AT = datetime(2026, 8, 1, 9, tzinfo=WARSAW)
ISSUED_AT = datetime(2026, 8, 3, 7, tzinfo=WARSAW)
_CHUNK = 5_000
_SERVER_START_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The bench's own installation: a folder, a PostgreSQL in it, and the pid of its first process."""

    home: Path
    postmaster: int

    def opened(self, *, settings: Settings, database: str) -> Callable[[], AbstractContextManager[Work]]:
        """Opens the work of an operator on one of the databases."""
        url = embedded_url(home=self.home, role="obieg_app", database=database)
        return partial(open_work, settings=settings, database_url=url, actor=Actor(name="bench", via="cli"))


@contextmanager
def ground() -> Iterator[Ground]:
    """A migrated installation that leaves nothing behind."""
    home = Path(tempfile.mkdtemp(prefix="obieg-bench-", dir="/tmp"))  # the socket's path must stay short
    home.chmod(0o755)  # as root, PostgreSQL runs under an account of its own
    try:
        found = start_embedded(home=home)
        migrate(owner_url=found.owner_url)
        engine = make_engine(found.owner_url)
        with engine.begin() as connection:
            install_clock(connection, is_demo=True)
        engine.dispose()
        pid = (data_dir(home) / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        _make_utility(home / "utility")
        yield Ground(home=home, postmaster=int(pid))
    finally:
        stop_embedded(home=home)
        shutil.rmtree(home, ignore_errors=True)


def build_town(own: Ground, *, accounts: int) -> str:
    """A database with the registry and the consents of ``accounts`` accounts, half by e-mail; its name."""
    name = f"town_{accounts}"
    _copy_database(own, source="billing", name=name)
    settings = _settings(own.home / name)
    measured(
        partial(_fill, accounts=accounts),
        opened=own.opened(settings=settings, database=name),
        postmaster=own.postmaster,
    )
    _run_as_owner(own, name, "vacuum analyze")  # a registry that has stood for a while, as autovacuum leaves it
    return name


@contextmanager
def round_of(own: Ground, *, town: str, number: int) -> Iterator[tuple[Settings, str]]:
    """A copy of the town to be billed once: settings with a mailbox server of its own, and the database's name."""
    name = f"{town}_round_{number}"
    _copy_database(own, source=town, name=name)
    settings = _settings(own.home / name)
    shutil.copytree(own.home / town / "readings", settings.inbox)
    try:
        with _mailbox_process(settings) as url:
            yield replace(settings, smtp_url=url, relay_mailbox=settings.mailbox), name
    finally:
        _run_as_owner(own, "postgres", f"drop database {name} with (force)", role="postgres")
        shutil.rmtree(settings.home, ignore_errors=True)


def forget_dead_rows(own: Ground, database: str) -> None:
    """Clear up what a transaction left that was taken back."""
    _run_as_owner(own, database, "vacuum charge, charge_line")


def set_clock(work: Work, moment: datetime) -> None:
    """Set the business clock of the bench's database."""
    with work.engine.begin() as connection:
        set_demo_clock(connection, moment=moment)


def _make_utility(folder: Path) -> None:
    """The demo utility with the chunks of a real town: 250 accounts would measure the start of tasks."""
    shutil.copytree(PROJECT / "utilities" / "demo", folder)
    path = folder / "utility.toml"
    words = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^chunk_accounts = \d+", f"chunk_accounts = {_CHUNK}", words), encoding="utf-8")


def _settings(home: Path) -> Settings:
    home.mkdir(exist_ok=True)
    return read_settings({"OBIEG_HOME": str(home), "OBIEG_UTILITY": str(home.parent / "utility")})


def _fill(work: Work, *, accounts: int) -> int:
    folder = work.settings.home / "registry"
    set_clock(work, READ_AT)
    demo_town.write_town(folder, accounts=accounts)
    demo_town.write_readings(work.settings.home / "readings", month=MONTH, accounts=accounts)
    import_registry.run(work, folder=folder)
    import_consents.run(work, file=demo_town.write_consents(folder / "consents.csv", after_cycle=0, accounts=accounts))
    import_consents.run(work, file=_more_consents(folder / "more.csv", accounts=accounts))
    convert.run(work)
    return accounts


def _more_consents(file: Path, *, accounts: int) -> Path:
    """Signed forms of so many paper customers that half of the accounts get e-mail."""
    residents = make_town(accounts=accounts, seed=demo_town.SEED, first_month=MONTH).residents
    paper = [one for one in residents if not one.is_paperless and not one.is_organisation]
    wanted = max(1, accounts // 2 - sum(one.is_paperless for one in residents))
    signed = datetime.combine(date(2026, 7, 1), time(9))
    rows = [
        (*(one.account_no, "accept", "paper_form", signed, signed), *("1.0", one.email, one.name, "ab" * 32, ""))
        for one in paper[:wanted]
    ]
    return write_csv(file, columns=(*REQUIRED, *OPTIONAL), rows=rows)


@contextmanager
def _mailbox_process(settings: Settings) -> Iterator[str]:
    """The mailbox server in a process of its own, so that its CPU is nobody's here; its URL."""
    log = settings.home / "mailbox.log"
    module, folder = "delivery.mailbox_server", str(settings.mailbox)
    server = launch(
        name="mailbox", command=[sys.executable, "-m", module, "--maildir", folder], environ=environ, log=log
    )
    try:
        yield f"smtp://{_announced(log)}"
    finally:
        stop_all([server], grace_s=5)


def _announced(log: Path) -> str:
    deadline = monotonic() + _SERVER_START_S
    while monotonic() < deadline:
        _, found, address = log.read_text(encoding="utf-8").partition("listening on ")
        if found and address.endswith("\n"):
            return address.strip()
        sleep(0.02)
    raise Unavailable("MAILBOX_START", f"the mailbox server does not start: {log.read_text(encoding='utf-8')}")


def _copy_database(own: Ground, *, source: str, name: str) -> None:
    _run_as_owner(own, "postgres", f"create database {name} template {source} owner obieg_owner", role="postgres")


def _run_as_owner(own: Ground, database: str, statement: str, *, role: str = "obieg_owner") -> None:
    """One statement outside of any transaction, as VACUUM and CREATE DATABASE ask."""
    engine = make_engine(embedded_url(home=own.home, role=role, database=database))
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
