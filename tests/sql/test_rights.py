"""What each role may do to the books: everything that a cycle needs, and nothing of the table below."""

from datetime import date, datetime
from typing import Any

import pytest
from changing import ask, change, to_bank_account, to_group
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import cycle_order, set_clock, settle

from pipeline import approve, check, deliver, freeze, issue, open_cycle, rate, reconcile, render
from sql.engine import make_engine

ZEROS = "decode(repeat('00', 32), 'hex')"
ONES = "decode(repeat('11', 32), 'hex')"
EVENT = (
    "insert into evidence (seq, event_at, subject, kind, body, prev, hash) select {}, now(), 's', 'k', '{{}}', {}, {}"
)
HEAD = "(select max(seq) from evidence)"
CYCLE = """
    insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts, state,
                       started_by, started_via, event_at)
    values ('mine', '[2026-01-01,2026-02-01)', 'ALL', 1, '2026-02-03', 14, false, 9, '{}', 'x', 'cli', now())
"""
DELIVERY = """
    insert into delivery (delivery_id, invoice_id, purpose, channel, account_id, address, message_id, state, reason,
                          issue_date, deadline, not_before)
    select gen_random_uuid(), invoice_id, 'invoice', '{0}', account_id, {1}, {1}, '{2}', 'x', issue_date, now(), now()
    from invoice where not exists (select 1 from delivery d where d.invoice_id = invoice.invoice_id
                                   and d.channel = '{0}') limit 1
"""
INVOICE = """
    insert into charge (cycle_id, account_id, channel, net_zl, vat_zl, gross_zl, sha256)
    select cycle_id, account_id, 'paper', 0, 0, 0, '' from snapshot_account s
    where not exists (select 1 from charge c where c.account_id = s.account_id) limit 1;
    insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, charge_id, issue_date, due_date,
                         carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
    select series, last_sequence + {}, 'mine', cycle_id, account_id, 'regular', charge_id, '2026-08-03', '2026-08-20',
           'paper', 0, 0, 0, '', '', now()
    from charge, invoice_series order by charge_id desc limit 1;
    update invoice_series set last_sequence = last_sequence + {}
"""
FACTS = (
    *("import_file", "import_row", "party", "account", "point", "meter", "reading", "finding", "terms_version"),
    *("consent_event", "consent_conversion", "input_file", "cycle_input", "cycle_group", "cycle_price"),
    *("snapshot_account", "charge", "charge_line", "hold", "approval", "invoice", "billed_period", "document"),
    *("print_package", "evidence", "step_run", "cycle_account", "hold_resolution", "waived_days"),
    *("print_package", "evidence", "step_run", "registry_change", "registry_change_decision", "pack"),
)
DATED = (
    *("party_details", "account_details", "contract_terms", "contract", "account_party", "email_address"),
    "installation",
)
WAITING = "(select max(change_id) from registry_change where second_person)"
DECISION = """
    insert into registry_change_decision (change_id, decision, decided_by, decided_via, note, event_at)
    values ({}, 'applied', '{}', 'cli', 'x', now())
"""
NEW_PARTY = """
    insert into party (party_no, event_at, recorded_by, change_id) values ('P77', now(), 'x', {});
    set constraints all immediate
"""

REFUSED = {
    # cycles: no step is left out, none is taken back
    "a cycle that is approved at birth": CYCLE.format("approved"),
    "a closed cycle opened again": "update cycle set state = 'opened'",
    "a closed cycle rejected": "update cycle set state = 'rejected'",
    "a closed cycle issued again": "update cycle set state = 'issued'",
    "a cycle approved unchecked": CYCLE.format("opened")
    + ";update cycle set state = 'approved' where cycle_key = 'mine'",
    "a cycle issued unapproved": CYCLE.format("opened")
    + ";update cycle set state = 'issued' where cycle_key = 'mine'",
    "another issue date": "update cycle set issue_date = issue_date + 1",
    "a cycle gone": "delete from cycle",
    # deliveries
    "an accepted e-mail made ready": "update delivery set state = 'ready' where state = 'accepted'",
    "an accepted e-mail in doubt": "update delivery set state = 'unknown' where state = 'accepted'",
    "a packaged letter made ready": "update delivery set state = 'ready' where state = 'packaged'",
    "a letter accepted by nobody": "update delivery set state = 'accepted' where state = 'packaged'",
    "an e-mail born ready": DELIVERY.format("email", "'a@example.com'", "ready"),
    "an e-mail born accepted": DELIVERY.format("email", "'a@example.com'", "accepted"),
    "a letter born packaged": DELIVERY.format("paper", "null", "packaged"),
    "another address": "update delivery set address = 'a@example.com' where channel = 'email'",
    "another document's invoice": "update delivery set invoice_id = 1",
    "a delivery gone": "delete from delivery",
    # attempts
    "an accepted attempt rejected": "update attempt set outcome = 'rejected'",
    "an accepted attempt never ended": "update attempt set outcome = null",
    "another answer to an accepted attempt": "update attempt set reply_code = 550",
    "another intent": "update attempt set intent_at = now()",
    # numbers
    "numbers given back": "update invoice_series set last_sequence = last_sequence - 1",
    "numbers skipped": "update invoice_series set last_sequence = last_sequence + 1",
    "an invoice that leaves a gap": INVOICE.format(2, 2),
    "an invoice whose number stays free": INVOICE.format(2, 1),
    "a series that begins at nine": "insert into invoice_series values ('S', 9)",
    "a series gone": "delete from invoice_series",
    # evidence
    "an event after a gap": EVENT.format(f"{HEAD} + 2", ONES, ONES),
    "an event with a wrong predecessor": EVENT.format(f"{HEAD} + 1", ONES, ONES),
    "an event that begins anew": EVENT.format("0", ZEROS, ONES),
    "an event before the first": EVENT.format("-5", ZEROS, ONES),
    # registry
    "a dead address raised": """
        update email_address set state = 'dead' where email_id = 1;
        update email_address set state = 'confirmed' where email_id = 1
    """,
    "a confirmed address in doubt": "update email_address set state = 'unconfirmed' where email_id = 1",
    "another address of a customer": "update email_address set address = 'a@example.com'",
    "another party of an account": "update account_party set party_id = 1",
    "another meter at a point": "update installation set meter_id = 1",
    "another name of a party": "update party_details set name = 'x'",
    "another class of a contract": "update contract_terms set tariff_class = 'x'",
    "an end moved": "update account_details set valid = daterange(lower(valid), '2030-01-01'), ended_by = 'x' "
    "where not upper_inf(valid)",
    "an end taken back": "update account_details set valid = daterange(lower(valid), null), ended_by = 'x' "
    "where not upper_inf(valid)",
    "a beginning moved": "update contract set valid = daterange('2020-01-01', '2030-01-01'), ended_by = 'x'",
    "a contract ended by nobody": "update contract set valid = daterange(lower(valid), '2030-01-01')",
    "a meter removed by nobody": "update installation set removed_on = '2030-01-01'",
    "a change applied by who asked for it": DECISION.format(WAITING, "operator"),
    "a fact of a change that waits": NEW_PARTY.format(WAITING),
    **{f"{table} gone": f"delete from {table}" for table in DATED},
    **{f"{table} emptied": f"truncate {table} cascade" for table in DATED},
    "a demo made of a real utility": "update business_clock set is_demo = true",
    # schema
    "a guard put out": "alter table cycle disable trigger legal_state",
    "a guard replaced": "create or replace function refuse_change() returns trigger language sql as 'select 1'",
    "triggers silenced": "set session_replication_role = replica",
    "a table of one's own": "create table public.evidence_2 (seq bigint)",
    "a guard that looks elsewhere": f"""
        create temporary table evidence (seq bigint, hash bytea);
        insert into pg_temp.evidence values ((select max(seq) + 5 from public.evidence), {ONES});
        {EVENT.replace("evidence", "public.evidence").format("(select max(seq) + 6 from public.evidence)", ONES, ONES)}
    """,
    **{f"{table} changed": f"update {table} set recorded_at = now()" for table in FACTS if table not in {
        "import_row", "cycle_input", "cycle_group", "cycle_price", "snapshot_account", "charge_line", "billed_period",
    }},
    **{f"{table} gone": f"delete from {table}" for table in FACTS},
    **{f"{table} emptied": f"truncate {table} cascade" for table in FACTS},
}  # fmt: skip

EMPTY = ("finding", "cycle_account", "waived_days")
OWNER_REFUSED = [
    name
    for name in REFUSED
    if (name.endswith(" emptied") and name.split()[0] not in DATED)
    or (name.split()[0] in set(FACTS).difference(EMPTY) and not name.startswith("a "))
]

ALLOWED = {
    "a cycle opened and rejected": CYCLE.format("opened")
    + ";update cycle set state = 'rejected' where cycle_key = 'mine'",
    "a cycle frozen and dry": CYCLE.format("opened")
    + ";update cycle set state = 'frozen' where cycle_key = 'mine'"
    + ";update cycle set state = 'dry' where cycle_key = 'mine'",
    "the same state again": "update cycle set state = state; update delivery set state = state",
    "a letter instead of an e-mail": DELIVERY.format("paper", "null", "ready"),
    "a bounce": "update delivery set state = 'bounced' where state = 'accepted'",
    "a posted letter": "update delivery set state = 'sent' where state = 'packaged'",
    "a dead address": "update email_address set state = 'dead' where email_id = 1",
    "a change applied by another": DECISION.format(WAITING, "approver") + ";" + NEW_PARTY.format(WAITING),
    "a contract ended by somebody": "update contract set valid = daterange(lower(valid), '2030-01-01'), ended_by = 'x'",
    "the next invoice": INVOICE.format(1, 1),
    "the next event": EVENT.format("seq + 1", "hash", ONES) + " from evidence order by seq desc limit 1",
    "a doubt resolved": """
        insert into attempt (delivery_id, attempt_no, fence, relay, intent_at)
        select delivery_id, 9, 1, 'r', now() from attempt limit 1;
        update attempt set outcome = 'unknown' where attempt_no = 9;
        update attempt set outcome = 'accepted', ended_at = now() where attempt_no = 9
    """,
}


@pytest.fixture
def books(work, tmp_path, database):
    """A database with a closed cycle, a change of the registry and another one that waits."""
    settle(work, tmp_path)
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=key)
    render.run(work, cycle_key=key, chunk_no=0)
    deliver.run(work, cycle_key=key)
    reconcile.run(work, cycle_key=key)
    change(work, to_bank_account("0001", date(2026, 8, 3)))
    ask(work, to_group("0001", date(2026, 8, 3)))
    return database


def attempt(url: str, statements: str) -> Any:
    """What the database says to statements that are all undone again; None when it takes them."""
    engine = make_engine(url)
    with engine.connect() as connection:
        try:
            for statement in statements.split(";"):
                connection.execute(text(statement))
        except DBAPIError as refusal:
            return refusal.orig
        finally:
            connection.rollback()
            engine.dispose()
    return None


def answers_to(url: str, table: dict[str, str]) -> dict[str, str | None]:
    said = {name: attempt(url, statements) for name, statements in table.items()}
    return {name: None if refusal is None else str(refusal) for name, refusal in said.items()}


def test_the_application_can_do_nothing_to_the_books_that_no_step_needs(books) -> None:
    answers = answers_to(books.app_url, REFUSED)

    assert [name for name, answer in answers.items() if answer is None] == []
    assert not any("does not exist" in answer or "syntax error" in answer for answer in answers.values()), answers


def test_the_guards_refuse_by_their_own_code_in_one_line(books) -> None:
    guarded = [
        "a closed cycle opened again",
        "an accepted e-mail made ready",
        "numbers skipped",
        "a dead address raised",
    ]
    guarded += ["an accepted attempt rejected", "an event with a wrong predecessor", "an e-mail born ready"]
    for name in guarded:
        refusal = attempt(books.app_url, REFUSED[name])
        assert refusal is not None, name
        assert (refusal.pgcode, "\n" in refusal.diag.message_primary) == ("OB002", False), name


def test_what_a_cycle_needs_is_allowed(books) -> None:
    assert answers_to(books.app_url, ALLOWED) == dict.fromkeys(ALLOWED)


def test_the_auditor_changes_nothing_and_sees_everything(books) -> None:
    writes = {
        name: answer for name, answer in answers_to(books.auditor_url, REFUSED | ALLOWED).items() if answer is None
    }
    reads = {table: f"select * from {table} limit 1" for table in (*FACTS, "cycle", "delivery", "attempt")}

    assert writes == {}
    assert answers_to(books.auditor_url, reads) == dict.fromkeys(reads)


def test_facts_are_closed_to_the_owner_as_well(books) -> None:
    answers = answers_to(books.owner_url, {name: REFUSED[name] for name in OWNER_REFUSED})

    assert len(answers) > len(FACTS)
    assert [name for name, answer in answers.items() if answer is None or "append-only" not in answer] == []
