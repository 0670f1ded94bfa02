"""Complaints about invoices: by when they are to be answered, and what stands when nobody has answered in time.

A complaint never changes what is owed or when (Rozp. 2018 par. 17 ust. 4); nothing here happens by itself.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from billing.accounts import PartyKind, Role
from billing.invoices import Invoice
from billing.law import AnswerTerm, complaint_answer_term, silence_basis


class ReceivedVia(StrEnum):
    """How a complaint reached the utility."""

    LETTER = "letter"
    EMAIL = "email"
    PHONE = "phone"
    IN_PERSON = "in_person"
    PORTAL = "portal"


class Subject(StrEnum):
    """What a complaint is about."""

    READING = "reading"
    CONSUMPTION = "consumption"
    PRICE = "price"
    PERIOD = "period"
    RECIPIENT = "recipient"
    DELIVERY = "delivery"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The last day for the answer and the provision that sets it.

    ``silence_basis`` is the provision by which silence beyond that day counts as accepting the complaint, None where
    there is none.
    """

    until: date
    basis: str
    silence_basis: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How the term for the answer stands on a day.

    ``days_left`` is 0 on the last day, negative after it, and None once an answer has been given; ``late``: the term
    passed before an answer.
    """

    days_left: int | None
    late: bool


def is_consumer(invoice: Invoice) -> bool:
    """Whether the buyer is taken for a consumer: a natural person who does not use a NIP for the contract."""
    buyer = invoice.parties[Role.BUYER]
    return buyer.kind is PartyKind.NATURAL_PERSON and buyer.nip is None


def answer_deadline(*, received_on: date, consumer: bool, own: AnswerTerm | None) -> Deadline:
    """When the answer is due: so many days after the day of receipt, which does not count (KC art. 111 par. 2).

    A last day on a Saturday or holiday is not moved (KC art. 115 would allow it): the earlier day is the safe one.
    ``own`` is a term that a separate provision sets for this utility; the consumer rights act then yields, and nothing
    is said here about silence. Others than consumers have no term by that act; theirs is the same by custom.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no term for that day.
    """
    term = own or complaint_answer_term(received_on=received_on)
    return Deadline(
        until=received_on + timedelta(days=term.days),
        basis=term.basis,
        silence_basis=silence_basis(received_on=received_on) if consumer and own is None else None,
    )


def clock(*, answer_until: date, answered_on: date | None, today: date) -> Clock:
    """The term of a complaint as it stands on ``today``."""
    return Clock(
        days_left=None if answered_on else (answer_until - today).days,
        late=(answered_on or today) > answer_until,
    )
