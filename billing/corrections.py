"""Corrections: what is owed instead of what an invoice said, and the difference between the two.

A correction never changes an invoice. It is rated (``billing.rating.owed``) from what the invoice was rated from, with
the indexes as they should have been and by the tariffs as they are now, on the terms of the invoice's own cycle. Tax
follows the sums: the VAT of a correction is the VAT of what is owed less the VAT of what was charged, rate by rate, and
never VAT on a difference, so that an invoice and its corrections add up to what one right invoice would have said.

Source: VAT act art. 106j (content of a correcting invoice), art. 29a (the base of taxation goes down or up).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billing.accounts import AccountSnapshot, PointSnapshot, Reading, RegisterSnapshot
from billing.charges import Bill, ChargeLine, LineRounding, VatSum
from billing.invoices import Invoice
from billing.money import ZERO_ZL, round_zl


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is owed less what was charged: below zero the customer gets back. The highest VAT rate comes first."""

    vat_sums: tuple[VatSum, ...]
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal
    subsidy_net_zl: Decimal
    subsidy_gross_zl: Decimal


def reading_ids(account: AccountSnapshot) -> frozenset[int]:
    """Every reading that a bill of this account rests on: present, previous, and those between the two."""
    registers = (register for point in account.points for register in _registers(point))
    return frozenset(reading.reading_id for register in registers for reading in _readings(register))


def with_indexes(account: AccountSnapshot, *, indexes_m3: Mapping[int, Decimal]) -> AccountSnapshot:
    """The account with other indexes, by the id of their reading; what is not named stays."""
    return replace(account, points=tuple(_point(point, indexes_m3) for point in account.points))


def nothing_owed(before: Bill) -> Bill:
    """What a reversal leaves: no line at all, for the same account and channel."""
    return Bill(
        account_no=before.account_no,
        channel=before.channel,
        lines=(),
        vat_sums=(),
        net_zl=ZERO_ZL,
        vat_zl=ZERO_ZL,
        gross_zl=ZERO_ZL,
    )


def bill_in_force(invoice: Invoice) -> Bill:
    """What an invoice, or the last correction of one, says is owed."""
    if invoice.corrects is None:
        return Bill(
            account_no=invoice.account_no,
            channel=invoice.channel,
            lines=invoice.lines,
            vat_sums=invoice.vat_sums,
            net_zl=invoice.net_zl,
            vat_zl=invoice.vat_zl,
            gross_zl=invoice.gross_zl,
            subsidy_net_zl=invoice.subsidy_net_zl,
            subsidy_gross_zl=invoice.subsidy_gross_zl,
            line_rounding=_rounding(invoice.lines, invoice.vat_sums),
        )
    before = invoice.corrects.before
    return Bill(
        account_no=invoice.account_no,
        channel=before.channel,
        lines=invoice.lines,
        vat_sums=invoice.corrects.after_sums,
        net_zl=before.net_zl + invoice.net_zl,
        vat_zl=before.vat_zl + invoice.vat_zl,
        gross_zl=before.gross_zl + invoice.gross_zl,
        subsidy_net_zl=before.subsidy_net_zl + invoice.subsidy_net_zl,
        subsidy_gross_zl=before.subsidy_gross_zl + invoice.subsidy_gross_zl,
        line_rounding=_rounding(invoice.lines, invoice.corrects.after_sums),
    )


def says_the_same(before: Bill, after: Bill) -> bool:
    """Whether nothing that is printed differs, so that there is nothing to correct.

    A tariff file may have got another hash, and a price another note of its basis: that corrects no invoice.
    """
    return (_printed(before), before.vat_sums) == (_printed(after), after.vat_sums)


def difference(before: Bill, after: Bill) -> Difference:
    """``after`` less ``before``: sums by VAT rate, totals, subsidies."""
    charged = {part.vat_rate: part for part in before.vat_sums}
    due = {part.vat_rate: part for part in after.vat_sums}
    sums = tuple(_less(rate, due.get(rate), charged.get(rate)) for rate in sorted({*charged, *due}, reverse=True))
    return Difference(
        vat_sums=sums,
        net_zl=after.net_zl - before.net_zl,
        vat_zl=after.vat_zl - before.vat_zl,
        gross_zl=after.gross_zl - before.gross_zl,
        subsidy_net_zl=after.subsidy_net_zl - before.subsidy_net_zl,
        subsidy_gross_zl=after.subsidy_gross_zl - before.subsidy_gross_zl,
    )


def _rounding(lines: Sequence[ChargeLine], sums: Sequence[VatSum]) -> LineRounding:
    """By which model the sums follow from the lines; an invoice does not tell."""
    told = {part.vat_rate: part.net_zl for part in sums}
    for model in LineRounding:
        nets_zl: dict[Decimal, Decimal] = defaultdict(Decimal)
        for line in lines:
            nets_zl[line.vat_rate] += line.summed_zl(model)
        if {rate: round_zl(net_zl) for rate, net_zl in nets_zl.items()} == told:
            return model
    raise ValueError("the lines of an invoice do not add up to its sums")


def _less(vat_rate: Decimal, after: VatSum | None, before: VatSum | None) -> VatSum:
    none = VatSum(vat_rate=vat_rate, net_zl=ZERO_ZL, vat_zl=ZERO_ZL, gross_zl=ZERO_ZL)
    due, charged = after or none, before or none
    return VatSum(
        vat_rate=vat_rate,
        net_zl=due.net_zl - charged.net_zl,
        vat_zl=due.vat_zl - charged.vat_zl,
        gross_zl=due.gross_zl - charged.gross_zl,
    )


def _printed(bill: Bill) -> tuple[ChargeLine, ...]:
    return tuple(replace(line, tariff_sha256="", basis="") for line in bill.lines)


def _readings(register: RegisterSnapshot) -> tuple[Reading, ...]:
    return (register.previous, *register.between, *((register.current,) if register.current else ()))


def _registers(point: PointSnapshot) -> tuple[RegisterSnapshot, ...]:
    return (*point.registers, *(register for behind in point.behind for register in behind.registers))


def _point(point: PointSnapshot, indexes_m3: Mapping[int, Decimal]) -> PointSnapshot:
    return replace(
        point,
        registers=tuple(_register(register, indexes_m3) for register in point.registers),
        behind=tuple(
            replace(behind, registers=tuple(_register(register, indexes_m3) for register in behind.registers))
            for behind in point.behind
        ),
    )


def _register(register: RegisterSnapshot, indexes_m3: Mapping[int, Decimal]) -> RegisterSnapshot:
    return replace(
        register,
        previous=_reading(register.previous, indexes_m3),
        current=None if register.current is None else _reading(register.current, indexes_m3),
        between=tuple(_reading(reading, indexes_m3) for reading in register.between),
    )


def _reading(reading: Reading, indexes_m3: Mapping[int, Decimal]) -> Reading:
    index_m3 = indexes_m3.get(reading.reading_id)
    return reading if index_m3 is None else replace(reading, index_m3=index_m3, billed_index_m3=None)
