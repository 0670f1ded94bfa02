"""A worker killed at any commit, before or after it, and at any answer of the mail server: run again, all is whole.

The child process gets SIGKILL at the n-th such place, n growing until a run gets through. The mail server is stopped
between runs, so that what it has not stored by then it never will.
"""

import os
import signal
import smtplib
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import text
from town import HOUSEHOLDS, PAPERLESS, cycle_order, set_clock, settle

from delivery.mailbox import Mailbox
from delivery.mailbox_server import mailbox_server
from pipeline import approve, check, deliver, freeze, issue, open_cycle, rate, reconcile, render
from pipeline.statement import statement
from pipeline.work import AirflowRun, Work, open_work
from sql.evidence import verify_chain

KEY = "2026-07~ALL~1"
PLACES_MAX = 200

STEPS: dict[str, Callable[[Work], object]] = {
    "open": lambda work: open_cycle.run(work, order=cycle_order()),
    "freeze": lambda work: freeze.run(work, cycle_key=KEY),
    "rate": lambda work: rate.run(work, cycle_key=KEY, chunk_no=0),
    "check": lambda work: check.run(work, cycle_key=KEY),
    "approve": lambda work: approve.run(
        work, cycle_key=KEY, decision="approved", decided_by="approver", decided_via="airflow", note=""
    ),
    "issue": lambda work: issue.run(work, cycle_key=KEY),
    "render": lambda work: render.run(work, cycle_key=KEY, chunk_no=0),
    "deliver": lambda work: deliver.run(work, cycle_key=KEY),
    "reconcile": lambda work: reconcile.run(work, cycle_key=KEY),
}


def die_at(place: int, work: Work) -> None:
    """Arrange for SIGKILL at the ``place``-th boundary that this process comes to."""
    passed = 0

    def boundary() -> None:
        nonlocal passed
        passed += 1
        if passed == place:
            os.kill(os.getpid(), signal.SIGKILL)

    commit, answer = work.engine.dialect.do_commit, smtplib.SMTP.getreply

    def do_commit(connection: object) -> None:
        boundary()
        commit(connection)
        boundary()

    def getreply(server: smtplib.SMTP) -> tuple[int, bytes]:
        boundary()
        reply = answer(server)
        boundary()
        return reply

    work.engine.dialect.do_commit = do_commit
    smtplib.SMTP.getreply = getreply


def survives(step: Callable[[Work], object], *, place: int, work: Work) -> bool:
    """Run ``step`` in a child that dies at ``place``; whether it got through before that."""
    child = os.fork()
    if child == 0:
        try:
            with open_work(settings=work.settings, database_url=work.settings.database_url, actor=work.actor) as own:
                die_at(place, own)
                step(replace(own, airflow_run=work.airflow_run))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the parent reports it
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, "the step failed after an earlier kill"
    return not os.WIFSIGNALED(status)


def run_through_kills(name: str, work: Work) -> int:
    """Run a step again and again, each time killed one place later; how often it was killed."""
    for place in range(1, PLACES_MAX):
        with mailbox_server(work.settings.mailbox) as url:
            settings = replace(work.settings, smtp_url=url, relay_mailbox=work.settings.mailbox, unknown_grace_s=0.0)
            if survives(STEPS[name], place=place, work=replace(work, settings=settings)):
                return place - 1
    raise AssertionError(f"{name} never gets through")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_cycle_killed_at_every_place_of_every_step_is_whole_in_the_end(work, tmp_path) -> None:
    settle(work, tmp_path)
    work.engine.dispose()
    run = AirflowRun(dag_id="billing_cycle", run_id="manual__kill", try_number=1)
    killed = {}

    for name in STEPS:
        if name == "issue":
            set_clock(work, datetime(2026, 8, 3, 7, 0))
            work.engine.dispose()
        killed[name] = run_through_kills(name, replace(work, airflow_run=run))

    made = statement(work, cycle_key=KEY)
    copies = Counter(Mailbox(path=work.settings.mailbox).message_ids())
    assert made.balanced, made.text()
    assert made.figures["invoices"] == len(HOUSEHOLDS)
    assert sorted(copies.values()) == [1] * len(PAPERLESS)
    assert all(kills >= 2 for kills in killed.values()), killed
    assert killed["deliver"] > 6 * len(PAPERLESS), killed
    with work.engine.connect() as connection:
        assert verify_chain(connection) is None
        numbers = connection.execute(text("select array_agg(sequence order by sequence) from invoice")).scalar_one()
    assert numbers == list(range(1, len(HOUSEHOLDS) + 1))
