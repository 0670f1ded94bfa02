"""A small town under an Airflow of its own: its services, the three people, and what it has written."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from test_cycle import row_counts
from town import settle

from delivery.mailbox import Mailbox
from pipeline.cli.watch import start_when_parsed
from pipeline.errors import OperatorError, Unavailable
from pipeline.services import start as service_start
from pipeline.services.airflow_api import Airflow, log_in
from pipeline.services.credentials import password_of
from pipeline.services.run import Running, services
from pipeline.settings import PROJECT, Settings, read_settings
from pipeline.work import Actor, Work, open_work

DAG_ID = "billing_cycle"
SCHEDULED = ("collect_readings", "deliver_invoices", "paperless_conversion")
CHUNK_ACCOUNTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """``work`` is this process, acting as the operator; the others act through Airflow. ``files`` is for inputs."""

    work: Work
    running: Running
    operator: Airflow
    approver: Airflow
    auditor: Airflow
    files: Path


def call(person: Airflow, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """Airflow's own answer to a person, whatever it is."""
    return person.client.request(method, f"/api/v2{path}", json=body)


def rows(town: Town, query: str, **values: Any) -> list[tuple[Any, ...]]:
    with town.work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def rows_told(town: Town) -> dict[str, tuple[Any, ...]]:
    """Number and digest of the rows of every table but the journal of steps."""
    query = "select count(*), md5(string_agg(t::text, e'\\n' order by t::text)) from {} t"
    return {table: rows(town, query.format(table))[0] for table in row_counts(town.work)}


def messages(town: Town) -> Counter[str]:
    return Counter(Mailbox(path=town.work.settings.mailbox).message_ids())


@contextmanager
def airflow_town() -> Iterator[Town]:
    """Services in a folder of their own, a settled town, nothing scheduled; all of it gone at the end."""
    base = Path(tempfile.mkdtemp(prefix="obieg-air-", dir="/tmp"))
    base.chmod(0o755)
    try:
        with ExitStack() as stack:
            yield _open(base, stack)
    finally:
        shutil.rmtree(base)


def _open(base: Path, stack: ExitStack) -> Town:
    settings = replace(read_settings({"OBIEG_HOME": str(base / "h")}), utility=_utility(base / "utility"))
    plugins = settings.home / "airflow" / "plugins"
    plugins.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("airflow_kill_plugin.py"), plugins)
    running = _started(settings, stack)
    people = [
        log_in(url=running.airflow_url, user=name, password=password_of(settings, name))
        for name in ("operator", "approver", "auditor")
    ]
    for person in people:
        stack.callback(person.close)
    work = stack.enter_context(
        open_work(
            settings=running.settings,
            database_url=running.databases.app_url,
            actor=Actor(name="operator", via="cli"),
        )
    )
    files = base / "files"
    files.mkdir()
    settle(work, files)
    for dag_id in SCHEDULED:  # what runs by the clock on the wall would change rows between two counts
        start_when_parsed(partial(_pause, people[0], dag_id))
    start_when_parsed(partial(_known, people[0], DAG_ID))
    return Town(work=work, running=running, operator=people[0], approver=people[1], auditor=people[2], files=files)


def _started(settings: Settings, stack: ExitStack) -> Running:
    ports = stack.enter_context(pytest.MonkeyPatch.context())
    for name in ("AIRFLOW_PORT", "MAILBOX_PORT"):  # any free one: an installation on this machine may use the usual
        ports.setattr(service_start, name, 0)
    try:
        return stack.enter_context(services(settings, tell=print))
    except Unavailable as error:
        logs = {path.name: path.read_text(encoding="utf-8")[-2000:] for path in settings.home.glob("logs/*.log")}
        raise AssertionError(f"{error}\n" + "\n".join(f"--- {name}\n{text}" for name, text in logs.items())) from error


def _utility(folder: Path) -> Path:
    """The demo utility, cut so small that twelve accounts make two chunks."""
    shutil.copytree(PROJECT / "utilities" / "demo", folder)
    file = folder / "utility.toml"
    text = file.read_text(encoding="utf-8")
    assert "chunk_accounts = 250" in text
    file.write_text(text.replace("chunk_accounts = 250", f"chunk_accounts = {CHUNK_ACCOUNTS}"), encoding="utf-8")
    return folder


def _known(person: Airflow, dag_id: str) -> str:
    return _found(call(person, "GET", f"/dags/{dag_id}"))


def _pause(person: Airflow, dag_id: str) -> str:
    return _found(call(person, "PATCH", f"/dags/{dag_id}", {"is_paused": True}))


def _found(answer: httpx.Response) -> str:
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise OperatorError("AIRFLOW_NOT_FOUND", answer.text)
    return str(answer.raise_for_status().json()["dag_id"])
