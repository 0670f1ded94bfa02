"""The last look at the address: an agreement that ended after the invoice was issued gets a letter and no e-mail."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from deliveries_seen import FIRST, MAILS, OTHERS, deliveries, one, sweep
from sqlalchemy import text
from test_deliver_step import as_owner
from town import set_clock, write_consents

from pipeline import convert, import_consents
from pipeline.work import Work

ACCOUNT = "0002"


def execute(work: Work, statement: str, **parameters: object) -> None:
    with work.engine.begin() as connection:
        connection.execute(text(statement), parameters)


def another_address(work: Work, tmp_path: Path) -> None:
    """The customer signs the terms again, with another address."""
    file = write_consents(tmp_path / "again.csv", accounts=(ACCOUNT,), on="2026-08-02")
    file.write_text(file.read_text(encoding="utf-8").replace(FIRST, "nowy@example.com"), encoding="utf-8")
    import_consents.run(work, file=file)
    convert.run(work)
    assert one(work, "select count(*) as n from email_address where address = 'nowy@example.com'").n == 1


def withdrawal(work: Work, tmp_path: Path) -> None:
    file = write_consents(tmp_path / "withdraw.csv", accounts=(ACCOUNT,), event="withdraw", on="2026-08-02")
    import_consents.run(work, file=file)
    assert convert.run(work)["applied"] == 1


def dead(work: Work, _tmp_path: Path) -> None:
    execute(work, "update email_address set state = 'dead' where address = :address", address=FIRST)


def other_customer(work: Work, _tmp_path: Path) -> None:
    execute(
        work,
        "update account_party set valid = daterange(lower(valid), '2026-08-02'), ended_by = 'x' "
        "where account_id = (select account_id from account where account_no = :no)",
        no=f"A{ACCOUNT}",
    )


@pytest.mark.parametrize("end", [another_address, withdrawal, dead, other_customer])
def test_an_agreement_that_ended_after_the_issue_is_a_letter_and_no_e_mail(
    town, server, tmp_path, end: Callable[[Work, Path], None]
) -> None:
    end(town, tmp_path)
    set_clock(town, datetime(2026, 8, 3, 12, 0))

    counts = sweep(town)

    assert (counts["rejected"], counts["accepted"], counts["letters"]) == (1, 3, 7)
    assert server.rcpts == server.recipients == OTHERS
    assert deliveries(town)[FIRST] == "rejected"
    assert deliveries(town, "paper")[f"A{ACCOUNT}"] == "packaged"
    answer = one(town, "select reply_text from attempt where outcome = 'rejected'").reply_text
    assert answer.startswith("AGREEMENT_ENDED")


def test_an_agreement_that_ends_from_tomorrow_on_is_still_sent_today(town, server) -> None:
    execute(
        town,
        "update delivery_preference set valid = daterange(lower(valid), '2026-08-04') where account_id = "
        "(select account_id from account where account_no = :no)",
        no=f"A{ACCOUNT}",
    )
    set_clock(town, datetime(2026, 8, 3, 23, 59))

    assert sweep(town)["accepted"] == 4
    assert server.recipients == MAILS


def test_an_agreement_that_ends_while_the_batch_is_being_sent_still_counts(town, server) -> None:
    def end_the_others(stage: str, recipient: str) -> None:
        if stage == "DOT" and not server.accepted:
            execute(town, "update email_address set state = 'dead' where address <> :address", address=recipient)

    server.before = end_the_others

    counts = sweep(town)

    assert (counts["accepted"], counts["rejected"], counts["letters"]) == (1, 3, 9)
    assert len(server.rcpts) == 1
    assert sorted(deliveries(town).values()) == ["accepted", "rejected", "rejected", "rejected"]


def test_an_address_that_never_was_the_account_s_is_for_a_person_even_if_the_agreement_has_ended(
    town, server, tmp_path, database
) -> None:
    withdrawal(town, tmp_path)
    as_owner(database, "update delivery set address = 'ktos@example.com' where address = :own", own=FIRST)

    counts = sweep(town)

    assert (counts["blocked"], counts["accepted"]) == (1, 3)
    assert deliveries(town)["ktos@example.com"] == "blocked"
    assert len(deliveries(town, "paper")) == 6
    assert one(town, "select reply_text from attempt where outcome = 'blocked'").reply_text.startswith(
        "WRONG_RECIPIENT"
    )
