"""What a relay's reply means: a table, the enhanced code (RFC 3463) first, the basic code as a fallback."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_TEXT_LENGTH = 500
_OK = range(200, 300)
_REFUSAL = range(400, 600)


class Stage(StrEnum):
    """How far a message had come: the command that was answered, the content, or the final dot."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"


class State(StrEnum):
    """What became of one message.

    ``retry``: not accepted, may be tried again. ``rejected``: the customer's address is at fault, paper today.
    ``blocked``: we, our server or the message are at fault, a person must look, the address stays good.
    ``unknown``: the last byte left and no answer came; never to be sent again without evidence.
    """

    ACCEPTED = "accepted"
    RETRY = "retry"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why; stable, stored with the attempt."""

    ACCEPTED = "ACCEPTED"
    DEFERRED = "DEFERRED"
    OVERLOADED = "OVERLOADED"
    TEMPORARY = "TEMPORARY"
    CONNECTION_LOST = "CONNECTION_LOST"
    MAILBOX_FULL = "MAILBOX_FULL"
    DEAD_ADDRESS = "DEAD_ADDRESS"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    POLICY = "POLICY"
    SENDER_REFUSED = "SENDER_REFUSED"
    TOO_LARGE = "TOO_LARGE"
    OWN_FAULT = "OWN_FAULT"
    NO_ANSWER = "NO_ANSWER"


class Scope(StrEnum):
    """What the refusal is about, so what has to slow down or stop."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    DOMAIN = "domain"
    CONNECTION = "connection"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: replies of these codes (``*`` any digits) at these stages mean this.

    ``suppress``: no e-mail may go to the address again until it is confirmed anew.
    """

    codes: tuple[str, ...]
    stages: frozenset[Stage] = frozenset(Stage)
    state: State
    reason: Reason
    scope: Scope
    suppress: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one message, with the relay's own words as evidence (verbatim, on one line)."""

    state: State
    reason: Reason
    scope: Scope
    stage: Stage
    code: int | None = None
    enhanced: str | None = None
    text: str = ""
    suppress: bool = False


# After MAIL and RCPT a reply is about this one recipient: every message has exactly one.
_ABOUT_RECIPIENT = frozenset({Stage.RCPT, Stage.DATA, Stage.DOT})
_AT_RCPT = frozenset({Stage.RCPT})

ENHANCED_RULES = (
    Rule(codes=("4.2.2", "5.2.2"), state=State.RETRY, reason=Reason.MAILBOX_FULL, scope=Scope.RECIPIENT),
    Rule(codes=("5.1.7", "5.1.8"), state=State.BLOCKED, reason=Reason.SENDER_REFUSED, scope=Scope.EVERYTHING),
    Rule(
        codes=("5.1.*", "5.2.1"),
        stages=_ABOUT_RECIPIENT,
        state=State.REJECTED,
        reason=Reason.DEAD_ADDRESS,
        scope=Scope.RECIPIENT,
        suppress=True,
    ),
    Rule(codes=("5.7.*",), state=State.BLOCKED, reason=Reason.POLICY, scope=Scope.DOMAIN),
    Rule(codes=("5.3.4",), state=State.BLOCKED, reason=Reason.TOO_LARGE, scope=Scope.MESSAGE),
    Rule(codes=("5.5.*", "5.6.*"), state=State.BLOCKED, reason=Reason.OWN_FAULT, scope=Scope.EVERYTHING),
    Rule(codes=("4.7.1",), state=State.RETRY, reason=Reason.DEFERRED, scope=Scope.DOMAIN),
    Rule(codes=("4.3.*", "4.4.*", "4.7.0"), state=State.RETRY, reason=Reason.OVERLOADED, scope=Scope.CONNECTION),
)

BASIC_RULES = (
    Rule(codes=("421", "432"), state=State.RETRY, reason=Reason.OVERLOADED, scope=Scope.CONNECTION),
    Rule(codes=("450", "451"), stages=_AT_RCPT, state=State.RETRY, reason=Reason.DEFERRED, scope=Scope.DOMAIN),
    Rule(codes=("4*",), state=State.RETRY, reason=Reason.TEMPORARY, scope=Scope.MESSAGE),
    Rule(codes=("552",), state=State.BLOCKED, reason=Reason.TOO_LARGE, scope=Scope.MESSAGE),
    # A bare 550 may be a dead mailbox or a block list: paper today is right for both, suppressing only for one.
    Rule(
        codes=("550", "551", "553"),
        stages=_AT_RCPT,
        state=State.REJECTED,
        reason=Reason.ADDRESS_REFUSED,
        scope=Scope.RECIPIENT,
    ),
    Rule(codes=("50?",), state=State.BLOCKED, reason=Reason.OWN_FAULT, scope=Scope.EVERYTHING),
    Rule(codes=("5*",), state=State.BLOCKED, reason=Reason.POLICY, scope=Scope.DOMAIN),
)


def classify(*, stage: Stage, code: int, text: str) -> Outcome:
    """What the reply ``code`` ``text`` to ``stage`` says of the message.

    Only a 2xx to the dot is an acceptance. A reply that is neither that nor a refusal is ``unknown`` after the dot
    and a lost connection before it, since nobody can say what the other side did.
    """
    words = clean_text(text)
    enhanced = _enhanced(code, words)
    if stage is Stage.DOT and code in _OK:
        rule = Rule(codes=(), state=State.ACCEPTED, reason=Reason.ACCEPTED, scope=Scope.MESSAGE)
    elif code in _REFUSAL:
        rule = _rule(stage, str(code), enhanced)
    elif stage is Stage.DOT:
        rule = Rule(codes=(), state=State.UNKNOWN, reason=Reason.NO_ANSWER, scope=Scope.MESSAGE)
    else:
        rule = Rule(codes=(), state=State.RETRY, reason=Reason.CONNECTION_LOST, scope=Scope.CONNECTION)
    return Outcome(
        state=rule.state,
        reason=rule.reason,
        scope=rule.scope,
        suppress=rule.suppress,
        stage=stage,
        code=code if code > 0 else None,
        enhanced=enhanced,
        text=words,
    )


def no_reply(*, stage: Stage, text: str) -> Outcome:
    """The connection broke or fell silent at ``stage``: unknown once the dot was being sent, harmless before."""
    return classify(stage=stage, code=-1, text=text)


def retry_delay(*, attempts: int) -> timedelta:
    """How long to wait after the ``attempts``-th refusal: 5, 15, 30, then 60 minutes."""
    if attempts < 1:
        raise ValueError(f"a retry follows at least one attempt, not {attempts}")
    return RETRY_DELAYS[min(attempts, len(RETRY_DELAYS)) - 1]


def clean_text(text: str) -> str:
    """A reply on one line, without control characters (PostgreSQL refuses NUL), at most 500 characters."""
    return _CONTROLS.sub(" ", text).strip()[:_TEXT_LENGTH]


def _enhanced(code: int, text: str) -> str | None:
    """The enhanced code at the start of the text; one of another class than the basic code is not believed."""
    match = _ENHANCED.match(text)
    return match.group(1) if match and match.group(1)[0] == str(code)[0] else None


def _rule(stage: Stage, code: str, enhanced: str | None) -> Rule:
    if enhanced is not None:
        for rule in ENHANCED_RULES:
            if stage in rule.stages and any(fnmatchcase(enhanced, pattern) for pattern in rule.codes):
                return rule
    return next(
        rule
        for rule in BASIC_RULES
        if stage in rule.stages and any(fnmatchcase(code, pattern) for pattern in rule.codes)
    )
