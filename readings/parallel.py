"""Files of a past cycle of the old system: invoices, their lines, and the readings that it was billed from."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from billing.accounts import Channel, Service
from billing.old_invoices import OldLine
from billing.periods import Period, months_period
from billing.prices import STANDING, UNITS
from readings import fields
from readings.cutover import QUALITIES
from readings.fields import RowRefused
from readings.rows import read_index

INVOICES: Final = ("invoice_no", "account_no", "period", "issue_date", "net_zl", "vat_zl", "gross_zl", "channel")
INVOICES_OPTIONAL: Final = ("group",)
LINES: Final = (
    *("invoice_no", "point_no", "service", "meter_no", "from", "until", "previous_index", "current_index"),
    *("quantity", "unit", "price_zl", "net_zl"),
)
LINES_OPTIONAL: Final = ("tariff_group",)
READINGS: Final = ("point_no", "meter_no", "register", "read_on", "index", "quality")
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:[.,]([0-9]{1,4}))?")
_INVOICE_NO_LENGTH = 40
_REGISTER_MOST = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class OldHead:
    """A row of ``invoices.csv``; money in złoty."""

    invoice_no: str
    account_no: str
    period: Period
    issue_date: date
    net_zl: Decimal
    vat_zl: Decimal
    gross_zl: Decimal
    channel: Channel
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldReading:
    """A row of ``readings.csv``; the index in m³."""

    point_no: str
    meter_no: str
    register: int
    read_on: date
    index_m3: Decimal
    quality: str


def read_head(row: dict[str, str]) -> OldHead:
    """An invoice without its lines; raises ``RowRefused``."""
    try:
        period = months_period(row["period"])
    except ValueError as error:
        raise RowRefused("R106", f"period: {error}") from None
    return OldHead(
        invoice_no=_invoice_no(row),
        account_no=fields.number(row, "account_no"),
        period=period,
        issue_date=fields.day(row, "issue_date"),
        net_zl=_number(row, "net_zl", places=2),
        vat_zl=_number(row, "vat_zl", places=2),
        gross_zl=_number(row, "gross_zl", places=2),
        channel=Channel(fields.choice(row, "channel", tuple(Channel))),
        group=row["group"] or None,
    )


def read_line(row: dict[str, str]) -> tuple[str, OldLine]:
    """The number of an invoice and one line of it; raises ``RowRefused``."""
    service = Service(fields.choice(row, "service", tuple(Service)))
    metered = service not in STANDING
    start, until = fields.day(row, "from"), fields.day(row, "until")
    if until <= start:
        raise RowRefused("R106", f"until {until} does not lie after from {start}")
    return _invoice_no(row), OldLine(
        point_no=fields.number(row, "point_no", optional=not metered) or None,
        service=service,
        meter_no=fields.number(row, "meter_no", optional=not metered) or None,
        period=Period(start=start, until=until),
        previous_index_m3=_index(row, "previous_index") if row["previous_index"] else None,
        current_index_m3=_index(row, "current_index") if row["current_index"] else None,
        quantity=_number(row, "quantity", places=3),
        unit=fields.choice(row, "unit", UNITS),
        price_zl=_number(row, "price_zl", places=4),
        net_zl=_number(row, "net_zl", places=2),
        tariff_group=row["tariff_group"] or None,
    )


def read_old_reading(row: dict[str, str]) -> OldReading:
    """A reading that the old system billed from or to; raises ``RowRefused``."""
    register = fields.integer(row, "register", least=0, most=_REGISTER_MOST) if row["register"] else 0
    return OldReading(
        point_no=fields.number(row, "point_no"),
        meter_no=fields.number(row, "meter_no"),
        register=register,
        read_on=fields.day(row, "read_on"),
        index_m3=_index(row, "index"),
        quality=fields.choice(row, "quality", QUALITIES),
    )


def _invoice_no(row: dict[str, str]) -> str:
    number = row["invoice_no"]
    if not number or len(number) > _INVOICE_NO_LENGTH or not number.isprintable():
        raise RowRefused("R101", "invoice_no")
    return number


def _index(row: dict[str, str], name: str) -> Decimal:
    index_m3 = read_index(row[name], unit="m3")
    if index_m3 is None:
        raise RowRefused("R107", f"{name} {row[name]!r}")
    return index_m3


def _number(row: dict[str, str], name: str, *, places: int) -> Decimal:
    found = _NUMBER.fullmatch(row[name])
    if not found or len(found.group(1) or "") > places:
        raise RowRefused("R107", f"{name} {row[name]!r}")
    return Decimal(row[name].replace(",", ".")).quantize(Decimal(1).scaleb(-places))
