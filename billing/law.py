"""Numbers of the law: dated, each with its basis, kept as TOML beside this module.

The value of a day is the one with the latest ``valid_from`` not after it. Sources: ``docs/law/sources.md``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from billing.accounts import Service
from billing.errors import DataRefused

_FOLDER = Path(__file__).parent / "law"


class VatClass(StrEnum):
    """Which rate a price list means: ``standard`` (23 %) or ``reduced`` (8 %)."""

    STANDARD = "standard"
    REDUCED = "reduced"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTerm:
    """Days for the answer to a complaint after the day of its receipt, and the provision that sets them."""

    days: int
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdMin:
    """The least m³ a month that the lowest block of a progressive price must hold."""

    m3_month: Decimal
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDespiteComplaint:
    """Why a complaint does not suspend payment, and in how many days of the request an overpayment goes back."""

    basis: str
    refund_days: int
    refund_basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """Months that a legalisation made on ``valid_from`` or later (and before the next row) is valid."""

    kind: str
    valid_from: date
    months: int
    basis: str


@cache
def vat_rate(*, service: Service, on: date) -> Decimal:
    """VAT rate of a charge whose invoice is issued on that day, as a fraction (``0.08``).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no rate for that day.
    """
    rows = [row for row in _rows("vat", "rate") if service in row["services"]]
    return Decimal(_row_on(rows, what=f"VAT rate of {service}", on=on)["rate"])


@cache
def vat_class_rate(*, vat_class: VatClass, on: date) -> Decimal:
    """VAT rate of a class whose invoice is issued on that day, as a fraction (``0.23``).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no rate for that day.
    """
    rows = [row for row in _rows("vat", "class") if row["class"] == vat_class]
    return Decimal(_row_on(rows, what=f"VAT rate of class {vat_class}", on=on)["rate"])


@cache
def charge_basis(*, service: Service) -> str:
    """Legal basis of a charge as printed beside its line: the newest entry of ``charges.toml``.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the charge has no entry.
    """
    rows = [row for row in _rows("charges", "charge") if row["service"] == service]
    return str(_row_on(rows, what=f"basis of {service}", on=date.max)["basis"])


@cache
def threshold_min(*, on: date) -> ThresholdMin:
    """The norm that the threshold of a progressive price must not go below, for one person (Rozp. 2018 par. 14).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds none for that day.
    """
    row = _row_on(_rows("charges", "threshold_min"), what="least threshold", on=on)
    return ThresholdMin(m3_month=Decimal(row["m3_month"]), basis=str(row["basis"]))


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
def publication_days_min(*, on: date) -> int:
    """Least days between a tariff's publication and its first day (uzzwś art. 24f ust. 1).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no number for that day.
    """
    rows = _rows("publication", "publication_days_min")
    return int(_row_on(rows, what="least days from publication", on=on)["days"])


@cache
def complaint_answer_term(*, received_on: date) -> AnswerTerm:
    """The term for answering a consumer's complaint (u.p.k. art. 7a ust. 1).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no term for that day.
    """
    row = _row_on(_rows("complaints", "answer_days"), what="term for the answer to a complaint", on=received_on)
    return AnswerTerm(days=int(row["days"]), basis=str(row["basis"]))


@cache
def silence_basis(*, received_on: date) -> str:
    """The provision by which an unanswered complaint of a consumer is deemed accepted (u.p.k. art. 7a ust. 2).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds none for that day.
    """
    row = _row_on(_rows("complaints", "answer_days"), what="effect of silence on a complaint", on=received_on)
    return str(row["silence_basis"])


@cache
def payment_despite_complaint(*, on: date) -> PaymentDespiteComplaint:
    """What a customer who complains on that day still has to pay (Rozp. 2018 par. 17 ust. 4-5).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no rule for that day.
    """
    row = _row_on(_rows("complaints", "payment"), what="payment in spite of a complaint", on=on)
    return PaymentDespiteComplaint(
        basis=str(row["basis"]), refund_days=int(row["refund_days"]), refund_basis=str(row["refund_basis"])
    )


@cache
def legalisation_rules() -> tuple[Validity, ...]:
    """How long legalisations are valid, by kind of meter, oldest rule first."""
    rows = sorted(_rows("legalisation", "validity"), key=lambda row: (row["kind"], row["valid_from"]))
    return tuple(
        Validity(
            kind=str(row["kind"]), valid_from=row["valid_from"], months=int(row["months"]), basis=str(row["basis"])
        )
        for row in rows
    )


@cache
def quantity_basis(*, kind: str) -> str:
    """Legal basis of how a quantity was found, where that of its charge does not say it.

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data does not know such a quantity.
    """
    rows = [row for row in _rows("charges", "quantity") if row["kind"] == kind]
    return str(_row_on(rows, what=f"basis of a quantity: {kind}", on=date.max)["basis"])


@cache
def norm_m3_month(*, code: str, on: date) -> Decimal:
    """Average use of a person in a month by the norm of that code, in m³ (Rozp. 2002 table 1).

    Raises:
        DataRefused: ``LAW_NO_VALUE``, the law data holds no such norm for that day.
    """
    rows = [row for row in _rows("norms", "norm") if row["code"] == code]
    return Decimal(_row_on(rows, what=f"norm {code}", on=on)["m3_person_month"])


@cache
def norms_on(*, on: date) -> Mapping[str, Decimal]:
    """The norms in force on a day, by code, as ``norm_m3_month`` gives them."""
    begun = sorted({row["code"] for row in _rows("norms", "norm") if row["valid_from"] <= on})
    return {code: norm_m3_month(code=code, on=on) for code in begun}


@cache
def norm_codes() -> frozenset[str]:
    """The codes of the norms that the law data holds."""
    return frozenset(row["code"] for row in _rows("norms", "norm"))


@cache
def _rows(file: str, table: str) -> tuple[dict[str, Any], ...]:
    text = (_FOLDER / f"{file}.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text, parse_float=Decimal)[table])


def _row_on(rows: list[dict[str, Any]] | tuple[dict[str, Any], ...], *, what: str, on: date) -> dict[str, Any]:
    begun = [row for row in rows if row["valid_from"] <= on]
    if not begun:
        raise DataRefused("LAW_NO_VALUE", f"{what}: nothing in the law data for {on}")
    return max(begun, key=lambda row: row["valid_from"])
