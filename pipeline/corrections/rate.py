"""rate, of a run of corrections: what is owed instead of each invoice, account by account."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row

from billing.accounts import AccountSnapshot, CycleTerms
from billing.canonical import content_sha256
from billing.charges import Bill, Hold
from billing.corrections import Difference, bill_in_force, difference, nothing_owed, says_the_same
from billing.holds import HoldCode
from billing.invoices import Invoice
from billing.money import ZERO_ZL
from billing.periods import Period
from billing.plausibility import too_much
from billing.rating import owed
from pipeline.cycles import has_passed
from pipeline.errors import Inconsistent
from pipeline.printable import unprintable
from pipeline.read_back import read_back
from pipeline.utility_files import LoadedUtility
from pipeline.work import StepRecord
from sql.charges import insert_bills, insert_holds, rated_holds
from sql.corrections import find_run, found, streamed
from sql.cycles import Cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What is owed instead of an invoice, the hash of that bill, and what it differs by from what was in force."""

    bill: Bill
    sha256: str
    change: Difference


Rated = Hold | dict[int, Owed]
"""Why an account's invoices cannot be corrected, or what is owed by corrected invoice: together or not at all."""


def rate_run(
    connection: Connection, cycle: Cycle, loaded: LoadedUtility, record: StepRecord, *, chunk_no: int
) -> dict[str, int]:
    """Rate one chunk of a run: write what is missing, compare what is there.

    Raises:
        Inconsistent: ``CHARGE_DIFFERS``, ``CHARGE_MISSING`` or ``INVOICE_CHANGED``.
    """
    reverses = find_run(connection, cycle_id=cycle.cycle_id).cause == "reversal"
    rows = streamed(connection, "items_of_chunk", cycle_id=cycle.cycle_id, chunk_no=chunk_no)
    results: dict[int, Rated] = {}
    invoices = 0
    for account_id, items in groupby(rows, key=lambda row: row.account_id):
        own = list(items)
        results[account_id] = _rated(own, loaded, reverses=reverses)
        invoices += len(own)
    missing = _missing(connection, cycle, results, chunk_no=chunk_no)
    owed_by = {key: result for key, result in missing.items() if isinstance(result, dict)}
    insert_bills(
        connection,
        cycle=cycle,
        bills={key: one.bill for result in owed_by.values() for key, one in result.items()},
        sha256s={key: one.sha256 for result in owed_by.values() for key, one in result.items()},
        accounts={invoice_id: key for key, result in owed_by.items() for invoice_id in result},
    )
    holds = {key: result for key, result in missing.items() if isinstance(result, Hold)}
    insert_holds(connection, cycle=cycle, stage="rate", holds=holds)
    _tell(record, results, invoices=invoices)
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


def sound(content: str, *, sha256: str) -> Invoice:
    """A stored invoice, as it was issued.

    Raises:
        Inconsistent: ``INVOICE_CHANGED``.
    """
    invoice = read_back(Invoice, content)
    if content_sha256(invoice) != sha256:
        raise Inconsistent("INVOICE_CHANGED", f"{invoice.number.text} is not the invoice that was issued")
    return invoice


def _rated(rows: list[Row[Any]], loaded: LoadedUtility, *, reverses: bool) -> Rated:
    account = read_back(AccountSnapshot, rows[0].account_content)
    stopped = unprintable(account)
    if stopped is not None:
        return stopped
    found_owed: dict[int, Owed] = {}
    for row in rows:
        before = bill_in_force(sound(row.in_force, sha256=row.in_force_sha256))
        after = nothing_owed(before) if reverses else _owed(row, loaded)
        if isinstance(after, Hold):
            return replace(after, facts={"invoice_no": row.invoice_no, **after.facts}, draft=None)
        if not says_the_same(before, after):
            change = difference(before, after)
            found_owed[row.invoice_id] = Owed(bill=after, sha256=content_sha256(after), change=change)
    if not found_owed:
        facts = {"invoices": str(len(rows))}
        return Hold(account_no=account.account_no, code=HoldCode.NOTHING_TO_CORRECT, facts=facts)
    return found_owed


def _owed(row: Row[Any], loaded: LoadedUtility) -> Bill | Hold:
    terms = CycleTerms(
        cycle_key=row.cycle_key,
        period=Period(start=row.period_start, until=row.period_until),
        issue_date=row.issue_date,
        payment_days=row.payment_days,
        purpose=row.purpose,
    )
    made = owed(read_back(AccountSnapshot, row.content), loaded.tariffs, terms)
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
    return {key: one.sha256 for key, one in result.items()}


def _tell(record: StepRecord, results: Mapping[int, Rated], *, invoices: int) -> None:
    corrected = [one for result in results.values() if isinstance(result, dict) for one in result.values()]
    record.counts = {
        "accounts": len(results),
        "invoices": invoices,
        "corrected": len(corrected),
        "held": sum(isinstance(result, Hold) for result in results.values()),
    }
    record.sums = {
        "net_zl": sum((one.change.net_zl for one in corrected), Decimal(ZERO_ZL)),
        "gross_zl": sum((one.change.gross_zl for one in corrected), Decimal(ZERO_ZL)),
        "charges_sha256": content_sha256([one.sha256 for one in corrected]),
    }
