"""What becomes of registry rows: new, known already, contradicting, or wrong. Pure: known facts come as arguments."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Generic, TypeVar

from pipeline.import_files import RowResult
from readings.checks import Outcome
from readings.fields import RowRefused
from readings.registry_facts import AccountPartyRow, ContractRow, EmailRow, Fact, PointRow
from readings.rows import WARSAW
from readings.table import Line

F = TypeVar("F", bound=Fact)
_CONTRADICTS = "R201"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Generic[F]):
    """A row's fact and what became of it; ``ends`` marks one that ends or completes a stored fact."""

    line: Line
    outcome: Outcome
    fact: F
    code: str | None = None
    note: str | None = None
    ends: bool = False

    def result(self) -> RowResult:
        """The row as the report shows it."""
        codes = (self.code,) if self.code else ()
        return RowResult(
            line_no=self.line.line_no, raw=self.line.raw, outcome=self.outcome, codes=codes, note=self.note
        )


def decide(
    rows: Iterable[tuple[Line, F]],
    *,
    key: Callable[[F], Hashable],
    known: Iterable[F],
    check: Callable[[F], None] = lambda _fact: None,
    same: Callable[[F, F], bool] = lambda stored, fact: stored == fact,
    compared: Collection[str] | None = None,
) -> Iterator[Decision[F]]:
    """Each row against what is known, which grows with every row that is taken.

    ``check`` raises ``RowRefused`` for a new fact that cannot stand beside the others, and otherwise makes room.
    ``compared`` are the fields that a contradiction is told by, if not all of them.
    """
    by_key = {key(fact): fact for fact in known}
    for line, fact in rows:
        stored = by_key.get(key(fact))
        try:
            if stored is None:
                check(fact)
                yield Decision(line=line, outcome=Outcome.ACCEPTED, fact=fact)
            elif same(stored, fact):
                yield Decision(line=line, outcome=Outcome.DUPLICATE, fact=stored)
                continue
            elif note := _ends(stored, fact):
                yield Decision(line=line, outcome=Outcome.ACCEPTED, fact=fact, note=note, ends=True)
            else:
                yield _contradiction(line, fact, _differing(stored, fact, compared))
                continue
        except RowRefused as refusal:
            yield _refusal(line, fact, refusal)
            continue
        by_key[key(fact)] = fact


def point_decisions(
    rows: Iterable[tuple[Line, PointRow]], *, known: Iterable[PointRow]
) -> Iterator[Decision[PointRow]]:
    """Points; a row may be silent on the gmina, and may name one that is not known yet."""

    def same(stored: PointRow, fact: PointRow) -> bool:
        return fact in (stored, replace(stored, gmina=None))

    return decide(rows, key=lambda fact: fact.point_no, known=known, same=same)


def known_account(account_nos: Collection[str], account_no: str) -> None:
    """Refuse an account that the registry does not have."""
    if account_no not in account_nos:
        raise RowRefused("R108", f"account_no {account_no}")


@dataclass(frozen=True, slots=True)
class Occupied:
    """Which days are taken, by whatever may hold one fact a day."""

    spans: dict[Hashable, list[tuple[date, date | None]]] = field(default_factory=lambda: defaultdict(list))

    def take(self, holder: Hashable, start: date, until: date | None) -> None:
        """Take the days of a new fact; ``R112`` when one of them is taken."""
        if any(_overlap(span, (start, until)) for span in self.spans[holder]):
            raise RowRefused("R112", f"days from {start} to {until or 'further on'}")
        self.spans[holder].append((start, until))


def occupied(spans: Iterable[tuple[Hashable, date, date | None]]) -> Occupied:
    """The days that stored facts take."""
    taken = Occupied()
    for holder, start, until in spans:
        taken.spans[holder].append((start, until))
    return taken


def account_party_decisions(
    rows: Iterable[tuple[Line, AccountPartyRow]],
    *,
    known: Collection[AccountPartyRow],
    account_nos: Collection[str],
    party_nos: Collection[str],
) -> Iterator[Decision[AccountPartyRow]]:
    """Roles of parties: one party a role a day."""
    taken = occupied(((fact.account_no, fact.role), fact.valid_from, fact.valid_until) for fact in known)

    def check(fact: AccountPartyRow) -> None:
        known_account(account_nos, fact.account_no)
        if fact.party_no not in party_nos:
            raise RowRefused("R109", f"party_no {fact.party_no}")
        taken.take((fact.account_no, fact.role), fact.valid_from, fact.valid_until)

    for decision in decide(
        rows, key=lambda fact: (fact.account_no, fact.role, fact.valid_from), known=known, check=check
    ):
        if decision.ends:
            _shorten(taken, (decision.fact.account_no, decision.fact.role), decision.fact)
        yield decision


def contract_decisions(
    rows: Iterable[tuple[Line, ContractRow]],
    *,
    known: Collection[ContractRow],
    account_nos: Collection[str],
    point_nos: Collection[str],
) -> Iterator[Decision[ContractRow]]:
    """Contracts: one a point a day."""
    taken = occupied((fact.point_no, fact.valid_from, fact.valid_until) for fact in known)

    def check(fact: ContractRow) -> None:
        known_account(account_nos, fact.account_no)
        if fact.point_no not in point_nos:
            raise RowRefused("R110", f"point_no {fact.point_no}")
        taken.take(fact.point_no, fact.valid_from, fact.valid_until)

    for decision in decide(rows, key=lambda fact: fact.contract_no, known=known, check=check):
        if decision.ends:
            _shorten(taken, decision.fact.point_no, decision.fact)
        yield decision


def email_decisions(
    rows: Iterable[tuple[Line, EmailRow]],
    *,
    known: Iterable[tuple[EmailRow, date | None]],
    account_nos: Collection[str],
    today: date,
) -> Iterator[Decision[EmailRow]]:
    """Addresses: one open one an account, from its confirmation on unless the file says otherwise."""
    known = list(known)
    taken = occupied((fact.account_no, email_start(fact, today=today), until) for fact, until in known)

    def check(fact: EmailRow) -> None:
        known_account(account_nos, fact.account_no)
        taken.take(fact.account_no, email_start(fact, today=today), None)

    def same(stored: EmailRow, fact: EmailRow) -> bool:
        return stored == (fact if fact.valid_from else replace(fact, valid_from=stored.valid_from))

    open_ones = [fact for fact, until in known if until is None]
    yield from decide(rows, key=lambda fact: fact.account_no, known=open_ones, check=check, same=same)


def email_start(fact: EmailRow, *, today: date) -> date:
    """From which day an address counts: as the file says, else from its confirmation, else from today."""
    if fact.valid_from is not None:
        return fact.valid_from
    return today if fact.confirmed_at is None else fact.confirmed_at.astimezone(WARSAW).date()


def _ends(stored: Fact, fact: Fact) -> str | None:
    """A note when a row says what is stored and adds the day on which it ended, or the gmina that nobody had named."""
    if isinstance(stored, AccountPartyRow | ContractRow) and isinstance(fact, AccountPartyRow | ContractRow):
        return "ends it" if stored.valid_until is None and replace(fact, valid_until=None) == stored else None
    if isinstance(stored, PointRow) and isinstance(fact, PointRow):
        return "adds its gmina" if stored.gmina is None and replace(fact, gmina=None) == stored else None
    return None


def _shorten(taken: Occupied, holder: Hashable, fact: AccountPartyRow | ContractRow) -> None:
    taken.spans[holder].remove((fact.valid_from, None))
    taken.spans[holder].append((fact.valid_from, fact.valid_until))


def _overlap(one: tuple[date, date | None], other: tuple[date, date | None]) -> bool:
    return (one[1] is None or other[0] < one[1]) and (other[1] is None or one[0] < other[1])


def _differing(stored: Fact, fact: Fact, compared: Collection[str] | None) -> str:
    """What the registry has, and what the row says instead."""
    names = [field.name for field in fields(stored) if compared is None or field.name in compared]
    pairs = ((name, getattr(stored, name), getattr(fact, name)) for name in names)
    told = [f"{name}: {_word(old)} → {_word(new)}" for name, old, new in pairs if old != new]
    return "; ".join(told) or "the exchange differs"


def _word(value: object) -> str:
    if value is None:
        return "–"
    return "+".join(value) if isinstance(value, tuple) else str(value)


def _contradiction(line: Line, fact: F, note: str) -> Decision[F]:
    return Decision(line=line, outcome=Outcome.QUARANTINED, fact=fact, code=_CONTRADICTS, note=note)


def _refusal(line: Line, fact: F, refusal: RowRefused) -> Decision[F]:
    if refusal.code == _CONTRADICTS:
        return _contradiction(line, fact, refusal.note)
    return Decision(line=line, outcome=Outcome.REJECTED, fact=fact, code=refusal.code, note=refusal.note)
