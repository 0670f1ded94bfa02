"""Rounds: what a reader takes along, and every stop in exactly one state when it comes back."""

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from intake_samples import rows_of, table_sizes
from registry_rows import read, register
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from town import set_clock, settle

from pipeline import close_round, open_round, round_stops
from pipeline.errors import OperatorError, Unavailable
from pipeline.work import Work
from sql.engine import make_engine
from sql.evidence import verify_chain

UNTIL = date(2026, 9, 6)
WALK = [
    "PP0003;RED;20;piwnica;klucz u dozorcy;2026-07-01",
    "PP0001;RED;10;studzienka;;2026-07-01",
    "PP0010;RED;30;łazienka;;2026-07-01",
]


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    """Twelve meters with readings of July; three of them in the walk RED; it is the 20th of August."""
    settle(work, tmp_path)
    register(work, tmp_path, route_stops=WALK)
    set_clock(work, datetime(2026, 8, 20, 9, 0))
    return work


def lines(path: Any) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def opened(work: Work, route: str = "RED", **more: Any) -> dict[str, Any]:
    return open_round.run(work, route=route, until=UNTIL, start=date(2026, 8, 28), **more)


def states(work: Work, key: str) -> dict[str, str]:
    return {stop["meter_no"]: stop["state"] for stop in round_stops.run(work, round_key=key)["each"]}


def test_the_readers_file_has_the_walk_in_order_with_place_last_index_and_limits_and_no_name(town: Work) -> None:
    made = opened(town)

    rows = lines(made["file"])
    assert [(row["seq"], row["point_no"], row["place"], row["note"]) for row in rows] == [
        ("1", "PP0001", "studzienka", ""),
        ("2", "PP0003", "piwnica", "klucz u dozorcy"),
        ("3", "PP0010", "łazienka", ""),
    ]
    first = rows[0]
    # 10 m³ on the 30th of June, 13 on the 31st of July: 3 m³ in 31 days. Middle of the round: 1 September, 32 days on;
    # low: 0.0968 × 0.3 a day is less than the floor takes away, so 0; high: + 5 m³ a month, 35 days to 5 September.
    assert first == first | {
        "route": "RED", "round": "RED~2026-09-06~1", "meter_no": "M0001", "register": "0", "street": "ul. Łąkowa 1",
        "dials": "5", "decimals": "0", "last_index": "13", "last_read_on": "2026-07-31", "expected_index": "16",
        "low_index": "13", "high_index": "23",
    }  # fmt: skip
    assert "Żółć" not in Path(made["file"]).read_text("utf-8")
    assert (made["first_day"], made["last_day"], made["stops"]) == (date(2026, 8, 28), date(2026, 9, 5), 3)


def test_points_under_contract_without_a_stop_are_appended_in_the_order_of_address_and_named(town: Work) -> None:
    made = opened(town, "R2")

    assert made["without_stop"] == ["PP0007", "PP0008", "PP0009", "PP0011", "PP0012"]  # PP0010 is in the walk RED
    assert [row["street"] for row in lines(made["file"])] == [f"ul. Łąkowa {no}" for no in (7, 8, 9, 11, 12)]
    register(town, town.settings.home, route_stops=["PP0012;R2;5;piwnica;;"])
    again = opened(town, "R2")
    assert (again["round"], again["supersedes"]) == ("R2~2026-09-06~2", "R2~2026-09-06~1")
    assert [row["point_no"] for row in lines(again["file"])] == ["PP0012", "PP0007", "PP0008", "PP0009", "PP0011"]


def test_the_same_round_again_is_the_same_bytes_and_adds_nothing_also_after_readings_came(town: Work, tmp_path) -> None:
    first = opened(town)
    content = Path(first["file"]).read_bytes()
    read(town, tmp_path, "PP0001;M0001;2026-08-15 08:00;15")
    sizes = table_sizes(town)

    again = open_round.run(town, route="RED", until=UNTIL, out=tmp_path / "again.csv")

    assert (again["already"], again["round"], again["sha256"]) == (1, first["round"], first["sha256"])
    assert (tmp_path / "again.csv").read_bytes() == content
    assert table_sizes(town) == sizes


@pytest.mark.parametrize(
    "change",
    [
        {"route_stops": ["PP0003;RED;5;piwnica;;"]},
        {"route_stops": ["PP0004;RED;40;piwnica;;"]},
        {"route_stops": ["PP0001;RED;10;na strychu;;"]},
        {"meters": ["M0001X;PP0001;5;0;2026-08-19;0;M0001;20"]},
    ],
    ids=["order", "one more", "place", "meter"],
)
def test_a_change_of_the_registry_makes_the_next_revision(town: Work, tmp_path, change: dict[str, list[str]]) -> None:
    first = opened(town)
    register(town, tmp_path, **change)

    second = opened(town)

    assert (second["round"], second["supersedes"], second["already"]) == ("RED~2026-09-06~2", first["round"], 0)
    assert second["sha256"] != first["sha256"]
    assert opened(town)["already"] == 1
    with pytest.raises(OperatorError, match=r"^ROUND_SUPERSEDED: "):
        close_round.run(town, round_key=first["round"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"route": "NOWHERE", "until": UNTIL}, "ROUTE_UNKNOWN"),
        ({"route": "RED", "until": date(2026, 8, 20)}, "ROUND_DAYS"),
        ({"route": "RED", "until": UNTIL, "start": UNTIL}, "ROUND_DAYS"),
    ],
)
def test_what_cannot_be_a_round_is_refused_and_writes_nothing(town: Work, words: dict[str, Any], code: str) -> None:
    sizes = table_sizes(town)
    with pytest.raises(OperatorError, match=f"^{code}: "):
        open_round.run(town, **words)
    assert table_sizes(town) == sizes


def test_a_meter_is_in_one_open_round_a_day(town: Work) -> None:
    opened(town)
    sizes = table_sizes(town)
    with pytest.raises(OperatorError, match=r"^ROUND_OVERLAP: .*RED~2026-09-06~1 \(3 of the meters\)"):
        open_round.run(town, route="RED", until=date(2026, 9, 20))
    assert table_sizes(town) == sizes
    close_round.run(town, round_key="RED~2026-09-06~1")
    assert open_round.run(town, route="RED", until=date(2026, 9, 20))["round"] == "RED~2026-09-20~1"


def test_every_kind_of_end_and_the_list_to_visit_again(town: Work, tmp_path) -> None:
    register(town, tmp_path, route_stops=[f"PP{no};RED;{90 + int(no)};piwnica;;" for no in ("0004", "0005", "0006")])
    key = opened(town)["round"]
    set_clock(town, datetime(2026, 9, 4, 12, 0))
    read(
        town,
        tmp_path,
        "PP0001;M0001;2026-08-28 08:00;16",
        "PP0003;M0003;2026-08-28 09:00;;m3;handheld;not_read;no_access",
        "PP0010;M0010;2026-09-05 00:01;103",  # rejected: in the future
        "PP0004;M0004;2026-09-01 08:00;2",  # below the last one
        "PP0006;M0006;2026-08-27 23:59;61",  # a day too early
        header="service_point;meter_no;read_at;index;unit;source;quality;reason_code",
    )
    register(town, tmp_path, meters=["M0005X;PP0005;5;0;2026-09-01;0;M0005;55"])

    assert states(town, key) == {
        "M0001": "read", "M0003": "coded", "M0010": "open", "M0004": "suspect", "M0005": "gone", "M0006": "open",
    }  # fmt: skip
    closed = close_round.run(town, round_key=key)
    assert closed["totals"] == {"read": 1, "coded": 1, "suspect": 1, "gone": 1, "open": 0, "listed": 2}
    assert [(row["point_no"], row["state"], row["reason"]) for row in lines(closed["file"])] == [
        ("PP0003", "coded", "no_access"), ("PP0010", "listed", "nothing_came"), ("PP0006", "listed", "nothing_came"),
    ]  # fmt: skip
    each = {stop["meter_no"]: stop for stop in closed["each"]}
    assert (each["M0005"]["successor"], each["M0004"]["reason"], str(each["M0001"]["index"])) == (
        "M0005X", "V05", "16.000",
    )  # fmt: skip
    sizes = table_sizes(town)
    again = close_round.run(town, round_key=key)
    assert (again["already"], again["totals"], table_sizes(town)) == (1, closed["totals"], sizes)
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


def test_what_comes_after_the_closing_changes_no_result(town: Work, tmp_path) -> None:
    key = opened(town)["round"]
    set_clock(town, datetime(2026, 9, 5, 12, 0))
    closed = close_round.run(town, round_key=key)
    read(town, tmp_path, "PP0001;M0001;2026-08-28 08:00;16")
    assert round_stops.run(town, round_key=key)["totals"] == closed["totals"]


def test_a_list_that_cannot_be_written_leaves_the_round_closed_and_comes_when_asked_again(town: Work) -> None:
    key = opened(town)["round"]
    path = town.settings.exports / "routes" / f"{key}.again.csv"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(Unavailable, match=r"^ROUND_UNWRITABLE: "):
        close_round.run(town, round_key=key)
    assert rows_of(town, "select state from reading_round") == [("closed",)]
    path.rename(path.with_name("away"))
    assert len(lines(close_round.run(town, round_key=key)["file"])) == 3


NEW_STOP = (
    "insert into round_stop select r.round_id, r.days, '{}', 9, i.installation_id, true, null, null, null, 0, 0, 0"
    " from reading_round r, installation i join meter m using (meter_id)"
    " where r.round_key = 'RED~2026-09-06~1' and m.meter_no = '{}'"
)
REFUSED = {
    "a round closed with a stop that has no result": "update reading_round set state = 'closed' where state = 'open'",
    "a round opened again": "update reading_round set state = 'open' where state = 'closed'",
    "a round born closed": "insert into reading_round (round_key, route, days, revision, state, stops, sha256,"
    " event_at, recorded_by) values ('R1~2026-01-01~1', 'R1', '[2026-01-01,2026-01-02)', 1, 'closed', 1,"
    " repeat('0', 64), now(), 'x')",
    "a round of other days": "update reading_round set days = '[2026-01-01,2026-01-02)'",
    "a round gone": "delete from reading_round",
    "a stop added to a closed round": NEW_STOP.format("closed", "M0002"),
    "a stop added to it as if it were open": NEW_STOP.format("open", "M0002"),
    "a meter in two open rounds": NEW_STOP.replace("RED~2026-09-06~1", "R2~2026-09-06~1").format("open", "M0003")
    + ";insert into reading_round (round_key, route, days, revision, state, stops, sha256, event_at, recorded_by)"
    " values ('R9~2026-09-06~1', 'R9', '[2026-09-01,2026-09-06)', 1, 'open', 1, repeat('0', 64), now(), 'x')"
    + ";" + NEW_STOP.replace("RED~2026-09-06~1", "R9~2026-09-06~1").format("open", "M0003"),
    "a second result": "insert into round_result (round_id, seq, state, reason, event_at, recorded_by)"
    " select round_id, seq, 'listed', 'x', now(), 'x' from round_result limit 1",
    "a result without a stop": "insert into round_result (round_id, seq, state, reason, event_at, recorded_by)"
    " select round_id, 77, 'listed', 'x', now(), 'x' from reading_round limit 1",
    "a read stop without its reading": "insert into round_result (round_id, seq, state, event_at, recorded_by)"
    " select round_id, seq, 'read', now(), 'x' from round_stop where round_state = 'open' limit 1",
    "a result changed": "update round_result set state = 'gone'",
    "a result gone": "delete from round_result",
    "results emptied": "truncate round_result",
    "a limit changed": "update round_stop set high_index_m3 = 99999",
    "a stop gone": "delete from round_stop",
    "a place in a walk changed": "update route_stop set seq = 1",
    "a place in a walk that began earlier": "update route_stop set valid = '[2020-01-01,)'",
    "a place in a walk gone": "delete from route_stop",
    "an approval of a profile with another hash": "insert into profile_approval (profile, profile_sha256, content,"
    " file_name, file_sha256, approved_by, approved_via, note, event_at)"
    " values ('x', repeat('0', 64), 'x', 'f', repeat('0', 64), 'x', 'cli', 'x', now())",
}  # fmt: skip


@pytest.mark.parametrize("role", ["app", "owner"])
def test_the_database_refuses_a_round_that_does_not_add_up(town: Work, database, role: str) -> None:
    close_round.run(town, round_key=opened(town)["round"])
    opened(town, "R2")
    said = {name: _attempt(database, role, statements) for name, statements in REFUSED.items()}
    let = {name for name, answer in said.items() if answer is None}
    assert let == ({"a round born closed"} if role == "owner" else set())
    assert not any("syntax" in (answer or "") or "does not exist" in (answer or "") for answer in said.values()), said


def _attempt(database, role: str, statements: str) -> str | None:
    engine = make_engine(database.app_url if role == "app" else database.owner_url)
    with engine.connect() as connection:
        try:
            for statement in statements.split(";"):
                connection.execute(text(statement))
        except DBAPIError as refusal:
            return str(refusal.orig)
        finally:
            connection.rollback()
            engine.dispose()
    return None


def test_the_walk_keeps_its_history(town: Work, tmp_path) -> None:
    register(
        town, tmp_path, route_stops=["PP0001;BLUE;1;studzienka;;2026-08-25", "PP0001;RED;7;studzienka;;2026-08-27"]
    )
    assert rows_of(
        town,
        "select route, seq, valid::text from route_stop join point using (point_id) where point_no = 'PP0001'"
        " order by lower(valid)",
    ) == [
        ("RED", 10, "[2026-07-01,2026-08-25)"),
        ("BLUE", 1, "[2026-08-25,2026-08-27)"),
        ("RED", 7, "[2026-08-27,)"),
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["PP0001;RED;10;studzienka;;"], ["DUPLICATE"]),
        (["PP0001;RED;10;studzienka;;2026-06-01"], ["REJECTED"]),
        (["PP0001;RED;11;studzienka;;2026-06-01"], ["REJECTED"]),
        (["PP0001;RED;11;studzienka;;2026-07-01"], ["ACCEPTED"]),
        (["PP0002;RED;1;a;;", "PP0002;RED;2;a;;"], ["ACCEPTED", "QUARANTINED"]),
        (["PP0002;RED;1;a;;", "PP0002;RED;1;a;;"], ["ACCEPTED", "DUPLICATE"]),
        (["PP0002;red;1;a;;", "PP0002;RED;0;a;;", "PP0002;RED;1;;;", "PP9999;RED;1;a;;"], ["REJECTED"] * 4),
    ],
)
def test_rows_of_a_walk(town: Work, tmp_path, rows: list[str], expected: list[str]) -> None:
    from pipeline import import_registry  # noqa: PLC0415 - `register` above expects that all is taken

    folder = tmp_path / "rows"
    folder.mkdir()
    filler = "PP0009;RED;90;a;;"
    file = "\n".join(("point_no;route;seq;place;note;valid_from", *rows, filler, ""))
    (folder / "route_stops.csv").write_text(file, encoding="utf-8")
    import_registry.run(town, folder=folder)
    report = lines(town.settings.exports / "registry" / "route_stops.report.csv")
    assert [row["outcome"] for row in report if row["line_no"]] == [*expected, "ACCEPTED"]
