"""Whatever comes for a stop, it is in exactly one state, and the state says what came."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from billing.rounds import Came, StopState, stop_end

START = datetime(2026, 9, 1, tzinfo=UTC)


@st.composite
def readings(draw: st.DrawFn) -> Came:
    quality = draw(st.sampled_from(("actual", "customer", "estimated", "not_read")))
    suspect = quality != "not_read" and draw(st.booleans())
    return Came(
        reading_id=draw(st.integers(1, 10**6)),
        read_at=START + timedelta(hours=draw(st.integers(0, 200))),
        source=draw(
            st.sampled_from(("handheld", "customer_portal", "estimate", "exchange_install", "exchange_removal"))
        ),
        quality=quality,
        state="SUSPECT" if suspect else "VALID",
        reason_code="no_access" if quality == "not_read" else None,
        finding="V05" if suspect else None,
    )


@given(st.lists(readings(), max_size=6, unique_by=lambda one: one.reading_id), st.booleans())
def test_a_stop_is_in_one_state_that_the_readings_bear_out(came: list[Came], removed: bool) -> None:  # noqa: FBT001
    end = stop_end(came, removed=removed)
    visits = [one for one in came if one.source in {"handheld", "customer_portal"} and one.quality != "estimated"]
    usable = [one for one in visits if one.state == "VALID" and one.quality != "not_read"]
    chosen = next((one for one in came if one.reading_id == end.reading_id), None)

    assert (end.state is StopState.READ) == bool(usable)
    assert (end.state is StopState.GONE) == (removed and not usable)
    assert (end.state is StopState.OPEN) == (not removed and not visits)
    assert end.state is not StopState.LISTED
    if end.state in {StopState.READ, StopState.CODED, StopState.SUSPECT}:
        assert chosen in visits
        assert all(one.read_at <= chosen.read_at for one in (usable or visits))
    else:
        assert end.reading_id is None
    if end.state is StopState.CODED:
        assert (chosen.quality, end.reason) == ("not_read", "no_access")
    if end.state is StopState.SUSPECT:
        assert (chosen.state, end.reason) == ("SUSPECT", "V05")


@given(st.lists(readings(), max_size=6, unique_by=lambda one: one.reading_id), st.booleans(), st.randoms())
def test_the_order_in_which_files_come_does_not_matter(came: list[Came], removed: bool, shuffler) -> None:  # noqa: FBT001
    shuffled = came.copy()
    shuffler.shuffle(shuffled)
    assert stop_end(shuffled, removed=removed) == stop_end(came, removed=removed)
