"""The office's lists, as data: a name, a query of ``sql/queries/lists.sql``, its columns, and what it asks for.

A list only reads, so an auditor may ask for it. It names accounts, points and meters, never persons; e-mail addresses
stand only in the list of those that have to be mended.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from billing.canonical import to_data
from billing.law import legalisation_rules
from delivery.paper import spreadsheet_text
from pipeline.errors import OperatorError
from pipeline.registry.csv import write_csv
from pipeline.work import Work, warsaw_day
from sql.clock import business_now
from sql.lists import rows_of

Kind = Literal["day", "months", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a list asks for, under this name as parameter of its query; a ``flag`` may be left out."""

    name: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKind:
    """A list: ``columns`` are those of its query, in the order in which they are written."""

    name: str
    text: str
    query: str
    columns: tuple[str, ...]
    questions: tuple[Question, ...] = ()


_PLACE = ("street", "postcode", "city")

LISTS = (
    ListKind(
        name="legalisation",
        text="meters whose legalisation ends by a day, lapsed ones first",
        query="legalisation",
        columns=(
            *("valid_until", "days_left", "is_estimated", *_PLACE),
            *("point_no", "meter_no", "dials", "installed_on", "account_no"),
        ),
        questions=(Question(name="until", kind="day", text="the last day that is looked at"),),
    ),
    ListKind(
        name="no-email",
        text="accounts under contract without an e-mail address",
        query="no_email",
        columns=("account_no", "channel", "points", "since"),
        questions=(Question(name="paperless-candidates", kind="flag", text="only those who could move to e-invoices"),),
    ),
    ListKind(
        name="unconfirmed",
        text="e-mail addresses that nobody has confirmed, or that are dead: these customers get paper",
        query="unconfirmed",
        columns=("account_no", "email", "state", "since", "agreed"),
    ),
    ListKind(
        name="no-reading",
        text="contracts whose meters nobody has read for a number of months",
        query="no_reading",
        columns=(
            *("contract_no", "account_no", *_PLACE, "point_no"),
            *("meter_no", "register", "last_read_on", "last_reason", "estimates"),
        ),
        questions=(Question(name="periods", kind="months", text="whole months before this one"),),
    ),
    ListKind(
        name="suspects",
        text="readings that were set aside and wait for a person",
        query="suspects",
        columns=(
            *("read_on", "point_no", "meter_no", "register", "index_m3", "source"),
            *("codes", "file", "line_no", "account_no"),
        ),
    ),
)


def run(work: Work, *, kind: ListKind, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a list as it stands by the business clock; ``answers`` are to its questions, by their names."""
    with work.engine.connect() as connection:
        parameters = {
            "today": warsaw_day(business_now(connection)),
            "legalisation_rules": json.dumps(to_data(legalisation_rules())),
            **{name.replace("-", "_"): answer for name, answer in answers.items()},
        }
        return rows_of(connection, kind.query, parameters=parameters)


def write_list(path: Path, *, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as CSV; a text that a spreadsheet would run as a formula gets an apostrophe before it.

    Raises:
        OperatorError: ``CSV_UNWRITABLE``.
    """
    try:
        return write_csv(path, columns=columns, rows=[[_cell(row[name]) for name in columns] for row in rows])
    except OSError as error:
        raise OperatorError("CSV_UNWRITABLE", f"{path}: {error.strerror}") from None


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return spreadsheet_text(value)
    return value
