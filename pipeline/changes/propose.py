"""propose: a person asks for a change of the registry; what needs nobody else is done at once."""

from typing import Any

from sqlalchemy import Connection

from billing.canonical import seal
from billing.change_rules import fault, needs_second_person
from billing.changes import ContractClose, GroupChange, MeterExchange, NewParty, Order, PartyChange, kind_of
from pipeline.changes.apply import apply, take_turns
from pipeline.changes.evidence import change_event
from pipeline.changes.views import findings_of
from pipeline.errors import OperatorError
from pipeline.notes import note_words
from pipeline.work import Work, step, warsaw_day
from sql import registry
from sql.changes import NewChange, account_of_point, find_contract, insert_change, insert_decision
from sql.clock import business_now
from sql.evidence import append_events


def run(work: Work, *, order: Order, reason: str) -> dict[str, Any]:
    """Write an order down; ``state`` is ``applied``, or ``pending`` until another person decides on it.

    An order that waits is first tried and taken back, so that what cannot be done is refused at once. ``findings`` are
    what the checks say of the readings that it brings.

    Raises:
        OperatorError: ``NOTE_MISSING``, or why it cannot be done (``docs/runbook/changes.md``); nothing is written.
        DataRefused: ``UTILITY_...``, ``TARIFF_...`` or ``TERMS_...``, the utility's folder is not usable.
    """
    words = note_words(reason)
    with step(work, "propose_change") as (connection, record):
        take_turns(connection)
        wrong = fault(order, today=warsaw_day(business_now(connection)))
        if wrong is not None:
            raise OperatorError(wrong.code, wrong.text)
        change_id = _write_down(connection, work, order, words)
        events = [change_event(connection, work, change_id=change_id, happened="change_proposed")]
        waits = needs_second_person(order)
        trial = connection.begin_nested()
        apply(connection, work, change_id=change_id, order=order)
        findings = findings_of(connection, change_id=change_id)
        if waits:
            trial.rollback()
        else:
            _decide_alone(connection, work, change_id, words)
            events.append(change_event(connection, work, change_id=change_id, happened="change_applied"))
        append_events(connection, events)
        state = "pending" if waits else "applied"
        record.counts = {state: 1}
    done = {"change_id": change_id, "kind": kind_of(order), "effective_on": order.on, "state": state}
    return done | {"findings": findings}


def _write_down(connection: Connection, work: Work, order: Order, reason: str) -> int:
    sealed = seal(order)
    return insert_change(
        connection,
        NewChange(
            kind=kind_of(order),
            account_id=_account_id(connection, order),
            effective_on=order.on,
            content=sealed.text,
            sha256=sealed.sha256,
            reason=reason,
            second_person=needs_second_person(order),
            recorded_by=work.actor.name,
            recorded_via=work.actor.via,
        ),
    )


def _account_id(connection: Connection, order: Order) -> int | None:
    """The account that an order concerns; None for a party, or an account that is still to be made."""
    match order:
        case NewParty() | PartyChange():
            return None
        case MeterExchange():
            return account_of_point(connection, point_no=order.point_no, on_day=order.on)
        case GroupChange() | ContractClose():
            contract = find_contract(connection, contract_no=order.contract_no)
            return None if contract is None else int(contract.account_id)
    return registry.ids_by_no(connection, "account_ids", keys=[order.account_no]).get(order.account_no)


def _decide_alone(connection: Connection, work: Work, change_id: int, reason: str) -> None:
    insert_decision(
        connection,
        change_id=change_id,
        decision="applied",
        decided_by=work.actor.name,
        decided_via=work.actor.via,
        note=reason,
    )
