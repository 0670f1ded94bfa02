"""The life of a reading after it came in: which decision may follow which state, and what counts then.

The reading stays as it came; what a person decided is a list beside it. State and index that count now follow from both
alone, so that anybody can replay them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class ReadingState(StrEnum):
    """How a reading stands; BILLED, which ends every life, is told by the invoices and not here."""

    VALID = "VALID"
    SUSPECT = "SUSPECT"
    CONFIRMED = "CONFIRMED"
    EDITED = "EDITED"
    ESTIMATED = "ESTIMATED"
    VOID = "VOID"


class Decision(StrEnum):
    """What a person can decide about a reading.

    ``confirmed``: it counts as it came. ``edited``: another index counts in its place. ``estimated``: it does not
    count, an estimate stands for it. ``void``: it does not count. ``corrected``: another index counts although it is
    billed, together with the correction of its invoices.
    """

    CONFIRMED = "confirmed"
    EDITED = "edited"
    ESTIMATED = "estimated"
    VOID = "void"
    CORRECTED = "corrected"


LEADS_TO = {
    Decision.CONFIRMED: ReadingState.CONFIRMED,
    Decision.EDITED: ReadingState.EDITED,
    Decision.ESTIMATED: ReadingState.ESTIMATED,
    Decision.VOID: ReadingState.VOID,
    Decision.CORRECTED: ReadingState.EDITED,
}

ARROWS = {
    ReadingState.VALID: frozenset({Decision.EDITED, Decision.ESTIMATED, Decision.VOID, Decision.CORRECTED}),
    ReadingState.SUSPECT: frozenset({Decision.CONFIRMED, Decision.EDITED, Decision.ESTIMATED, Decision.VOID}),
    ReadingState.CONFIRMED: frozenset({Decision.EDITED, Decision.ESTIMATED, Decision.VOID, Decision.CORRECTED}),
    ReadingState.EDITED: frozenset(Decision),
    ReadingState.ESTIMATED: frozenset[Decision](),
    ReadingState.VOID: frozenset[Decision](),
}
"""The decisions that may follow a state; a trigger of the database has the same list."""

USABLE = frozenset({ReadingState.VALID, ReadingState.CONFIRMED, ReadingState.EDITED})
"""The states in which an index may be billed."""

WITH_INDEX = frozenset({Decision.EDITED, Decision.CORRECTED})
"""The decisions that bring an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision; ``index_m3`` in m³ to three places where it brings one."""

    decision: Decision
    index_m3: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """State and index of a reading as they count; ``index_m3`` is None for a visit without a reading."""

    state: ReadingState
    index_m3: Decimal | None

    @property
    def is_usable(self) -> bool:
        """Whether it may be billed."""
        return self.state in USABLE and self.index_m3 is not None


def standing(*, received: Standing, decided: Sequence[Decided]) -> Standing:
    """How a reading stands after its decisions, in their order.

    Raises:
        ValueError: a decision does not follow from the state before it.
    """
    now = received
    for one in decided:
        if not may_follow(now, one.decision):
            raise ValueError(f"{one.decision} does not follow {now.state}")
        index_m3 = one.index_m3 if one.decision in WITH_INDEX else received.index_m3
        now = Standing(state=LEADS_TO[one.decision], index_m3=index_m3)
    return now


def may_follow(now: Standing, decision: Decision) -> bool:
    """Whether a decision may follow; a visit without a reading has no index to confirm or to edit."""
    without_index = now.index_m3 is None and decision not in {Decision.ESTIMATED, Decision.VOID}
    return decision in ARROWS[now.state] and not without_index
