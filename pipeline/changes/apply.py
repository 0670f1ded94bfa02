"""Apply: an order becomes facts of the registry inside the caller's transaction, or is refused with its code."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from psycopg2.errors import ExclusionViolation, UniqueViolation
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from billing.change_rules import fault
from billing.changes import (
    BankAccountChange,
    ChannelChange,
    ContractClose,
    ContractOpen,
    EmailChange,
    GroupChange,
    MeterExchange,
    NewParty,
    Order,
    PartyChange,
    PayerChange,
    RoleChange,
    RouteChange,
)
from pipeline.changes import accounts, contracts, meters, people
from pipeline.changes.applying import Applying
from pipeline.errors import OperatorError
from pipeline.work import Work
from readings.fields import RowRefused
from sql.clock import business_now
from sql.intake import lock_intake
from sql.locks import take_turn

_KINDS: Final[Mapping[type[Order], Callable[[Applying, Any], None]]] = {
    NewParty: people.new_party,
    PartyChange: people.party,
    RoleChange: people.role,
    PayerChange: contracts.payer,
    GroupChange: contracts.group,
    BankAccountChange: accounts.bank_account,
    RouteChange: accounts.route,
    ChannelChange: accounts.channel,
    EmailChange: accounts.email,
    MeterExchange: meters.meter,
    ContractClose: contracts.contract_close,
    ContractOpen: contracts.contract_open,
}


def take_turns(connection: Connection) -> None:
    """Wait until no cycle freezes or issues, no file is imported and no other change is applied."""
    take_turn(connection, "books")
    lock_intake(connection)


def apply(connection: Connection, work: Work, *, change_id: int, order: Order) -> None:
    """Write the facts of an order, each with the number of its change.

    Raises:
        OperatorError: it cannot be done, ``docs/runbook/changes.md`` tells the codes.
    """
    at = Applying(connection=connection, work=work, change_id=change_id, now=business_now(connection))
    wrong = fault(order, today=at.today)
    if wrong is not None:
        raise OperatorError(wrong.code, wrong.text)
    with _refused_in_words():
        _KINDS[type(order)](at, order)


@contextmanager
def _refused_in_words() -> Iterator[None]:
    try:
        yield
    except RowRefused as refusal:
        raise OperatorError(refusal.code, refusal.note) from None
    except (IntegrityError, ExclusionViolation, UniqueViolation) as error:
        driven = error.orig if isinstance(error, IntegrityError) else error
        if not isinstance(driven, ExclusionViolation | UniqueViolation):
            raise
        said = str(driven).partition("\n")[0]
        raise OperatorError("CHANGE_OVERLAPS", f"a later fact stands: {said}") from None
