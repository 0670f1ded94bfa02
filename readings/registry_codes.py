"""Every code that a row of a registry or consents file can get; ``docs/import.md`` holds the same."""

from typing import Final

REGISTRY_CODES: Final = {
    "R100": "the row has another number of fields than the header",
    "R101": "a field that must be filled is empty, too long, or holds characters that it must not",
    "R102": "a word is not one of those allowed",
    "R103": "the NIP has a wrong check digit or length",
    "R104": "the bank account has a wrong check digit or length",
    "R105": "the postcode is not of the form 00-000",
    "R106": "a date cannot be read, or a period ends before it begins",
    "R107": "a number cannot be read or lies outside its range",
    "R108": "the account is unknown",
    "R109": "the party is unknown",
    "R110": "the point is unknown",
    "R111": "the replaced meter is not at that point on that day",
    "R112": "the days overlap with what the registry has: one party a role, one contract and one meter a point",
    "R113": "the e-mail address cannot be one",
    "R114": "a confirmed address needs the kind and the day of its confirmation",
    "R115": "an index has more digits than the meter has dials",
    "R116": "the connection is unknown, or serves something else",
    "R117": "the point behind which this one lies is unknown, was not taken, or the points lie in a circle",
    "R118": "the account has no bank account to pay to, or another account pays to it",
    "R119": "the meter was installed before the day of the cut-over; those days were the old system's to bill",
    "R120": "the norm is unknown",
    "R121": "the contract is unknown, or has none of that service",
    "R201": "the same number came before with another content; the first stands, a person decides",
}
CONSENT_CODES: Final = {
    "C100": "the row has another number of fields than the header",
    "C101": "the account is unknown",
    "C102": "a word is not one of those allowed, or the utility does not take consents that way",
    "C103": "a time cannot be read, or was skipped by the clock change",
    "C104": "the statement was received in the future, or before it was made",
    "C105": "the version of the terms is unknown, or was not yet in force",
    "C106": "an acceptance needs the version of the terms and an e-mail address",
    "C107": "the e-mail address cannot be one",
    "C108": "the hash of the scan is not a SHA-256, or a form on paper lacks the signer's name",
    "C109": "what the earlier system kept is longer than 500 characters, or holds some that cannot be printed",
    "C201": "the same account, event and time of arrival came before with another content; the first stands",
    "C202": "the signer of a form is neither the payer nor the nabywca of the account on the day of its arrival",
    "C203": "the e-mail address is the confirmed one of an account with another payer and another nabywca",
}
