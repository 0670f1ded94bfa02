"""What every use-case is given: settings, the database, the utility's data, who acts and in which run."""

import functools
import gc
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from pipeline.errors import Unavailable
from pipeline.settings import PROJECT, Settings
from sql.clock import business_now
from sql.engine import make_engine
from sql.steps import StepRun, insert_step_run

WARSAW = ZoneInfo("Europe/Warsaw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person (or schedule) acting: an Airflow log-in, or the operating-system user at the command line."""

    name: str
    via: Literal["airflow", "cli"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowRun:
    """The run and try that a step belongs to, so that both histories join."""

    dag_id: str
    run_id: str
    try_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Handed to every ``run(...)``."""

    settings: Settings
    engine: Engine
    actor: Actor
    airflow_run: AirflowRun | None = None


@dataclass(slots=True, kw_only=True)
class StepRecord:
    """Filled in while a step works; written as its ``step_run`` when the transaction commits."""

    cycle_id: int | None = None
    chunk: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, Any] = field(default_factory=dict)
    tariff_sha256s: tuple[str, ...] = ()


@contextmanager
def open_work(*, settings: Settings, database_url: str, actor: Actor) -> Iterator[Work]:
    """A ``Work`` on a reachable database; its connections are given back at the end.

    Raises:
        Unavailable: ``DATABASE_UNREACHABLE``.
    """
    engine = make_engine(database_url)
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except OperationalError as error:
        engine.dispose()
        reason = str(error.orig).strip().splitlines()[0]
        raise Unavailable("DATABASE_UNREACHABLE", reason) from error
    try:
        yield Work(settings=settings, engine=engine, actor=actor)
    finally:
        engine.dispose()


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's search for reference cycles.

    A step makes some hundred thousand objects, keeps them to its end and ties no cycles; to look for some among them
    over and over would take up to a quarter of its time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def step(work: Work, name: str) -> Iterator[tuple[Connection, StepRecord]]:
    """One transaction of one step: its work and its ``step_run`` stand or fall together."""
    record = StepRecord()
    with uncollected(), work.engine.begin() as connection:
        started_at = connection.execute(text("select clock_timestamp()")).scalar_one()
        yield connection, record
        run = work.airflow_run
        insert_step_run(
            connection,
            StepRun(
                cycle_id=record.cycle_id,
                step=name,
                chunk=record.chunk,
                counts=record.counts,
                sums=record.sums,
                actor=work.actor.name,
                dag_id=run.dag_id if run else None,
                airflow_run_id=run.run_id if run else None,
                try_number=run.try_number if run else None,
                code_version=code_version(),
                tariff_sha256s=record.tariff_sha256s,
                started_at=started_at,
                event_at=business_now(connection),
            ),
        )


def warsaw_day(moment: datetime) -> date:
    """The calendar day of ``moment`` in Poland: Europe/Warsaw decides what a day is."""
    return moment.astimezone(WARSAW).date()


@functools.cache
def code_version() -> str:
    """The commit that runs, with ``+changed`` when the files differ from it; else a hash of our own sources."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+changed"],  # noqa: S607 - git as the PATH has it
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return described.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return f"sources:{_sources_sha256()}"


def _sources_sha256() -> str:
    digest = hashlib.sha256()
    for folder in ("billing", "dags", "delivery", "pdf", "pipeline", "readings", "sql"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
