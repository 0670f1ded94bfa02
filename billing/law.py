"""Numbers of the law: dated, each with its basis, kept as TOML beside this module.

The value of a day is the one with the latest ``valid_from`` not after it. Sources: ``docs/law/sources.md``.
"""

import tomllib
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from billing.accounts import Service
from billing.errors import DataRefused

_FOLDER = Path(__file__).parent / "law"


@cache
def vat_rate(*, service: Service, on: date) -> Decimal:
    """VAT rate of a charge whose invoice is issued on that day, as a fraction (``0.08``).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no rate for that day.
    """
    rows = [row for row in _rows("vat", "rate") if service in row["services"]]
    return Decimal(_row_on(rows, what=f"VAT rate of {service}", on=on)["rate"])


@cache
def charge_basis(*, service: Service) -> str:
    """Legal basis of a charge as printed beside its line: the newest entry of ``charges.toml``.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the charge has no entry.
    """
    rows = [row for row in _rows("charges", "charge") if row["service"] == service]
    return str(_row_on(rows, what=f"basis of {service}", on=date.max)["basis"])


@cache
def subsidy_basis() -> str:
    """Legal basis of a gmina's subsidy, as printed beside its line: the newest entry of ``charges.toml``.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, there is no entry.
    """
    return str(_row_on(_rows("charges", "subsidy"), what="basis of a subsidy", on=date.max)["basis"])


@cache
def payment_days_min(*, on: date) -> int:
    """Least days between the sending of an invoice and its due date (Rozp. 2018 par. 17 ust. 1).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no term for that day.
    """
    return int(_row_on(_rows("payment", "payment_days_min"), what="least payment days", on=on)["days"])


@cache
def _rows(file: str, table: str) -> tuple[dict[str, Any], ...]:
    text = (_FOLDER / f"{file}.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text, parse_float=Decimal)[table])


def _row_on(rows: list[dict[str, Any]] | tuple[dict[str, Any], ...], *, what: str, on: date) -> dict[str, Any]:
    begun = [row for row in rows if row["valid_from"] <= on]
    if not begun:
        raise DataRefused("LAW_NO_VALUE", f"{what}: nothing in the law data for {on}")
    return max(begun, key=lambda row: row["valid_from"])
