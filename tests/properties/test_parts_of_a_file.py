"""A reading file judged in parts, however small, becomes what it becomes when all of it is judged at once."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from readings.checks import Judged, judge
from readings.files import ReadingFile, open_file
from readings.history import History, Known, Measures, Point
from readings.lines import find_lines
from readings.parts import Survey
from readings.places import Place, locate, registry_of
from readings.profile import named_profile
from readings.rows import WARSAW, ReadingRow
from readings.table import read_table, read_text

PROFILE = named_profile("standard")
NOW = datetime(2026, 8, 1, tzinfo=UTC)
HEADER = "service_point;meter_no;read_at;index;unit;source;quality;reason_code;external_id;interval"
MOVED = date(2026, 5, 1)


def place(number: int, *, meter: int, point: int, since: date = date(2026, 1, 1), until: date | None = None) -> Place:
    return Place(
        installation_id=number, meter_id=meter, point_no=f"P{point}", meter_no=f"W{meter}", module_no=None,
        register=0, dials=5, decimals=0, installed_on=since, removed_on=until, last_billed_on=None,
    )  # fmt: skip


# W1 and W2 stay; W3 moved from P3 to P4, where W4 was before it.
PLACES = {
    one.installation_id: one
    for one in (
        place(1, meter=1, point=1),
        place(2, meter=2, point=2),
        place(3, meter=3, point=3, until=MOVED),
        place(4, meter=3, point=4, since=MOVED),
        place(5, meter=4, point=4, until=MOVED),
    )
}
REGISTRY = registry_of(PLACES.values(), points=("P1", "P2", "P3", "P4"))
IDS = ("", "", "", "a", "b", "c")
lines = st.builds(
    lambda meter, point, day, hour, index, source, external_id, interval: (
        f"{point and f'P{point}'};{meter and f'W{meter}'};2026-{day:%m-%d} {hour:02}:00;{index};m3;{source};actual;;"
        f"{external_id};{interval}"
    ),
    st.sampled_from([1, 1, 2, 3, 3, 4, 5, ""]),
    st.sampled_from([1, 2, 3, 4, "", "", "", ""]),
    st.dates(date(2026, 4, 28), date(2026, 5, 4)),
    st.sampled_from([8, 12]),
    st.integers(95, 140) | st.integers(0, 120_000),
    st.sampled_from(["handheld", "staff", "radio_fixed", "exchange_removal", "exchange_install"]),
    st.sampled_from(IDS),
    st.sampled_from(["", "", "1"]),
)
stored = st.lists(
    st.tuples(
        st.sampled_from(list(PLACES)), st.integers(0, 40), st.integers(90, 110), st.sampled_from([None, "a", "b", "c"])
    ),
    max_size=6,
    unique_by=(lambda one: one[0], lambda one: one[3] or one),
)
_Stored = Sequence[tuple[int, int, int, str | None]]


def known_of(given_readings: _Stored) -> list[Known]:
    """Stored readings, so many days before the fifth of May."""
    return [
        Known(
            installation_id=number, meter_id=PLACES[number].meter_id, register=0,
            read_at=datetime(2026, 5, 5, 12, tzinfo=WARSAW) - timedelta(days=days),
            source="handheld", index_m3=Decimal(index), quality="actual", reason_code=None, state="VALID",
            external_id=external_id, counts_m3=Decimal(index),
        )
        for number, days, index, external_id in given_readings
    ]  # fmt: skip


def measures() -> Measures:
    """Histories of their own for each judging, which adds to them."""
    return Measures(
        histories={number: History(points=[Point(date(2026, 4, 1), Decimal(90), estimated=False)]) for number in PLACES}
    )


def judged(
    rows: Sequence[tuple[ReadingRow, Place | str]], known: Sequence[Known], *, named: Collection[str | None]
) -> list[Judged]:
    """Rows beside the stored readings of their meters and those with the external ids ``named``."""
    meters = {where.meter_id for _, where in rows if isinstance(where, Place)}
    found = [one for one in known if one.meter_id in meters or one.external_id in named]
    return judge(rows, known=found, now=NOW, measures=measures())


def file_of(rows: Sequence[str]) -> ReadingFile:
    return open_file("\n".join([HEADER, *rows]).encode(), profile=PROFILE)


def surveyed(file: ReadingFile, known: Sequence[Known]) -> Survey:
    survey = Survey()
    meters = {one.external_id: one.meter_id for one in known if one.external_id}
    for row in file.rows(range(len(file.lines))):
        survey.add(row, locate(row, registry=REGISTRY), stored=meters.get(row.external_id))
    return survey


def in_parts(rows: Sequence[str], known: Sequence[Known], *, size: int) -> list[Judged]:
    file = file_of(rows)
    parts = surveyed(file, known).parts(size=size)
    assert sorted(where for part in parts.places for where in part) == list(range(len(rows)))
    found: list[Judged] = []
    for part in parts.places:
        located = [(row, parts.where(at, registers=PLACES)) for at, row in zip(part, file.rows(part), strict=True)]
        named = {row.external_id for at, (row, _) in zip(part, located, strict=True) if parts.is_named(at)}
        found += judged(located, known, named=named)
    return found


def by_line(found: Iterable[Judged]) -> list[Judged]:
    return sorted(found, key=lambda one: one.row.line.line_no)


@given(st.lists(lines, max_size=25), stored)
@example(  # the meter is at two points that day
    ["P3;W3;2026-05-01 12:00;101;m3;staff;actual;;;", "P4;W3;2026-05-01 12:00;102;m3;staff;actual;;;"], []
)
@example(  # the second names an id that the first has taken before it in time, though not in the file
    ["P2;W2;2026-05-03 12:00;101;m3;staff;actual;;a;", "P1;W1;2026-05-01 12:00;101;m3;staff;actual;;a;"], []
)
def test_parts_of_any_size_become_what_the_whole_file_becomes(rows: list[str], given_readings: _Stored) -> None:
    known = known_of(given_readings)
    located = [(row, locate(row, registry=REGISTRY)) for row in file_of(rows).rows(range(len(rows)))]
    whole = by_line(judged(located, known, named={row.external_id for row, _ in located if row.external_id}))
    for size in (1, 7, max(len(rows), 1)):
        assert by_line(in_parts(rows, known, size=size)) == whole


@given(st.lists(lines, min_size=1, max_size=25))
def test_the_newest_first_day_is_that_of_the_whole_file(rows: list[str]) -> None:
    first: dict[int, date] = {}
    file = file_of(rows)
    for row in file.rows(range(len(rows))):
        where = locate(row, registry=REGISTRY)
        if isinstance(where, Place) and row.index_m3 is not None:
            first[where.installation_id] = min(row.read_on, first.get(where.installation_id, date.max))
    assert surveyed(file, []).parts(size=7).on_day == max(first.values(), default=None)


@given(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=60), st.integers(1, 20))
def test_a_meter_is_in_one_part_and_no_part_is_smaller_than_it_must_be(meters: list[str], size: int) -> None:
    survey = Survey()
    rows = [f";W9{meter};2026-05-01;1;m3;staff;actual;;;" for meter in meters]
    file = file_of(rows)
    for row in file.rows(range(len(rows))):
        number = ord(row.meter_no[-1])
        survey.add(row, place(number, meter=number, point=1), stored=None)
    parts = survey.parts(size=size).places
    where = {meters[at]: number for number, part in enumerate(parts) for at in part}
    assert all(where[meters[at]] == number for number, part in enumerate(parts) for at in part)
    most = max((meters.count(meter) for meter in meters), default=0)
    assert all(len(part) <= max(size, most) for part in parts)
    assert all(len(one) + len(other) > size for one, other in pairwise(parts))


@given(
    text=st.lists(st.text('aż;"\r \x1c', max_size=6), max_size=12).map("\n".join),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1250", "utf-16"]),
    headed=st.booleans(),
)
def test_lines_that_are_cut_again_are_those_of_the_whole_text(text: str, encoding: str, *, headed: bool) -> None:
    content = f"a;b\n{text}".encode(encoding)
    table = read_table(content, required=("a", "b"), encoding=encoding, width=None if headed else 2)
    lines = find_lines(content, text=read_text(content, encoding), delimiter=";", headed=headed)
    assert tuple(lines.cut(range(len(lines)))) == table.lines
    assert [lines.place(line.line_no) for line in table.lines] == list(range(len(lines)))
