"""From which day an acceptance or a withdrawal counts, and what the e-faktura saves."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from billing.accounts import Channel
from billing.consents import (
    WARSAW,
    ConsentEvent,
    ConsentKind,
    ConsentMethod,
    ConsentRule,
    EffectiveRule,
    Preference,
    effective_from,
    preference,
    preference_on,
    price_effect_zl_year,
)
from billing.errors import DataRefused
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook

UTILITIES = Path(__file__).parents[2] / "utilities"
RULE = ConsentRule(paper_form_start=EffectiveRule.NEXT_DAY, withdraw=EffectiveRule.NEXT_ISSUE)
TERMS = "a" * 64


def event(
    consent_id: int,
    kind: ConsentKind,
    received_at: datetime,
    *,
    method: ConsentMethod = ConsentMethod.PAPER_FORM,
    occurred_at: datetime | None = None,
    terms_sha256: str = TERMS,
) -> ConsentEvent:
    return ConsentEvent(
        consent_id=consent_id,
        kind=kind,
        method=method,
        occurred_at=occurred_at or received_at,
        received_at=received_at,
        terms_version="1.0",
        terms_sha256=terms_sha256,
    )


def warsaw(month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=WARSAW)


def days(spans: tuple[Preference, ...]) -> list[tuple[Channel, date, date | None]]:
    return [(span.channel, span.valid_from, span.valid_until) for span in spans]


ACCEPTED = event(1, ConsentKind.ACCEPT, warsaw(11, 2))
WITHDRAWN = event(2, ConsentKind.WITHDRAW, warsaw(11, 20))


def test_a_paper_form_counts_from_its_arrival_not_from_its_signature() -> None:
    signed_early = event(1, ConsentKind.ACCEPT, warsaw(11, 2), occurred_at=warsaw(9, 1))

    assert effective_from(event=signed_early, rule=RULE) == date(2026, 11, 3)


def test_a_click_in_the_portal_counts_from_the_click() -> None:
    clicked = event(
        1,
        ConsentKind.ACCEPT,
        warsaw(11, 5),
        occurred_at=warsaw(11, 2),
        method=ConsentMethod.PORTAL_CLICK,
    )

    assert effective_from(event=clicked, rule=RULE) == date(2026, 11, 3)


@pytest.mark.parametrize(
    ("received_at", "first_day"),
    [
        (warsaw(11, 2, 0, 0), date(2026, 11, 2)),
        (warsaw(11, 2, 0, 1), date(2026, 11, 3)),
        (warsaw(11, 2, 23, 59), date(2026, 11, 3)),
        (datetime(2026, 11, 2, 23, 0, tzinfo=UTC), date(2026, 11, 3)),  # midnight in Warsaw, winter time
        (datetime(2026, 11, 2, 23, 30, tzinfo=UTC), date(2026, 11, 4)),
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), date(2026, 7, 2)),  # midnight in Warsaw, summer time
        (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), date(2026, 10, 26)),  # 00:30 on the night of 25 hours
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), date(2026, 3, 30)),  # 00:30 on the night of 23 hours
        (datetime(2026, 12, 31, 12, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_first_day_is_a_warsaw_day_that_begins_after_the_arrival(received_at: datetime, first_day: date) -> None:
    assert effective_from(event=event(1, ConsentKind.ACCEPT, received_at), rule=RULE) == first_day


@pytest.mark.parametrize(
    ("withdraw", "first_day"),
    [
        (EffectiveRule.NEXT_DAY, date(2026, 11, 21)),
        (EffectiveRule.NEXT_ISSUE, date(2026, 11, 21)),
        (EffectiveRule.DAYS_7, date(2026, 11, 28)),
        (EffectiveRule.DAYS_14, date(2026, 12, 5)),
        (EffectiveRule.DAYS_30, date(2026, 12, 21)),
    ],
)
def test_a_withdrawal_counts_by_the_rule_of_the_utility(withdraw: EffectiveRule, first_day: date) -> None:
    assert effective_from(event=WITHDRAWN, rule=replace(RULE, withdraw=withdraw)) == first_day


def test_a_later_start_that_the_customer_named_is_respected_and_an_earlier_one_is_not() -> None:
    assert effective_from(event=replace(ACCEPTED, requested_from=date(2027, 1, 1)), rule=RULE) == date(2027, 1, 1)
    assert effective_from(event=replace(ACCEPTED, requested_from=date(2026, 1, 1)), rule=RULE) == date(2026, 11, 3)


def test_acceptance_and_withdrawal_give_two_spans_without_overlap_or_gap() -> None:
    spans = preference(events=[ACCEPTED, WITHDRAWN], rule=RULE)

    assert days(spans) == [
        (Channel.EMAIL, date(2026, 11, 3), date(2026, 11, 21)),
        (Channel.PAPER, date(2026, 11, 21), None),
    ]
    assert [span.consent_id for span in spans] == [1, 2]


def test_the_channel_is_read_on_the_issue_date() -> None:
    spans = preference(events=[ACCEPTED, WITHDRAWN], rule=RULE)
    read = {day: preference_on(preferences=spans, day=date(2026, 11, day)) for day in (2, 3, 20, 21)}

    assert read[2] is None
    assert [span.channel for span in (read[3], read[20], read[21]) if span] == ["email", "email", "paper"]


def test_events_in_any_order_and_twice_give_one_state() -> None:
    again = event(3, ConsentKind.ACCEPT, warsaw(12, 1))
    wanted = preference(events=[ACCEPTED, WITHDRAWN, again], rule=RULE)

    for ordered in permutations([ACCEPTED, WITHDRAWN, again, ACCEPTED, WITHDRAWN]):
        assert preference(events=ordered, rule=RULE) == wanted


def test_a_second_acceptance_of_the_same_terms_changes_nothing() -> None:
    again = event(5, ConsentKind.ACCEPT, warsaw(11, 9))

    assert preference(events=[ACCEPTED, again], rule=RULE) == preference(events=[ACCEPTED], rule=RULE)


def test_an_acceptance_of_new_terms_is_a_span_of_its_own() -> None:
    new_terms = event(5, ConsentKind.ACCEPT, warsaw(11, 9), terms_sha256="b" * 64)

    assert [span.consent_id for span in preference(events=[ACCEPTED, new_terms], rule=RULE)] == [1, 5]


def test_an_acceptance_during_the_notice_of_a_withdrawal_cancels_it() -> None:
    rule = replace(RULE, withdraw=EffectiveRule.DAYS_30)
    again = event(3, ConsentKind.ACCEPT, warsaw(11, 25))

    spans = preference(events=[ACCEPTED, WITHDRAWN, again], rule=rule)

    assert days(spans) == [(Channel.EMAIL, date(2026, 11, 3), None)]
    assert spans[0].consent_id == ACCEPTED.consent_id


def test_a_withdrawal_before_a_named_start_leaves_paper_without_an_interruption() -> None:
    accepted = replace(ACCEPTED, requested_from=date(2027, 1, 1))

    assert preference(events=[accepted, WITHDRAWN], rule=RULE) == ()


def test_a_withdrawal_that_arrived_last_wins_though_it_was_signed_before_the_acceptance() -> None:
    late_letter = event(2, ConsentKind.WITHDRAW, warsaw(11, 20), occurred_at=warsaw(11, 1))

    assert preference(events=[late_letter, ACCEPTED], rule=RULE)[-1].channel is Channel.PAPER


def test_two_statements_of_the_same_second_are_ordered_by_their_numbers() -> None:
    same_second = replace(WITHDRAWN, received_at=ACCEPTED.received_at, occurred_at=ACCEPTED.occurred_at)

    assert preference(events=[same_second, ACCEPTED], rule=RULE) == ()
    assert preference(events=[replace(same_second, consent_id=0), ACCEPTED], rule=RULE)[-1].consent_id == 1


def test_two_different_events_with_one_number_are_refused() -> None:
    with pytest.raises(ValueError, match="number 1"):
        preference(events=[ACCEPTED, replace(WITHDRAWN, consent_id=1)], rule=RULE)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        event(1, ConsentKind.ACCEPT, datetime(2026, 11, 2, 12))


def book(utility: str) -> TariffBook:
    files = (UTILITIES / utility / "tariffs").glob("*.toml")
    return TariffBook(tariffs=tuple(load_tariff(path.read_bytes(), name=path.name) for path in files))


@pytest.mark.parametrize(
    ("utility", "tariff_class", "saved_zl"),
    [
        ("wodzislaw-lyski", "household", "48.00"),  # 12 × (15.07 − 11.07), as published
        ("demo", "household", "48.00"),  # 12 × (12.96 − 8.96)
        ("demo", "business", "0.00"),
    ],
)
def test_the_yearly_saving_is_that_of_twelve_monthly_gross_amounts(
    utility: str, tariff_class: str, saved_zl: str
) -> None:
    effect = price_effect_zl_year(tariffs=book(utility), tariff_class=tariff_class, on=date(2026, 11, 1))

    assert effect == Decimal(saved_zl)


def test_the_saving_of_a_class_without_a_tariff_is_refused() -> None:
    with pytest.raises(DataRefused, match="TARIFF_NO_PRICE"):
        price_effect_zl_year(tariffs=book("demo"), tariff_class="industry", on=date(2026, 11, 1))
