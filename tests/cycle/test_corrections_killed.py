"""A worker killed at any commit of a run of corrections, or at any answer of the mail server: run again, all whole."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest
import test_kill_everywhere
from correcting import corrections, order_of
from test_handover import bill_july
from test_kill_everywhere import run_through_kills
from town import HOUSEHOLDS, PAPERLESS, set_clock, settle

from delivery.mailbox import Mailbox
from pipeline import approve, check, deliver, freeze, issue, rate, reconcile, render
from pipeline.corrections import open as opening
from pipeline.statement import statement
from pipeline.work import AirflowRun, Work
from sql.evidence import verify_chain

KEY = "2026-08~KOR~1"


def steps(readings: tuple[str, ...]) -> dict[str, Callable[[Work], object]]:
    order = order_of(date(2026, 8, 5), readings=readings)
    return {
        "open": lambda work: opening.run(work, order=order),
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


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_run_killed_at_every_place_of_every_step_is_whole_in_the_end(work, tmp_path, monkeypatch) -> None:
    settle(work, tmp_path)
    bill_july(work)
    set_clock(work, datetime(2026, 8, 5, 7, 0))
    with work.engine.connect() as connection:
        query = "select reading_id, index_m3 + 1 from reading where read_on = '2026-07-31' and meter_id <= 10"
        readings = tuple(f"{reading}={index_m3}" for reading, index_m3 in connection.exec_driver_sql(query))
    chain = steps(readings)
    monkeypatch.setattr(test_kill_everywhere, "STEPS", chain)
    work.engine.dispose()
    run = AirflowRun(dag_id="corrections", run_id="manual__kill", try_number=1)

    killed = {name: run_through_kills(name, replace(work, airflow_run=run)) for name in chain}

    made = statement(work, cycle_key=KEY)
    copies = Counter(Mailbox(path=work.settings.mailbox).message_ids())
    assert made.balanced, made.text()
    assert [row[:3] for row in corrections(work)] == [
        (f"FK/2026/08/{place:06}", f"FV/2026/08/{place:06}", 1) for place in range(1, len(HOUSEHOLDS) + 1)
    ]
    assert sorted(copies.values()) == [1] * (2 * len(PAPERLESS))
    assert all(kills >= 2 for kills in killed.values()), killed
    with work.engine.connect() as connection:
        assert verify_chain(connection) is None
        decided = connection.exec_driver_sql("select count(*), max(decision_no) from reading_decision").one()
    assert tuple(decided) == (len(HOUSEHOLDS), 1)
