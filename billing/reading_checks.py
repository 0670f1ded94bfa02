"""The checks of readings, V01 to V24: what each looks for, how it ends, who acts on it and where it runs.

One table; ``docs/law/checks.md`` shows the same, and a test compares them. The thresholds are a utility's data
(``billing.reading_rules``). A check that fails gives a finding: a value, never an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ALARMS_OF_LEAKS = frozenset({"leak", "burst"})
SELF_SOURCES = frozenset({"customer_portal", "customer_phone", "customer_mail"})
RADIO_SOURCES = frozenset({"radio_walkby", "radio_fixed"})
EXCHANGE_SOURCES = frozenset({"exchange_install", "exchange_removal"})


class Severity(StrEnum):
    """``reject``: no reading. ``quarantine``: kept as suspect until a person decides. ``warn``: noted, used.

    ``hold``: the account waits for approval. ``stop``: the cycle is not approved. ``none``: a measure, no failure.
    """

    REJECT = "reject"
    QUARANTINE = "quarantine"
    WARN = "warn"
    HOLD = "hold"
    STOP = "stop"
    NONE = "none"


class Owner(StrEnum):
    """Who must act: the supplier of the file, the office, the field service, the customer, the cycle's operator."""

    SUPPLIER = "supplier"
    OFFICE = "office"
    FIELD = "field"
    CUSTOMER = "customer"
    OPERATOR = "operator"


class Step(StrEnum):
    """The step of the cycle in which a check runs."""

    COLLECT = "collect"
    VALIDATE = "validate"
    RATE = "rate"
    APPROVE = "approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A row of the table. ``shown_as`` are codes of rows that say the same before there is a reading."""

    title: str
    severity: Severity
    owner: Owner
    what_next: str
    step: Step
    shown_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A check that failed; ``facts`` hold figures and dates, never persons."""

    code: str
    severity: Severity
    owner: Owner
    facts: Mapping[str, str]


def finding(
    code: str, facts: Mapping[str, object], *, severity: Severity | None = None, owner: Owner | None = None
) -> Finding:
    """A finding of a check with the severity and the owner of the table, unless others are named."""
    check = CHECKS[code]
    return Finding(
        code=code,
        severity=severity or check.severity,
        owner=owner or check.owner,
        facts={name: plain(value) for name, value in facts.items()},
    )


def plain(value: object) -> str:
    """A figure or a date as it stands in facts: a number without an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


CHECKS: Mapping[str, Check] = {
    "V01": Check(
        title="the same moment of the same meter came before with another index",
        severity=Severity.QUARANTINE,
        owner=Owner.SUPPLIER,
        what_next="find out which one is right; the first stands until then",
        step=Step.COLLECT,
    ),
    "V02": Check(
        title="unit, register or digits do not fit the meter",
        severity=Severity.REJECT,
        owner=Owner.SUPPLIER,
        what_next="mend the row, or the meter's dials and decimals in the registry, and send it again",
        step=Step.COLLECT,
        shown_as=("E104", "E109", "E110"),
    ),
    "V03": Check(
        title="the meter was not at the point then, or the registry has another exchange",
        severity=Severity.QUARANTINE,
        owner=Owner.OFFICE,
        what_next="see whether the meter was exchanged, and complete the registry",
        step=Step.COLLECT,
        shown_as=("E102", "E107"),
    ),
    "V04": Check(
        title="the index is a little below the one before: jitter, counted as standing still",
        severity=Severity.WARN,
        owner=Owner.OFFICE,
        what_next="nothing; a meter that does it often is to be looked at",
        step=Step.COLLECT,
    ),
    "V05": Check(
        title="the index is below an earlier one or above a later one",
        severity=Severity.QUARANTINE,
        owner=Owner.OFFICE,
        what_next="misread, exchanged, or turned over? Decide on the reading",
        step=Step.COLLECT,
    ),
    "V06": Check(
        title="the register passed through zero",
        severity=Severity.WARN,
        owner=Owner.OFFICE,
        what_next="nothing; the use through zero is billed",
        step=Step.COLLECT,
    ),
    "V07": Check(
        title="more water than the meter can pass",
        severity=Severity.QUARANTINE,
        owner=Owner.OFFICE,
        what_next="decide on the reading; read again when in doubt",
        step=Step.COLLECT,
    ),
    "V08": Check(
        title="use far above what is usual",
        severity=Severity.QUARANTINE,
        owner=Owner.OFFICE,
        what_next="confirm it, or have the meter read again; a customer's own reading: ask him",
        step=Step.COLLECT,
    ),
    "V09": Check(
        title="use far below what is usual",
        severity=Severity.WARN,
        owner=Owner.OFFICE,
        what_next="look at it with the next reading; a customer's own reading: ask him",
        step=Step.COLLECT,
    ),
    "V10": Check(
        title="the usual use: mean of the last intervals, the same season last year, or the median of the tariff class",
        severity=Severity.NONE,
        owner=Owner.OFFICE,
        what_next="nothing; the facts of V08 and V09 name it",
        step=Step.COLLECT,
    ),
    "V11": Check(
        title="nothing used in several intervals, after use before",
        severity=Severity.WARN,
        owner=Owner.FIELD,
        what_next="look at the meter: stopped, or nobody there?",
        step=Step.COLLECT,
    ),
    "V12": Check(
        title="a radio index that stands still at a point that used water",
        severity=Severity.WARN,
        owner=Owner.FIELD,
        what_next="compare the radio index with the dials",
        step=Step.COLLECT,
    ),
    "V13": Check(
        title="an hour far above the hours of the month before",
        severity=Severity.WARN,
        owner=Owner.OFFICE,
        what_next="nothing, unless the customer asks",
        step=Step.COLLECT,
    ),
    "V14": Check(
        title="no usable reading: for a day from a fixed network, or none in the window of the cycle",
        severity=Severity.WARN,
        owner=Owner.FIELD,
        what_next="chase the reading; what is still missing at the cut-off is estimated or held",
        step=Step.VALIDATE,
    ),
    "V15": Check(
        title="the meters behind the main one counted more than the main one",
        severity=Severity.QUARANTINE,
        owner=Owner.FIELD,
        what_next="read main and sub-meters on one day; no deduction of sewage until then",
        step=Step.VALIDATE,
    ),
    "V16": Check(
        title="the legalisation of a garden or sub-meter has lapsed, or soon will",
        severity=Severity.WARN,
        owner=Owner.CUSTOMER,
        what_next="tell the customer; a lapsed meter gives no deduction",
        step=Step.VALIDATE,
    ),
    "V17": Check(
        title="the intervals of a file do not add up to the difference of its indexes",
        severity=Severity.WARN,
        owner=Owner.SUPPLIER,
        what_next="ask the supplier; the indexes are billed",
        step=Step.COLLECT,
    ),
    "V18": Check(
        title="two series of indexes on one meter",
        severity=Severity.QUARANTINE,
        owner=Owner.OFFICE,
        what_next="find the two radio modules, and correct their assignment",
        step=Step.COLLECT,
    ),
    "V19": Check(
        title="a device's clock is wrong: later than its file, or out of order",
        severity=Severity.WARN,
        owner=Owner.SUPPLIER,
        what_next="have the clock set; the rows are sorted by their time",
        step=Step.COLLECT,
    ),
    "V20": Check(
        title="estimated for too long",
        severity=Severity.QUARANTINE,
        owner=Owner.FIELD,
        what_next="order a reading, and tell the customer; no further estimate is billed",
        step=Step.COLLECT,
    ),
    "V21": Check(
        title="a leak: an alarm, or flow in every night hour",
        severity=Severity.WARN,
        owner=Owner.CUSTOMER,
        what_next="tell the customer; nothing is blocked",
        step=Step.COLLECT,
    ),
    "V22": Check(
        title="a tenth or a thousandth of the index would be usual: red digits typed?",
        severity=Severity.WARN,
        owner=Owner.CUSTOMER,
        what_next="ask which digits are red; edit the reading when they were typed",
        step=Step.COLLECT,
    ),
    "V23": Check(
        title="an invoice by the customer's own reading above a sum of money",
        severity=Severity.HOLD,
        owner=Owner.OFFICE,
        what_next="confirm the reading, or have it read; the account is billed after that",
        step=Step.RATE,
    ),
    "V24": Check(
        title="too large a share of the cycle is estimated",
        severity=Severity.STOP,
        owner=Owner.OPERATOR,
        what_next="get readings and start anew, or raise estimate_share_stop and say why",
        step=Step.APPROVE,
    ),
}
