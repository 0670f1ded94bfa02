"""Whatever a file holds, its rows are accounted for, and exactness is kept."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from billing.errors import DataRefused
from readings.checks import Judged, Outcome, judge
from readings.history import Known
from readings.places import Place, locate, registry_of
from readings.profile import named_profile
from readings.rows import WARSAW, ReadingRow, read_index, read_moment, read_rows
from readings.table import read_table

PROFILE = named_profile("standard")
NOW = datetime(2026, 8, 1, tzinfo=UTC)
EARLIEST, LATEST = NOW.replace(year=1951, tzinfo=None), NOW.replace(year=2100, tzinfo=None)
PLACES = [
    Place(
        installation_id=number, meter_id=number, point_no=f"P{number}",
        meter_no=f"W{number}", module_no=None, register=0,
        dials=5, decimals=0, installed_on=date(2026, 1, 1), removed_on=None, last_billed_on=None,
    )
    for number in (1, 2)
]  # fmt: skip
HEADER = "service_point;meter_no;read_at;index;unit;source;quality"
days = st.dates(date(2026, 1, 1), date(2026, 7, 31))
rows = st.builds(
    lambda meter, day, index: f"P{meter};W{meter};{day};{index};m3;handheld;actual",
    st.integers(1, 3),
    days,
    st.integers(0, 120_000),
)
fields = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=12)


def parse(lines: list[str]) -> list[ReadingRow]:
    content = "\n".join([HEADER, *lines]).encode()
    table = read_table(content, required=("read_at", "index", "unit", "source", "quality"), optional=PROFILE.columns)
    return list(read_rows(table, profile=PROFILE))


def decide(lines: list[str], known: list[Known] | None = None) -> list[Judged]:
    registry = registry_of(PLACES, points=("P1", "P2"))
    located = [(row, locate(row, registry=registry)) for row in parse(lines)]
    return judge(located, known=known or [], now=NOW)


@given(st.lists(rows, max_size=30))
def test_every_line_gets_exactly_one_outcome(lines: list[str]) -> None:
    judged = decide(lines)
    assert sorted(one.row.line.line_no for one in judged) == list(range(2, len(lines) + 2))
    assert all(
        (one.place is None) == (one.outcome in {Outcome.REJECTED, Outcome.DUPLICATE}) or "V01" in one.codes
        for one in judged
    )


@given(st.lists(rows, max_size=15))
def test_a_file_sent_twice_over_adds_only_duplicates_and_contradictions(lines: list[str]) -> None:
    once = [one for one in decide(lines) if one.place]
    twice = [one for one in decide(lines + lines) if one.place]
    assert [one.row.line for one in twice] == [one.row.line for one in once]


@given(st.lists(rows, min_size=1, max_size=15, unique_by=lambda row: tuple(row.split(";")[1:3])), st.randoms())
def test_the_order_of_lines_does_not_matter_when_no_two_share_a_key(lines: list[str], shuffler: Random) -> None:
    shuffled = lines.copy()
    shuffler.shuffle(shuffled)

    def by_raw(judged: list[Judged]) -> dict[str, tuple[Outcome, tuple[str, ...]]]:
        return {one.row.line.raw: (one.outcome, one.codes) for one in judged}

    assert by_raw(decide(lines)) == by_raw(decide(shuffled))


@given(st.lists(rows, max_size=30))
def test_valid_readings_of_a_meter_never_fall_but_through_zero(lines: list[str]) -> None:
    valid = [one for one in decide(lines) if one.place and one.state == "VALID"]
    for place in PLACES:
        series = sorted((one.row.read_at, one.row.index_m3) for one in valid if one.place == place)
        falls = [pair for pair in pairwise(series) if pair[1][1] < pair[0][1] - Decimal("0.05")]
        assert all(earlier[1] >= 90_000 and later[1] <= 10_000 for earlier, later in falls)  # it turned over


@given(st.lists(st.lists(fields, min_size=7, max_size=7).map(";".join), max_size=8))
def test_no_text_whatever_breaks_the_reader(lines: list[str]) -> None:
    try:
        parsed = parse(lines)
    except DataRefused:
        return
    assert len(parsed) == sum(bool(line.strip()) for line in lines)


@given(st.integers(0, 999_999_999_999))
def test_litres_and_cubic_metres_of_one_index_are_the_same_number(litres: int) -> None:
    from_litres = read_index(str(litres), unit="l")
    from_m3 = read_index(f"{litres // 1000},{litres % 1000:03}", unit="m3")
    assert from_litres == from_m3 == Decimal(litres) / 1000


@given(st.datetimes(timezones=st.just(UTC), min_value=EARLIEST, max_value=LATEST))
def test_a_time_with_its_offset_is_read_as_itself(moment: datetime) -> None:
    assert read_moment(moment.isoformat()) == (moment, None)
    warsaw = moment.astimezone(WARSAW)
    assert read_moment(warsaw.isoformat(sep=" ")) == (moment, None)
