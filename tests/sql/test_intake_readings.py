"""One file of readings into the database: outcomes, codes, totals, and nothing twice."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from intake_samples import (
    HEADER,
    collect_rows,
    import_sample_registry,
    reading_file,
    report_codes,
    rows_of,
    set_clock,
    table_sizes,
)
from sqlalchemy import text

from pipeline import collect
from pipeline.collect import waiting_files
from pipeline.errors import OperatorError, Unavailable
from pipeline.work import Work
from readings.codes import FILE_CODES, ROW_ERRORS, ROW_WARNINGS

DOC = Path(__file__).parents[2] / "docs" / "import.md"
BASE = "P1;W1;;;2026-07-20;105;m3;handheld;actual;;;id-1"
# One row a code; each is alone in its file, after BASE.
CODES = {
    "E100": "P1;W1;2026-07-31;107;m3",
    "E101": "P77;W1;;;2026-07-31;107;m3;handheld;actual;;;",
    "E102": "P2;W1;;;2026-07-31;107;m3;handheld;actual;;;",
    "E103": "P1;W77;;;2026-07-31;107;m3;handheld;actual;;;",
    "E104": "P1;W1;;7;2026-07-31;107;m3;handheld;actual;;;",
    "E105": "P1;W1;;;31.07.2026;107;m3;handheld;actual;;;",
    "E106": "P1;W1;;;2026-08-01 12:11;107;m3;handheld;actual;;;",
    "E107": "P1;W1;;;2026-06-30;107;m3;handheld;actual;;;",
    "E108": "P1;W1;;;2026-07-31;1O7;m3;handheld;actual;;;",
    "E109": "P1;W1;;;2026-07-31;100000;m3;handheld;actual;;;",
    "E110": "P1;W1;;;2026-07-31;107;gal;handheld;actual;;;",
    "E111": "P1;W1;;;2026-07-31;107;m3;pigeon;actual;;;",
    "E112": "P1;W1;;;2026-07-31;;m3;handheld;not_read;;;",
    "E113": "P1;W1;;;2026-07-31;107;m3;handheld;actual;;;id-1",
    "W201": "P2;W2;M9;;2026-07-31;210;m3;radio_walkby;actual;;;",
    "W203": "P2;W2;;;2026-10-25 02:30;210;m3;radio_walkby;actual;;;",
    "W204": "P1;W1;;;2026-07-31;107,5;m3;handheld;actual;;;",
    "W205": "P1;W1;;;2026-07-31;107;m3;handheld;actual;;mice;",
}
CONTRADICTED = "P1;W1;;;2026-07-20;106;m3;handheld;actual;;;"

BILLED = """
insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts, state,
                   started_by, started_via, event_at)
values ('k', '[2026-07-01,2026-08-01)', 'ALL', 1, '2026-08-01', 14, false, 1, 'opened', 'x', 'cli', now());
insert into snapshot_account
select cycle_id, account_id, 0, '', '' from cycle, account where account_no = 'A1';
insert into charge (cycle_id, account_id, channel, net_zl, vat_zl, gross_zl, sha256)
select cycle_id, account_id, 'paper', 0, 0, 0, '' from snapshot_account;
insert into input_file values (repeat('0', 64), 'tariff', 't', '');
insert into charge_line
select charge_id, 1, null, 'water', '', '[2026-07-01,2026-07-31)', 'W1', (select min(reading_id) from reading),
       (select reading_id from reading where read_on = :day), 0, 0, 0, 'm3', 0, 0, 0, '', repeat('0', 64), ''
from charge;
insert into invoice_series values ('S', 0);
insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, charge_id, issue_date, due_date,
                     carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
select 'S', 1, 'S/1', cycle_id, account_id, 'regular', charge_id, '2026-08-01', '2026-08-15', 'paper', 0, 0, 0, '', '',
       now()
from charge
"""


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    import_sample_registry(work, tmp_path / "registry")
    return work


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_given_to_the_row_that_breaks_its_rule(town: Work, code: str) -> None:
    if code == "W203":
        set_clock(town, 2026, 11, 1)
    fillers = [f"P2;W2;;;2026-07-{day:02};20{day % 10};m3;customer_portal;actual;;;" for day in (1, 2, 3, 4, 5, 6)]
    counts = collect_rows(town, town.settings.inbox / "a.csv", BASE, CODES[code], *fillers)
    outcome, codes = report_codes(town.settings.inbox / "reports" / "a.report.csv")[1]
    expected = {"E": "REJECTED", "W": "ACCEPTED_WARN"}[code[0]]
    assert (outcome, code in codes.split(",")) == (expected, True)
    assert counts["rows"] == 8 == sum(counts[name.lower()] for name in _OUTCOMES)


_OUTCOMES = ("ACCEPTED", "ACCEPTED_WARN", "QUARANTINED", "REJECTED", "DUPLICATE")


def test_every_code_is_documented_and_raised_by_a_test() -> None:
    raised_elsewhere = {"W202"}  # the next test but two
    known = {**ROW_ERRORS, **ROW_WARNINGS}
    assert set(CODES) | raised_elsewhere == set(known)
    documented = DOC.read_text(encoding="utf-8")
    for code, meaning in (known | FILE_CODES).items():
        assert f"| `{code}` | {meaning} |" in documented


def test_a_reading_older_than_the_last_billed_one_is_taken_with_a_warning(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE, "P1;W1;;;2026-07-31;110;m3;handheld;actual;;;")
    _bill_reading_of(town, "2026-07-31")
    counts = collect_rows(town, town.settings.inbox / "b.csv", "P1;W1;;;2026-07-25;107;m3;staff;actual;;;")
    assert (counts["accepted_warn"], report_codes(town.settings.inbox / "reports" / "b.report.csv")) == (
        1,
        [("ACCEPTED_WARN", "W202")],
    )


def _bill_reading_of(work: Work, day: str) -> None:
    """The shortest chain of foreign keys from an invoice down to the reading."""
    with work.engine.begin() as connection:
        for statement in BILLED.split(";"):
            connection.execute(text(statement), {"day": day} if ":day" in statement else {})


def test_the_same_file_again_adds_nothing_anywhere(town: Work) -> None:
    path = town.settings.inbox / "a.csv"
    first = collect_rows(town, path, BASE)
    sizes = table_sizes(town)
    again = collect_rows(town, path, BASE)
    assert (first["already"], again) == (0, first | {"already": 1})
    assert table_sizes(town) == sizes


def test_the_same_rows_in_another_file_add_no_reading(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE)
    before = table_sizes(town)
    counts = collect_rows(town, town.settings.inbox / "b.csv", BASE, BASE)
    after = table_sizes(town)
    assert (counts["duplicate"], counts["accepted"]) == (2, 0)
    assert {name for name in after if after[name] != before[name]} == {
        "import_file", "import_row", "step_run", "evidence",
    }  # fmt: skip


def test_a_row_that_contradicts_a_reading_is_kept_raw_and_changes_nothing(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE)
    collect_rows(town, town.settings.inbox / "b.csv", CONTRADICTED)
    assert rows_of(town, "select index_m3::text from reading where source = 'handheld'") == [("105.000",)]
    assert rows_of(town, "select raw, outcome, codes from import_row where outcome = 'QUARANTINED'") == [
        (CONTRADICTED, "QUARANTINED", ["V01"])
    ]


def test_a_reading_below_the_last_one_waits_as_suspect_with_its_finding(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE, "P1;W1;;;2026-07-31;50;m3;handheld;actual;;;")
    assert rows_of(
        town,
        "select r.state, f.code, f.severity, f.facts ->> 'previous_index_m3' from reading r"
        " left join finding f using (reading_id) where r.source = 'handheld' order by r.read_at",
    ) == [("VALID", None, None, None), ("SUSPECT", "V05", "quarantine", "105.000")]


def test_a_suspect_reading_is_no_measure_for_the_next_one(town: Work) -> None:
    rows = ("P1;W1;;;2026-07-25;99;m3;handheld;actual;;;", "P1;W1;;;2026-07-31;108;m3;handheld;actual;;;")
    counts = collect_rows(town, town.settings.inbox / "a.csv", BASE, *rows)
    assert (counts["accepted"], counts["quarantined"]) == (2, 1)


def test_a_stored_suspect_reading_is_no_measure_either(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE)
    collect_rows(town, town.settings.inbox / "b.csv", "P1;W1;;;2026-07-10;150;m3;handheld;actual;;;")
    good = "P1;W1;;;2026-07-12;101;m3;handheld;actual;;;"
    assert collect_rows(town, town.settings.inbox / "c.csv", good)["accepted"] == 1


def test_the_same_index_of_another_quality_is_a_contradiction(town: Work) -> None:
    estimated = BASE.replace("actual", "estimated")
    assert collect_rows(town, town.settings.inbox / "a.csv", BASE, estimated)["quarantined"] == 1


def test_two_imports_of_the_same_row_at_the_same_time_give_one_reading(town: Work) -> None:
    paths = [reading_file(town.settings.inbox / f"{name}.csv", BASE, *[""] * name) for name in range(6)]
    with ThreadPoolExecutor(max_workers=len(paths)) as pool:
        counts = list(pool.map(lambda path: collect.run(town, file=path), paths))
    assert sum(one["accepted"] for one in counts) == 1
    assert sum(one["duplicate"] for one in counts) == len(paths) - 1


def test_a_late_reading_above_a_newer_one_is_suspect_too(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE)
    late = "P1;W1;;;2026-07-10;150;m3;handheld;actual;;;"
    assert collect_rows(town, town.settings.inbox / "b.csv", late)["quarantined"] == 1


def test_rows_out_of_order_are_judged_in_the_order_of_time(town: Work) -> None:
    later = "P1;W1;;;2026-07-31;110;m3;handheld;actual;;;"
    assert collect_rows(town, town.settings.inbox / "a.csv", later, BASE)["accepted"] == 2


def test_a_point_alone_names_its_meter_and_the_exchange_day_belongs_to_the_new_one(town: Work) -> None:
    rows = (
        "P3;;;;2026-07-10;305;m3;handheld;actual;;;",
        "P3;;;;2026-07-15;1;m3;handheld;actual;;;",
        "P3;;;;2026-07-31;9;m3;handheld;actual;;;",
    )
    assert collect_rows(town, town.settings.inbox / "a.csv", *rows)["accepted"] == 3
    assert rows_of(
        town,
        "select m.meter_no, r.index_m3::int from reading r join meter m using (meter_id)"
        " where r.source = 'handheld' order by r.read_at",
    ) == [("W3", 305), ("W3N", 1), ("W3N", 9)]


def test_the_removal_reading_that_the_registry_brought_is_a_duplicate_in_a_readings_file(town: Work) -> None:
    rows = (
        "P3;W3;;;2026-07-15;310;m3;exchange_removal;actual;;;",
        "P3;W3N;;;2026-07-15;1;m3;exchange_install;actual;;;",
    )
    assert collect_rows(town, town.settings.inbox / "a.csv", *rows)["duplicate"] == 2


@pytest.mark.parametrize(
    "row",
    [
        "P1;W1;;;2026-07-31;130;m3;exchange_install;actual;;;",
        "P1;W1;;;2026-07-01;101;m3;exchange_install;actual;;;",
        "P1;W1;;;2026-07-01 08:00;101;m3;exchange_install;actual;;;",
        "P3;W3N;;;2026-07-31;9;m3;exchange_install;actual;;;",
        "P1;W1;;;2026-07-31;130;m3;exchange_removal;actual;;;",
        "P3;W3;;;2026-07-10;305;m3;exchange_removal;actual;;;",
        "P3;W3;;;2026-07-15 14:00;400;m3;exchange_removal;actual;;;",
    ],
)
def test_a_readings_file_cannot_move_where_billing_begins_or_ends(town: Work, row: str) -> None:
    between = "P3;W3;;;2026-07-15 13:00;310;m3;handheld;actual;;;"
    collect_rows(town, town.settings.inbox / "a.csv", between)
    before = rows_of(town, "select * from reading order by reading_id")
    assert collect_rows(town, town.settings.inbox / "b.csv", row)["quarantined"] == 1
    assert report_codes(town.settings.inbox / "reports" / "b.report.csv") == [("QUARANTINED", "V03")]
    assert rows_of(town, "select * from reading order by reading_id") == before


def test_the_registrys_exchange_readings_are_known_at_whatever_hour_the_file_has_them(town: Work) -> None:
    rows = (
        "P3;W3;;;2026-07-15 14:00;310;m3;exchange_removal;actual;;;",
        "P3;W3N;;;2026-07-15 14:30;1;m3;exchange_install;actual;;;",
    )
    collect_rows(town, town.settings.inbox / "a.csv", "P3;W3N;;;2026-07-15 14:10;1;m3;handheld;actual;;;")
    assert collect_rows(town, town.settings.inbox / "b.csv", *rows)["duplicate"] == 2


def test_a_missing_removal_reading_is_taken_once_on_the_day_of_the_removal(town: Work) -> None:
    with town.engine.begin() as connection:
        connection.execute(
            text("update installation set removed_on = '2026-07-20', ended_by = 'x' where installation_id = 1")
        )
    first, other = (f"P1;W1;;;2026-07-20 {hour};m3;exchange_removal;actual;;;" for hour in ("10:00;107", "11:00;108"))
    counts = collect_rows(town, town.settings.inbox / "a.csv", first, other)
    assert (counts["accepted"], counts["quarantined"]) == (1, 1)
    assert rows_of(town, "select index_m3::int from reading where source = 'exchange_removal' and index_m3 < 200") == [
        (107,)
    ]


@pytest.mark.parametrize("one_file", [True, False])
@pytest.mark.parametrize("index", ["104", "105,04", "130"])
def test_of_two_indices_at_the_same_moment_only_the_first_is_billed(town: Work, index: str, *, one_file: bool) -> None:
    second = f"P1;W1;;;2026-07-20;{index};m3;customer_portal;customer;;;"
    if one_file:
        collect_rows(town, town.settings.inbox / "a.csv", BASE, second)
    else:
        collect_rows(town, town.settings.inbox / "a.csv", BASE)
        collect_rows(town, town.settings.inbox / "b.csv", second)
    assert rows_of(
        town,
        "select r.source, r.state, f.code from reading r left join finding f using (reading_id)"
        " where r.source in ('handheld', 'customer_portal') order by r.reading_id",
    ) == [("handheld", "VALID", None), ("customer_portal", "SUSPECT", "V01")]


def test_the_same_index_at_the_same_moment_from_two_sources_is_no_contradiction(town: Work) -> None:
    same = "P1;W1;;;2026-07-20;105,0;m3;customer_portal;customer;;;"
    assert collect_rows(town, town.settings.inbox / "a.csv", BASE, same)["accepted"] == 2


MONTH_END = f"{HEADER};month_end_index;month_end_date"


def test_a_months_end_index_takes_its_place_at_the_months_end_not_at_the_visit(town: Work) -> None:
    set_clock(town, 2026, 8, 10)
    rows = (
        "P1;W1;;;2026-08-05 09:00;112;m3;radio_walkby;actual;;;;107;2026-07-31",
        "P1;W1;;;2026-08-02;110;m3;handheld;actual;;;;;",
        "P1;W1;;;2026-08-07 09:00;114;m3;radio_walkby;actual;;;;107;2026-07-31",
    )
    path = reading_file(town.settings.inbox / "a.csv", *rows, header=MONTH_END)
    counts = collect.run(town, file=path)
    assert (counts["accepted"], counts["duplicate"]) == (2, 1)
    assert rows_of(
        town,
        "select index_m3::int, read_on::text, read_at = '2026-07-31 12:00 Europe/Warsaw', details ->> 'index_m3'"
        " from reading where source = 'radio_walkby'",
    ) == [(107, "2026-07-31", True, "112.000")]


def test_a_months_end_index_above_a_later_reading_is_suspect(town: Work) -> None:
    set_clock(town, 2026, 8, 10)
    rows = (
        "P1;W1;;;2026-08-05 09:00;112;m3;radio_walkby;actual;;;;111;2026-07-31",
        "P1;W1;;;2026-08-02;110;m3;handheld;actual;;;;;",
    )
    collect.run(town, file=reading_file(town.settings.inbox / "a.csv", *rows, header=MONTH_END))
    codes = report_codes(town.settings.inbox / "reports" / "a.report.csv")
    assert codes == [("ACCEPTED", ""), ("QUARANTINED", "V05")]


def test_a_visit_in_the_future_is_no_reading_even_with_a_months_end_that_is_past(town: Work) -> None:
    row = "P1;W1;;;2026-08-05 09:00;112;m3;radio_walkby;actual;;;;107;2026-07-31"
    collect.run(town, file=reading_file(town.settings.inbox / "a.csv", BASE + ";;", row, header=MONTH_END))
    codes = report_codes(town.settings.inbox / "reports" / "a.report.csv")
    assert codes == [("ACCEPTED", ""), ("REJECTED", "E106")]


def test_too_many_rejects_refuse_the_whole_file_and_it_may_come_again(town: Work) -> None:
    path = town.settings.inbox / "a.csv"
    sizes = table_sizes(town)
    unknown = CODES["E103"]
    counts = collect_rows(town, path, BASE, unknown)
    assert (counts["refused"], counts["accepted"]) == (1, 0)
    assert counts["refusal"] == "FILE_REJECTS: 1 of 2 rows rejected, more than 20%; see the report"
    assert table_sizes(town) == sizes | {"import_file": sizes["import_file"] + 1}
    assert (town.settings.inbox / "refused" / "a.csv").is_file()
    assert [outcome for outcome, _ in report_codes(town.settings.inbox / "reports" / "a.report.csv")] == [
        "ACCEPTED",
        "REJECTED",
    ]
    assert collect_rows(town, path, BASE, unknown)["refused"] == 1
    assert table_sizes(town) == sizes | {"import_file": sizes["import_file"] + 1}


def test_exactly_the_allowed_share_of_rejects_passes_and_they_lie_ready_to_be_sent_again(town: Work) -> None:
    others = [f"P2;W2;;;2026-07-0{day};20{day};m3;customer_portal;actual;;;" for day in (2, 3, 4)]
    counts = collect_rows(town, town.settings.inbox / "a.csv", BASE, CODES["E103"], *others)
    assert (counts["refused"], counts["rejected"], counts["accepted"]) == (0, 1, 4)
    again = (town.settings.inbox / "reports" / "a.rejected.csv").read_text(encoding="utf-8").splitlines()
    assert again[1:] == [CODES["E103"]]


@pytest.mark.parametrize(
    ("content", "sidecar", "code"),
    [
        (b"\xff\xfe", None, "FILE_UNREADABLE"),
        (b"meter_no;read_at\n", None, "FILE_HEADER"),
        (b"read_at;index;unit;source;quality\n", None, "FILE_HEADER"),
        (b"meter_no;read_at;index;unit;source;quality\n", "0" * 64, "FILE_HASH"),
    ],
)
def test_a_file_refused_at_its_door_is_recorded_with_its_code_and_no_row(
    town: Work, content: bytes, sidecar: str | None, code: str
) -> None:
    path = town.settings.inbox / "a.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if sidecar:
        path.with_name("a.csv.sha256").write_text(sidecar)
    sizes = table_sizes(town)
    assert collect.run(town, file=path)["refusal"].startswith(f"{code}: ")
    assert table_sizes(town) == sizes | {"import_file": sizes["import_file"] + 1}
    assert rows_of(town, "select status, refusal_code, rows from import_file where kind = 'readings'") == [
        ("refused", code, 0)
    ]
    assert not path.exists()


def test_what_fails_half_way_leaves_nothing_behind(town: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("lights out")

    sizes = table_sizes(town)
    with monkeypatch.context() as patched:
        patched.setattr(collect, "append_events", fail)
        with pytest.raises(RuntimeError):
            collect_rows(town, town.settings.inbox / "a.csv", BASE)
    assert table_sizes(town) == sizes
    assert collect.run(town, file=town.settings.inbox / "a.csv")["accepted"] == 1


def test_a_crash_between_commit_and_moving_the_file_is_harmless(town: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    path = town.settings.inbox / "a.csv"
    with monkeypatch.context() as patched:
        patched.setattr(collect, "put_away", lambda *_args, **_kwargs: (_ for _ in ()).throw(RuntimeError))
        with pytest.raises(RuntimeError):
            collect_rows(town, path, BASE)
    sizes = table_sizes(town)
    assert waiting_files(town.settings) == [path]
    assert collect.run(town, file=path)["already"] == 1
    assert collect.run(town, file=path)["already"] == 1  # a retry after the move finds it in done/
    assert (table_sizes(town), waiting_files(town.settings)) == (sizes, [])


def test_only_whole_files_wait(town: Work) -> None:
    inbox = town.settings.inbox
    for name in ("b.csv", "a.csv", "c.csv", "c.csv.part", ".d.csv", "e.txt"):
        reading_file(inbox / name)
    (inbox / "f.csv").symlink_to(inbox / "e.txt")
    assert [path.name for path in waiting_files(town.settings)] == ["a.csv", "b.csv"]


def test_another_file_of_the_same_name_does_not_overwrite_the_one_that_is_done(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE)
    collect_rows(town, town.settings.inbox / "a.csv", "P2;W2;;;2026-07-31;201;m3;radio_walkby;actual;;;")
    assert len(list((town.settings.inbox / "done").glob("*a.csv"))) == 2


def reports_of(work: Work) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (work.settings.inbox / "reports").iterdir()}


@pytest.mark.parametrize("lost", ["report", "rejected"])
def test_a_report_that_cannot_be_written_leaves_the_import_and_is_written_when_the_file_comes_again(
    town: Work, tmp_path: Path, lost: str
) -> None:
    reports, path = town.settings.inbox / "reports", town.settings.inbox / "a.csv"
    rows = [BASE, *(f"P2;W2;;;2026-07-0{day};20{day};m3;handheld;actual;;;" for day in (2, 3, 4)), CODES["E103"]]
    (reports / f"a.{lost}.csv" / "in the way").mkdir(parents=True)
    with pytest.raises(Unavailable, match=r"^REPORT_UNWRITABLE: .*the import itself stands"):
        collect_rows(town, path, *rows)
    assert rows_of(town, "select accepted, rejected from import_file where kind = 'readings'") == [(4, 1)]
    assert waiting_files(town.settings) == [path]
    sizes = table_sizes(town)
    (reports / f"a.{lost}.csv").rename(tmp_path / "away")
    assert collect.run(town, file=path)["already"] == 1
    written = reports_of(town)
    assert (set(written), waiting_files(town.settings)) == ({"a.report.csv", "a.rejected.csv"}, [])
    assert written["a.rejected.csv"] == f"{HEADER}\n{CODES['E103']}\n"
    assert table_sizes(town) == sizes


def test_the_report_out_of_the_stored_rows_is_the_one_that_was_lost(town: Work) -> None:
    path = town.settings.inbox / "a.csv"
    others = [f"P2;W2;;;2026-07-0{day};20{day};m3;handheld;actual;;;" for day in (2, 3, 4)]
    collect_rows(town, path, BASE, CODES["E103"], *others, CONTRADICTED)
    first = reports_of(town)
    for name in first:
        (town.settings.inbox / "reports" / name).unlink()
    assert collect.run(town, file=path)["already"] == 1
    assert reports_of(town) == first


def test_another_file_of_the_same_name_does_not_overwrite_the_report_of_the_first(town: Work) -> None:
    path = town.settings.inbox / "a.csv"
    others = [f"P2;W2;;;2026-07-0{day};20{day};m3;handheld;actual;;;" for day in (2, 3, 4)]
    collect_rows(town, path, BASE, CODES["E103"], *others)
    first = reports_of(town)
    collect_rows(town, path, BASE)
    both = reports_of(town)
    sha256 = next(iter(first["a.report.csv"].splitlines()[1:])).split(";")[3]
    assert {both[f"{sha256[:12]}_{name}"] for name in first} == set(first.values())
    assert set(both) - {f"{sha256[:12]}_{name}" for name in first} == {"a.report.csv"}
    assert collect_rows(town, path, BASE, CODES["E103"], *others)["already"] == 1
    assert reports_of(town) == both


def test_a_file_that_cannot_be_put_away_is_no_traceback_and_stays_for_the_next_run(town: Work) -> None:
    path, done = town.settings.inbox / "a.csv", town.settings.inbox / "done"
    done.parent.mkdir(parents=True)
    done.write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match=r"^INBOX_UNWRITABLE: "):
        collect_rows(town, path, BASE)
    done.unlink()
    assert (collect.run(town, file=path)["already"], waiting_files(town.settings)) == (1, [])


def test_a_file_outside_the_inbox_stays_where_it_is(town: Work, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    collect_rows(town, path, BASE)
    assert path.is_file()
    with pytest.raises(OperatorError, match="FILE_MISSING"):
        collect.run(town, file=tmp_path / "nobody.csv")


def test_the_evidence_of_an_import_holds_the_hash_and_the_totals_and_nobodys_data(town: Work) -> None:
    collect_rows(town, town.settings.inbox / "a.csv", BASE)
    ((kind, body),) = rows_of(town, "select kind, body from evidence order by seq desc limit 1")
    assert kind == "readings_imported"
    assert '"rows":1' in body
    assert "W1" not in body
