"""Import consents: acceptances and withdrawals as the office typed them, appended and never changed."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from billing.canonical import to_data
from billing.errors import DataRefused
from billing.utility import Utility
from pipeline.errors import Inconsistent
from pipeline.import_commitment import commit, commitment_key
from pipeline.import_consents_parties import check_parties, parties_of
from pipeline.import_files import (
    Received,
    RowResult,
    count_outcomes,
    read_facts,
    receive,
    refuse_rejects,
    rejected,
)
from pipeline.import_report import refuse_file, write_missing_report, write_report
from pipeline.settings import Settings
from pipeline.utility_files import load_folder
from pipeline.work import Work, step, warsaw_day
from readings.checks import FUTURE_TOLERANCE, Outcome
from readings.consents import OPTIONAL, REQUIRED, TAKEN_OVER, ConsentRow, read_consent
from readings.fields import RowRefused
from readings.table import Line, Table, read_table
from sql.clock import business_now
from sql.consents import NewConsent, events_of_accounts, insert_consents, known_terms, register_terms
from sql.evidence import Event, append_events
from sql.intake import accepted_counts, insert_accepted, insert_rows, lock_intake
from sql.registry import ids_by_no

STAFF_IMPORT = "staff_import"  # acceptances taken over from an earlier system, whichever way they once came
_PROFILE = "standard"


def run(work: Work, *, file: Path) -> dict[str, Any]:
    """Import one consents file; totals of its rows. What they mean is decided by ``convert``.

    ``already`` and ``refused`` say the same as for readings. The report goes to ``exports/consents``.

    Raises:
        OperatorError: ``FILE_MISSING``.
        DataRefused: ``UTILITY_...`` or ``TERMS_MISSING``, the utility's folder is not complete.
        Unavailable: ``REPORT_UNWRITABLE``; the import itself stands.
    """
    utility = load_folder(work.settings.utility, seller_needed=False).utility
    received, refusal = receive(file, kind="consents", profile=_PROFILE)
    reports = work.settings.exports / "consents"
    if refusal is None:
        try:
            table = read_table(received.content, required=REQUIRED, optional=(*OPTIONAL, *TAKEN_OVER))
            counts, results = _import(work, received, table, utility)
        except DataRefused as error:
            if not error.code.startswith("FILE_"):
                raise
            refusal = error
    if refusal is not None:
        return refuse_file(work, received, refusal, folder=reports)
    if results is None:
        write_missing_report(work, reports, received)
    else:
        write_report(reports, received, results=results, counts=counts)
    return counts | {"already": int(results is None), "refused": 0}


def _import(
    work: Work, received: Received, table: Table, utility: Utility
) -> tuple[dict[str, int], list[RowResult] | None]:
    methods = {method.value for method in utility.consents.methods} | {STAFF_IMPORT}
    rows, unreadable = read_facts(
        table, optional=(*OPTIONAL, *TAKEN_OVER), read=lambda row: read_consent(row, methods=methods), prefix="C"
    )
    with work.engine.connect() as connection:
        known = accepted_counts(connection, kind="consents", sha256=received.facts.sha256)
    if known is not None:
        return known, None
    with step(work, "import_consents") as (connection, record):
        lock_intake(connection)
        known = accepted_counts(connection, kind="consents", sha256=received.facts.sha256)
        if known is not None:
            record.counts = known | {"already": 1}
            return known, None
        register_all_terms(connection, work.settings, utility)
        judged = list(_judge(connection, rows, now=business_now(connection)))
        results = sorted([*unreadable, *(result for result, _ in judged)], key=lambda result: result.line_no)
        record.counts = count_outcomes(results)
        refuse_rejects(results, counts=record.counts, reject_share_max=None)
        _write(connection, work, received, results=results, taken=[new for _, new in judged if new is not None])
        return record.counts, results


def register_all_terms(connection: Connection, settings: Settings, utility: Utility) -> None:
    """Keep every version of the utility's terms by its hash.

    Raises:
        DataRefused: ``TERMS_MISSING``, a text is not there.
        Inconsistent: ``TERMS_CHANGED``, the text of a version that is kept already is no longer the same.
    """
    for version in utility.terms:
        try:
            body = (settings.utility / version.file).read_bytes()
        except OSError as error:
            raise DataRefused("TERMS_MISSING", f"{version.file}: {error.strerror}") from None
        sha256 = hashlib.sha256(body).hexdigest()
        register_terms(
            connection, label=version.version, sha256=sha256, body=body, effective_from=version.effective_from
        )
        if sha256 not in {row.sha256 for row in known_terms(connection) if row.label == version.version}:
            raise Inconsistent("TERMS_CHANGED", f"{version.file} is not what version {version.version} was")


def _judge(
    connection: Connection, rows: Sequence[tuple[Line, ConsentRow]], *, now: datetime
) -> Iterator[tuple[RowResult, NewConsent | None]]:
    account_nos = {row.account_no for _, row in rows}
    accounts = ids_by_no(connection, "account_ids", keys=account_nos)
    terms = {row.label: row for row in known_terms(connection)}
    stored = {
        (event.account_no, event.event, event.received_at): _content(event)
        for event in events_of_accounts(connection, account_nos=account_nos)
    }
    parties = parties_of(connection, (row for _, row in rows), today=warsaw_day(now))
    for line, row in rows:
        try:
            check_statement(row, accounts, terms, now)
        except RowRefused as refusal:
            yield rejected(line, refusal), None
            continue
        key = (row.account_no, row.event, row.received_at)
        if stored.get(key) == _content(row):
            yield _result(line, Outcome.DUPLICATE), None
            continue
        if key in stored:
            yield _result(line, Outcome.QUARANTINED, "C201", "differs from the statement that stands"), None
            continue
        try:
            check_parties(row, parties)
        except RowRefused as refusal:
            yield _result(line, Outcome.QUARANTINED, refusal.code, refusal.note), None
            continue
        stored[key] = _content(row)
        terms_id = terms[row.terms_label].terms_id if row.terms_label else None
        yield (
            _result(line, Outcome.ACCEPTED),
            new_consent(row, accounts[row.account_no], terms_id, line_no=line.line_no),
        )


def check_statement(row: ConsentRow, accounts: dict[str, int], terms: dict[str, Any], now: datetime) -> None:
    """Whether a statement names an account, a time and terms that there are.

    Raises:
        RowRefused: ``C101``, ``C104`` or ``C105``.
    """
    if row.account_no not in accounts:
        raise RowRefused("C101", f"account_no {row.account_no!r}")
    if row.received_at > now + FUTURE_TOLERANCE:
        raise RowRefused("C104", "received_at lies in the future")
    if row.terms_label is not None:
        version = terms.get(row.terms_label)
        if version is None or warsaw_day(row.occurred_at) < version.effective_from:
            raise RowRefused("C105", f"terms_label {row.terms_label!r}")


def _content(statement: Any) -> tuple[Any, ...]:
    names = (
        "method",
        "occurred_at",
        "terms_label",
        "email",
        "signer_name",
        "scan_sha256",
        "requested_from",
        "evidence",
    )
    return tuple(getattr(statement, name) for name in names)


def _result(line: Line, outcome: Outcome, code: str | None = None, note: str | None = None) -> RowResult:
    return RowResult(line_no=line.line_no, raw=line.raw, outcome=outcome, codes=(code,) if code else (), note=note)


def new_consent(row: ConsentRow, account_id: int, terms_id: int | None, *, line_no: int) -> NewConsent:
    """A statement as it is stored."""
    return NewConsent(
        line_no=line_no,
        account_id=account_id,
        event=row.event,
        method=row.method,
        terms_id=terms_id,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        email=row.email,
        signer_name=row.signer_name,
        scan_sha256=row.scan_sha256,
        requested_from=row.requested_from,
        evidence=row.evidence,
    )


def _write(
    connection: Connection,
    work: Work,
    received: Received,
    *,
    results: Sequence[RowResult],
    taken: Sequence[NewConsent],
) -> None:
    counts = count_outcomes(results)
    file_id = insert_accepted(connection, file=received.facts, counts=counts, recorded_by=work.actor.name)
    lines = ((one.line_no, one.raw, one.outcome.value, one.codes, one.note) for one in results)
    insert_rows(connection, file_id=file_id, rows=lines)
    ids = insert_consents(connection, file_id=file_id, recorded_by=work.actor.name, consents=taken)
    now = business_now(connection)
    key = commitment_key(home=work.settings.home)
    body = {"sha256": received.facts.sha256, "counts": counts}
    events = [Event(event_at=now, subject=f"import:{file_id}", kind="consents_imported", body=body)]
    events += [statement_recorded(new, ids[new.line_no], key) for new in taken]
    append_events(connection, events)


def statement_recorded(new: NewConsent, consent_id: int, key: bytes) -> Event:
    """What the evidence keeps of a statement: commitments to its address and signer, never these themselves."""
    body = {
        "account_id": new.account_id,
        "method": new.method,
        "terms_id": new.terms_id,
        "occurred_at": new.occurred_at.isoformat(),
        "scan_sha256": new.scan_sha256,
        "email_hmac": None if new.email is None else commit(new.email, key=key),
        "signer_hmac": None if new.signer_name is None else commit(new.signer_name, key=key),
        "requested_from": to_data(new.requested_from),
    }
    if new.evidence is not None:
        body["evidence_hmac"] = commit(new.evidence, key=key)
    return Event(event_at=new.received_at, subject=f"consent:{consent_id}", kind=f"consent_{new.event}", body=body)
