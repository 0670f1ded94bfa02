"""Compute a past cycle of the old system again, and say for each account whether it is equal to the grosz."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.accounts import AccountSnapshot, CycleTerms
from billing.canonical import canonical_json, content_sha256
from billing.charges import Bill, Hold
from billing.money import ZERO_ZL
from billing.old_invoices import Difference, OldInvoice
from billing.parallel import compare
from billing.periods import Period
from billing.rating import bill
from billing.tariffs import TariffBook
from pipeline.errors import OperatorError
from pipeline.parallel.accounts import snapshots
from pipeline.parallel.files import OldCycle, read_cycle
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql.clock import business_now
from sql.evidence import Event, append_events
from sql.locks import take_turn
from sql.parallel import Asked, Result, accounts_of_points, insert_results, insert_run, registry_rows

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_BATCH = 5000
_PAYMENT_DAYS = 14

Terms = tuple[Period, date]
"""Months of the abonament, and the day of issue."""


def run(work: Work, *, folder: Path, name: str) -> dict[str, Any]:
    """One more attempt at a past cycle: totals, ``compared`` = ``equal`` + ``differing``, and counts by cause.

    Nothing is written but the results: no reading, no charge, no invoice.

    Raises:
        OperatorError: ``NAME_WRONG``, ``FILE_MISSING``, ``PARALLEL_UNREADABLE`` or ``PARALLEL_EMPTY``.
        DataRefused: a file has a wrong header, or the utility's folder cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError("NAME_WRONG", "a name has letters, digits and _ . - only, such as 2026-07")
    loaded = load_folder(work.settings.utility, seller_needed=False)
    cycle = read_cycle(folder, unreadable=work.settings.exports / "parallel" / f"{name}.unreadable.csv")
    if not cycle.invoices:
        raise OperatorError("PARALLEL_EMPTY", f"{folder / 'invoices.csv'} holds no invoice")
    with step(work, "parallel_run") as (connection, record):
        take_turn(connection, "parallel")
        results = list(_results(connection, cycle, loaded.tariffs, name))
        causes = Counter(one.cause for one in results if one.cause is not None)
        counts = {"compared": len(results), "equal": len(results) - causes.total(), "differing": causes.total()}
        who = {"started_by": work.actor.name, "started_via": work.actor.via}
        run_id, attempt = insert_run(connection, name=name, sha256s=cycle.sha256s, counts=counts, **who)
        _write(connection, run_id, results)
        body = {"name": name, "attempt": attempt, "sha256s": cycle.sha256s, "counts": counts}
        moment = business_now(connection)
        append_events(connection, [Event(event_at=moment, subject=f"parallel:{name}", kind="parallel_run", body=body)])
        record.counts, record.tariff_sha256s = counts, loaded.tariff_sha256s
    return {"name": name, "attempt": attempt, **counts, "causes": dict(sorted(causes.items()))}


def _write(connection: Connection, run_id: int, results: Iterable[Result]) -> None:
    rest = iter(results)
    while batch := list(islice(rest, _BATCH)):
        insert_results(connection, run_id=run_id, results=batch)


def _results(connection: Connection, cycle: OldCycle, tariffs: TariffBook, name: str) -> Iterator[Result]:
    terms = _terms(connection, cycle)
    asked = [
        Asked(account_no=account_no, issue_date=issue_date, start=period.start, until=period.until)
        for account_no, (period, issue_date) in terms.items()
    ]
    known = set()
    for account in snapshots(registry_rows(connection, asked), readings=cycle.readings):
        known.add(account.account_no)
        made = _bill(account, tariffs, name, terms[account.account_no])
        result = _result(account.account_no, cycle.invoices.get(account.account_no), made)
        if result is not None:
            yield result
    for account_no, old in cycle.invoices.items():
        if account_no not in known:
            result = _result(account_no, old, None)
            if result is not None:
                yield result


def _terms(connection: Connection, cycle: OldCycle) -> dict[str, Terms]:
    """The terms of each account: those of its old invoice, or the commonest for one that was read and not billed."""
    own: dict[str, Terms] = {no: (old.period, old.issue_date) for no, old in cycle.invoices.items()}
    (commonest, _), *_ = Counter(own.values()).most_common(1)
    period = commonest[0]
    point_nos = (point_no for point_no, _, _ in cycle.readings)
    read = accounts_of_points(connection, point_nos=point_nos, start=period.start, until=period.until)
    return dict.fromkeys(read, commonest) | own


def _bill(account: AccountSnapshot, tariffs: TariffBook, name: str, terms: Terms) -> Bill | Hold:
    period, issue_date = terms
    cycle = CycleTerms(cycle_key=name, period=period, issue_date=issue_date, payment_days=_PAYMENT_DAYS)
    return bill(account, tariffs, cycle)


def _result(account_no: str, old: OldInvoice | None, made: Bill | Hold | None) -> Result | None:
    found = compare(old, made)
    if found is None:
        return None
    ours = made.draft if isinstance(made, Hold) and made.draft is not None else made
    is_different = isinstance(found, Difference)
    return Result(
        account_no=account_no,
        invoice_no=None if old is None else ", ".join(old.invoice_nos),
        cause=found.cause.value if isinstance(found, Difference) else None,
        facts=canonical_json(found.facts if isinstance(found, Difference) else {}),
        old_gross_zl=None if old is None else old.gross_zl,
        new_gross_zl=ours.gross_zl if isinstance(ours, Bill) else None,
        difference_zl=found.difference_zl if isinstance(found, Difference) else ZERO_ZL,
        fingerprint=_fingerprint(old, found) if isinstance(found, Difference) else None,
        old=canonical_json(old) if is_different and old is not None else None,
        new=canonical_json(ours) if is_different and ours is not None else None,
    )


def _fingerprint(old: OldInvoice | None, found: Difference) -> str:
    """What a person accepted: the same invoice with the same difference, and no other."""
    amount: Decimal = found.difference_zl
    numbers = () if old is None else old.invoice_nos
    return content_sha256([list(numbers), found.cause, dict(found.facts), amount])
