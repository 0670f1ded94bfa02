"""The checks of readings that need a whole cycle: missing ones, trees of meters, legalisation, share of estimates."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from billing.canonical import canonical_json
from billing.periods import Period
from billing.reading_checks import CHECKS, SELF_SOURCES, Severity, finding
from billing.reading_rules import CheckRules
from sql.cycles import Cycle
from sql.queries import queries

_Q = queries("validation")


def note_missing(connection: Connection, *, cycle: Cycle, window: Period) -> int:
    """V14: a finding for each register without a reading in the window; how many are new."""
    return connection.execute(_Q["registers_without_reading"], _scope(cycle, window) | _check("V14")).rowcount


def note_lapsing(connection: Connection, *, cycle: Cycle, window: Period, rules: CheckRules) -> int:
    """V16: a finding for each garden or sub-meter whose legalisation lapses, once for its day; how many are new."""
    parameters = _scope(cycle, window) | _check("V16") | {"notice_days": rules.legalisation_notice_days}
    return connection.execute(_Q["lapsing"], parameters).rowcount


def doubt_trees(connection: Connection, *, cycle: Cycle, window: Period, rules: CheckRules) -> int:
    """V15: readings of trees that counted more behind the main meter than it did become suspect; how many."""
    parameters = _scope(cycle, window) | {
        "days_apart": rules.sub_days_apart_max,
        "tolerance_m3": rules.sub_tolerance_m3,
    }
    trees = connection.execute(_Q["trees"], parameters).all()
    return sum(_doubt_tree(connection, tree) for tree in trees)


def _doubt_tree(connection: Connection, tree: Row[Any]) -> int:
    doubted = _doubted(connection, tree.reading_ids)
    facts = {
        "main_meter_no": tree.meter_no,
        "main_m3": tree.used_m3,
        "behind_m3": tree.behind_m3,
        "meters_behind": tree.meters,
        "from": tree.before_on,
        "until": tree.now_on,
    }
    named = canonical_json(finding("V15", facts).facts)
    parameters = _check("V15") | {"reading_ids": doubted, "facts": named}
    connection.execute(_Q["insert_reading_findings"], parameters)
    connection.execute(_Q["doubt"], {"reading_ids": doubted})
    return len(doubted)


def doubt(connection: Connection, *, reading_ids: Sequence[int]) -> None:
    """Readings become suspect that a check found at fault."""
    connection.execute(_Q["doubt"], {"reading_ids": list(reading_ids)})


def _doubted(connection: Connection, reading_ids: Sequence[int]) -> list[int]:
    return list(connection.execute(_Q["undoubted"], {"reading_ids": reading_ids}).scalars())


def doubt_costly(connection: Connection, *, reading_ids: Sequence[int], facts: Mapping[str, str]) -> int:
    """V23: customers' own readings become suspect, with a finding, so that a person decides on them; how many."""
    doubted = _doubted(connection, reading_ids)
    named = {"code": "V23", "severity": Severity.QUARANTINE.value, "owner": CHECKS["V23"].owner.value}
    parameters = named | {"reading_ids": doubted, "facts": canonical_json(facts)}
    connection.execute(_Q["insert_reading_findings"], parameters)
    connection.execute(_Q["doubt"], {"reading_ids": doubted})
    return len(doubted)


def confirmed_self_readings(connection: Connection, *, window: Period) -> frozenset[int]:
    """Customers' own readings of the window that a person of the utility has confirmed or edited."""
    parameters = {"sources": sorted(SELF_SOURCES), "window_start": window.start, "window_until": window.until}
    return frozenset(connection.execute(_Q["confirmed"], parameters).scalars())


def estimates(connection: Connection, *, cycle: Cycle) -> Row[Any]:
    """How many ``readings`` close the charges of the cycle, and how many of them are ``estimated``."""
    return connection.execute(_Q["estimates"], {"cycle_id": cycle.cycle_id}).one()


def _scope(cycle: Cycle, window: Period) -> dict[str, Any]:
    return {
        "all_routes": cycle.route_set == "ALL",
        "routes": cycle.route_set.split("+"),
        "issue_date": cycle.issue_date,
        "period_start": cycle.period.start,
        "period_until": cycle.period.until,
        "window_start": window.start,
        "window_until": window.until,
    }


def _check(code: str) -> dict[str, Any]:
    check = CHECKS[code]
    return {"code": code, "severity": check.severity.value, "owner": check.owner.value}
