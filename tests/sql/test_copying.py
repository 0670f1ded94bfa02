"""What COPY is given comes back as it was, whatever stands in it."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from billing.accounts import Channel
from sql.copying import copy_rows, days
from sql.engine import make_engine

TEXTS = ("zażółć gęślą jaźń", "a\tb", "a\nb\r\nc", "\\N", "\\", "\\t", "", '"quoted", {in} braces', "NULL", "'")
MOMENT = datetime(2026, 10, 25, 0, 30, 0, 123456, tzinfo=UTC)
COLUMNS = (
    *("no integer", "word text", "words text[]", "big bigint", "amount numeric(12, 3)", "truth boolean"),
    *("day date", "at timestamptz", "period daterange"),
)


def test_values_come_back_as_they_were(database):
    engine = make_engine(database.owner_url)
    rows = [
        (no, word, (word, *TEXTS), no * 10**12, Decimal(no) / 8, no % 2 == 0, date(2026, 7, 1), MOMENT)
        for no, word in enumerate(TEXTS)
    ]
    ranges = [days(date(2026, 7, 1), date(2026, 8, 1) if no % 2 else None) for no in range(len(rows))]
    with engine.begin() as connection:
        connection.execute(text(f"create temporary table copied ({', '.join(COLUMNS)})"))
        columns = [column.partition(" ")[0] for column in COLUMNS]
        given_rows = [(*row, period) for row, period in zip(rows, ranges, strict=True)]
        assert copy_rows(connection, table="copied", columns=columns, rows=iter(given_rows)) == len(rows)
        found = connection.execute(text("select * from copied order by no")).all()
    engine.dispose()
    assert [(*row[:2], tuple(row.words), *row[3:8]) for row in found] == rows
    assert [(row.period.lower, row.period.upper) for row in found[:2]] == [
        (date(2026, 7, 1), None),
        (date(2026, 7, 1), date(2026, 8, 1)),
    ]


def test_nothing_is_null_and_a_named_word_is_its_text(database):
    engine = make_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text("create temporary table copied (no integer, word text)"))
        copy_rows(connection, table="copied", columns=("no", "word"), rows=[(1, None), (None, Channel.EMAIL)])
        found = connection.execute(text("select no, word from copied order by no nulls last")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [(1, None), (None, "email")]


def test_more_rows_than_are_sent_at_once_all_arrive_once(database):
    engine = make_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text("create temporary table copied (no integer)"))
        assert copy_rows(connection, table="copied", columns=("no",), rows=((no,) for no in range(12_345))) == 12_345
        found = connection.execute(text("select count(*), count(distinct no), min(no), max(no) from copied")).one()
        assert copy_rows(connection, table="copied", columns=("no",), rows=()) == 0
    engine.dispose()
    assert tuple(found) == (12_345, 12_345, 0, 12_344)


@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            st.none() | st.sampled_from(["\\N", "\\", "\t", "\n", "\r", "a\tb", "\\.", ""]),
            st.none() | st.decimals(min_value=-999, max_value=999, places=3),
        ),
        max_size=20,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_whatever_stands_in_a_row_it_comes_back(database, rows):
    engine = make_engine(database.owner_url)
    with engine.begin() as connection:
        connection.execute(text("create temporary table copied (no integer, one text, other text, amount numeric)"))
        given_rows = [(no, *row) for no, row in enumerate(rows)]
        copy_rows(connection, table="copied", columns=("no", "one", "other", "amount"), rows=given_rows)
        found = connection.execute(text("select * from copied order by no")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == given_rows
