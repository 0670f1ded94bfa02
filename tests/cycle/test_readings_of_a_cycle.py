"""What only a whole cycle shows of its readings: V14 to V16 at its freeze, V23 at rating, V24 at the approval."""

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from test_cycle import decide, to_approval
from test_holds import holds
from town import EVERYBODY, LATECOMER, cycle_order, set_clock, write_registry

from pipeline import approve, collect, freeze, import_registry, open_cycle, validate
from pipeline.errors import OperatorError
from pipeline.work import Work
from sql.engine import make_engine

READ = "service_point;meter_no;read_at;index;unit;source;quality"


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    import_registry.run(work, folder=write_registry(tmp_path / "registry"))
    return work


@pytest.fixture
def gardens(town: Work, tmp_path: Path) -> Work:
    """The town with a garden meter at 0001 and at 0002."""
    garden = (
        "meter_no;point_no;dials;decimals;installed_on;opening_index;purpose;legalised_until\n"
        "G1;PP0001;5;0;2026-06-30;0;garden;2026-10-20\nG2;PP0002;5;0;2026-06-30;0;garden;2031-01-01\n"
    )
    more = tmp_path / "garden"
    more.mkdir()
    (more / "meters.csv").write_text(garden, encoding="utf-8")
    assert import_registry.run(town, folder=more)["accepted"] == 2
    return town


def behind(database, *, child: str, parent: str) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table point disable trigger user"))
        connection.execute(
            text(
                "update point set parent_point_id = (select point_id from point where point_no = :parent)"
                " where point_no = :child"
            ),
            {"parent": parent, "child": child},
        )
        connection.execute(text("alter table point enable trigger user"))
    owner.dispose()


def read(work: Work, tmp_path: Path, *, source: str = "handheld", quality: str = "actual", **used: int) -> None:
    """Readings of the 31st of July: 3 m³ at every meter but the latecomer's, unless ``used`` says otherwise."""
    volumes = {f"M{no}": 3 for no in EVERYBODY if no != LATECOMER} | used
    rows = [READ]
    for meter_no, used_m3 in volumes.items():
        opening = int(meter_no[1:]) * 10 if meter_no[0] == "M" else 0
        mine = meter_no in used or not used
        rows.append(
            f";{meter_no};2026-07-31T08:00:00;{opening + used_m3};m3;"
            f"{source if mine else 'handheld'};{quality if mine else 'actual'}"
        )
    path = tmp_path / "july.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    counts = collect.run(work, file=path)
    assert counts["rejected"] == counts["quarantined"] == 0


def opened(work: Work) -> str:
    return str(open_cycle.run(work, order=cycle_order())["cycle_key"])


def findings(work: Work, code: str) -> list[tuple[str, str, dict[str, str]]]:
    """Meter, owner and facts."""
    with work.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select m.meter_no, f.owner, f.facts from finding f left join reading r using (reading_id)"
                " join installation i on i.installation_id = coalesce(f.installation_id, r.installation_id)"
                " join meter m on m.meter_id = i.meter_id where f.code = :code order by m.meter_no"
            ),
            {"code": code},
        ).all()
    return [(row.meter_no, row.owner, row.facts) for row in rows]


def states(work: Work) -> dict[str, str]:
    with work.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select meter_no, state from reading join meter using (meter_id) where read_on = '2026-07-31'"
                " and state = 'SUSPECT'"
            )
        )
        return {row.meter_no: row.state for row in rows}


def confirm(work: Work, *, meter_no: str) -> None:
    with work.engine.begin() as connection:
        connection.execute(
            text(
                "insert into reading_decision (reading_id, decision_no, decision, reason, decided_by, decided_via,"
                " event_at) select reading_id, 1, 'confirmed', 'asked', 'office', 'cli', now()"
                " from reading join meter using (meter_id) where meter_no = :meter_no and read_on = '2026-07-31'"
            ),
            {"meter_no": meter_no},
        )


def test_who_was_not_read_in_the_window_is_chased_once(gardens: Work, tmp_path: Path) -> None:
    read(gardens, tmp_path, G1=1, G2=1)
    key = opened(gardens)
    assert validate.run(gardens, cycle_key=key) == {"missing": 1, "doubted": 0, "lapsing": 1}
    assert validate.run(gardens, cycle_key=key) == {"missing": 0, "doubted": 0, "lapsing": 0}
    freeze.run(gardens, cycle_key=key)
    assert findings(gardens, "V14") == [
        (
            f"M{LATECOMER}",
            "field",
            {"reason": "window", "window_until": "2026-08-11", "last_read_on": "2026-06-30"},
        )
    ]


def test_the_freeze_checks_as_well_and_a_frozen_cycle_is_left_alone(gardens: Work, tmp_path: Path) -> None:
    read(gardens, tmp_path, G1=1, G2=1)
    key = opened(gardens)
    freeze.run(gardens, cycle_key=key)
    assert len(findings(gardens, "V14")) == 1
    assert validate.run(gardens, cycle_key=key) == {"missing": 0, "doubted": 0, "lapsing": 0}


def test_a_garden_meter_whose_legalisation_ends_soon_is_told_and_one_of_years_is_not(
    gardens: Work, tmp_path: Path
) -> None:
    read(gardens, tmp_path, G1=1, G2=1)
    validate.run(gardens, cycle_key=opened(gardens))
    assert findings(gardens, "V16") == [
        ("G1", "customer", {"purpose": "garden", "legalised_until": "2026-10-20", "lapsed": "soon"})
    ]


@pytest.mark.parametrize(
    ("used", "doubted"),
    [
        ({"M0001": 3, "G1": 4}, set()),  # the cut digits of the two indexes
        ({"M0001": 3, "G1": 5}, {"M0001", "G1"}),
        ({"M0003": 5, "M0004": 6}, set()),
        ({"M0003": 5, "M0004": 7}, {"M0003", "M0004"}),
    ],
)
def test_meters_behind_the_main_one_that_count_more_than_it_are_set_aside_with_it(
    gardens: Work, database, tmp_path: Path, used: dict[str, int], doubted: set[str]
) -> None:
    behind(database, child="PP0004", parent="PP0003")
    read(gardens, tmp_path, **{"M0003": 3, "M0004": 3} | used)
    key = opened(gardens)
    freeze.run(gardens, cycle_key=key)
    assert set(states(gardens)) == doubted
    assert {meter_no for meter_no, _, _ in findings(gardens, "V15")} == doubted


def test_what_a_person_confirmed_is_not_doubted_again(gardens: Work, tmp_path: Path) -> None:
    read(gardens, tmp_path, M0001=3, G1=9)
    key = opened(gardens)
    assert validate.run(gardens, cycle_key=key)["doubted"] == 2
    confirm(gardens, meter_no="M0001")
    confirm(gardens, meter_no="G1")
    assert validate.run(gardens, cycle_key=key)["doubted"] == 0
    freeze.run(gardens, cycle_key=key)
    with gardens.engine.connect() as connection:
        suspect = connection.execute(text("select count(*) from reading_now where state = 'SUSPECT'")).scalar_one()
    assert suspect == 0


def test_meters_read_more_than_three_days_apart_are_not_compared(gardens: Work, tmp_path: Path) -> None:
    set_clock(gardens, datetime(2026, 8, 3, 6, 0))
    read(gardens, tmp_path, M0001=3, G1=0)
    path = tmp_path / "garden.csv"
    path.write_text(f"{READ}\n;M0001;2026-07-27T08:00:00;13;m3;handheld;actual\n", encoding="utf-8")
    collect.run(gardens, file=path)
    with gardens.engine.begin() as connection:  # the main meter's reading of the 31st is void: that of the 27th counts
        connection.execute(
            text(
                "insert into reading_decision (reading_id, decision_no, decision, reason, decided_by, decided_via,"
                " event_at) select reading_id, 1, 'void', 'x', 'office', 'cli', now() from reading"
                " join meter using (meter_id) where meter_no = 'M0001' and read_on = '2026-07-31'"
            )
        )
    late = tmp_path / "late.csv"
    late.write_text(f"{READ}\n;G1;2026-08-02T08:00:00;9;m3;handheld;actual\n", encoding="utf-8")
    collect.run(gardens, file=late)
    freeze.run(gardens, cycle_key=opened(gardens))
    assert states(gardens) == {}


def test_a_customers_own_reading_that_makes_a_large_invoice_waits_until_it_is_confirmed(
    town: Work, tmp_path: Path
) -> None:
    read(town, tmp_path, source="customer_portal", M0005=300, M0006=20)
    key = to_approval(town)
    held = holds(town, key)
    assert (held["A0005"], "A0006" in held) == ("SELF_READING_COSTLY", False)
    with town.engine.connect() as connection:
        facts = connection.execute(text("select facts from hold where code = 'SELF_READING_COSTLY'")).scalar_one()
    assert (facts["check"], facts["meters"], facts["self_invoice_max_zl"]) == ("V23", "M0005", "3000.000")

    assert findings(town, "V23")[0][:2] == ("M0005", "office")
    assert set(states(town)) == {"M0005"}

    decide(town, key, decision="rejected")
    confirm(town, meter_no="M0005")
    again = to_approval(town)
    assert "A0005" not in holds(town, again)


def test_the_readers_own_reading_is_nobodys_to_confirm(town: Work, tmp_path: Path) -> None:
    read(town, tmp_path, M0005=300)
    assert "A0005" not in holds(town, to_approval(town))


def test_a_cycle_with_many_estimates_is_not_approved(town: Work, tmp_path: Path) -> None:
    many = {f"M000{number}": 3 for number in range(4, 10)}
    read(town, tmp_path, source="estimate", quality="estimated", **many)
    key = to_approval(town)
    assert "V24: 6 of 10 closing readings are estimates, 60.0%" in approve.summary(town, cycle_key=key)
    with pytest.raises(OperatorError, match=r"^ESTIMATES_TOO_MANY: 6 of 10 closing readings"):
        decide(town, key)
    assert decide(town, key, decision="rejected")["decision"] == "rejected"


def test_a_few_estimates_are_shown_and_approved(town: Work, tmp_path: Path) -> None:
    read(town, tmp_path, source="estimate", quality="estimated", M0004=3)
    key = to_approval(town)
    assert "V24: 1 of 10 closing readings are estimates, 10.0%" in approve.summary(town, cycle_key=key)
    assert decide(town, key)["decision"] == "approved"


def test_a_cycle_without_estimates_says_nothing_of_them(town: Work, tmp_path: Path) -> None:
    read(town, tmp_path)
    assert "V24" not in approve.summary(town, cycle_key=to_approval(town))


LOOSENED = {
    "a valid reading made suspect": ("state = 'SUSPECT'", True),
    "an index changed with it": ("state = 'SUSPECT', index_m3 = 1", False),
    "an index changed": ("index_m3 = 1", False),
}


@pytest.mark.parametrize("change", LOOSENED)
def test_a_reading_may_be_doubted_and_nothing_else(town: Work, tmp_path: Path, change: str) -> None:
    read(town, tmp_path)
    assignment, allowed = LOOSENED[change]
    statement = f"update reading set {assignment} where read_on = date '{date(2026, 7, 31)}'"
    assert _works(town, statement) is allowed
    if allowed:
        assert not _works(town, statement.replace("SUSPECT", "VALID"))


def _works(work: Work, statement: str) -> bool:
    try:
        with work.engine.begin() as connection:
            connection.execute(text(statement))
    except Exception as error:  # noqa: BLE001 - the database's own refusal, whichever layer words it
        return "append-only" not in str(error) and "permission denied" not in str(error)
    return True


def test_the_facts_of_a_tree_show_both_sums(gardens: Work, tmp_path: Path) -> None:
    read(gardens, tmp_path, M0001=3, G1=9)
    freeze.run(gardens, cycle_key=opened(gardens))
    facts = findings(gardens, "V15")[0][2]
    assert json.dumps(facts, sort_keys=True) == (
        '{"behind_m3": "9.000", "from": "2026-06-30", "main_m3": "3.000", "main_meter_no": "M0001",'
        ' "meters_behind": "1", "until": "2026-07-31"}'
    )
