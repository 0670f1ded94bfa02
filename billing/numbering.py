"""Invoice numbers: a series without gaps and its printed text (VAT act art. 106e ust. 1 pkt 2).

Patterns are the utility's data: ``FV/{year}/{month:02}`` names a series by the issue date,
``{series}/{sequence:06}`` writes a number. Who takes which sequence is decided in the database, not here.
"""

from dataclasses import dataclass
from datetime import date
from string import Formatter

from billing.errors import DataRefused
from billing.invoices import InvoiceNumber

_SERIES_FIELDS = {"year", "month"}
_NUMBER_FIELDS = {"series", "sequence"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbering:
    """How a utility names its series and writes its numbers.

    Raises:
        DataRefused: ``NUMBERING_WRONG``, a pattern cannot be filled, or would give two invoices one number.
    """

    series_pattern: str
    number_pattern: str

    def __post_init__(self) -> None:
        series, number = _names(self.series_pattern), _names(self.number_pattern)
        if not series <= _SERIES_FIELDS or not number <= _NUMBER_FIELDS:
            raise DataRefused(
                "NUMBERING_WRONG", "a series may use {year} and {month}, a number {series} and {sequence}"
            )
        if number != _NUMBER_FIELDS:
            raise DataRefused("NUMBERING_WRONG", "the number pattern must use {series} and {sequence}")
        if "month" in series and "year" not in series:
            raise DataRefused("NUMBERING_WRONG", "a series by month without its year would repeat numbers")
        try:
            invoice_number(numbering=self, series=series_on(numbering=self, issue_date=date(2026, 1, 1)), sequence=1)
        except (ValueError, IndexError, KeyError) as error:
            raise DataRefused("NUMBERING_WRONG", f"a pattern cannot be filled: {error}") from None


def series_on(*, numbering: Numbering, issue_date: date) -> str:
    """The series of invoices issued on a day."""
    return numbering.series_pattern.format(year=issue_date.year, month=issue_date.month)


def invoice_number(*, numbering: Numbering, series: str, sequence: int) -> InvoiceNumber:
    """The number with its printed text.

    Raises:
        ValueError: ``sequence`` is below 1.
    """
    if sequence < 1:
        raise ValueError(f"a sequence starts with 1: {sequence}")
    text = numbering.number_pattern.format(series=series, sequence=sequence)
    return InvoiceNumber(series=series, sequence=sequence, text=text)


def _names(pattern: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
    except ValueError as error:
        raise DataRefused("NUMBERING_WRONG", f"{pattern!r} is not a pattern: {error}") from None
