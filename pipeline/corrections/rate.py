"""rate, of a run of corrections: what is owed instead of each invoice, account by account."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import AccountSnapshot, CycleTerms
from billing.canonical import content_sha256, from_json
from billing.charges import Bill, Hold
from billing.corrections import bill_in_force, difference, nothing_owed, says_the_same
from billing.holds import HoldCode
from billing.invoices import Invoice
from billing.money import ZERO_ZL
from billing.periods import Period
from billing.plausibility import too_much
from billing.rating import owed
from pipeline.cycles import has_passed
from pipeline.errors import Inconsistent
from pipeline.printable import unprintable
from pipeline.utility_files import LoadedUtility
from pipeline.work import StepRecord
from sql.charges import insert_bills, insert_holds, rated_holds
from sql.corrections import find_run, found
from sql.cycles import Cycle

Rated = Hold | dict[int, Bill]
"""Why an account's invoices cannot be corrected, or the bills by corrected invoice: together or not at all."""


def rate_run(
    connection: Connection, cycle: Cycle, loaded: LoadedUtility, record: StepRecord, *, chunk_no: int
) -> dict[str, int]:
    """Rate one chunk of a run: write what is missing, compare what is there.

    Raises:
        Inconsistent: ``CHARGE_DIFFERS``, ``CHARGE_MISSING`` or ``INVOICE_CHANGED``.
    """
    cause = find_run(connection, cycle_id=cycle.cycle_id).cause
    rows = found(connection, "items_of_chunk", cycle_id=cycle.cycle_id, chunk_no=chunk_no)
    results = {
        account_id: _rated(list(items), loaded, reverses=cause == "reversal")
        for account_id, items in groupby(rows, key=lambda row: row.account_id)
    }
    missing = _missing(connection, cycle, results, chunk_no=chunk_no)
    owners = {invoice_id: key for key, result in missing.items() if isinstance(result, dict) for invoice_id in result}
    bills = {key: bill for result in missing.values() if isinstance(result, dict) for key, bill in result.items()}
    sha256s = {key: content_sha256(bill) for key, bill in bills.items()}
    insert_bills(connection, cycle=cycle, bills=bills, sha256s=sha256s, accounts=owners)
    holds = {key: result for key, result in missing.items() if isinstance(result, Hold)}
    insert_holds(connection, cycle=cycle, stage="rate", holds=holds)
    _tell(record, rows, results)
    return dict(record.counts) | {"written": len(missing)}


def refuse_in_part(connection: Connection, cycle: Cycle) -> None:
    """Readings are corrected, and cycles reversed, as a whole: one account that cannot be stops the run.

    Raises:
        Inconsistent: ``CORRECTION_HELD``.
    """
    if find_run(connection, cycle_id=cycle.cycle_id).cause == "prices":
        return
    for row in found(connection, "held_accounts", cycle_id=cycle.cycle_id):
        why = ", ".join(f"{name} {value}" for name, value in row.facts.items())
        text = f"account {row.account_no} cannot be corrected, {row.code} ({why})"
        end = "the dry run is over," if cycle.dry_run else f"reject {cycle.cycle_key} and"
        raise Inconsistent("CORRECTION_HELD", f"{text}; {end} ask for something else")


def sound(row: Row[Any], name: str) -> Invoice:
    """A stored invoice, as it was issued.

    Raises:
        Inconsistent: ``INVOICE_CHANGED``.
    """
    invoice = from_json(Invoice, getattr(row, name))
    if content_sha256(invoice) != getattr(row, f"{name}_sha256"):
        raise Inconsistent("INVOICE_CHANGED", f"{invoice.number.text} is not the invoice that was issued")
    return invoice


def _rated(rows: list[Row[Any]], loaded: LoadedUtility, *, reverses: bool) -> Rated:
    account = from_json(AccountSnapshot, rows[0].account_content)
    stopped = unprintable(account)
    if stopped is not None:
        return stopped
    bills: dict[int, Bill] = {}
    for row in rows:
        in_force = sound(row, "in_force")
        before = bill_in_force(in_force)
        after = nothing_owed(before) if reverses else _owed(row, loaded)
        if isinstance(after, Hold):
            facts = {"invoice_no": sound(row, "original").number.text, **after.facts}
            return replace(after, facts=facts, draft=None)
        if not says_the_same(before, after):
            bills[row.invoice_id] = after
    if not bills:
        facts = {"invoices": str(len(rows))}
        return Hold(account_no=account.account_no, code=HoldCode.NOTHING_TO_CORRECT, facts=facts)
    return bills


def _owed(row: Row[Any], loaded: LoadedUtility) -> Bill | Hold:
    terms = CycleTerms(
        cycle_key=row.cycle_key,
        period=Period(start=row.period_start, until=row.period_until),
        issue_date=row.issue_date,
        payment_days=row.payment_days,
        purpose=row.purpose,
    )
    made = owed(from_json(AccountSnapshot, row.content), loaded.tariffs, terms)
    if isinstance(made, Hold):
        return made
    return too_much(made, volume_max_m3_day=loaded.utility.models.volume_max_m3_day) or made


def _missing(connection: Connection, cycle: Cycle, results: Mapping[int, Rated], *, chunk_no: int) -> dict[int, Rated]:
    """The accounts that have neither charge nor hold yet; those that have must have the same."""
    written: dict[int, Any] = dict(rated_holds(connection, cycle=cycle, chunk_no=chunk_no))
    for row in found(connection, "charges_of_chunk", cycle_id=cycle.cycle_id, chunk_no=chunk_no):
        written.setdefault(row.account_id, {})[row.corrects_id] = row.sha256
    differing = [key for key, result in results.items() if key in written and written[key] != _sha256s(result)]
    if differing:
        raise Inconsistent("CHARGE_DIFFERS", f"re-rating gives other figures for {len(differing)} accounts")
    missing = {key: result for key, result in results.items() if key not in written}
    if missing and has_passed(cycle, state="frozen"):
        raise Inconsistent(
            "CHARGE_MISSING", f"{len(missing)} accounts of {cycle.cycle_key} were checked without charges"
        )
    return missing


def _sha256s(result: Rated) -> Any:
    if isinstance(result, Hold):
        return content_sha256(result)
    return {key: content_sha256(bill) for key, bill in result.items()}


def _tell(record: StepRecord, rows: Iterable[Row[Any]], results: Mapping[int, Rated]) -> None:
    before = {row.invoice_id: bill_in_force(sound(row, "in_force")) for row in rows}
    corrected = {key: bill for result in results.values() if isinstance(result, dict) for key, bill in result.items()}
    record.counts = {
        "accounts": len(results),
        "invoices": len(before),
        "corrected": len(corrected),
        "held": sum(isinstance(result, Hold) for result in results.values()),
    }
    changes = [difference(before[key], bill) for key, bill in corrected.items()]
    record.sums = {
        "net_zl": sum((change.net_zl for change in changes), Decimal(ZERO_ZL)),
        "gross_zl": sum((change.gross_zl for change in changes), Decimal(ZERO_ZL)),
        "charges_sha256": content_sha256([content_sha256(bill) for bill in corrected.values()]),
    }
