"""Any sequence of wishes about readings: what the database lets happen, and where it then stands, is the replay."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from queue_town import fetch, reading_of
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import to_issue, to_the_end
from town import settle

from billing.reading_life import WITH_INDEX, Decided, Decision, ReadingState, Standing, may_follow, standing

WISHES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([one for one in Decision if one is not Decision.ESTIMATED]),
              st.integers(0, 999)),
    min_size=1, max_size=12,
)  # fmt: skip
TELL = text(
    "insert into reading_decision (reading_id, decision_no, decision, index_m3, reason, decided_by, decided_via, "
    "event_at) values (:key, :number, :decision, :index, 'x', 'x', 'cli', now())"
)


@pytest.fixture
def town(work, tmp_path):
    """July is billed but for one account without a bill, whose readings and those of the others are decided about."""
    settle(work, tmp_path)
    with work.engine.begin() as connection:
        connection.execute(
            TELL,
            {"key": reading_of(work, "0009", "2026-07-31"), "number": 1, "decision": "void", "index": None},
        )
    to_the_end(work, to_issue(work))
    return work


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(wishes=WISHES)
def test_the_database_stands_where_a_replay_stands(town, wishes) -> None:
    billed = [reading_of(town, no, "2026-07-31") for no in ("0001", "0002")]
    free = [
        reading_of(town, "0009", "2026-06-30", source="exchange_install"),
        reading_of(town, "0012", "2026-06-30", source="exchange_install"),
    ]
    received = {
        key: Standing(state=ReadingState.VALID, index_m3=index_m3)
        for key, index_m3 in fetch(town, "select reading_id, index_m3 from reading where state = 'VALID'")
    }
    decided: dict[int, list[Decided]] = {key: [] for key in (*billed, *free)}
    with town.engine.connect() as connection:
        for place, decision, index in wishes:
            key = (*billed, *free)[place]
            one = Decided(decision=decision, index_m3=Decimal(index) if decision in WITH_INDEX else None)
            now = standing(received=received[key], decided=decided[key])
            lawful = may_follow(now, decision) and (key in billed) == (decision is Decision.CORRECTED)
            told = {"key": key, "number": len(decided[key]) + 1, "decision": decision.value, "index": one.index_m3}
            attempt = connection.begin_nested()
            try:
                connection.execute(TELL, told)
            except DBAPIError:
                attempt.rollback()
                assert not lawful, told
            else:
                assert lawful, told
                decided[key].append(one)
        for key, made in decided.items():
            state, index_m3, is_usable = connection.execute(
                text("select state, index_m3, is_usable from reading_now where reading_id = :key"), {"key": key}
            ).one()
            replayed = standing(received=received[key], decided=made)
            assert (state, index_m3, is_usable) == (replayed.state, replayed.index_m3, replayed.is_usable)
