"""Why an account gets no invoice in a cycle, and what has to happen next.

A code is stable: it is stored, exported and documented. ``excluded`` codes need nobody's work; the others wait in
the office's list until they are billed or waived.
"""

from enum import StrEnum


class HoldCode(StrEnum):
    """The codes; ``MEANINGS`` tells what each says and what next."""

    READING_MISSING = "READING_MISSING"
    READING_NOT_READ = "READING_NOT_READ"
    READING_SUSPECT = "READING_SUSPECT"
    READING_EDITED = "READING_EDITED"
    EXCHANGE_INCOMPLETE = "EXCHANGE_INCOMPLETE"
    CONSUMPTION_NEGATIVE = "CONSUMPTION_NEGATIVE"
    CONSUMPTION_HIGH = "CONSUMPTION_HIGH"
    ESTIMATE_SETTLES_NEGATIVE = "ESTIMATE_SETTLES_NEGATIVE"
    SELF_READING_COSTLY = "SELF_READING_COSTLY"
    METERS_OVERLAP = "METERS_OVERLAP"
    SUB_METERS = "SUB_METERS"
    METERS_UNCLEAR = "METERS_UNCLEAR"
    SUB_READINGS_APART = "SUB_READINGS_APART"
    DEDUCTION_TOO_HIGH = "DEDUCTION_TOO_HIGH"
    DIFFERENCE_NEGATIVE = "DIFFERENCE_NEGATIVE"
    NO_METER = "NO_METER"
    NO_PARTY = "NO_PARTY"
    PARTY_CHANGED = "PARTY_CHANGED"
    REGISTRY_CHANGED = "REGISTRY_CHANGED"
    NO_PRICE = "NO_PRICE"
    AREA_MISSING = "AREA_MISSING"
    FORECAST_UNKNOWN = "FORECAST_UNKNOWN"
    PRICE_CHANGE = "PRICE_CHANGE"
    SUBSIDY_TOO_HIGH = "SUBSIDY_TOO_HIGH"
    UNPRINTABLE = "UNPRINTABLE"
    KSEF_ROUTE = "KSEF_ROUTE"
    CONTRACT_INACTIVE = "CONTRACT_INACTIVE"
    IN_OTHER_CYCLE = "IN_OTHER_CYCLE"
    NOTHING_TO_BILL = "NOTHING_TO_BILL"
    NOTHING_TO_CORRECT = "NOTHING_TO_CORRECT"


EXCLUDED = frozenset(
    {HoldCode.CONTRACT_INACTIVE, HoldCode.IN_OTHER_CYCLE, HoldCode.NOTHING_TO_BILL, HoldCode.NOTHING_TO_CORRECT}
)

MEANINGS = {
    HoldCode.READING_MISSING: "no reading arrived for a meter; import one and bill the account in the next cycle",
    HoldCode.READING_NOT_READ: "the reader could not read a meter; order a new visit",
    HoldCode.READING_SUSPECT: "the only new reading of a meter failed a check; a person must decide on it",
    HoldCode.READING_EDITED: "a reading changed after the cycle was frozen; the next cycle bills it",
    HoldCode.EXCHANGE_INCOMPLETE: "a meter was exchanged without a removal reading; enter it",
    HoldCode.CONSUMPTION_NEGATIVE: "an index is below the last billed one; check the meter and the reading",
    HoldCode.CONSUMPTION_HIGH: "more water than a meter of this size can pass; check the reading",
    HoldCode.ESTIMATE_SETTLES_NEGATIVE: "an estimate was billed too high for this bill to settle; correct its invoice",
    HoldCode.SELF_READING_COSTLY: "a customer's own reading makes a large invoice; confirm it, or have it read",
    HoldCode.METERS_OVERLAP: "two meters of one point count the same days; correct the registry",
    HoldCode.SUB_METERS: "no longer given: meters behind the main one are billed",
    HoldCode.METERS_UNCLEAR: "what the meters of a point count does not fit together; correct the registry",
    HoldCode.SUB_READINGS_APART: "a meter behind the main one was read on other days than it; read both together",
    HoldCode.DEDUCTION_TOO_HIGH: "meters behind the main one counted more than it; check the readings and the meters",
    HoldCode.DIFFERENCE_NEGATIVE: "the points behind a building's meter used more than it counted; check the readings",
    HoldCode.NO_METER: "a metered point has no meter; complete the registry",
    HoldCode.NO_PARTY: "payer or nabywca is missing; complete the registry",
    HoldCode.PARTY_CHANGED: "payer or nabywca changed since the last billed reading; read the meter on that day",
    HoldCode.REGISTRY_CHANGED: "party, contract, bank or meter changed after the freeze; the next cycle bills it",
    HoldCode.NO_PRICE: "no tariff or price list in force prices this on these days; complete the utility's folder",
    HoldCode.AREA_MISSING: "the contract charges for stormwater and no surface is known; enter its area",
    HoldCode.FORECAST_UNKNOWN: "nothing says how much to forecast; enter the month's quantity or read the meter",
    HoldCode.PRICE_CHANGE: "the price changes between the two readings; read the meter on the day of change",
    HoldCode.SUBSIDY_TOO_HIGH: "the gmina's subsidy exceeds the gross of the bill; check it in the tariff file",
    HoldCode.UNPRINTABLE: "a name or address holds a character that no font of ours prints; correct the registry",
    HoldCode.KSEF_ROUTE: "the buyer is under the KSeF duty; send the exported draft through the KSeF gateway",
    HoldCode.CONTRACT_INACTIVE: "no contract of the account is in force in the period",
    HoldCode.IN_OTHER_CYCLE: "another cycle bills the account, or has billed it up to the end of these months",
    HoldCode.NOTHING_TO_BILL: "nothing was used and the tariff has no standing charge",
    HoldCode.NOTHING_TO_CORRECT: "rated again, the account's invoices say what they said",
}
