"""Invoices of the old system, and how two invoices for one account and cycle may differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.accounts import Channel, Service
from billing.periods import Period


class Cause(StrEnum):
    """Why two invoices differ, in the order in which the causes are looked for; see ``MEANINGS``."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    MISSING_READING = "missing_reading"
    HOLD = "hold"
    GROUP = "group"
    SERVICE = "service"
    SPLIT = "split"
    STANDING = "standing"
    PERIOD = "period"
    QUANTITY = "quantity"
    PRICE = "price"
    VAT = "vat"
    ROUNDING = "rounding"
    OTHER = "other"


MEANINGS = {
    Cause.MISSING_HERE: "they billed, and we have no such account, or no contract of it in the period",
    Cause.MISSING_THERE: "we bill, and they did not",
    Cause.MISSING_READING: "they billed, and we hold the account for a reading",
    Cause.HOLD: "they billed, and we hold the account for another reason, which the code names",
    Cause.GROUP: "another channel, or another tariff group with another price",
    Cause.SERVICE: "a service or a meter that only one of the two bills",
    Cause.SPLIT: "a change of price: one splits where the other does not, or splits otherwise, or where we hold",
    Cause.STANDING: "an abonament that only one of the two bills, or once for the recipient against once a point",
    Cause.PERIOD: "other days between the readings, or other months of abonament",
    Cause.QUANTITY: "other m³ from the same days: indexes cut or rounded otherwise, an exchange counted otherwise",
    Cause.PRICE: "another price of the same group",
    Cause.VAT: "the same net and another VAT",
    Cause.ROUNDING: "the same lines, and grosze of rounding",
    Cause.OTHER: "none of the above",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OldLine:
    """A line of the old system's invoice; ``point_no`` and ``meter_no`` may be absent on an abonament."""

    point_no: str | None
    service: Service
    meter_no: str | None
    period: Period
    previous_index_m3: Decimal | None
    current_index_m3: Decimal | None
    quantity: Decimal
    unit: str
    price_zl: Decimal
    net_zl: Decimal
    tariff_group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldInvoice:
    """What the old system billed an account in a cycle; several invoices of one cycle are taken together."""

    account_no: str
    invoice_nos: tuple[str, ...]
    period: Period
    issue_date: date
    channel: Channel
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal
    lines: tuple[OldLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal:
    """Net, VAT and gross, the net of each service and the channel are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Why they differ; ``difference_zl`` is our gross less theirs, ``facts`` name both sides."""

    cause: Cause
    facts: Mapping[str, str]
    difference_zl: Decimal
