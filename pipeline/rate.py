"""rate: frozen accounts of a chunk become charges, or holds that say why not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection

from billing.accounts import AccountSnapshot, CycleTerms
from billing.canonical import content_sha256
from billing.charges import Bill, Hold
from billing.holds import HoldCode
from billing.money import ZERO_ZL
from billing.plausibility import too_costly, too_much
from billing.rating import bill
from pipeline.corrections.rate import rate_run
from pipeline.cycles import frozen_utility, has_passed, require_cycle, require_reached
from pipeline.errors import Inconsistent
from pipeline.printable import unprintable
from pipeline.read_back import read_back
from pipeline.utility_files import LoadedUtility
from pipeline.work import Work, step
from sql.charges import insert_bills, insert_holds, rated_hashes
from sql.cycles import Cycle
from sql.snapshots import load_chunk
from sql.validation import doubt_costly

_AT_ONCE: Final = 1000
"""Accounts in memory at once: what a chunk takes does not grow with it."""


def run(work: Work, *, cycle_key: str, chunk_no: int) -> dict[str, int]:
    """Rate one chunk: write what is missing, compare what is there.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN`` or ``CYCLE_STATE``.
        Inconsistent: ``CHARGE_DIFFERS``, the same inputs now give other figures than those written before.
    """
    with step(work, "rate") as (connection, record):
        cycle = require_cycle(connection, cycle_key=cycle_key, lock="readers")
        require_reached(cycle, state="frozen")
        loaded = frozen_utility(connection, cycle)
        record.cycle_id, record.chunk = cycle.cycle_id, str(chunk_no)
        record.tariff_sha256s = loaded.tariff_sha256s
        if cycle.is_correction:
            return rate_run(connection, cycle, loaded, record, chunk_no=chunk_no)
        accounts = load_chunk(connection, cycle=cycle, chunk_no=chunk_no)
        written = rated_hashes(connection, cycle=cycle, chunk_no=chunk_no)
        missing = [account_id for account_id, _ in accounts if account_id not in written]
        if missing and has_passed(cycle, state="frozen"):
            raise Inconsistent("CHARGE_MISSING", f"{len(missing)} accounts of {cycle_key} were checked without charges")
        charges = _Charges()
        for start in range(0, len(accounts), _AT_ONCE):
            results = {
                account_id: _rated(read_back(AccountSnapshot, content), loaded, cycle.terms)
                for account_id, content in accounts[start : start + _AT_ONCE]
            }
            sha256s = {account_id: content_sha256(result) for account_id, result in results.items()}
            _refuse_difference(results, sha256s=sha256s, written=written)
            _write(connection, cycle, {key: result for key, result in results.items() if key not in written}, sha256s)
            charges.add((sha256s[key], result) for key, result in results.items() if isinstance(result, Bill))
        charged = len(charges.sha256s)
        record.counts = {"accounts": len(accounts), "charged": charged, "held": len(accounts) - charged}
        record.sums = {
            "net_zl": charges.net_zl,
            "gross_zl": charges.gross_zl,
            "charges_sha256": content_sha256(charges.sha256s),
        }
        return dict(record.counts) | {"written": len(missing)}


@dataclass(slots=True, kw_only=True)
class _Charges:
    """What the charges of a chunk come to, without holding them."""

    net_zl: Decimal = ZERO_ZL
    gross_zl: Decimal = ZERO_ZL
    sha256s: list[str] = field(default_factory=list)

    def add(self, bills: Iterable[tuple[str, Bill]]) -> None:
        for sha256, made in bills:
            self.net_zl += made.net_zl
            self.gross_zl += made.gross_zl
            self.sha256s.append(sha256)


def _write(
    connection: Connection, cycle: Cycle, results: Mapping[int, Bill | Hold], sha256s: Mapping[int, str]
) -> None:
    bills = {key: result for key, result in results.items() if isinstance(result, Bill)}
    holds = {key: result for key, result in results.items() if isinstance(result, Hold)}
    insert_bills(connection, cycle=cycle, bills=bills, sha256s=sha256s)
    insert_holds(connection, cycle=cycle, stage="rate", holds=holds)
    if not cycle.dry_run:
        _doubt_costly(connection, holds.values())


def _doubt_costly(connection: Connection, holds: Iterable[Hold]) -> None:
    """The readings of accounts that V23 holds wait in the office's queue."""
    for hold in holds:
        if hold.code is HoldCode.SELF_READING_COSTLY:
            reading_ids = [int(reading_id) for reading_id in hold.facts["reading_ids"].split(",")]
            doubt_costly(connection, reading_ids=reading_ids, facts=hold.facts)


def _rated(account: AccountSnapshot, loaded: LoadedUtility, terms: CycleTerms) -> Bill | Hold:
    result = unprintable(account) or bill(account, loaded.tariffs, terms)
    if isinstance(result, Hold):
        return result
    utility = loaded.utility
    return (
        too_much(result, volume_max_m3_day=utility.models.volume_max_m3_day)
        or too_costly(result, account, self_invoice_max_zl=utility.checks.self_invoice_max_zl)
        or result
    )


def _refuse_difference(
    results: Mapping[int, Bill | Hold], *, sha256s: Mapping[int, str], written: Mapping[int, str]
) -> None:
    differing = [
        result.account_no
        for account_id, result in results.items()
        if account_id in written and written[account_id] != sha256s[account_id]
    ]
    if differing:
        raise Inconsistent("CHARGE_DIFFERS", f"re-rating gives other figures for accounts {', '.join(differing[:10])}")
