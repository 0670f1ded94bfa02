"""Whatever was wrong: an invoice and its corrections add up to what one right invoice would have said."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_billing_properties import CYCLE, TARIFFS, UTILITY, accounts, indexes_m3, nets_zl, rates

from billing.accounts import AccountSnapshot, Channel
from billing.canonical import from_json, seal
from billing.charges import Bill, VatSum
from billing.correcting import make_correction
from billing.corrections import (
    bill_in_force,
    difference,
    nothing_owed,
    reading_ids,
    says_the_same,
    with_indexes,
)
from billing.invoices import Invoice
from billing.issuing import make_invoice
from billing.money import ZERO_ZL
from billing.numbering import invoice_number
from billing.rating import owed
from billing.vat import VatModel, vat_sums

MANY_UNRATED = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
"""Most made-up accounts are held; only those that are billed can be corrected."""
RUN = replace(CYCLE, cycle_key="2026-10~KOR~1", issue_date=date(2026, 10, 20))


def issued(account: AccountSnapshot, made: Bill) -> Invoice:
    number = invoice_number(numbering=UTILITY.numbering, series="FV/2026/10", sequence=1)
    return make_invoice(account=account, bill=made, number=number, utility=UTILITY, cycle=CYCLE)


def corrected(original: Invoice, in_force: Invoice, after: Bill, account: AccountSnapshot, no: int) -> Invoice:
    number = invoice_number(numbering=UTILITY.correction_numbering, series="FK/2026/10", sequence=no)
    return make_correction(
        original=original,
        in_force=in_force,
        after=after,
        reason="Błędny odczyt.",
        account=replace(account, points=()),
        number=number,
        utility=UTILITY,
        run=RUN,
    )


@st.composite
def rated(draw: st.DrawFn) -> tuple[AccountSnapshot, Bill]:
    account = draw(accounts())
    made = owed(account, TARIFFS, CYCLE)
    assume(isinstance(made, Bill))
    assert isinstance(made, Bill)
    return account, made


@st.composite
def misread(draw: st.DrawFn, account: AccountSnapshot) -> AccountSnapshot:
    """The same account with other indexes of some of its readings."""
    keys = sorted(reading_ids(account))
    chosen = draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    return with_indexes(account, indexes_m3={key: draw(indexes_m3) for key in chosen})


def sums(invoices: list[Invoice]) -> tuple[dict[Decimal, tuple[Decimal, Decimal]], Decimal]:
    """Net and VAT by rate, and gross, over invoices and corrections, without rates that came to nothing."""
    by_rate: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for part in (part for invoice in invoices for part in invoice.vat_sums):
        net_zl, vat_zl = by_rate.get(part.vat_rate, (ZERO_ZL, ZERO_ZL))
        by_rate[part.vat_rate] = (net_zl + part.net_zl, vat_zl + part.vat_zl)
    left = {rate: amounts for rate, amounts in by_rate.items() if amounts != (ZERO_ZL, ZERO_ZL)}
    return left, sum((invoice.gross_zl for invoice in invoices), ZERO_ZL)


def told(bill: Bill) -> tuple[dict[Decimal, tuple[Decimal, Decimal]], Decimal]:
    by_rate = {part.vat_rate: (part.net_zl, part.vat_zl) for part in bill.vat_sums}
    return {rate: amounts for rate, amounts in by_rate.items() if amounts != (ZERO_ZL, ZERO_ZL)}, bill.gross_zl


@MANY_UNRATED
@given(st.data(), rated())
def test_an_invoice_and_its_chain_of_corrections_add_up_to_the_last_computation(data, given_account) -> None:
    account, made = given_account
    original = issued(account, made)
    chain = [original]
    for no in range(1, data.draw(st.integers(2, 4))):
        after = owed(data.draw(misread(account)), TARIFFS, CYCLE)
        if isinstance(after, Bill):
            chain.append(corrected(original, chain[-1], after, account, no))

    last = bill_in_force(chain[-1])

    assert sums(chain) == told(last)
    assert [one.corrects.correction_no for one in chain[1:] if one.corrects] == list(range(1, len(chain)))
    for before, one in pairwise(chain):
        assert one.corrects is not None
        assert one.corrects.before == bill_in_force(before)
        assert one.corrects.previous_no == (before.number.text if before.corrects else None)


@MANY_UNRATED
@given(st.data(), rated())
def test_a_correction_read_back_from_its_stored_text_is_the_same(data, given_account) -> None:
    account, made = given_account
    after = owed(data.draw(misread(account)), TARIFFS, CYCLE)
    assume(isinstance(after, Bill))
    original = issued(account, made)
    one = corrected(original, original, after, account, 1)

    assert from_json(Invoice, seal(one).text) == one


@MANY_UNRATED
@given(rated())
def test_rated_again_from_the_same_inputs_there_is_nothing_to_correct(given_account) -> None:
    account, made = given_account

    again = owed(with_indexes(account, indexes_m3={}), TARIFFS, CYCLE)

    assert isinstance(again, Bill)
    assert says_the_same(made, again)
    assert {difference(made, again).net_zl, difference(made, again).gross_zl} == {ZERO_ZL}


@MANY_UNRATED
@given(rated())
def test_a_reversal_takes_back_exactly_what_was_charged(given_account) -> None:
    account, made = given_account
    original = issued(account, made)

    reversal = corrected(original, original, nothing_owed(made), account, 1)

    assert sums([original, reversal]) == ({}, ZERO_ZL)
    assert bill_in_force(reversal).lines == ()


@given(
    before=st.lists(st.tuples(rates, nets_zl), max_size=6),
    after=st.lists(st.tuples(rates, nets_zl), max_size=6),
    model=st.sampled_from(list(VatModel)),
)
def test_the_vat_of_a_correction_is_the_difference_of_two_vats_and_not_the_vat_of_a_difference(
    before, after, model
) -> None:
    charged, due = (_bare(vat_sums(lines=lines, model=model)) for lines in (before, after))

    change = difference(charged, due)

    by_rate = {part.vat_rate: part.vat_zl for part in change.vat_sums}
    for part in due.vat_sums:
        assert by_rate[part.vat_rate] == part.vat_zl - _vat(charged, part.vat_rate)
    for part in charged.vat_sums:
        assert by_rate[part.vat_rate] == _vat(due, part.vat_rate) - part.vat_zl
    assert sum(by_rate.values(), ZERO_ZL) == change.vat_zl
    assert change.gross_zl == change.net_zl + change.vat_zl


def test_half_a_grosz_shows_that_vat_is_not_taken_of_the_difference() -> None:
    """5 % of 0.10 is 0.005, rounded 0.01; of 0.20 it is 0.01: the difference is 0.00, 5 % of 0.10 would be 0.01."""
    charged, due = (
        _bare(vat_sums(lines=[(Decimal("0.05"), Decimal(net_zl))], model=VatModel.ON_RATE_SUM))
        for net_zl in ("0.10", "0.20")
    )

    assert difference(charged, due).vat_zl == Decimal("0.00")


class _Sums:
    """A bill's sums without lines: what ``difference`` reads of it."""

    def __init__(self, parts: tuple[VatSum, ...]) -> None:
        self.vat_sums = parts
        self.net_zl = sum((part.net_zl for part in parts), ZERO_ZL)
        self.vat_zl = sum((part.vat_zl for part in parts), ZERO_ZL)
        self.gross_zl = sum((part.gross_zl for part in parts), ZERO_ZL)
        self.subsidy_net_zl = self.subsidy_gross_zl = ZERO_ZL
        self.channel = Channel.PAPER


def _bare(parts: tuple[VatSum, ...]) -> Bill:
    return _Sums(parts)  # type: ignore[return-value]


def _vat(bill: Bill, vat_rate: Decimal) -> Decimal:
    return sum((part.vat_zl for part in bill.vat_sums if part.vat_rate == vat_rate), ZERO_ZL)
