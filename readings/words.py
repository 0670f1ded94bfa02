"""The words of the import contract for readings."""

from typing import Final

COLUMNS: Final = (
    "service_point", "meter_no", "module_no", "register", "read_at", "index", "unit", "source", "quality",
    "reason_code", "alarms", "backflow_m3", "month_end_index", "month_end_date", "reader_id", "route", "seq", "note",
    "photo_ref", "external_id", "interval",
)  # fmt: skip
REQUIRED: Final = ("read_at", "index", "unit", "source", "quality")
NAMING: Final = ("service_point", "meter_no")
SOURCES: Final = frozenset({
    "handheld", "radio_walkby", "radio_fixed", "customer_portal", "customer_phone", "customer_mail",
    "exchange_removal", "exchange_install", "staff", "estimate",
})  # fmt: skip
QUALITIES: Final = frozenset({"actual", "customer", "estimated", "not_read"})
REASONS: Final = frozenset({"no_access", "covered", "damaged", "frozen", "no_signal", "refused"})
ALARMS: Final = frozenset({
    "leak", "burst", "backflow", "magnet", "removal", "tamper", "battery", "dry", "oversize",
})  # fmt: skip
UNITS: Final = frozenset({"m3", "l"})
"""Litres have no decimals."""
