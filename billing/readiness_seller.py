"""Is the seller's part of ``utility.toml`` fit for issuing: address, account, term of payment, numbers, approvers."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import product

from billing.errors import DataRefused
from billing.law import payment_days_min
from billing.numbering import Numbering, invoice_number, series_on
from billing.readiness import Finding, finding
from billing.sender import UNKNOWN
from billing.utility import Utility

_POSTCODE = re.compile(r"\d{2}-\d{3}", re.ASCII)
_APPROVERS_MIN = 2
_YEARS = (2026, 2027)
_SEQUENCES = [10**power + step for power in range(9) for step in range(13)]


def seller_findings(utility: Utility, *, on: date) -> Iterator[Finding]:
    """What blocks issuing on a day, apart from the tariffs."""
    postcode = utility.seller.address.postcode
    if postcode != UNKNOWN and not _POSTCODE.fullmatch(postcode):
        yield finding("SELLER_POSTCODE", field="seller.postcode", message=f"{postcode!r} is no Polish postcode")
    if utility.bank_account is None and not utility.individual_accounts:
        yield finding(
            "PAYMENT_NO_ACCOUNT", field="payment.bank_account", message="customers may have no account to pay to"
        )
    yield from _payment_days(utility, on)
    yield from _numbering(utility.numbering)
    yield from _approvers(utility)
    if not utility.models.volume_max_m3_day:
        yield finding("VOLUME_MAX_NONE", field="readings.volume_max_m3_day", message="it is zero")
    if utility.is_demo:
        yield finding("IS_DEMO", field="is_demo", message="this is a demo")


def _payment_days(utility: Utility, on: date) -> Iterator[Finding]:
    field, days = "payment.days", utility.payment_days
    try:
        least = payment_days_min(on=on)
    except DataRefused as refused:
        yield finding(refused.code, field=field, message=f"no lawful term of payment is known for {on}")
        return
    if days < least:
        message = f"{days} days are below the lawful {least} (Rozp. 2018 § 17 ust. 1)"
        yield finding("PAYMENT_DAYS_SHORT", field=field, message=message)


def _numbering(numbering: Numbering) -> Iterator[Finding]:
    if "{year" not in numbering.series_pattern:
        message = f"the series {numbering.series_pattern!r} is one for all years"
        yield finding("NUMBERING_ENDLESS", field="numbering.series", message=message)
    seen: dict[str, str] = {}
    for series, sequence in product(_series(numbering), _SEQUENCES):
        text = invoice_number(numbering=numbering, series=series, sequence=sequence).text
        known = seen.setdefault(text, series)
        if known != series:
            message = f"{text!r} would be a number of the series {known!r} and of {series!r}"
            yield finding("NUMBERING_REPEATS", field="numbering.number", message=message)
            return


def _series(numbering: Numbering) -> list[str]:
    days = (date(year, month, 1) for year in _YEARS for month in range(1, 13))
    return list(dict.fromkeys(series_on(numbering=numbering, issue_date=day) for day in days))


def _approvers(utility: Utility) -> Iterator[Finding]:
    named = {name for name in utility.approvers if name.strip() and name != UNKNOWN}
    if not named:
        yield finding("APPROVERS_NONE", field="approvers", message="no log-in may approve a cycle")
    elif len(named) < _APPROVERS_MIN:
        yield finding("APPROVERS_FEW", field="approvers", message="only one log-in may approve a cycle")
