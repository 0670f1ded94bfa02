"""Any sequence of decisions: the database stands where a replay of them stands, and a billed reading never changes."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.reading_life import (
    ARROWS,
    LEADS_TO,
    USABLE,
    WITH_INDEX,
    Decided,
    Decision,
    ReadingState,
    Standing,
    may_follow,
    standing,
)

INDEXES = st.integers(0, 99_999).map(lambda value: Decimal(value).quantize(Decimal("0.001")))
RECEIVED = st.builds(
    Standing, state=st.sampled_from([ReadingState.VALID, ReadingState.SUSPECT]), index_m3=st.none() | INDEXES
)
WISHES = st.lists(st.tuples(st.sampled_from(list(Decision)), INDEXES), max_size=8)


def followed(received: Standing, wishes: list[tuple[Decision, Decimal]]) -> list[Decided]:
    """Those of the wishes that may follow each other."""
    decided: list[Decided] = []
    for decision, index_m3 in wishes:
        if may_follow(standing(received=received, decided=decided), decision):
            decided.append(Decided(decision=decision, index_m3=index_m3 if decision in WITH_INDEX else None))
    return decided


@given(received=RECEIVED, wishes=WISHES)
def test_what_counts_is_told_by_the_last_decision_and_the_reading_as_it_came(received, wishes) -> None:
    decided = followed(received, wishes)

    now = standing(received=received, decided=decided)

    if not decided:
        assert now == received
        return
    last = decided[-1]
    assert now.state is LEADS_TO[last.decision]
    assert now.index_m3 == (last.index_m3 if last.index_m3 is not None else received.index_m3)
    assert now.is_usable == (now.state in USABLE and now.index_m3 is not None)
    assert all(one.decision not in {Decision.VOID, Decision.ESTIMATED} for one in decided[:-1])


@given(received=RECEIVED, wishes=WISHES)
def test_a_visit_without_a_reading_never_gets_an_index(received, wishes) -> None:
    visit = replace(received, index_m3=None)

    assert standing(received=visit, decided=followed(visit, wishes)).index_m3 is None


def test_nothing_follows_the_end() -> None:
    assert ARROWS[ReadingState.VOID] == ARROWS[ReadingState.ESTIMATED] == frozenset()
