"""The chain shows every later change, and nobody can make one as the application."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql.engine import make_engine
from sql.evidence import BrokenLink, Event, append_events, verify_chain
from sql.steps import StepRun, insert_step_run

NOON = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def owner(database):
    engine = make_engine(database.owner_url)
    with engine.begin() as connection:
        append_events(
            connection,
            [
                Event(event_at=NOON, subject=f"cycle:{n}", kind="opened", body={"n": n, "zażółć": "gęślą"})
                for n in (1, 2, 3)
            ],
        )
    with engine.begin() as connection:
        append_events(connection, [Event(event_at=NOON, subject="cycle:4", kind="opened", body={})])
    yield engine
    engine.dispose()


def tamper(engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("alter table evidence disable trigger all"))
        connection.execute(text(statement))


def broken(engine) -> BrokenLink | None:
    with engine.connect() as connection:
        return verify_chain(connection)


def test_an_untouched_chain_holds(owner) -> None:
    assert broken(owner) is None


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("update evidence set body = '{}' where seq = 2", 2),
        ("update evidence set kind = 'closed' where seq = 3", 3),
        ("update evidence set event_at = event_at + interval '1 microsecond' where seq = 1", 1),
        ("update evidence set hash = sha256('x') where seq = 4", 4),
        ("delete from evidence where seq = 2", 2),
        ("update evidence set seq = case seq when 2 then 3 else 2 end + 10 where seq in (2, 3)", 2),
    ],
)
def test_a_change_behind_the_triggers_back_shows_at_its_place(owner, statement, seq) -> None:
    tamper(owner, statement)

    link = broken(owner)

    assert link is not None
    assert link.seq == seq


def run_step(engine) -> None:
    with engine.begin() as connection:
        insert_step_run(
            connection,
            StepRun(
                cycle_id=None,
                step="freeze",
                chunk=None,
                counts={},
                sums={},
                actor="operator",
                dag_id=None,
                airflow_run_id=None,
                try_number=None,
                code_version="x",
                tariff_sha256s=(),
                started_at=NOON,
                event_at=NOON,
            ),
        )


def test_a_step_remembers_the_newest_event(database) -> None:
    engine = make_engine(database.owner_url)
    run_step(engine)
    with engine.begin() as connection:
        append_events(connection, [Event(event_at=NOON, subject="cycle:1", kind="opened", body={})])
    run_step(engine)

    with engine.connect() as connection:
        heads = connection.execute(text("select evidence_seq, evidence_hash from step_run order by step_run_id")).all()
        newest = connection.execute(text("select seq, hash from evidence")).one()
    engine.dispose()
    assert [tuple(head) for head in heads] == [(None, None), tuple(newest)]
    assert broken(engine) is None


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("delete from evidence where seq = 4", "cut off: step run 1 (freeze) saw it"),
        ("delete from evidence where seq >= 2", "cut off: step run 1 (freeze) saw it"),
        ("delete from evidence", "cut off: step run 1 (freeze) saw it"),
    ],
)
def test_a_cut_off_end_shows_at_what_a_step_saw(owner, statement, reason) -> None:
    run_step(owner)

    tamper(owner, statement)

    assert broken(owner) == BrokenLink(seq=4, reason=reason)


def test_an_end_that_was_written_anew_shows_at_what_a_step_saw(owner) -> None:
    run_step(owner)

    tamper(owner, "delete from evidence where seq = 4")
    with owner.begin() as connection:
        append_events(connection, [Event(event_at=NOON, subject="cycle:4", kind="rejected", body={})])

    assert broken(owner) == BrokenLink(seq=4, reason="rewritten: step run 1 (freeze) saw it")


def test_looking_through_the_chain_leaves_the_connection_as_it_was(owner) -> None:
    with owner.connect() as connection:
        assert verify_chain(connection) is None
        assert "stream_results" not in connection.get_execution_options()


@pytest.mark.parametrize("statement", ["update evidence set body = ''", "delete from evidence", "truncate evidence"])
@pytest.mark.parametrize("role", ["app_url", "auditor_url", "owner_url"])
def test_no_role_changes_evidence(owner, database, role, statement) -> None:
    engine = make_engine(getattr(database, role))

    with pytest.raises(DBAPIError, match=r"append-only|permission denied"), engine.begin() as connection:
        connection.execute(text(statement))

    engine.dispose()
