"""tariff impact: a tariff that is not in force yet is rated over all accounts, for a year of their own use."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.canonical import canonical_json, to_data
from billing.impact import Impact, NoImpact, NoImpactReason, impact
from billing.impact_summary import GroupImpact, Movers, account_percent, by_group, movers
from billing.money import ZERO_ZL
from billing.priced_year import YEAR_DAYS, PricedYear
from billing.tariffs import Tariff
from pipeline.errors import Unavailable
from pipeline.registry.csv import write_csv
from pipeline.tariff_folder import Candidate, read_candidate
from pipeline.work import Work, step, warsaw_day
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.locks import take_turn
from sql.tariffs import NewImpact, insert_impact, issued_cycles, using_accounts

COLUMNS = (
    *("account_no", "outcome", "lacking", "channel", "group_before", "group_after", "water_m3", "sewage_m3"),
    *("net_before_zl", "net_after_zl", "gross_before_zl", "gross_after_zl", "difference_zl", "percent"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffImpact:
    """The result: every account once, in the order of numbers; ``sha256`` is the same for the same data."""

    tariff: Tariff
    outcomes: tuple[Impact | NoImpact, ...]
    rated: tuple[Impact, ...]
    without: dict[NoImpactReason, tuple[NoImpact, ...]]
    groups: tuple[GroupImpact, ...]
    movers: Movers
    sha256: str

    @property
    def counts(self) -> dict[str, int]:
        """Accounts in all and by outcome."""
        found = {f"without_{reason.removeprefix('no_')}": len(self.without[reason]) for reason in NoImpactReason}
        return {"accounts": len(self.outcomes), "rated": len(self.rated)} | found

    @property
    def sums(self) -> dict[str, Any]:
        """Net and gross of a year of all rated accounts, before and after."""
        names = ("net_before_zl", "net_after_zl", "gross_before_zl", "gross_after_zl")
        return {name: sum((getattr(group, name) for group in self.groups), ZERO_ZL) for name in names}


def run(work: Work, *, file: Path, folder: Path | None = None) -> tuple[TariffImpact, Path]:
    """Compute and keep the impact of a tariff file, and write every account to a CSV in ``folder``; its path.

    The same person computing the same again adds nothing.

    Raises:
        OperatorError: ``FILE_MISSING``.
        DataRefused: the tariff or the utility's folder cannot be used.
        Unavailable: ``REPORT_UNWRITABLE``; the impact itself is kept.
    """
    candidate = read_candidate(work.settings, file)
    with step(work, "tariff_impact") as (connection, record):
        take_turn(connection, "books")  # no cycle may issue in the middle
        made = _rate(connection, candidate)
        kept = _keep(connection, work, candidate, made)
        record.counts = made.counts | {"kept": int(kept)}
        record.sums = made.sums | {"impact_sha256": made.sha256}
        record.tariff_sha256s = (*candidate.book_sha256s, candidate.tariff.sha256)
    target = folder or work.settings.exports / "tariffs"
    path = target / f"{Path(candidate.tariff.name).stem}-{made.sha256[:12]}.csv"
    try:
        return made, write_csv(path, columns=COLUMNS, rows=(_row(found) for found in made.outcomes))
    except OSError as error:
        text = f"{error.filename or path}: {error.strerror}; the impact itself is kept; compute it again for the list"
        raise Unavailable("REPORT_UNWRITABLE", text) from error


def group_data(group: GroupImpact) -> dict[str, Any]:
    """A group with what follows from its sums."""
    shares = {name: getattr(group, name) for name in ("difference_zl", "percent", "percent_more", "percent_less")}
    return dict(to_data(group)) | {name: to_data(value) for name, value in shares.items()}


def _rate(connection: Connection, candidate: Candidate) -> TariffImpact:
    start = candidate.tariff.valid_from
    before, after = (PricedYear(book=book, start=start) for book in (candidate.present, candidate.planned))
    accounts = using_accounts(
        connection,
        today=warsaw_day(business_now(connection)),
        since=start - timedelta(days=YEAR_DAYS),
        until=start,
    )
    digest = hashlib.sha256(canonical_json([candidate.tariff.sha256, candidate.book_sha256s]).encode())
    outcomes = []
    for account in accounts:
        outcomes.append(impact(account, before=before, after=after))
        digest.update(canonical_json(outcomes[-1]).encode())
    rated = tuple(found for found in outcomes if isinstance(found, Impact))
    left = [found for found in outcomes if isinstance(found, NoImpact)]
    return TariffImpact(
        tariff=candidate.tariff,
        outcomes=tuple(outcomes),
        rated=rated,
        without={reason: tuple(found for found in left if found.reason is reason) for reason in NoImpactReason},
        groups=by_group(rated),
        movers=movers(rated),
        sha256=digest.hexdigest(),
    )


def _keep(connection: Connection, work: Work, candidate: Candidate, made: TariffImpact) -> bool:
    unpriced = made.without[NoImpactReason.NO_PRICE]
    new = NewImpact(
        tariff=made.tariff,
        book_sha256s=candidate.book_sha256s,
        issued_cycles=issued_cycles(connection),
        counts=made.counts,
        sums=made.sums,
        by_group=[group_data(group) for group in made.groups],
        accounts_without_price=[{"account_no": found.account_no, "lacking": found.lacking} for found in unpriced],
        sha256=made.sha256,
    )
    impact_id = insert_impact(
        connection, new, content=candidate.content, recorded_by=work.actor.name, recorded_via=work.actor.via
    )
    if impact_id is None:
        return False
    body = {"impact_id": impact_id, "impact_sha256": made.sha256, "by": work.actor.name, "via": work.actor.via}
    event = Event(
        event_at=business_now(connection),
        subject=f"tariff:{made.tariff.sha256}",
        kind="impact_computed",
        body=body | made.counts | made.sums,
    )
    append_events(connection, [event])
    return True


def _row(found: Impact | NoImpact) -> tuple[Any, ...]:
    if isinstance(found, NoImpact):
        return (found.account_no, found.reason.value, found.lacking, found.channel.value, *[""] * 10)
    return (
        *(found.account_no, "rated", "", found.channel.value, found.before.groups, found.after.groups),
        *(found.water_m3, found.sewage_m3, found.before.net_zl, found.after.net_zl),
        *(found.before.gross_zl, found.after.gross_zl, found.difference_zl, account_percent(found) or ""),
    )
