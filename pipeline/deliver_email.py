"""E-mail: claim a few, and for each the last look, the intent, the message, the answer."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid5

from sqlalchemy import Connection, Row

from billing.errors import Retryable
from delivery.addresses import smtp_address
from delivery.errors import ArchiveMissing, NotSendable
from delivery.guard import check_agreement, check_attachment
from delivery.mailbox_server import mailbox_server
from delivery.message import Sender, build_message
from delivery.relay import parse_smtp_url
from delivery.replies import RETRY_DELAYS, State
from delivery.smtp import Envelope, SmtpChannel
from delivery.store import Archive
from pipeline.deliver_recovery import lease_owner
from pipeline.documents import archive_of, stored_document
from pipeline.mail import invoice_mail, mail_sender
from pipeline.utility_files import load_folder
from pipeline.work import Work
from sql.cycles import Cycle
from sql.deliveries import (
    Answer,
    Claim,
    LeaseLost,
    claim,
    claimed_mail,
    conclude,
    fall_back_to_paper,
    free_leases,
    intend,
    mark_dead,
)

BATCH = 50
LEASE_S = 900.0
"""Longer than the ten minutes that a relay may take to answer the dot."""


def send_ready(work: Work, *, cycle: Cycle | None) -> Counter[str]:
    """Send every e-mail that is ready; counts by outcome."""
    counts: Counter[str] = Counter()
    archive = archive_of(work.settings)
    sender = mail_sender(load_folder(work.settings.utility).utility)
    with _channel(work) as (channel, relay):
        while claims := _claim(work, cycle):
            try:
                for row in _each(work, claims):
                    counts[_send(work, row, archive=archive, sender=sender, channel=channel, relay=relay)] += 1
            except Retryable:
                _give_back(work)
                raise
    return counts


def _each(work: Work, claims: Iterable[Claim]) -> Iterator[Row[Any]]:
    """Each claimed delivery as it stands when its turn comes: a withdrawal during the batch still counts."""
    for held in claims:
        with work.engine.connect() as connection:
            rows = claimed_mail(connection, claims=[held])
        yield from rows


def _give_back(work: Work) -> None:
    """Nothing was handed over for the deliveries still leased: they need not wait for their lease to run out."""
    with work.engine.begin() as connection:
        free_leases(connection, dead_owners=[lease_owner()])


def _claim(work: Work, cycle: Cycle | None) -> list[Claim]:
    with work.engine.begin() as connection:
        return claim(
            connection,
            cycle_id=cycle.cycle_id if cycle else None,
            owner=lease_owner(),
            batch=BATCH,
            lease_s=LEASE_S,
        )


@contextmanager
def _channel(work: Work) -> Iterator[tuple[SmtpChannel, str]]:
    """The relay of the settings, or a local mailbox server of our own for as long as it is needed."""
    url = work.settings.smtp_url
    if url is not None:
        with SmtpChannel(relay=parse_smtp_url(url)) as channel:
            yield channel, parse_smtp_url(url).host
        return
    with mailbox_server(work.settings.mailbox) as local, SmtpChannel(relay=parse_smtp_url(local)) as channel:
        yield channel, "local mailbox"


def _send(work: Work, row: Row[Any], *, archive: Archive, sender: Sender, channel: SmtpChannel, relay: str) -> str:
    """One delivery from the last look to the answer; the word for what became of it."""
    held = Claim(delivery_id=row.delivery_id, fence=row.fence)
    attempt = Attempt(work=work, held=held, relay=relay)
    try:
        content = stored_document(archive, row)
        check_attachment(
            content=content,
            expected_sha256=row.document_sha256,
            invoice_account=str(row.invoice_account_id),
            address_account=str(row.address_account_id),
        )
        check_agreement(agreed=row.agreed)
        message = build_message(invoice_mail(row, sender=sender, content=content))
        attempt.mime_sha256 = hashlib.sha256(message).hexdigest()
        envelope = Envelope(sender=sender.mail_from, recipient=smtp_address(row.address))
        outcome = channel.send(envelope=envelope, message=message, before_dot=attempt.commit_intent)
    except (NotSendable, ArchiveMissing) as error:
        at_fault = error.code.startswith("ADDRESS_")
        state = "rejected" if at_fault or error.code == "AGREEMENT_ENDED" else "blocked"
        return attempt.end(state=state, answer=Answer(outcome=state, reply_text=str(error)), suppress=at_fault)
    except LeaseLost:
        return "lease_lost"
    return attempt.end(
        state="ready" if outcome.state is State.RETRY else outcome.state.value,
        answer=Answer(
            outcome=outcome.state.value,
            reply_code=outcome.code,
            reply_enhanced=outcome.enhanced,
            reply_text=outcome.text,
        ),
        wait=RETRY_DELAYS[min(row.attempts, len(RETRY_DELAYS) - 1)],
        suppress=outcome.suppress,
    )


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt at a delivery, written down in two commits: the intent before the dot, the answer after it."""

    work: Work
    held: Claim
    relay: str
    mime_sha256: str | None = None
    sending: bool = False

    def commit_intent(self) -> None:
        """Make durable that the message is about to leave.

        Raises:
            LeaseLost: somebody else holds the delivery; the dot must not be sent.
        """
        with self.work.engine.begin() as connection:
            self._begin(connection, state="sending")
        self.sending = True

    def end(self, *, state: str, answer: Answer, wait: timedelta = timedelta(), suppress: bool = False) -> str:
        """Write the answer down; the word for the counts.

        In the same commit a rejected e-mail becomes a letter, and with ``suppress`` its address is marked as dead.
        """
        try:
            with self.work.engine.begin() as connection:
                if not self.sending:
                    self._begin(connection, state="leased")
                conclude(
                    connection,
                    held=self.held,
                    source="sending" if self.sending else "leased",
                    state=state,
                    answer=answer,
                    wait_s=wait.total_seconds(),
                )
                if state == "rejected":
                    paper_id = uuid5(self.held.delivery_id, "paper")
                    fall_back_to_paper(connection, delivery_id=self.held.delivery_id, paper_id=paper_id)
                if suppress:
                    mark_dead(connection, delivery_id=self.held.delivery_id, dead_by=self.work.actor.name)
        except LeaseLost:
            return "lease_lost"
        return answer.outcome

    def _begin(self, connection: Connection, *, state: str) -> None:
        intend(
            connection,
            held=self.held,
            state=state,
            relay=self.relay,
            mime_sha256=self.mime_sha256,
            lease_s=LEASE_S,
        )
