"""rate: frozen accounts of a chunk become charges, or holds that say why not."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from billing.accounts import AccountSnapshot, CycleTerms
from billing.canonical import content_sha256, from_json
from billing.charges import Bill, Hold
from billing.holds import HoldCode
from billing.plausibility import too_costly, too_much
from billing.rating import bill
from pipeline.corrections.rate import rate_run
from pipeline.cycles import frozen_utility, has_passed, require_cycle, require_reached
from pipeline.errors import Inconsistent
from pipeline.printable import unprintable
from pipeline.utility_files import LoadedUtility
from pipeline.work import Work, step
from sql.charges import insert_bills, insert_holds, rated_hashes
from sql.snapshots import load_chunk
from sql.validation import doubt_costly


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
        results = {
            account_id: _rated(from_json(AccountSnapshot, content), loaded, cycle.terms)
            for account_id, content in load_chunk(connection, cycle=cycle, chunk_no=chunk_no)
        }
        sha256s = {account_id: content_sha256(result) for account_id, result in results.items()}
        written = rated_hashes(connection, cycle=cycle, chunk_no=chunk_no)
        _refuse_difference(results, sha256s=sha256s, written=written)
        missing = {account_id: result for account_id, result in results.items() if account_id not in written}
        if missing and has_passed(cycle, state="frozen"):
            raise Inconsistent("CHARGE_MISSING", f"{len(missing)} accounts of {cycle_key} were checked without charges")
        bills = {key: result for key, result in missing.items() if isinstance(result, Bill)}
        holds = {key: result for key, result in missing.items() if isinstance(result, Hold)}
        insert_bills(connection, cycle=cycle, bills=bills, sha256s=sha256s)
        insert_holds(connection, cycle=cycle, stage="rate", holds=holds)
        if not cycle.dry_run:
            _doubt_costly(connection, holds.values())
        charged = {key: result for key, result in results.items() if isinstance(result, Bill)}
        record.counts = {"accounts": len(results), "charged": len(charged), "held": len(results) - len(charged)}
        record.sums = {
            "net_zl": sum(result.net_zl for result in charged.values()),
            "gross_zl": sum(result.gross_zl for result in charged.values()),
            "charges_sha256": content_sha256([sha256s[key] for key in charged]),
        }
        return dict(record.counts) | {"written": len(missing)}


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
