"""What the tests of the deliver step look at."""

import dataclasses
from pathlib import Path
from typing import Any

from smtp_fault_server import FaultServer
from sqlalchemy import Row, text
from town import PAPERLESS

from delivery.mailbox import Mailbox
from pipeline import deliver
from pipeline.work import Work

FIRST, *OTHERS = MAILS = [f"klient{no}@example.com" for no in PAPERLESS]


def with_settings(work: Work, **changes: object) -> Work:
    return dataclasses.replace(work, settings=dataclasses.replace(work.settings, **changes))  # type: ignore[arg-type]


def sweep(work: Work) -> dict[str, int]:
    return deliver.run(work, cycle_key=None)


def deliveries(work: Work, channel: str = "email") -> dict[str, str]:
    """State of each delivery, by its address, or by its account for letters."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            text("""
                select coalesce(d.address, a.account_no) as who, d.state
                from delivery d join account a using (account_id) where channel = :channel
            """),
            {"channel": channel},
        ).all()
    return {row.who: row.state for row in rows}


def one(work: Work, statement: str, **parameters: object) -> Row[Any]:
    """The one row of a query."""
    with work.engine.connect() as connection:
        return connection.execute(text(statement), parameters).one()


def store(mailbox: Path, server: FaultServer) -> None:
    """Put what the server took where the relay's mail can be looked up."""
    (mailbox / "new").mkdir(parents=True, exist_ok=True)
    for each in server.accepted:
        Mailbox(path=mailbox).deliver(sender="faktury@example.com", recipient=each.recipient, message=each.message)
