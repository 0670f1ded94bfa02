"""Can customers move to e-invoices, and can readers walk: terms, reading window, calendar of routes."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date

from billing.readiness import Finding, finding
from billing.routes import Route
from billing.sender import UNKNOWN
from billing.utility import ReadingWindow, Utility

_COMMON_YEAR = 2026
_SHORTEST_MONTH = 28
_COMMENT = "<!--"


def terms_findings(utility: Utility, *, texts: Mapping[str, str], on: date) -> Iterator[Finding]:
    """What keeps customers from accepting e-invoices; ``texts`` are the terms that are there, by file."""
    if not utility.terms:
        yield finding("TERMS_NONE", field="terms", message="there is no regulamin of the e-faktura")
    elif utility.terms_on(on) is None:
        first = min(version.effective_from for version in utility.terms)
        yield finding("TERMS_FUTURE", field="terms", message=f"the first regulamin is in force from {first}")
    for number, version in enumerate(utility.terms, start=1):
        text = texts.get(version.file)
        if text is None:
            message = f"there is no readable {version.file}"
            yield finding("TERMS_MISSING", field=f"terms[{number}].file", message=message)
        elif UNKNOWN in text or _COMMENT in text:
            message = f"the text of version {version.version} has gaps"
            yield finding("TERMS_UNFINISHED", file=version.file, field="", message=message)
    for day, count in Counter(version.effective_from for version in utility.terms).items():
        if count > 1:
            yield finding("TERMS_DATE_TWICE", field="terms", message=f"{count} versions are in force from {day}")
    for label, count in Counter(version.version for version in utility.terms).items():
        if count > 1:
            yield finding("TERMS_VERSION_TWICE", field="terms", message=f"version {label} is there {count} times")


def reading_findings(utility: Utility) -> Iterator[Finding]:
    """What keeps readers from walking, or their readings from being used."""
    window = utility.reading_window
    if not window.days_before + window.days_after:
        yield finding("READING_WINDOW_NONE", field="readings", message="no day counts as the end of a period")
    if window.days_before + window.days_after > _SHORTEST_MONTH:
        message = f"{window.days_before} days before and {window.days_after} after are more than a month"
        yield finding("READING_WINDOW_WIDE", field="readings", message=message)
    if not utility.routes:
        yield finding("ROUTES_NONE", field="route", message="there is no calendar of routes")
    for route in utility.routes:
        yield from _route_findings(route, window)


def _route_findings(route: Route, window: ReadingWindow) -> Iterator[Finding]:
    if route.first_month > route.every_months:
        message = f"route {route.code}: no period of {route.every_months} months ends before month {route.first_month}"
        yield finding("ROUTE_YEAR_GAP", field="route.first_month", message=message)
    lengths = [monthrange(_COMMON_YEAR, month)[1] for month in route.closing_months]
    first, last = route.read_days
    if last > min(lengths):
        message = f"route {route.code}: a month that ends a period has only {min(lengths)} days, not {last}"
        yield finding("ROUTE_DAYS_OUTSIDE", field="route.read_days", message=message)
    earliest = max(lengths) + 1 - window.days_before
    if first < earliest and window.days_before + window.days_after:
        message = f"route {route.code}: readings before day {earliest} of a month of {max(lengths)} close no period"
        yield finding("ROUTE_DAYS_UNSEEN", field="route.read_days", message=message)
