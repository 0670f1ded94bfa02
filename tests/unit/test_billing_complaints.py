"""The term for the answer to a complaint, who it binds to silence, and what the law data say."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.accounts import PartyKind, Role
from billing.canonical import from_data
from billing.complaints import answer_deadline, clock, is_consumer
from billing.errors import DataRefused
from billing.invoices import Invoice
from billing.law import AnswerTerm, legalisation_rules, payment_despite_complaint
from billing.utility import load_utility

PROJECT = Path(__file__).parents[2]
DEMO = (PROJECT / "utilities" / "demo" / "utility.toml").read_text(encoding="utf-8")
OWN = AnswerTerm(days=30, basis="przepis odrębny")


def invoice() -> Invoice:
    folder = PROJECT / "tests" / "cases" / "woda-i-scieki-jeden-wodomierz-faktura-papierowa"
    return from_data(Invoice, json.loads((folder / "invoice.json").read_text(encoding="utf-8"))["invoice"])


@pytest.mark.parametrize(
    ("received_on", "until"),
    [
        (date(2022, 12, 31), date(2023, 1, 30)),  # the last day of the term of 30 days
        (date(2023, 1, 1), date(2023, 1, 15)),
        (date(2026, 8, 5), date(2026, 8, 19)),
        (date(2026, 2, 15), date(2026, 3, 1)),
    ],
)
def test_the_term_of_the_day_of_receipt_counts_and_that_day_does_not(received_on: date, until: date) -> None:
    assert answer_deadline(received_on=received_on, consumer=True, own=None).until == until


def test_before_there_was_a_term_the_law_data_says_so() -> None:
    with pytest.raises(DataRefused, match="LAW_NO_VALUE"):
        answer_deadline(received_on=date(2017, 1, 9), consumer=True, own=None)


def test_silence_counts_towards_consumers_and_only_by_the_term_of_the_act() -> None:
    received_on = date(2026, 8, 5)

    consumer = answer_deadline(received_on=received_on, consumer=True, own=None)
    firm = answer_deadline(received_on=received_on, consumer=False, own=None)
    by_other_law = answer_deadline(received_on=received_on, consumer=True, own=OWN)

    assert (consumer.basis, consumer.silence_basis) == ("u.p.k. art. 7a ust. 1", "u.p.k. art. 7a ust. 2")
    assert (firm.until, firm.silence_basis) == (consumer.until, None)
    assert (by_other_law.until, by_other_law.basis, by_other_law.silence_basis) == (date(2026, 9, 4), OWN.basis, None)


@given(st.integers(-40, 40), st.none() | st.integers(0, 40))
def test_the_clock_runs_until_the_answer_and_is_late_from_the_day_after_the_last(
    today: int, answered: int | None
) -> None:
    until = date(2026, 8, 19)
    answered_on = None if answered is None else until + timedelta(days=answered - 20)

    now = clock(answer_until=until, answered_on=answered_on, today=until + timedelta(days=today))

    assert now.days_left == (None if answered_on else -today)
    assert now.late == ((today if answered is None else answered - 20) > 0)


def test_a_consumer_is_a_natural_person_without_nip() -> None:
    bill = invoice()
    buyer = bill.parties[Role.BUYER]

    def sold_to(**changes: object) -> Invoice:
        return replace(bill, parties={**bill.parties, Role.BUYER: replace(buyer, **changes)})

    assert is_consumer(bill)
    assert not is_consumer(sold_to(nip="5260250274"))
    assert not is_consumer(sold_to(kind=PartyKind.ORGANISATION))


def test_a_utility_has_the_term_of_the_act_unless_a_provision_gives_it_another() -> None:
    own = '\n[complaints]\nanswer_days = 30\nbasis = "przepis odrębny"\n'

    assert load_utility(DEMO, name="demo").answer_term is None
    assert load_utility(DEMO + own, name="demo").answer_term == OWN


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ("answer_days = 30", "UTILITY_FIELD_MISSING"),
        ('answer_days = 30\nbasis = " "', "UTILITY_FIELD_WRONG"),
        ('answer_days = 0\nbasis = "x"', "UTILITY_FIELD_WRONG"),
        ('days = 30\nbasis = "x"', "UTILITY_FIELD_WRONG"),
    ],
)
def test_another_term_without_its_provision_is_refused(table: str, code: str) -> None:
    with pytest.raises(DataRefused) as refusal:
        load_utility(f"{DEMO}\n[complaints]\n{table}\n", name="demo")

    assert refusal.value.code == code


def test_payment_goes_on_by_the_regulation_and_an_overpayment_goes_back() -> None:
    rule = payment_despite_complaint(on=date(2026, 8, 5))

    assert (rule.basis, rule.refund_days, rule.refund_basis) == ("Rozp. 2018 § 17 ust. 4", 14, "Rozp. 2018 § 17 ust. 5")


def test_legalisations_of_cold_water_meters_are_valid_for_sixty_months() -> None:
    assert [(rule.kind, rule.valid_from, rule.months) for rule in legalisation_rules()] == [
        ("cold_water", date(2004, 5, 1), 60),
        ("cold_water", date(2022, 6, 17), 60),
    ]
