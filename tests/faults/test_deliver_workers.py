"""Several workers at the same deliveries, one of them asleep too long: each customer still gets one e-mail."""

import threading
from concurrent.futures import ThreadPoolExecutor

from deliveries_seen import FIRST, MAILS, OTHERS, deliveries, one, store, sweep, with_settings
from sqlalchemy import text

from pipeline import deliver_email
from pipeline.work import Work, open_work
from sql.deliveries import claim, doubt_sendings, free_leases, release
from sql.engine import make_engine
from sql.evidence import verify_chain

WAIT_S = 20.0


def let_leases_run_out(work: Work, database) -> None:
    """The holder has slept for longer than its lease, as after SIGSTOP."""

    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(
            text("update delivery set lease_until = now() - interval '1 second' where state in ('leased', 'sending')")
        )
    owner.dispose()


def test_two_runs_at_the_same_time_send_each_e_mail_once(town, server, monkeypatch) -> None:
    monkeypatch.setattr(deliver_email, "BATCH", 1)
    both = threading.Barrier(2, timeout=WAIT_S)
    server.before = lambda stage, _recipient: both.wait() if stage == "RCPT" and len(server.rcpts) <= 2 else None

    def run() -> dict[str, int]:
        url = town.settings.database_url
        with open_work(settings=town.settings, database_url=url, actor=town.actor) as own:
            return sweep(own)

    with ThreadPoolExecutor(max_workers=2) as pool:
        first, second = (future.result(timeout=WAIT_S) for future in [pool.submit(run), pool.submit(run)])

    assert not both.broken
    assert min(first["accepted"], second["accepted"]) >= 1
    assert first["accepted"] + second["accepted"] == len(MAILS)
    assert first["letters"] + second["letters"] == 6
    assert server.recipients == MAILS
    assert one(town, "select count(*) as packages from print_package").packages == 1
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


def test_a_worker_that_slept_past_its_lease_before_the_dot_sends_and_writes_nothing(town, server, database) -> None:
    def take_over(stage: str, recipient: str) -> None:
        if stage != "DATA" or recipient != FIRST:
            return
        server.before = lambda _stage, _recipient: None
        let_leases_run_out(town, database)
        with town.engine.begin() as connection:
            free_leases(connection, dead_owners=[])
            claim(connection, cycle_id=None, owner="elsewhere:1:1", batch=50, lease_s=600)

    server.before = take_over
    counts = sweep(town)

    assert counts["lease_lost"] >= 1
    assert FIRST not in server.dots
    assert deliveries(town)[FIRST] == "leased"
    now = one(
        town,
        "select lease_owner, attempts, fence, (select count(*) from attempt t where t.delivery_id = d.delivery_id) "
        "from delivery d where address = :a",
        a=FIRST,
    )
    assert tuple(now) == ("elsewhere:1:1", 0, 2, 0)

    let_leases_run_out(town, database)
    sweep(town)
    sweep(town)
    assert server.recipients == MAILS
    assert set(deliveries(town).values()) == {"accepted"}


def test_a_worker_that_slept_past_its_lease_after_the_dot_leaves_a_doubt_that_evidence_ends(
    town, server, database, tmp_path
) -> None:
    def doubt(stage: str, recipient: str) -> None:
        if stage == "DOT" and recipient == FIRST:
            let_leases_run_out(town, database)
            with town.engine.begin() as connection:
                assert doubt_sendings(connection, dead_owners=[]) == 1

    server.before = doubt

    counts = sweep(town)

    assert counts["lease_lost"] == 1
    assert deliveries(town) == {FIRST: "unknown"} | dict.fromkeys(OTHERS, "accepted")
    assert sweep(town)["still_unknown"] == 1
    store(tmp_path / "relay", server)
    assert sweep(with_settings(town, relay_mailbox=tmp_path / "relay"))["found_accepted"] == 1
    assert server.recipients == MAILS


def test_deliveries_that_another_living_worker_holds_are_left_alone(town, server) -> None:
    with town.engine.begin() as connection:
        release(connection, cycle_id=None)
        assert len(claim(connection, cycle_id=None, owner="elsewhere:1:1", batch=1, lease_s=600)) == 1

    counts = sweep(town)

    assert counts["accepted"] == len(MAILS) - 1
    assert sorted(deliveries(town).values()) == ["accepted"] * 3 + ["leased"]
    assert len(server.accepted) == 3
