"""How each stop of a reading round ends: in exactly one state, by what came for its meter within the round's days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from billing.reading_life import USABLE

_NOT_A_VISIT = frozenset({"exchange_install", "exchange_removal", "estimate"})
_TOLD = frozenset({"actual", "customer"})


class StopState(StrEnum):
    """``open`` becomes ``listed`` (to be visited again) when the round closes."""

    READ = "read"
    CODED = "coded"
    SUSPECT = "suspect"
    GONE = "gone"
    OPEN = "open"
    LISTED = "listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A reading of the stop's register within the round's days; ``finding`` is the code that set it aside."""

    reading_id: int
    read_at: datetime
    source: str
    quality: str
    state: str
    reason_code: str | None
    finding: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopEnd:
    """The state of a stop, the reading that gives it, and the reason for which it was not read."""

    state: StopState
    reading_id: int | None = None
    reason: str | None = None


def stop_end(came: Sequence[Came], *, removed: bool) -> StopEnd:
    """What became of a stop.

    The newest usable reading decides; without one a meter that was ``removed`` within the days is gone; else the
    newest reading that was set aside, or visit without a reading, decides. Readings of an exchange and estimates are
    no visit.
    """
    visits = sorted(
        (one for one in came if one.source not in _NOT_A_VISIT and one.quality != "estimated"),
        key=lambda one: (one.read_at, one.reading_id),
    )
    read = [one for one in visits if one.quality in _TOLD and one.state in USABLE]
    if read:
        return StopEnd(state=StopState.READ, reading_id=read[-1].reading_id)
    if removed:
        return StopEnd(state=StopState.GONE)
    if not visits:
        return StopEnd(state=StopState.OPEN)
    newest = visits[-1]
    if newest.quality == "not_read":
        return StopEnd(state=StopState.CODED, reading_id=newest.reading_id, reason=newest.reason_code)
    return StopEnd(state=StopState.SUSPECT, reading_id=newest.reading_id, reason=newest.finding or newest.state)
