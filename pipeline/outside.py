"""A count outside our own tables: what the archive really holds, and what the relay really took."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from delivery.errors import ArchiveMissing, PackDamaged
from delivery.mailbox import Mailbox
from delivery.packs import read_index
from delivery.store import Archive
from pipeline.documents import archive_of
from pipeline.packing import document_name, packs_of
from pipeline.settings import Settings
from sql.cycles import Cycle
from sql.deliveries import listing
from sql.documents import documents_of_pack, lone_documents_of_cycle, packs_of_cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCount:
    """``messages`` is None where the relay cannot be looked into; ``differences`` are against our tables."""

    documents: int
    packs: int
    messages: int | None
    differences: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line for the statement."""
        mail = "the relay's mailbox cannot be read here" if self.messages is None else f"{self.messages} in the mailbox"
        packs = f" in {self.packs} packs" if self.packs else ""
        return f"{self.documents} documents in the archive{packs}, {mail}"


def count_outside(connection: Connection, settings: Settings, *, cycle: Cycle) -> OutsideCount:
    """Compare the cycle's documents with the archive's listing, and its accepted e-mails with the mailbox.

    Of a pack, its own directory is read as well and compared with what we wrote down of each document, both ways.

    Raises:
        Retryable: the archive cannot be read.
    """
    archive = archive_of(settings)
    stored = set(archive.list(prefix=f"faktury/{cycle.issue_date:%Y/%m}/"))
    lone = {row.archive_key: row.invoice_no for row in lone_documents_of_cycle(connection, cycle=cycle)}
    differences = [f"{number} is not in the archive" for key, number in lone.items() if key not in stored]
    documents = len(lone) - len(differences)
    packs = packs_of_cycle(connection, cycle=cycle)
    for pack in packs:
        found, wrong = _compare(connection, archive, pack, is_listed=pack.archive_key in stored)
        documents += found
        differences += wrong
    unknown = sorted({key for key in stored if key.startswith(packs_of(cycle))} - {pack.archive_key for pack in packs})
    differences += [f"{key} is in the archive, and nothing of it in our tables" for key in unknown]
    messages = None
    if settings.relay_mailbox is not None:
        copies = Counter(Mailbox(path=settings.relay_mailbox).message_ids())
        accepted = listing(connection, "accepted_mail", cycle_id=cycle.cycle_id)
        messages = sum(copies[row.message_id] for row in accepted)
        differences += _wrong_copies({row.message_id: row.invoice_no for row in accepted}, copies)
    return OutsideCount(documents=documents, packs=len(packs), messages=messages, differences=tuple(differences))


def _compare(connection: Connection, archive: Archive, pack: Row[Any], *, is_listed: bool) -> tuple[int, list[str]]:
    """How many recorded documents the pack holds as they were recorded, and what differs."""
    if not is_listed:
        return 0, [f"{pack.archive_key} with {pack.documents} documents is not in the archive"]
    try:
        index = read_index(archive, key=pack.archive_key, size_bytes=pack.size_bytes)
    except (ArchiveMissing, PackDamaged) as error:
        return 0, [str(error)]
    theirs = {packed.name: (packed.span.start, packed.span.length, packed.sha256) for packed in index.documents}
    ours = {
        document_name(row.invoice_no): (row.offset_bytes, row.size_bytes, row.sha256)
        for row in documents_of_pack(connection, pack_id=pack.pack_id)
    }
    wrong = [
        f"{name} of {pack.archive_key} is not in the archive as it was recorded"
        for name, place in ours.items()
        if theirs.get(name) != place
    ]
    wrong += [f"{name} of {pack.archive_key} is not in our tables" for name in theirs.keys() - ours.keys()]
    return sum(theirs.get(name) == place for name, place in ours.items()), wrong


def _wrong_copies(accepted: dict[str, str], copies: Counter[str]) -> Iterator[str]:
    for message_id, invoice_no in accepted.items():
        if copies[message_id] != 1:
            yield f"{invoice_no} was accepted once and is {copies[message_id]} times in the mailbox"
