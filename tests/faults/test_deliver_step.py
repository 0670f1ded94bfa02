"""The deliver step against a relay that fails: each customer gets one e-mail or one letter, doubt stays doubt."""

import csv
import io
import resource
import shutil
import socket
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

import pytest
from archived import documents, file_of, lay_out_alone, spoil
from deliveries_seen import FIRST, MAILS, OTHERS, deliveries, one, store, sweep, with_settings
from smtp_fault_server import Fault
from sqlalchemy import text
from town import HOUSEHOLDS, PAPERLESS, set_clock

from billing.errors import DataRefused, Retryable
from pipeline import render
from sql.engine import make_engine
from sql.evidence import verify_chain


def as_owner(database, statement: str, **parameters: object) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text(statement), parameters)
    owner.dispose()


def time_has_come(database) -> None:
    """What waits for its next try need not wait any longer."""
    as_owner(database, "update delivery set not_before = now()")


def test_a_greylisted_e_mail_waits_for_its_time_and_then_goes_once(town, server, database) -> None:
    server.faults[FIRST] = Fault.GREYLIST_ONCE

    counts = sweep(town)

    assert (counts["accepted"], counts["retry"]) == (3, 1)
    assert deliveries(town)[FIRST] == "ready"
    waits = one(
        town,
        "select extract(epoch from not_before - now()) as seconds, outcome, reply_code, reply_enhanced, reply_text "
        "from delivery join attempt using (delivery_id) where address = :address",
        address=FIRST,
    )
    assert 240 < waits.seconds <= 300
    assert tuple(waits)[1:] == ("retry", 451, "4.7.1", "4.7.1 Greylisted, come back later")

    sweep(town)
    assert server.rcpts.count(FIRST) == 1

    time_has_come(database)
    sweep(town)
    sweep(town)
    assert server.recipients == MAILS
    assert set(deliveries(town).values()) == {"accepted"}


def test_the_second_refusal_waits_longer_than_the_first(town, server, database) -> None:
    server.faults[FIRST] = Fault.DEFER_AFTER_DOT
    sweep(town)
    time_has_come(database)

    sweep(town)

    waits = one(
        town,
        "select extract(epoch from not_before - now()) as seconds, attempts from delivery where address = :address",
        address=FIRST,
    )
    assert waits.attempts == 2
    assert 840 < waits.seconds <= 900


def test_a_dead_address_becomes_a_letter_in_a_package_of_the_same_run(town, server) -> None:
    server.faults[FIRST] = Fault.DEAD_ADDRESS

    counts = sweep(town)

    assert (counts["rejected"], counts["accepted"]) == (1, 3)
    assert deliveries(town)[FIRST] == "rejected"
    assert deliveries(town, "paper") == dict.fromkeys(
        sorted({f"A{no}" for no in HOUSEHOLDS} - {f"A{no}" for no in PAPERLESS[1:]}), "packaged"
    )
    packaged = one(
        town,
        "select p.path, i.invoice_no from delivery d join invoice i using (invoice_id) "
        "join print_package p using (package_id) where d.channel = 'paper' and d.reason = 'email_rejected'",
    )
    with zipfile.ZipFile(town.settings.home / packaged.path) as package:
        rows = list(csv.DictReader(io.StringIO(package.read("manifest.csv").decode("utf-8-sig")), delimiter=";"))
        (letter,) = [row for row in rows if row["account_no"] == "A0002"]
        assert letter["invoice_no"] == packaged.invoice_no
        assert package.read(letter["file"]).startswith(b"%PDF-")
    assert len(rows) == counts["letters"] == 7

    sweep(town)
    assert server.recipients == OTHERS
    assert len(deliveries(town, "paper")) == 7


def test_a_dead_address_is_marked_and_a_refusal_by_policy_leaves_it_good(town, server) -> None:
    server.faults[FIRST] = Fault.DEAD_ADDRESS
    server.faults[OTHERS[0]] = Fault.POLICY

    sweep(town)

    dead, good = (
        one(town, "select state from email_address where address = :address", address=address).state
        for address in (FIRST, OTHERS[0])
    )
    assert (dead, good) == ("dead", "confirmed")


def test_a_refusal_by_policy_blocks_the_e_mail_and_leaves_the_address_good(town, server) -> None:
    server.faults[FIRST] = Fault.POLICY

    counts = sweep(town)
    sweep(town)

    assert (counts["blocked"], counts["accepted"]) == (1, 3)
    assert deliveries(town)[FIRST] == "blocked"
    assert len(deliveries(town, "paper")) == 6
    assert one(town, "select state from email_address where address = :a", a=FIRST).state == "confirmed"
    assert server.rcpts.count(FIRST) == 1


@pytest.mark.parametrize("fault", [Fault.ACCEPT_THEN_FIN, Fault.ACCEPT_THEN_RST, Fault.DISCARD_THEN_FIN])
def test_an_e_mail_in_doubt_is_never_sent_again_without_evidence(town, server, database, fault) -> None:
    server.faults[FIRST] = fault
    counts = sweep(town)
    assert (counts["unknown"], counts["accepted"]) == (1, 3)
    server.faults.clear()

    for _ in range(3):
        time_has_come(database)
        assert sweep(town)["still_unknown"] == 1

    assert server.rcpts.count(FIRST) == 1
    assert deliveries(town)[FIRST] == "unknown"


def test_a_doubt_ends_when_the_message_is_found_at_the_relay(town, server, tmp_path) -> None:
    server.faults[FIRST] = Fault.ACCEPT_THEN_FIN
    sweep(town)
    server.faults.clear()
    store(tmp_path / "relay", server)

    counts = sweep(with_settings(town, relay_mailbox=tmp_path / "relay"))

    assert counts["found_accepted"] == 1
    assert deliveries(town)[FIRST] == "accepted"
    assert server.recipients == MAILS


def test_a_doubt_ends_when_the_message_is_not_at_the_relay_after_the_grace(town, server, tmp_path) -> None:
    server.faults[FIRST] = Fault.DISCARD_THEN_FIN
    sweep(town)
    server.faults.clear()
    store(tmp_path / "relay", server)
    looking = with_settings(town, relay_mailbox=tmp_path / "relay")

    early = sweep(with_settings(looking, unknown_grace_s=3600.0))
    assert (early["still_unknown"], server.rcpts.count(FIRST)) == (1, 1)
    nowhere = sweep(with_settings(looking, relay_mailbox=tmp_path / "not there"))
    assert (nowhere["still_unknown"], server.rcpts.count(FIRST)) == (1, 1)

    counts = sweep(looking)

    assert (counts["found_absent"], counts["accepted"]) == (1, 1)
    assert server.recipients == MAILS
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


def test_a_missing_relay_loses_nothing_and_the_next_run_sends_all(town, server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"smtp://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(Retryable, match="SMTP_UNREACHABLE"):
        sweep(with_settings(town, smtp_url=nobody))

    assert set(deliveries(town).values()) == {"ready"}
    assert one(town, "select count(*) as attempts from attempt").attempts == 0
    assert sweep(town)["accepted"] == 4
    assert server.recipients == MAILS


def test_a_relay_that_goes_away_half_way_gets_the_rest_later(town, server) -> None:
    server.hang_up_after_message = 1

    def shut(stage: str, _recipient: str) -> None:
        if stage == "DOT" and len(server.accepted) == 1:
            server.banner = "421 4.3.2 Closing down"

    server.before = shut
    with pytest.raises(Retryable, match="SMTP_REFUSED"):
        sweep(town)

    assert sorted(deliveries(town).values()) == ["accepted", "accepted", "ready", "ready"]
    server.banner, server.hang_up_after_message = "220 back again", None
    sweep(town)
    assert server.recipients == MAILS


def test_documents_changed_in_the_archive_leave_neither_way_and_the_relay_is_not_even_called(town, server) -> None:
    for row in documents(town):
        spoil(town, row, b"%PDF-9")
    assert len(documents(town)) == len(HOUSEHOLDS)

    counts = sweep(town)

    assert (counts["blocked"], counts["letters_blocked"]) == (4, 6)
    assert set(deliveries(town).values()) | set(deliveries(town, "paper").values()) == {"blocked"}
    assert server.connections == 0
    assert not (town.settings.exports / "print").exists()


def test_one_letter_whose_document_is_missing_holds_up_nobody_else(town, server, database) -> None:
    lay_out_alone(town, database)
    (row,) = documents(town, account_no="A0001")
    file_of(town, row.archive_key).unlink()

    counts = sweep(town)

    assert (counts["letters"], counts["letters_blocked"], counts["accepted"]) == (5, 1, 4)
    assert deliveries(town, "paper")["A0001"] == "blocked"
    answer = one(town, "select relay, reply_text from attempt where outcome = 'blocked'")
    assert answer.relay == "print package"
    assert answer.reply_text.startswith("ARCHIVE_MISSING")


def test_one_document_missing_from_the_archive_blocks_its_own_e_mail_only(town, server, database) -> None:
    lay_out_alone(town, database)
    (row,) = documents(town, account_no=f"A{PAPERLESS[0]}")
    file_of(town, row.archive_key).unlink()

    sweep(town)

    assert deliveries(town) == {FIRST: "blocked"} | dict.fromkeys(OTHERS, "accepted")
    assert server.recipients == OTHERS
    answer = one(town, "select reply_text from attempt where outcome = 'blocked'").reply_text
    assert answer.startswith("ARCHIVE_MISSING")


def test_an_address_of_another_account_gets_nothing(town, server, database) -> None:
    as_owner(database, "update delivery set address = :other where address = :own", own=FIRST, other=MAILS[1])

    counts = sweep(town)

    assert (counts["blocked"], counts["accepted"]) == (1, 3)
    assert server.recipients == OTHERS
    answer = one(town, "select reply_text from attempt where outcome = 'blocked'").reply_text
    assert answer.startswith("WRONG_RECIPIENT")


def test_an_address_that_mail_cannot_carry_becomes_a_letter(town, server, database) -> None:
    as_owner(database, "update email_address set address = 'jóźef@example.com' where address = :own", own=FIRST)
    as_owner(database, "update delivery set address = 'jóźef@example.com' where address = :own", own=FIRST)

    counts = sweep(town)

    assert (counts["rejected"], counts["accepted"]) == (1, 3)
    assert deliveries(town, "paper")["A0002"] == "packaged"
    assert server.recipients == OTHERS


def test_a_wrong_address_of_the_utility_itself_stops_the_step_and_rejects_no_customer(town, server, tmp_path) -> None:
    folder = shutil.copytree(town.settings.utility, tmp_path / "utility")
    data = (folder / "utility.toml").read_text(encoding="utf-8")
    (folder / "utility.toml").write_text(data.replace('"faktury@wodociagi', '"faktury wodociagi'), encoding="utf-8")

    with pytest.raises(DataRefused, match="MAIL_ADDRESS"):
        sweep(with_settings(town, utility=folder))

    assert set(deliveries(town).values()) == {"ready"}
    assert server.connections == 0


def test_what_would_shorten_the_lawful_term_stays_behind(town, server) -> None:
    due = one(
        town, "select min(due_date) as due from invoice where invoice_id in (select invoice_id from delivery)"
    ).due
    set_clock(town, datetime(2026, 8, 21, 7, 0))
    assert (due - date(2026, 8, 21)).days < 14

    counts = sweep(town)

    assert counts["overdue"] == len(HOUSEHOLDS)
    assert set(deliveries(town).values()) | set(deliveries(town, "paper").values()) == {"overdue"}
    assert server.connections == 0
    assert not (town.settings.exports / "print").exists()


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Let the kernel refuse the rest of a longer file, after a part of it was written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_archive_stops_the_rendering_and_a_second_run_completes_it(issued, server) -> None:
    archive = issued.settings.home / "archive"

    with files_no_larger_than(4096), pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
        render.run(issued, cycle_key="2026-07~ALL~1", chunk_no=0)

    assert [path for path in archive.rglob("*") if path.is_file()] == []
    assert sweep(issued)["released"] == 0
    render.run(issued, cycle_key="2026-07~ALL~1", chunk_no=0)
    assert len(list(archive.rglob("*.zip"))) == 1
    assert sweep(issued)["accepted"] == 4
    assert server.recipients == MAILS
