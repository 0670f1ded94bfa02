"""What a relay's reply means: one row per transcript."""

from datetime import timedelta

import pytest

from delivery.replies import Reason, Scope, Stage, State, classify, no_reply, retry_delay

TRANSCRIPTS = [
    # accepted
    (Stage.DOT, "250 2.0.0 Ok: queued as 4Z1x", State.ACCEPTED, Reason.ACCEPTED),
    (Stage.DOT, "250 OK", State.ACCEPTED, Reason.ACCEPTED),
    # try later
    (Stage.RCPT, "451 4.7.1 Greylisting in action, please come back later", State.RETRY, Reason.DEFERRED),
    (Stage.RCPT, "450 4.7.1 Twoj serwer poczty jest tymczasowo zablokowany za spam", State.RETRY, Reason.DEFERRED),
    (Stage.RCPT, "451 deferred by rule #CR-IN-DEF-2", State.RETRY, Reason.DEFERRED),
    (Stage.RCPT, "450 try again later", State.RETRY, Reason.DEFERRED),
    (Stage.MAIL, "421 4.7.0 Try again later, closing connection", State.RETRY, Reason.OVERLOADED),
    (Stage.DOT, "421 4.3.2 System shutting down", State.RETRY, Reason.OVERLOADED),
    (Stage.MAIL, "432 4.3.2 Concurrent connections exceeded", State.RETRY, Reason.OVERLOADED),
    (Stage.DATA, "451 4.4.2 Timeout", State.RETRY, Reason.OVERLOADED),
    (Stage.DOT, "451 4.3.0 Temporary lookup failure", State.RETRY, Reason.OVERLOADED),
    (Stage.DOT, "452 too busy", State.RETRY, Reason.TEMPORARY),
    # a full mailbox, whichever way it is said
    (Stage.RCPT, "452 4.2.2 Mailbox full", State.RETRY, Reason.MAILBOX_FULL),
    (Stage.DOT, "552 5.2.2 Mailbox full", State.RETRY, Reason.MAILBOX_FULL),
    # a dead address
    (Stage.RCPT, "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown", State.REJECTED, "DEAD_ADDRESS"),
    (Stage.RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", State.REJECTED, Reason.DEAD_ADDRESS),
    (Stage.RCPT, "550 5.1.2 Host unknown", State.REJECTED, Reason.DEAD_ADDRESS),
    (Stage.RCPT, "550 5.1.6 Mailbox has moved", State.REJECTED, Reason.DEAD_ADDRESS),
    (Stage.RCPT, "550 5.2.1 Account disabled", State.REJECTED, Reason.DEAD_ADDRESS),
    (Stage.DOT, "550 5.1.1 User unknown", State.REJECTED, Reason.DEAD_ADDRESS),
    (Stage.RCPT, "550 no such user", State.REJECTED, Reason.ADDRESS_REFUSED),
    # not the customer's fault
    (Stage.RCPT, "554 5.7.1 Client host blocked", State.BLOCKED, Reason.POLICY),
    (Stage.DOT, "550 5.7.26 Unauthenticated email is not accepted due to DMARC policy", State.BLOCKED, Reason.POLICY),
    (Stage.DOT, "550 5.7.515 Access denied, sending domain does not meet the level", State.BLOCKED, Reason.POLICY),
    (Stage.RCPT, "550 5.7.606 Access denied, banned sending IP", State.BLOCKED, Reason.POLICY),
    (Stage.DOT, "554 rejected for policy reasons", State.BLOCKED, Reason.POLICY),
    (Stage.DOT, "550 looks like spam", State.BLOCKED, Reason.POLICY),
    (Stage.MAIL, "550 go away", State.BLOCKED, Reason.POLICY),
    (Stage.RCPT, "550 5.1.8 Sender domain not found", State.BLOCKED, Reason.SENDER_REFUSED),
    (Stage.MAIL, "553 5.1.7 Bad sender address", State.BLOCKED, Reason.SENDER_REFUSED),
    (Stage.MAIL, "552 5.3.4 Message too big", State.BLOCKED, Reason.TOO_LARGE),
    (Stage.DOT, "552 message exceeds fixed limit", State.BLOCKED, Reason.TOO_LARGE),
    (Stage.DOT, "554 5.6.0 Malformed MIME", State.BLOCKED, Reason.OWN_FAULT),
    (Stage.DATA, "503 5.5.1 Bad sequence of commands", State.BLOCKED, Reason.OWN_FAULT),
    (Stage.MAIL, "500 unrecognised", State.BLOCKED, Reason.OWN_FAULT),
    # no answer that means anything
    (Stage.DOT, "354 go on", State.UNKNOWN, Reason.NO_ANSWER),
    (Stage.RCPT, "354 go on", State.RETRY, Reason.CONNECTION_LOST),
]


@pytest.mark.parametrize(("stage", "reply", "state", "reason"), TRANSCRIPTS)
def test_every_reply_has_its_meaning(stage, reply, state, reason) -> None:
    code, _, words = reply.partition(" ")

    outcome = classify(stage=stage, code=int(code), text=words)

    assert (outcome.state, outcome.reason, outcome.code, outcome.text) == (state, reason, int(code), words)


@pytest.mark.parametrize("stage", list(Stage))
def test_only_a_yes_to_the_dot_is_an_acceptance_and_only_silence_after_it_a_doubt(stage) -> None:
    for code in range(200, 600):
        state = classify(stage=stage, code=code, text="").state

        assert (state is State.ACCEPTED) == (stage is Stage.DOT and code < 300), code
        assert (state is State.UNKNOWN) == (stage is Stage.DOT and 300 <= code < 400), code


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.DOT])
def test_silence_before_the_dot_is_harmless(stage) -> None:
    outcome = no_reply(stage=stage, text="Connection reset by peer")

    assert (outcome.state, outcome.scope, outcome.code) == (State.RETRY, Scope.CONNECTION, None)


def test_silence_after_the_dot_is_a_doubt() -> None:
    assert no_reply(stage=Stage.DOT, text="timed out").state is State.UNKNOWN


@pytest.mark.parametrize(("stage", "reply", "state", "reason"), TRANSCRIPTS)
def test_only_a_dead_address_is_suppressed(stage, reply, state, reason) -> None:
    code, _, words = reply.partition(" ")

    assert classify(stage=stage, code=int(code), text=words).suppress == (reason == Reason.DEAD_ADDRESS)


def test_an_enhanced_code_of_another_class_is_not_believed() -> None:
    outcome = classify(stage=Stage.RCPT, code=451, text="5.1.1 temporarily no such user")

    assert (outcome.state, outcome.enhanced) == (State.RETRY, None)


def test_a_number_that_only_looks_like_an_enhanced_code_is_none() -> None:
    assert classify(stage=Stage.RCPT, code=550, text="5.1.1.7 is blocked").enhanced is None


def test_the_words_of_a_reply_stand_on_one_line_without_control_characters_and_are_not_endless() -> None:
    outcome = classify(stage=Stage.DOT, code=451, text="4.3.0 a\r\nb\x00c " + "x" * 5000)

    assert outcome.text.startswith("4.3.0 a b c xxx")
    assert len(outcome.text) == 500


def test_each_further_refusal_waits_longer_up_to_an_hour() -> None:
    minutes = [retry_delay(attempts=attempts) / timedelta(minutes=1) for attempts in range(1, 7)]

    assert minutes == [5, 15, 30, 60, 60, 60]
    with pytest.raises(ValueError, match="at least one"):
        retry_delay(attempts=0)
