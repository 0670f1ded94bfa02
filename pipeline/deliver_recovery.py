"""What a dead worker left: leases before the intent go back, attempts after it are unknown until evidence speaks."""

import os
import socket
from datetime import timedelta

from sqlalchemy import text

from delivery.mailbox import Mailbox, Verdict
from pipeline.services.processes import start_time
from pipeline.work import Work
from sql.deliveries import (
    Answer,
    doubt_sendings,
    free_leases,
    owners_of_leases,
    resolve,
    unknown_deliveries,
)


def lease_owner() -> str:
    """This process, such that another one on the same host can tell whether it still lives: host, pid, start."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{start_time(pid=pid)}"


def is_dead(owner: str) -> bool:
    """Whether the owner's process has ended; of another host nobody here knows, its lease decides."""
    host, pid, started = owner.rsplit(":", 2)
    return host == socket.gethostname() and str(start_time(pid=int(pid))) != started


def recover(work: Work) -> dict[str, int]:
    """Clear up after workers that died, then resolve what is unknown where the relay's mailbox can be looked into."""
    with work.engine.begin() as connection:
        dead = [owner for owner in owners_of_leases(connection) if is_dead(owner)]
        freed = free_leases(connection, dead_owners=dead)
        doubted = doubt_sendings(connection, dead_owners=dead)
    return {"freed": freed, "doubted": doubted, **_resolve(work)}


def _resolve(work: Work) -> dict[str, int]:
    counts = {"found_accepted": 0, "found_absent": 0, "still_unknown": 0}
    grace = timedelta(seconds=work.settings.unknown_grace_s)
    mailbox = Mailbox(path=work.settings.relay_mailbox, grace=grace) if work.settings.relay_mailbox else None
    with work.engine.begin() as connection:
        now = connection.execute(text("select clock_timestamp()")).scalar_one()
        for row in unknown_deliveries(connection):
            verdict = Verdict.CANNOT_TELL
            if mailbox is not None:
                verdict = mailbox.verdict(message_id=row.message_id, dot_at=row.intent_at, now=now)
            if verdict is Verdict.PRESENT:
                answer = Answer(outcome="accepted", reply_text="found in the relay's mailbox")
                resolve(connection, delivery_id=row.delivery_id, state="accepted", answer=answer)
                counts["found_accepted"] += 1
            elif verdict is Verdict.ABSENT:
                answer = Answer(outcome="absent", reply_text="not in the relay's mailbox after the grace")
                resolve(connection, delivery_id=row.delivery_id, state="ready", answer=answer)
                counts["found_absent"] += 1
            else:
                counts["still_unknown"] += 1
    return counts
