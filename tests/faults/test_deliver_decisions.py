"""A person moves on what stands still; who, what and why stay written down, and nothing else is touched."""

import hashlib
import json
import socket
from dataclasses import replace
from datetime import datetime

import pytest
from archived import documents, spoil
from deliveries_seen import FIRST, MAILS, OTHERS, deliveries, one, sweep, with_settings
from smtp_fault_server import Fault
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import HOUSEHOLDS, PAPERLESS, set_clock

from billing.errors import Retryable
from pipeline import reconcile, resolve_delivery
from pipeline.cli import main
from pipeline.cli.person import person
from pipeline.errors import OperatorError
from pipeline.work import Actor, Work
from sql.evidence import verify_chain

NOTE = "Rozmowa z panią Żółć, 12.08"
LATE = datetime(2026, 8, 21, 7, 0)


def invoice_of(work: Work, no: str) -> str:
    return str(
        one(
            work,
            "select invoice_no from invoice join account using (account_id) where account_no = :no",
            no=f"A{no}",
        ).invoice_no
    )


def decide(work: Work, decision: str, *, no: str = PAPERLESS[0], note: str = NOTE) -> dict[str, str]:
    return resolve_delivery.run(work, invoice_no=invoice_of(work, no), decision=decision, note=note)


def test_what_was_blocked_leaves_after_the_cause_is_mended(town, server) -> None:
    server.faults[FIRST] = Fault.POLICY
    sweep(town)
    server.faults.clear()
    sweep(town)
    assert server.recipients == OTHERS

    decide(town, "retry")
    sweep(town)

    assert server.recipients == MAILS
    assert deliveries(town)[FIRST] == "accepted"


def test_a_retry_that_is_in_time_does_not_decide_about_a_later_day(town, server) -> None:
    server.faults[FIRST] = Fault.POLICY
    sweep(town)
    decide(town, "retry")

    set_clock(town, LATE)
    sweep(town)

    assert deliveries(town)[FIRST] == "overdue"


def test_an_overdue_e_mail_leaves_once_a_person_has_decided_and_is_not_caught_again(town, server) -> None:
    set_clock(town, LATE)
    sweep(town)
    assert set(deliveries(town).values()) == {"overdue"}
    decide(town, "retry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"smtp://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(Retryable):
        sweep(with_settings(town, smtp_url=nobody))
    sweep(town)

    assert server.recipients == [FIRST]
    assert deliveries(town) == {FIRST: "accepted"} | dict.fromkeys(OTHERS, "overdue")


def test_an_overdue_e_mail_that_was_decided_on_and_is_refused_leaves_as_a_letter(town, server) -> None:
    set_clock(town, LATE)
    sweep(town)
    server.faults[FIRST] = Fault.DEAD_ADDRESS
    decide(town, "retry")
    sweep(town)

    assert sweep(town)["overdue"] == 0
    assert deliveries(town, "paper")[f"A{PAPERLESS[0]}"] == "packaged"


@pytest.mark.parametrize("decision", ["retry", "paper"])
def test_an_overdue_letter_leaves_once_a_person_has_decided(town, server, decision) -> None:
    set_clock(town, LATE)
    sweep(town)

    decide(town, decision, no="0001")
    sweep(town)

    letters = deliveries(town, "paper")
    assert letters.pop("A0001") == "packaged"
    assert set(letters.values()) == {"overdue"}


@pytest.mark.parametrize("stands", ["blocked", "overdue", "unknown"])
def test_an_e_mail_that_stands_still_becomes_a_letter(town, server, stands) -> None:
    if stands == "overdue":
        set_clock(town, LATE)
    server.faults[FIRST] = {"blocked": Fault.POLICY, "unknown": Fault.DISCARD_THEN_FIN}.get(stands, Fault.NONE)
    sweep(town)
    assert deliveries(town)[FIRST] == stands

    decide(town, "paper")
    set_clock(town, LATE)
    sweep(town)

    assert deliveries(town)[FIRST] == "rejected"
    assert deliveries(town, "paper")[f"A{PAPERLESS[0]}"] == "packaged"
    assert FIRST not in server.recipients


def test_a_doubt_ends_on_a_persons_word_and_the_cycle_closes(town, server) -> None:
    server.faults[FIRST] = Fault.ACCEPT_THEN_FIN
    sweep(town)
    with pytest.raises(reconcile.NotFinished):
        reconcile.run(town, cycle_key="2026-07~ALL~1")

    assert decide(town, "accepted")["state"] == "accepted"
    sweep(town)

    assert server.recipients == MAILS
    assert one(town, "select outcome from attempt join delivery using (delivery_id) where address = :a", a=FIRST)[
        0
    ] == ("accepted")
    reconcile.run(town, cycle_key="2026-07~ALL~1")


def test_who_decided_what_and_why_is_kept_and_the_note_stays_out_of_the_chain(town, server) -> None:
    server.faults[FIRST] = Fault.POLICY
    sweep(town)
    ewa = replace(town, actor=Actor(name="ewa", via="cli"))

    decide(ewa, "paper", note=f"  {NOTE}\n")

    kept = one(town, "select d.*, address from delivery_decision d join delivery using (delivery_id)")
    assert (kept.decision, kept.decided_by, kept.decided_via, kept.note) == ("paper", "ewa", "cli", NOTE)
    assert kept.address == FIRST
    event = one(town, "select subject, body from evidence where kind = 'decided'")
    assert event.subject == f"delivery:{kept.delivery_id}"
    assert json.loads(event.body) == {
        "decision": "paper",
        "decided_by": "ewa",
        "decided_via": "cli",
        "note_sha256": hashlib.sha256(NOTE.encode()).hexdigest(),
    }
    assert one(town, "select count(*) as n from step_run where step = 'resolve_delivery' and actor = 'ewa'").n == 1
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


ALLOWED = {
    ("retry", "blocked"),
    ("retry", "overdue"),
    ("paper", "blocked"),
    ("paper", "overdue"),
    ("paper", "unknown"),
    ("accepted", "unknown"),
}


def brought_to(state: str, town: Work, server) -> None:
    """The first e-mail in a state that a person may meet."""
    server.faults[FIRST] = {
        "blocked": Fault.POLICY,
        "unknown": Fault.DISCARD_THEN_FIN,
        "rejected": Fault.DEAD_ADDRESS,
        "ready": Fault.GREYLIST_ONCE,
    }.get(state, Fault.NONE)
    if state == "overdue":
        set_clock(town, LATE)
    if state != "archived":
        sweep(town)
    assert deliveries(town)[FIRST] == state


@pytest.mark.parametrize("state", ["archived", "ready", "accepted", "rejected", "unknown", "blocked", "overdue"])
def test_only_what_stands_still_can_be_decided_on_and_only_as_it_may(town, server, state) -> None:
    brought_to(state, town, server)
    for decision in ("retry", "paper", "accepted"):
        if (decision, state) in ALLOWED:
            continue
        with pytest.raises(OperatorError) as refusal:
            decide(town, decision)
        assert refusal.value.code == "DELIVERY_STATE"
        assert "\n" not in str(refusal.value)

    assert deliveries(town)[FIRST] == state
    assert one(town, "select count(*) as n from delivery_decision").n == 0


def test_a_letter_that_is_blocked_can_only_be_tried_again(town, server) -> None:
    (row,) = documents(town, account_no="A0001")
    content = spoil(town, row)
    sweep(town)
    for decision in ("paper", "accepted"):
        with pytest.raises(OperatorError, match="DELIVERY_STATE"):
            decide(town, decision, no="0001")

    spoil(town, row, content)
    decide(town, "retry", no="0001")
    sweep(town)

    assert deliveries(town, "paper")["A0001"] == "packaged"
    assert len(deliveries(town, "paper")) == len(HOUSEHOLDS) - len(PAPERLESS)


@pytest.mark.parametrize(
    ("note", "code"), [("", "NOTE_MISSING"), (" \n\0", "NOTE_MISSING"), ("\udcff", "NOTE_UNREADABLE")]
)
def test_a_decision_without_a_reason_is_none(town, server, note, code) -> None:
    server.faults[FIRST] = Fault.POLICY
    sweep(town)

    with pytest.raises(OperatorError) as refusal:
        decide(town, "retry", note=note)

    assert refusal.value.code == code
    assert deliveries(town)[FIRST] == "blocked"


def test_the_command_decides_as_whoever_runs_it_and_refuses_in_one_line(town, server, monkeypatch, capsys) -> None:
    monkeypatch.setenv("OBIEG_HOME", str(town.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(town.settings.database_url))
    server.faults[FIRST] = Fault.POLICY
    sweep(town)
    number = invoice_of(town, PAPERLESS[0])

    assert main(["delivery", "resolve", number, "--accepted", "--note", NOTE]) == 2
    refused = capsys.readouterr()
    assert (refused.out, refused.err.count("\n")) == ("", 1)
    assert refused.err.startswith(f"DELIVERY_STATE: {number} is email blocked")
    assert main(["delivery", "resolve", number, "--paper", "--note", NOTE]) == 0
    assert capsys.readouterr().out.startswith(f"{number}: email was blocked, paper by {person().name}")

    kept = one(town, "select decision, decided_by, decided_via from delivery_decision")
    assert tuple(kept) == ("paper", person().name, "cli")


def test_a_decision_cannot_be_changed_nor_taken_away(town, server) -> None:
    server.faults[FIRST] = Fault.POLICY
    sweep(town)
    decide(town, "retry")

    for statement in ("update delivery_decision set note = 'x'", "delete from delivery_decision"):
        with pytest.raises(DBAPIError), town.engine.begin() as connection:
            connection.execute(text(statement))

    assert one(town, "select note from delivery_decision").note == NOTE
