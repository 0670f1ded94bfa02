"""Work the list of differences down: by cause, account by account, line by line, and accept what is explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.charges import Bill
from billing.old_invoices import Cause, OldInvoice
from pipeline.approvers import require_approver
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.read_back import read_back
from pipeline.registry.csv import write_csv
from pipeline.utility_files import load_folder
from pipeline.work import Work, step
from sql import parallel as books
from sql.clock import business_now
from sql.evidence import Event, append_events

_COLUMNS = (
    *("account_no", "invoice_no", "cause", "old_gross_zl", "new_gross_zl", "difference_zl", "accepted", "accepted_by"),
    *("note", "facts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The newest attempt of a run: its totals, złoty by cause, and the list, open differences first."""

    state: Mapping[str, Any]
    by_cause: tuple[Mapping[str, Any], ...]
    differences: tuple[Mapping[str, Any], ...]


def show(work: Work, *, name: str, cause: Cause | None = None) -> Shown:
    """What is left to explain; ``compared`` = ``equal`` + ``differing`` + ``accepted``.

    Raises:
        OperatorError: ``PARALLEL_UNKNOWN``.
    """
    with work.engine.connect() as connection:
        state = _state(connection, name)
        word = None if cause is None else cause.value
        return Shown(
            state=state,
            by_cause=_plain(books.by_cause(connection, run_id=state["run_id"])),
            differences=_plain(books.differences(connection, run_id=state["run_id"], cause=word)),
        )


def write_list(shown: Shown, *, path: Path) -> Path:
    """The list as a file.

    Raises:
        OperatorError: ``FILE_UNWRITABLE``.
    """
    rows = [[_cell(each[name]) for name in _COLUMNS] for each in shown.differences]
    try:
        return write_csv(path, columns=_COLUMNS, rows=rows)
    except OSError as error:
        raise OperatorError("FILE_UNWRITABLE", f"{path}: {error.strerror}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One account of a run: what became of it, and both invoices where they differ (ours may be a hold)."""

    result: Mapping[str, Any]
    old: OldInvoice | None
    ours: Bill | None


def explain(work: Work, *, name: str, account_no: str) -> Explained:
    """Both invoices of an account.

    Raises:
        OperatorError: ``PARALLEL_UNKNOWN`` or ``ACCOUNT_UNKNOWN``.
    """
    with work.engine.connect() as connection:
        row = _result(connection, name, account_no)
    result = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row's names
    old, new = result.pop("old"), result.pop("new")
    return Explained(
        result=result,
        old=None if old is None else read_back(OldInvoice, old),
        ours=None if new is None or row.new_gross_zl is None else read_back(Bill, new),
    )


def accept(work: Work, *, name: str, account_no: str, note: str) -> dict[str, Any]:
    """Accept a difference as explained. It stays accepted in later attempts as long as it stays the same.

    Raises:
        OperatorError: ``PARALLEL_UNKNOWN``, ``ACCOUNT_UNKNOWN``, ``NOTHING_DIFFERS``, ``ALREADY_DECIDED``,
            ``SELF_APPROVAL``, ``NOT_AN_APPROVER`` or ``NOTE_MISSING``.
    """
    said = note_words(note)
    approvers = load_folder(work.settings.utility, seller_needed=False).utility.approvers
    with step(work, "parallel_accept") as (connection, record):
        state, row = _state(connection, name), _result(connection, name, account_no)
        if work.actor.name == state["started_by"]:
            raise OperatorError("SELF_APPROVAL", f"{work.actor.name} ran {name}; another approver must accept")
        require_approver(work.actor.name, approvers=approvers)
        if row.cause is None:
            raise OperatorError("NOTHING_DIFFERS", f"account {account_no} is equal to the grosz in {name}")
        if row.accepted_by is not None:
            raise OperatorError("ALREADY_DECIDED", f"{row.accepted_by} has accepted it: {row.note}")
        books.insert_acceptance(
            connection,
            name=name,
            account_no=account_no,
            fingerprint=row.fingerprint,
            note=said,
            accepted_by=work.actor.name,
            accepted_via=work.actor.via,
        )
        body = {"account": account_no, "fingerprint": row.fingerprint, "by": work.actor.name}
        event = Event(
            event_at=business_now(connection), subject=f"parallel:{name}", kind="difference_accepted", body=body
        )
        append_events(connection, [event])
        record.counts = {"accepted": 1}
    return {"name": name, "account_no": account_no, "cause": row.cause, "difference_zl": row.difference_zl}


def _state(connection: Connection, name: str) -> Mapping[str, Any]:
    found = next((state for state in books.states(connection) if state["name"] == name), None)
    if found is None:
        raise OperatorError("PARALLEL_UNKNOWN", f"there is no parallel run {name}")
    return found


def _result(connection: Connection, name: str, account_no: str) -> Any:
    row = books.find_result(connection, run_id=_state(connection, name)["run_id"], account_no=account_no)
    if row is None:
        raise OperatorError("ACCOUNT_UNKNOWN", f"{name} did not compare an account {account_no}")
    return row


def _plain(rows: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(dict(row._mapping) for row in rows)  # noqa: SLF001 - SQLAlchemy's documented way to a row's names


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text}" for name, text in sorted(value.items()))
    return "" if value is None else str(value)
