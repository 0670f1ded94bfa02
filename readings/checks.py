"""Rows against the registry and the readings already there: what becomes of each, and why.

Pure: the caller brings the registry's places and the stored readings that matter, and the business time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from billing.reading_checks import EXCHANGE_SOURCES, RADIO_SOURCES, Finding
from readings.history import Known, Measures, Seen
from readings.places import Place, is_removal
from readings.row_checks import is_doubted, order_findings, row_findings, use_findings
from readings.rows import WARSAW, ReadingRow
from readings.series_checks import by_register, doubled, later_findings

FUTURE_TOLERANCE = timedelta(minutes=10)
_UNPLACEABLE = frozenset({"E100", "E105"})  # without a day, a meter's whereabouts say nothing


class Outcome(StrEnum):
    """What became of a row; the five add up to the rows of the file."""

    ACCEPTED = "ACCEPTED"
    ACCEPTED_WARN = "ACCEPTED_WARN"
    QUARANTINED = "QUARANTINED"
    REJECTED = "REJECTED"
    DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row and what became of it. ``place`` is set when it becomes a reading, in ``state`` VALID or SUSPECT."""

    row: ReadingRow
    outcome: Outcome
    codes: tuple[str, ...]
    note: str | None = None
    place: Place | None = None
    state: str = "VALID"
    findings: tuple[Finding, ...] = ()


def judge(
    located: Iterable[tuple[ReadingRow, Place | str]],
    *,
    known: Iterable[Known],
    now: datetime,
    measures: Measures | None = None,
) -> list[Judged]:
    """What becomes of every row, in the order of reading time; ``known`` are the stored readings around them."""
    rows = list(located)
    used = measures or Measures()
    seen = Seen()
    for reading in known:
        seen.add(reading, exchange=reading.source in EXCHANGE_SOURCES)
    several = by_register(rows)
    court = _Court(
        seen=seen,
        now=now,
        measures=used,
        late=_out_of_order(rows),
        doubled=doubled(several, rules=used.rules),
    )
    ordered = sorted(rows, key=lambda pair: (pair[0].read_at, pair[0].line.line_no))
    judged = [_judge(row, place, court) for row, place in ordered]
    return _with_later(judged, used) if several else judged


@dataclass(frozen=True, slots=True, kw_only=True)
class _Court:
    """What every row of a file is judged by. ``late`` are lines out of order, ``doubled`` registers with two series."""

    seen: Seen
    now: datetime
    measures: Measures
    late: frozenset[int]
    doubled: Mapping[int, Finding]


def _out_of_order(rows: Iterable[tuple[ReadingRow, Place | str]]) -> frozenset[int]:
    newest: dict[int, datetime] = {}
    late = set()
    for row, place in rows:
        if row.source in RADIO_SOURCES and isinstance(place, Place):
            last = newest.get(place.installation_id)
            if last is not None and row.visited_at < last:
                late.add(row.line.line_no)
            else:
                newest[place.installation_id] = row.visited_at
    return frozenset(late)


def _with_later(judged: list[Judged], measures: Measures) -> list[Judged]:
    """Findings that only the whole series of a register shows, added to the rows that they are about."""
    kept = ((one.row, one.place) for one in judged if one.place is not None and one.state == "VALID")
    extra = later_findings(by_register(kept), measures=measures)
    if not extra:
        return judged
    return [_noting(one, extra[one.row.line.line_no]) if one.row.line.line_no in extra else one for one in judged]


def _noting(one: Judged, findings: Sequence[Finding]) -> Judged:
    new = [finding for finding in findings if finding.code not in one.codes]
    if not new:
        return one
    every = (*one.findings, *new)
    codes = (*one.codes, *(finding.code for finding in new))
    return replace(one, outcome=Outcome.ACCEPTED_WARN, codes=codes, findings=every, note=_note(every))


def _judge(row: ReadingRow, place: Place | str, court: _Court) -> Judged:
    seen = court.seen
    errors = list(row.errors)
    if isinstance(place, str):
        return _rejected(row, errors if _UNPLACEABLE.intersection(errors) else [*errors, place])
    if row.visited_at > court.now + FUTURE_TOLERANCE:
        errors.append("E106")
    if row.index_m3 is not None and row.index_m3 >= 10**place.dials:
        errors.append("E109")
    if errors:
        return _rejected(row, errors)
    reading = _as_known(row, place)
    twin = seen.by_key.get((place.meter_id, place.register, row.read_at, row.source))
    namesake = seen.by_external_id.get(row.external_id) if row.external_id else None
    if namesake is not None and namesake is not twin:
        return _rejected(row, ["E113"])
    if row.source in EXCHANGE_SOURCES:
        exchange = _exchange(row, place, seen, reading)
        if exchange is not None:
            return exchange
    if twin is not None:
        return _repeated(row, twin, reading)
    return _new(row, place, court, reading)


def _exchange(row: ReadingRow, place: Place, seen: Seen, reading: Known) -> Judged | None:
    """What becomes of an exchange reading at once; None for the first removal reading on the day of the removal.

    A meter is billed from its installation to its removal, and both days are the registry's: a file repeats what the
    registry has of them, or fills in the removal that it lacks.
    """
    stored = seen.exchanges[place.installation_id, row.source]
    same_day = [other for other in stored if other.read_at.astimezone(WARSAW).date() == row.read_on]
    if any(_values(other) == _values(reading) for other in same_day):
        return Judged(row=row, outcome=Outcome.DUPLICATE, codes=())
    if is_removal(row, place) and not stored:
        return None
    note = "; ".join(f"{other.read_at.astimezone(WARSAW):%Y-%m-%d} {other.index_m3} m³" for other in stored)
    return Judged(
        row=row, outcome=Outcome.QUARANTINED, codes=("V03",), note=f"the registry has {note or 'no such reading'}"
    )


def _new(row: ReadingRow, place: Place, court: _Court, reading: Known) -> Judged:
    findings = _findings(row, place, court, reading)
    suspect = is_doubted(findings)
    codes = (*row.warnings, *_warnings(row, place), *(one.code for one in findings))
    state = "SUSPECT" if suspect else "VALID"
    court.seen.add(
        replace(reading, state=state, counts_m3=None) if suspect else reading, exchange=row.source in EXCHANGE_SOURCES
    )
    taken = Outcome.ACCEPTED_WARN if codes else Outcome.ACCEPTED
    outcome = Outcome.QUARANTINED if suspect else taken
    note = _note(findings) if findings else None
    return Judged(row=row, outcome=outcome, codes=codes, note=note, place=place, state=state, findings=tuple(findings))


def _findings(row: ReadingRow, place: Place, court: _Court, reading: Known) -> list[Finding]:
    two_series = court.doubled.get(place.installation_id)
    if two_series is not None and row.index_m3 is not None:
        return [two_series]
    found = order_findings(reading, place, court.seen.indexes[place.installation_id], measures=court.measures)
    if not is_doubted(found):
        found += use_findings(row, place, measures=court.measures)
    if row.alarms or row.source in RADIO_SOURCES:
        found += row_findings(row, late=row.line.line_no in court.late, measures=court.measures)
    return found


def _note(findings: Iterable[Finding]) -> str:
    return "; ".join(", ".join(f"{name} {value}" for name, value in one.facts.items()) for one in findings)


def _warnings(row: ReadingRow, place: Place) -> list[str]:
    codes = []
    if row.module_no and row.module_no != (place.module_no or ""):
        codes.append("W201")
    if place.last_billed_on is not None and row.read_on < place.last_billed_on:
        codes.append("W202")
    if row.index_m3 is not None and row.index_m3 != round(row.index_m3, place.decimals):
        codes.append("W204")
    return codes


def _repeated(row: ReadingRow, twin: Known, reading: Known) -> Judged:
    if _values(twin) == _values(reading):
        return Judged(row=row, outcome=Outcome.DUPLICATE, codes=())
    note = f"the reading that stands has index {twin.index_m3}, quality {twin.quality}"
    return Judged(row=row, outcome=Outcome.QUARANTINED, codes=("V01",), note=note)


def _values(reading: Known) -> tuple[Decimal | None, str, str | None]:
    return reading.index_m3, reading.quality, reading.reason_code


def _as_known(row: ReadingRow, place: Place) -> Known:
    return Known(
        installation_id=place.installation_id,
        meter_id=place.meter_id,
        register=place.register,
        read_at=row.read_at,
        source=row.source,
        index_m3=row.index_m3,
        quality=row.quality,
        reason_code=row.reason_code,
        state="VALID",
        external_id=row.external_id,
        counts_m3=None if row.quality == "estimated" else row.index_m3,
    )


def _rejected(row: ReadingRow, codes: Iterable[str]) -> Judged:
    return Judged(row=row, outcome=Outcome.REJECTED, codes=tuple(sorted(set(codes))))
