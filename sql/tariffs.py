"""Tariffs on their way into force: what was billed, the impacts computed, and who switched on what."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import Channel, PartyKind, Service
from billing.canonical import canonical_json
from billing.impact import KnownUse, UsedPoint, UsingAccount
from billing.priced_year import Buying, PointKind
from billing.tariffs import Tariff
from sql.cycles import insert_input
from sql.queries import queries

_Q = queries("tariffs")
FETCHED = 5000
"""Rows in memory at once while accounts are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImpact:
    """The figures of an impact to keep; ``counts`` and ``sums`` bear the names of the table's columns."""

    tariff: Tariff
    book_sha256s: tuple[str, ...]
    issued_cycles: int
    counts: Mapping[str, int]
    sums: Mapping[str, Any]
    by_group: Any
    accounts_without_price: Any
    sha256: str


def tariff_states(connection: Connection, *, sha256s: Iterable[str]) -> dict[str, Row[Any]]:
    """By hash: ``billed`` (an issued cycle used it), ``switched_by`` and ``switched_at`` (None when it was not)."""
    return {row.sha256: row for row in connection.execute(_Q["tariff_states"], {"sha256s": list(sha256s)})}


def issued_cycles(connection: Connection) -> int:
    """How many cycles have been issued; it only grows."""
    count: int = connection.execute(_Q["issued_cycles"]).scalar_one()
    return count


def newest_switch(connection: Connection) -> Row[Any] | None:
    """The tariff that was switched on last."""
    return connection.execute(_Q["newest_switch"]).one_or_none()


def find_switch(connection: Connection, *, name: str, sha256: str | None) -> Row[Any] | None:
    """The switch of a file's content, or of the newest content of that name when ``sha256`` is None; with the bytes."""
    return connection.execute(_Q["find_switch"], {"name": name, "sha256": sha256}).one_or_none()


def newest_billed_day(connection: Connection) -> date | None:
    """The last day that any invoice or draft bills."""
    day: date | None = connection.execute(_Q["newest_billed_day"]).scalar_one()
    return day


def cycle_in_work(connection: Connection, *, valid_from: date) -> str | None:
    """A cycle that has frozen its tariffs and issues on the day or later."""
    key: str | None = connection.execute(_Q["cycle_in_work"], {"valid_from": valid_from}).scalar_one_or_none()
    return key


def kinds_in_use(connection: Connection, *, today: date, on_day: date) -> set[tuple[PointKind, Buying]]:
    """What picks the prices of the contracts in force on a day, each combination once."""
    rows = connection.execute(_Q["kinds_in_use"], {"today": today, "on_day": on_day})
    return {(_kind(row), Buying(channel=Channel(row.channel), payer=_payer(row))) for row in rows}


def using_accounts(connection: Connection, *, today: date, since: date, until: date) -> Iterator[UsingAccount]:
    """Every account with a contract on ``until``, its use billed for days since ``since``, the channel of ``today``."""
    days = {"today": today, "since": since, "until": until}
    rows = connection.execute(_Q["use_of_accounts"], days, execution_options={"yield_per": FETCHED})
    for account_no, of_account in groupby(rows, key=lambda row: row.account_no):
        first, *others = of_account
        yield UsingAccount(
            account_no=account_no,
            channel=Channel(first.channel),
            points=tuple(_used_point(row) for row in (first, *others)),
            payer=_payer(first),
        )


def _used_point(row: Row[Any]) -> UsedPoint:
    known = {
        Service.WATER: KnownUse(volume_m3=row.water_m3, days=row.water_days),
        Service.SEWAGE: KnownUse(volume_m3=row.sewage_m3, days=row.sewage_days),
    }
    taken = {service: use for service, use in known.items() if service in row.services}
    return UsedPoint(tariff_class=row.tariff_class, uses=taken, diameter_mm=row.diameter_mm)


def _kind(row: Row[Any]) -> PointKind:
    services = frozenset(Service(service) for service in row.services)
    return PointKind(tariff_class=row.tariff_class, services=services, diameter_mm=row.diameter_mm)


def _payer(row: Row[Any]) -> PartyKind | None:
    return PartyKind(row.payer) if row.payer else None


def insert_impact(
    connection: Connection, impact: NewImpact, *, content: bytes, recorded_by: str, recorded_via: str
) -> int | None:
    """Keep an impact with the bytes that it was computed from; None when the same person has kept the same one."""
    tariff = impact.tariff
    insert_input(connection, sha256=tariff.sha256, kind="tariff", name=tariff.name, content=content)
    kept: int | None = connection.execute(
        _Q["insert_impact"],
        {
            "tariff_sha256": tariff.sha256,
            "title": tariff.title,
            "valid_from": tariff.valid_from,
            "book_sha256s": list(impact.book_sha256s),
            "issued_cycles": impact.issued_cycles,
            "by_group": canonical_json(impact.by_group),
            "accounts_without_price": canonical_json(impact.accounts_without_price),
            "sha256": impact.sha256,
            "recorded_by": recorded_by,
            "recorded_via": recorded_via,
        }
        | dict(impact.counts)
        | dict(impact.sums),
    ).scalar_one_or_none()
    return kept


def newest_impact(connection: Connection, *, tariff_sha256: str) -> Row[Any] | None:
    """The impact computed last for exactly these bytes."""
    return connection.execute(_Q["newest_impact"], {"tariff_sha256": tariff_sha256}).one_or_none()


def same_impacts(connection: Connection, *, tariff_sha256: str, sha256: str, issued_cycles: int) -> Sequence[Row[Any]]:
    """Each person's computation of the same result, the earliest first."""
    wanted = {"tariff_sha256": tariff_sha256, "sha256": sha256, "issued_cycles": issued_cycles}
    return connection.execute(_Q["same_impacts"], wanted).all()


def insert_switch(
    connection: Connection, *, tariff: Tariff, impact_id: int, switched_by: str, switched_via: str, note: str
) -> None:
    """Record that a tariff, whose bytes are kept already, is switched on upon an impact."""
    connection.execute(
        _Q["insert_switch"],
        {
            "tariff_sha256": tariff.sha256,
            "impact_id": impact_id,
            "name": tariff.name,
            "title": tariff.title,
            "decision": tariff.decision,
            "basis": tariff.basis,
            "decided_on": tariff.decided_on,
            "published_on": tariff.published_on,
            "valid_from": tariff.valid_from,
            "switched_by": switched_by,
            "switched_via": switched_via,
            "note": note,
        },
    )
