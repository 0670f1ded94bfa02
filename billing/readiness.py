"""What still keeps a utility's folder from being used: findings, their codes, and how much each of them matters.

A finding is data, never an exception: all of them are named at once. ``MEANINGS`` is in the order of importance, and
the severity of a code says what must wait until the finding is mended.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from billing.toml_fields import Fault


class Severity(StrEnum):
    """What has to wait: issuing at all, e-mail, the move to e-invoices, reading rounds; or nothing (``advice``)."""

    ISSUING = "blocks_issuing"
    SENDING = "blocks_sending"
    PAPERLESS = "blocks_paperless"
    READING = "blocks_reading"
    ADVICE = "advice"


_ISSUING = {
    "UTILITY_MISSING": "run `obieg utility new`, or give the folder that holds utility.toml",
    "UTILITY_UNREADABLE": "mend the line of the file",
    "UTILITY_FIELD_MISSING": "add the field; docs/new-utility.md and templates/utility/utility.toml show each",
    "UTILITY_FIELD_WRONG": "mend the value; templates/utility/utility.toml shows what is allowed",
    "SELLER_INCOMPLETE": "ask the utility and write the value in place of unknown",
    "SELLER_POSTCODE": "write the postcode as 00-000",
    "PAYMENT_NO_ACCOUNT": "give [payment] bank_account, or individual_accounts = true when each customer has one",
    "PAYMENT_DAYS_SHORT": "set [payment] days to the lawful term or more",
    "NUMBERING_WRONG": "use {year} and {month:02} in the series, {series} and {sequence:06} in the number",
    "NUMBERING_REPEATS": "put a sign between the parts: {year}/{month:02} and {series}/{sequence:06}",
    "TARIFF_NONE": "put the approved taryfa into tariffs/*.toml",
    "TARIFF_UNREADABLE": "mend the line of the file",
    "TARIFF_FIELD_MISSING": "add the field; templates/utility/tariffs/planned/taryfa.toml shows each",
    "TARIFF_FIELD_WRONG": "mend the value; templates/utility/tariffs/planned/taryfa.toml shows what is allowed",
    "TARIFF_OVERLAP": "remove one of the two",
    "TARIFF_COMPONENTS": "compare with the decision: the components make up the rate, and not each group may have all",
    "TARIFF_EXAMPLE_WRONG": "compare with the decision: either the price or the example is wrong",
    "TARIFF_NO_EXAMPLE": "add the published amount, or a sum done by hand",
    "TARIFF_GAP": "price these days in the tariff that covers them",
    "TARIFF_PRICE_NOT_POSITIVE": "write the price of the decision; leave an abonament that nobody owes out",
    "TARIFF_DECISION_UNKNOWN": "find the decision and its legal basis: without one no price may be charged",
    "PRICE_LIST_UNREADABLE": "mend the line of the file",
    "PRICE_LIST_FIELD_MISSING": "add the field; docs/new-utility.md shows each",
    "PRICE_LIST_FIELD_WRONG": "mend the value; docs/new-utility.md shows what is allowed",
    "PRICE_LIST_OVERLAP": "remove one of the two",
    "PRICE_LIST_EXAMPLE_WRONG": "compare with the price list: either the price or the example is wrong",
    "PRICE_LIST_NO_EXAMPLE": "add the published amount, or a sum done by hand",
    "LAW_NO_VALUE": "complete billing/law/, or correct the day",
    "VOLUME_MAX_NONE": "set [readings] volume_max_m3_day: zero holds every account that used water",
    "APPROVERS_NONE": "name at least one log-in in approvers: nobody can approve a cycle",
}
_SENDING = {
    "MAIL_ADDRESS": "write a plain name@domain.pl",
    "MESSAGE_ID_DOMAIN": "write the domain of the sender's address",
    "DKIM_INCOMPLETE": "give dkim_selector and dkim_domain, both as DNS labels, or neither",
}
_PAPERLESS = {
    "TERMS_NONE": "add [[terms]]: no statement of a customer can be taken without a regulamin",
    "TERMS_FUTURE": "wait for the first day, or correct effective_from",
    "TERMS_MISSING": "put the text there, or correct the name of the file",
    "TERMS_UNFINISHED": "fill in every `unknown` and remove the comments: customers accept the text as it stands",
    "TERMS_DATE_TWICE": "keep one version for each day",
    "TERMS_VERSION_TWICE": "number the versions differently: statements name the version",
}
_READING = {
    "READING_WINDOW_NONE": "set [readings] days_before and days_after: no reading would close a period",
    "ROUTES_NONE": "add [[route]] for each route of the registry",
    "ROUTE_YEAR_GAP": "first_month is the first month of the year that ends a period: at most every_months",
    "ROUTE_DAYS_OUTSIDE": "let the walk end by the last day of the shortest month that closes a period",
    "ROUTE_DAYS_UNSEEN": "begin the walk later, or enlarge [readings] days_before",
    "PROFILE_WRONG": "mend the layout, or remove the file",
}
_ADVICE = {
    "DKIM_NONE": "publish a DKIM key and name it here: large mail providers reject or hide unsigned bulk mail",
    "DKIM_NOT_ALIGNED": "sign with the domain of the sender's address, or one that holds it",
    "SENDER_DOMAIN": "use one domain for both: filters distrust a foreign Message-ID",
    "APPROVERS_FEW": "name a second one: who starts a cycle cannot approve it, and people fall ill",
    "TARIFF_STEP_NEVER": "remove the price, or correct its first day: a later tariff begins before it",
    "TARIFF_STEP_LARGE": "compare with the decision: a digit may be wrong",
    "TARIFF_BLOCK_LOW": "compare with the decision: a threshold below the norms is not lawful (Rozp. 2018 § 14)",
    "TARIFF_PROLONGED": "see that no decision was missed: the old prices hold until a new tariff begins (art. 24g)",
    "TARIFF_CLASS_LATER": "see that no account of this class has days before; they would be held",
    "TARIFF_SERVICE_PARTIAL": "see that no account of this class has the service; it would be held",
    "TARIFF_PLANNED_UNFINISHED": "complete the file before it is moved into tariffs/",
    "NUMBERING_ENDLESS": "use {year} if numbers are to begin with 1 each year",
    "READING_WINDOW_WIDE": "shorten the window: one reading could close two months",
    "IS_DEMO": "set is_demo = false: the clock of a demo can be moved",
}
MEANINGS = {
    code: (severity, remedy)
    for severity, codes in zip(Severity, (_ISSUING, _SENDING, _PAPERLESS, _READING, _ADVICE), strict=True)
    for code, remedy in codes.items()
}
"""Severity and remedy of every code, the most important first."""

_RANKS = {code: rank for rank, code in enumerate(MEANINGS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend: ``file`` within the folder, ``field`` within the file (empty: all of it)."""

    code: str
    severity: Severity
    file: str
    field: str
    message: str
    remedy: str


def finding(code: str, *, file: str = "utility.toml", field: str, message: str) -> Finding:
    """A finding with the severity and remedy of its code; a code that is not known here blocks issuing."""
    severity, remedy = MEANINGS.get(code, (Severity.ISSUING, "mend the file"))
    return Finding(code=code, severity=severity, file=file, field=field, message=message, remedy=remedy)


def fault_findings(faults: Iterable[Fault], *, file: str) -> tuple[Finding, ...]:
    """What a file's reader refused."""
    return tuple(finding(fault.code, file=file, field=fault.field, message=fault.message) for fault in faults)


def by_importance(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What blocks issuing first, advice last; each thing once, in the order of ``MEANINGS``, then by place."""
    return tuple(sorted(set(findings), key=_rank))


def _rank(found: Finding) -> tuple[int, int, str, str, str]:
    severity = tuple(Severity).index(found.severity)
    return severity, _RANKS.get(found.code, len(_RANKS)), found.file, found.field, found.message


_RESTS_ON = {"ROUTE_DAYS_UNSEEN": "readings.days_before"}
"""What a finding is judged by, besides the field that it names."""


def unless_refused(findings: Iterable[Finding], *, refused: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings on values that could be read: what was refused at or around a place is not judged as well."""
    places = [(one.file, one.field) for one in refused]
    return tuple(
        one
        for one in findings
        if not any(
            one.file == file and (_holds(field, own) or _holds(own, field))
            for file, field in places
            for own in (one.field, _RESTS_ON.get(one.code, one.field))
        )
    )


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))
