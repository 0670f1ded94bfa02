"""The chain shows every later change, and nobody can make one as the application."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sql.engine import make_engine
from sql.evidence import BrokenLink, Event, append_events, verify_chain

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


@pytest.mark.parametrize("statement", ["update evidence set body = ''", "delete from evidence", "truncate evidence"])
@pytest.mark.parametrize("role", ["app_url", "auditor_url", "owner_url"])
def test_no_role_changes_evidence(owner, database, role, statement) -> None:
    engine = make_engine(getattr(database, role))

    with pytest.raises(DBAPIError, match=r"append-only|permission denied"), engine.begin() as connection:
        connection.execute(text(statement))

    engine.dispose()
