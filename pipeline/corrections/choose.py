"""Which invoices a run of corrections looks at, and what stands against it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from billing.accounts import AccountSnapshot
from billing.corrections import reading_ids
from pipeline.corrections.reversal import reversible
from pipeline.cycles import require_cycle
from pipeline.errors import OperatorError
from pipeline.read_back import read_back
from sql.corrections import NewRun, found

if TYPE_CHECKING:
    from pipeline.corrections.open import CorrectionOrder

NAMED_MAX = 10
DIGITS_MAX = 18
NO_CYCLE = 0
_ISSUED = ("issued", "closed")


def chosen(connection: Connection, order: "CorrectionOrder", *, reason: str | None) -> NewRun:
    """The run that an order asks for, if it can be carried out; ``reason`` of None is that of its complaint.

    Raises:
        OperatorError: ``ORDER_UNKNOWN``, ``ORDER_DONE``, ``READING_WRONG``, ``READING_UNKNOWN``,
            ``READING_NOT_INVOICED``, ``READING_DRAFTED``, ``READING_TAKEN_OVER``, ``INVOICE_UNKNOWN``,
            ``INVOICE_REVERSED``, ``INVOICE_FORECAST``, ``CYCLE_UNKNOWN``, ``CYCLE_STATE``, ``NO_INVOICES``,
            ``CORRECTION_OPEN``, ``ACCOUNT_IN_WORK``, or what ``pipeline.corrections.reversal`` refuses.
    """
    if order.order_id is not None:
        new = _of_complaint(connection, order.order_id, reason)
    elif order.readings:
        readings = dict(_reading(text) for text in order.readings)
        new = _of_readings(connection, readings, reason=str(reason))
    elif order.reverse is not None:
        new = reversible(connection, cycle_key=order.reverse, reason=str(reason))
    else:
        invoices = _by_number(connection, order.invoices) | _of_cycles(connection, order.cycles)
        new = NewRun(cause="prices", reason=str(reason), invoice_ids=sorted(invoices), readings_m3={})
    if not new.invoice_ids:
        raise OperatorError("NO_INVOICES", "there is no issued invoice to correct")
    forecasts = found(connection, "forecasts_among", invoice_ids=list(new.invoice_ids))
    if new.cause != "reversal":
        _refuse("INVOICE_FORECAST", "a prognoza is settled, not corrected", {row.invoice_no for row in forecasts})
    refuse_others(connection, new, cycle_id=NO_CYCLE)
    return new


def refuse_others(connection: Connection, new: NewRun, *, cycle_id: int) -> None:
    """Refuse invoices that another run is at work on, and accounts that a cycle may bill from what would change.

    Raises:
        OperatorError: ``CORRECTION_OPEN`` or ``ACCOUNT_IN_WORK``.
    """
    invoice_ids = list(new.invoice_ids)
    for row in found(connection, "in_other_runs", invoice_ids=invoice_ids, cycle_id=cycle_id):
        raise OperatorError(
            "CORRECTION_OPEN", f"{row.invoice_no} is being corrected by {row.cycle_key}; end that first"
        )
    if new.cause == "prices":
        return
    for row in found(connection, "accounts_at_work", invoice_ids=invoice_ids, cycle_id=cycle_id):
        text = f"{row.cycle_key} may still bill account {row.account_no} as it was frozen; issue or reject it first"
        raise OperatorError("ACCOUNT_IN_WORK", text)


def _of_complaint(connection: Connection, order_id: int, reason: str | None) -> NewRun:
    orders = found(connection, "find_order", order_id=order_id)
    if not orders:
        raise OperatorError("ORDER_UNKNOWN", f"there is no correction order {order_id}; see obieg complaint show")
    for row in found(connection, "run_of_order", order_id=order_id):
        raise OperatorError("ORDER_DONE", f"order {order_id} is carried out by {row.cycle_key}, which is {row.state}")
    order = orders[0]
    said = reason or order.reason
    readings = {row.reading_id: row.index_m3 for row in found(connection, "order_readings", order_id=order_id)}
    if readings:
        new = _of_readings(connection, readings, reason=said)
        return NewRun(
            cause=new.cause, reason=said, invoice_ids=new.invoice_ids, readings_m3=readings, order_id=order_id
        )
    invoices = sorted(_by_number(connection, [order.invoice_no]))
    return NewRun(cause="prices", reason=said, invoice_ids=invoices, readings_m3={}, order_id=order_id)


def _of_readings(connection: Connection, readings_m3: Mapping[int, Decimal], *, reason: str) -> NewRun:
    known = {row.reading_id: row for row in found(connection, "readings_to_correct", reading_ids=list(readings_m3))}
    _refuse("READING_UNKNOWN", "there is no usable reading", set(readings_m3) - set(known))
    _refuse(
        "READING_DRAFTED", "drafted for KSeF, correct it there", {key for key, row in known.items() if row.is_drafted}
    )
    taken_over = {key for key, row in known.items() if row.is_taken_over}
    _refuse("READING_TAKEN_OVER", "the old system billed up to it", taken_over)
    too_high = {key for key, row in known.items() if readings_m3[key] >= Decimal(10) ** row.dials}
    _refuse("READING_WRONG", "the meter has fewer digits", too_high)
    resting: dict[int, frozenset[int]] = {
        row.invoice_id: reading_ids(read_back(AccountSnapshot, row.content)) & set(readings_m3)
        for row in found(connection, "candidates_of_readings", reading_ids=list(readings_m3))
    }
    invoices = sorted(invoice_id for invoice_id, used in resting.items() if used)
    used = {key for keys in resting.values() for key in keys}
    _refuse("READING_NOT_INVOICED", "no invoice rests on it, edit it instead", set(readings_m3) - used)
    return NewRun(cause="readings", reason=reason, invoice_ids=invoices, readings_m3=readings_m3)


def _by_number(connection: Connection, numbers: Sequence[str]) -> set[int]:
    asked = sorted({number.strip() for number in numbers} - {""})
    _refuse("INVOICE_UNKNOWN", "that is no number", {repr(number) for number in asked if "\x00" in number})
    rows = found(connection, "originals_by_number", invoice_nos=asked) if asked else []
    _refuse("INVOICE_UNKNOWN", "there is no such invoice", {row.invoice_no for row in rows if row.invoice_id is None})
    _refuse("INVOICE_REVERSED", "nothing is owed by it", {row.invoice_no for row in rows if row.is_reversed})
    return {row.invoice_id for row in rows}


def _of_cycles(connection: Connection, keys: Sequence[str]) -> set[int]:
    invoices: set[int] = set()
    for key in keys:
        cycle = require_cycle(connection, cycle_key=key)
        if cycle.state not in _ISSUED or cycle.is_correction:
            raise OperatorError(
                "CYCLE_STATE", f"{key} has no invoices to correct, it is {cycle.kind} and {cycle.state}"
            )
        rows = found(connection, "originals_of_cycle", cycle_id=cycle.cycle_id)
        _refuse("INVOICE_REVERSED", "the cycle is reversed", {key} if cycle.reversed_by is not None else set())
        invoices |= {row.invoice_id for row in rows}
    return invoices


def _reading(text: str) -> tuple[int, Decimal]:
    key, _, written = text.partition("=")
    try:
        index_m3 = Decimal(written.strip().replace(",", "."))
        exact = index_m3.quantize(Decimal("0.001"))
        is_index = index_m3 >= 0 and exact == index_m3
    except InvalidOperation:  # also what comparing NaN raises
        is_index = False
    if not key.strip().isdecimal() or len(key) > DIGITS_MAX or not is_index:
        raise OperatorError("READING_WRONG", f"{text!r} is no ID=INDEX; write 123=45 or 123=45.678")
    return int(key), exact


def _refuse(code: str, why: str, names: Iterable[object]) -> None:
    named = sorted(str(name) for name in names)
    if named:
        more = f" and {len(named) - NAMED_MAX} more" if len(named) > NAMED_MAX else ""
        raise OperatorError(code, f"{why}: {', '.join(named[:NAMED_MAX])}{more}")
