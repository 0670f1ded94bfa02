"""waive_hold: an approver ends a hold without a bill, and says why.

The standing charge of the hold's months is given up and never billed later. Water that was metered is not lost while
the contract lasts: the next bill goes on from the last billed reading. A contract that ended within those months (or
before them) loses its remaining days as well, and is not gathered again for them.
"""

from sqlalchemy import Connection, Row

from pipeline.approvers import require_approver
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from sql.holds import cycle_at_work, find_hold, waive
from sql.locks import take_turn


def run(work: Work, *, cycle_key: str, account_no: str, reason: str) -> dict[str, str | int]:
    """Waive the hold that ``cycle_key`` put on an account, on the word of ``work.actor``; once.

    Raises:
        OperatorError: ``REASON_MISSING``, ``REASON_UNREADABLE``, ``NOT_AN_APPROVER``, ``HOLD_UNKNOWN``,
            ``HOLD_NOT_OPEN``, or ``ACCOUNT_IN_WORK``: a cycle may still bill the account as it was frozen.
    """
    words = note_words(reason, missing="REASON_MISSING", unreadable="REASON_UNREADABLE")
    approvers = load_folder(work.settings.utility, seller_needed=False).utility.approvers
    require_approver(work.actor.name, approvers=approvers)
    with step(work, "waive_hold") as (connection, record):
        take_turn(connection, "books")  # no cycle freezes or issues the account meanwhile
        hold = find_hold(connection, cycle_key=cycle_key, account_no=account_no)
        if hold is None:
            raise OperatorError("HOLD_UNKNOWN", f"{cycle_key} has no hold of account {account_no}; see obieg hold list")
        _refuse_in_work(connection, hold)
        contracts = None
        if hold.is_open:
            by, via = work.actor.name, work.actor.via
            contracts = waive(connection, hold, reason=words, decided_by=by, decided_via=via)
        if contracts is None:
            raise OperatorError("HOLD_NOT_OPEN", f"{account_no} in {cycle_key}: {_why_not(hold)}")
        record.cycle_id, record.counts = hold.cycle_id, {"waived": 1, "contracts": contracts}
    return {"cycle_key": cycle_key, "account_no": account_no, "code": hold.code, "contracts_given_up": contracts}


def _refuse_in_work(connection: Connection, hold: Row[tuple[object, ...]]) -> None:
    cycle_key = cycle_at_work(connection, account_id=hold.account_id)
    if hold.is_open and cycle_key:
        raise OperatorError("ACCOUNT_IN_WORK", f"{cycle_key} has {hold.account_no} in work; end or reject it first")


def _why_not(hold: Row[tuple[object, ...]]) -> str:
    if hold.outcome:
        return f"the hold was {hold.outcome} on {warsaw_day(hold.ended_at)}"
    if hold.excluded:
        return "the account was excluded, which needs nobody's decision"
    return f"the cycle is {hold.state}; a hold opens when its cycle is issued"
