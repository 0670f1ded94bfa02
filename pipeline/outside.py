"""A count outside our own tables: what the archive really holds, and what the relay really took."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from delivery.archive import open_archive
from delivery.mailbox import Mailbox
from pipeline.settings import Settings
from sql.cycles import Cycle
from sql.deliveries import listing
from sql.invoices import documents_of_cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCount:
    """``messages`` is None where the relay cannot be looked into; ``differences`` are against our tables."""

    documents: int
    messages: int | None
    differences: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line for the statement."""
        mail = "the relay's mailbox cannot be read here" if self.messages is None else f"{self.messages} in the mailbox"
        return f"{self.documents} documents in the archive, {mail}"


def count_outside(connection: Connection, settings: Settings, *, cycle: Cycle) -> OutsideCount:
    """Compare the cycle's documents with the archive's listing, and its accepted e-mails with the mailbox.

    Raises:
        Retryable: the archive cannot be read.
    """
    archive = open_archive(settings.archive_url)
    recorded = {row.archive_key: row.invoice_no for row in documents_of_cycle(connection, cycle=cycle)}
    stored = set(archive.list(prefix=f"faktury/{cycle.issue_date:%Y/%m}/"))
    differences = [f"{number} is not in the archive" for key, number in recorded.items() if key not in stored]
    if settings.relay_mailbox is None:
        return OutsideCount(documents=len(recorded), messages=None, differences=tuple(differences))
    copies = Counter(Mailbox(path=settings.relay_mailbox).message_ids())
    accepted = listing(connection, "accepted_mail", cycle_id=cycle.cycle_id)
    differences += _wrong_copies({row.message_id: row.invoice_no for row in accepted}, copies)
    return OutsideCount(
        documents=sum(1 for key in recorded if key in stored),
        messages=sum(copies[row.message_id] for row in accepted),
        differences=tuple(differences),
    )


def _wrong_copies(accepted: dict[str, str], copies: Counter[str]) -> Iterator[str]:
    for message_id, invoice_no in accepted.items():
        if copies[message_id] != 1:
            yield f"{invoice_no} was accepted once and is {copies[message_id]} times in the mailbox"
