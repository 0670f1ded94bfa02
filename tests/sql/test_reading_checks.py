"""Each check of a reading that comes in: a row that sets it off, and one beside it that does not."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from intake_samples import REGISTRY, collect_rows, reading_file, report_codes, rows_of, set_clock, write_folder
from sqlalchemy import text
from town import bank_account

from billing.reading_checks import CHECKS, Step
from pipeline import collect, import_registry
from pipeline.work import Work
from sql.engine import make_engine

# W1: 10 m³ a month. W9: the same, at the end of its dials.
HISTORY = [
    f"{point};{meter};;;{day};{start + used};m3;handheld;actual;;;"
    for point, meter, start in (("P1", "W1", 100), ("P9", "W9", 99_950))
    for day, used in (("2026-07-31", 10), ("2026-08-31", 20), ("2026-09-30", 30), ("2026-10-31", 40))
]


def w1(
    index: str, *, on: str = "2026-11-30", source: str = "handheld", quality: str = "actual", alarms: str = ""
) -> str:
    return f"P1;W1;;;{on};{index};m3;{source};{quality};;{alarms};"


def w9(index: str) -> str:
    return f"P9;W9;;;2026-11-30;{index};m3;handheld;actual;;;"


NOVEMBER = w1("150")
# (rows whose last one is to be set off, outcome), then rows whose last one is not.
ROWS = {
    "V01": ((NOVEMBER, w1("151", source="staff")), "QUARANTINED", (NOVEMBER, w1("150", source="staff"))),
    "V02": ((w1("150000"),), "REJECTED", (NOVEMBER,)),
    "V03": ((w1("150", source="exchange_install"),), "QUARANTINED", (NOVEMBER,)),
    "V04": ((w1("139,96"),), "ACCEPTED_WARN", (w1("140"),)),
    "V05": ((w1("139,94"),), "QUARANTINED", (w1("139,95"),)),
    "V06": ((w9("2"),), "ACCEPTED_WARN", (w9("99999"),)),
    "V07": ((w1("1941"),), "QUARANTINED", (w1("1940"),)),  # 30 days of 60 m³ are 1800
    "V08": ((w1("165"),), "QUARANTINED", (w1("164"),)),  # (10/31 + 10/30 + 10/31) / 3 × 2.5 × 30 = 24.46
    "V09": ((w1("142"),), "ACCEPTED_WARN", (w1("143"),)),  # the same × 0.3 × 30 = 2.94
    "V11": ((w1("140"), w1("140", on="2026-12-31")), "ACCEPTED_WARN", (w1("140"),)),
    "V12": ((w1("140", source="radio_walkby"),), "ACCEPTED_WARN", (w1("140"),)),
    "V19": (
        (w1("150", source="radio_walkby"), w1("148", on="2026-11-25", source="radio_walkby")),
        "ACCEPTED_WARN",
        (w1("148", on="2026-11-25", source="radio_walkby"), w1("150", source="radio_walkby")),
    ),
    "V20": (
        tuple(
            w1(index, on=on, source="estimate", quality="estimated")
            for index, on in (("150", "2026-11-30"), ("160", "2026-12-31"), ("170", "2027-01-31"))
        ),
        "QUARANTINED",
        tuple(
            w1(index, on=on, source="estimate", quality="estimated")
            for index, on in (("150", "2026-11-30"), ("160", "2026-12-31"))
        ),
    ),
    "V21": ((w1("150", alarms="leak"),), "ACCEPTED_WARN", (w1("150", alarms="battery"),)),
    "V22": ((w1("1500"),), "QUARANTINED", (w1("1900"),)),  # 190 would be as unusual
}  # fmt: skip


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    set_clock(work, 2027, 3, 1, 12)
    meters = REGISTRY["meters"] + "W9;P9;5;0;2026-07-01;99950;;;\n"
    import_registry.run(work, folder=write_folder(tmp_path / "registry", REGISTRY | {"meters": meters}))
    assert collect_rows(work, work.settings.inbox / "history.csv", *HISTORY)["accepted"] == len(HISTORY)
    return work


def judged(town: Work, *rows: str, name: str = "a.csv", header: str | None = None) -> tuple[str, set[str]]:
    """Outcome and codes of the last row, in a file that is not refused for its rejects."""
    path = town.settings.inbox / name
    more = {} if header is None else {"header": header}
    fillers = [f"P2;W2;;;2026-07-0{day};20{day};m3;customer_mail;actual;;;" for day in range(2, 7)]
    counts = collect.run(town, file=reading_file(path, *(fillers if header is None else ()), *rows, **more))
    assert not counts["refused"]
    outcome, codes = report_codes(town.settings.inbox / "reports" / f"{path.stem}.report.csv")[-1]
    return outcome, set(codes.split(","))


@pytest.mark.parametrize("code", ROWS)
def test_each_check_is_set_off_by_the_row_that_fails_it(town: Work, code: str) -> None:
    rows, expected, _ = ROWS[code]
    outcome, codes = judged(town, *rows)
    assert (outcome, bool(codes & {code, *CHECKS[code].shown_as})) == (expected, True)


@pytest.mark.parametrize("code", ROWS)
def test_each_check_leaves_the_row_beside_it_alone(town: Work, code: str) -> None:
    _, codes = judged(town, *ROWS[code][2])
    assert not codes & {code, *CHECKS[code].shown_as}


def test_every_check_of_the_collect_has_a_row_here_or_a_series_below() -> None:
    in_series = {"V10", "V13", "V17", "V18"}
    assert {code for code, check in CHECKS.items() if check.step is Step.COLLECT} == {*ROWS, *in_series}


def test_a_finding_names_who_must_act_and_the_figures_that_show_why(town: Work) -> None:
    judged(town, w1("1500", source="customer_portal"))
    assert rows_of(
        town,
        "select f.code, f.severity, f.owner, f.facts ->> 'volume_m3', f.facts ->> 'base_m3_day',"
        " f.facts ->> 'base_from', f.facts ->> 'divisor' from finding f order by f.code",
    ) == [
        ("V08", "quarantine", "customer", "1360.000", "0.326", "own", None),
        ("V22", "warn", "customer", None, None, None, "10"),
    ]


@pytest.mark.parametrize(
    ("index", "source", "codes"),
    [
        ("158", "handheld", ""),  # 18 m³: 1.8 times the base
        ("158", "customer_portal", "V08"),
        ("144", "handheld", ""),  # 4 m³: 0.4 times the base
        ("144", "customer_phone", "V09"),
        ("153", "customer_mail", ""),
    ],
)
def test_a_customers_own_reading_is_measured_by_the_strict_band(
    town: Work, index: str, source: str, codes: str
) -> None:
    assert judged(town, w1(index, source=source)) == ("QUARANTINED" if codes else "ACCEPTED", {codes})


def test_a_young_meter_is_measured_by_its_tariff_class_and_its_own_intervals(town: Work) -> None:
    group = make_group(town, meters=25)
    first = f"{group};V0;;;2026-11-30;60;m3;handheld;actual;;;"
    outcome, codes = judged(town, first)  # 60 m³ where the class uses 10; 6 would be usual
    assert (outcome, codes) == ("QUARANTINED", {"V08", "V22"})
    ((measure,),) = rows_of(town, "select facts ->> 'base_from' from finding where code = 'V08'")
    assert measure == "group"


def test_a_few_meters_of_a_class_are_no_measure(town: Work) -> None:
    group = make_group(town, meters=5)
    assert judged(town, f"{group};V0;;;2026-11-30;60;m3;handheld;actual;;;") == ("ACCEPTED", {""})


def make_group(town: Work, *, meters: int) -> str:
    """So many points of a class that use 10 m³ a month, and V0 among them, just put in; the point of V0."""
    numbers = range(meters)
    files = {
        "parties": "party_no;kind;name;nip;street;postcode;city\n"
        + "".join(f"G{n};natural_person;Jan {n};;ul. Polna {n};00-000;Zdroje\n" for n in numbers),
        "accounts": "account_no;route;bank_account\n"
        + "".join(f"G{n};R1;{bank_account(str(n + 100))}\n" for n in numbers),
        "points": "point_no;street;postcode;city\n" + "".join(f"G{n};ul. Polna {n};00-000;Zdroje\n" for n in numbers),
        "contracts": "contract_no;account_no;point_no;tariff_class;services;valid_from;valid_until\n"
        + "".join(f"G{n};G{n};G{n};household;water;2026-07-01;\n" for n in numbers),
        "meters": "meter_no;point_no;dials;decimals;installed_on;opening_index\n"
        + "".join(f"V{n};G{n};5;0;{'2026-10-31' if n == 0 else '2026-07-01'};0\n" for n in numbers),
    }
    assert import_registry.run(town, folder=write_folder(town.settings.home / "group", files))["rejected"] == 0
    rows = [f"G{n};V{n};;;2026-07-31;10;m3;handheld;actual;;;" for n in numbers if n]
    rows += [f"G{n};V{n};;;2026-08-31;20;m3;handheld;actual;;;" for n in numbers if n]
    assert collect_rows(town, town.settings.inbox / "group.csv", *rows)["accepted"] == len(rows)
    return "G0"


def test_the_old_systems_months_are_a_base_until_there_are_own_ones(town: Work, database) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        for month in (4, 5, 6):
            connection.execute(
                text(
                    "insert into consumption_history (installation_id, period, volume_m3, quality, file_id, line_no,"
                    " recorded_by) select i.installation_id, daterange(make_date(2026, :month, 1),"
                    " make_date(2026, :month + 1, 1)), 30, 'actual', r.file_id, r.line_no, 'x'"
                    " from installation i join meter using (meter_id), import_row r where meter_no = 'W2' limit 1"
                ),
                {"month": month},
            )
    owner.dispose()
    assert judged(town, "P2;W2;;;2026-07-31;301;m3;handheld;actual;;;") == ("QUARANTINED", {"V08"})


def test_the_meter_before_at_the_point_is_a_base_for_the_new_one(town: Work) -> None:
    # W3: 10 m³ in 14 days; W3N: 10 in 44 and 10 in 31; mean 0.42 a day; then 70 in 30
    months = [f"P3;W3N;;;2026-{month:02}-28;{1 + 10 * (month - 7)};m3;handheld;actual;;;" for month in (8, 9)]
    judged(town, *months)
    assert judged(town, "P3;W3N;;;2026-10-28;91;m3;handheld;actual;;;", name="b.csv") == ("QUARANTINED", {"V08"})


HOURLY = "service_point;meter_no;read_at;index;unit;source;quality;interval"


def hours(*, days: int, used_l: int = 10, night_l: int = 0, spike: int | None = None, gap: bool = False) -> list[str]:
    """A radio network's hourly rows from the 1st of November; ``night_l`` flows in each hour of the last nights."""
    moment, index_l = datetime(2026, 11, 1), 150_000
    rows = []
    for hour in range(days * 24):
        night = moment.hour in range(1, 6)
        last = hour >= (days - 3) * 24
        index_l += (night_l if last else 0) if night else used_l
        index_l += spike if spike and hour == days * 24 - 4 else 0
        if not (gap and days * 24 - 30 < hour < days * 24 - 3):
            rows.append(f"P1;W1;{moment:%Y-%m-%dT%H:%M:%S};{index_l};l;radio_fixed;actual;")
        moment += timedelta(hours=1)
    return rows


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        (hours(days=10), set()),
        (hours(days=10, spike=100), {"V13"}),  # 110 l in an hour, the 95th of a hundred is 10 l
        (hours(days=10, spike=40), set()),
        (hours(days=5, spike=100), set()),  # less than a week tells nothing
        (hours(days=10, gap=True), {"V14"}),
        (hours(days=10, night_l=2), {"V21"}),
    ],
)
def test_hourly_rows_show_a_spike_a_gap_or_a_leak(town: Work, rows: list[str], codes: set[str]) -> None:
    collect.run(town, file=reading_file(town.settings.inbox / "h.csv", *rows, header=HOURLY))
    assert {code for (code,) in rows_of(town, "select code from finding")} == codes


def test_three_nights_are_a_leak_also_when_each_came_in_a_file_of_its_own(town: Work) -> None:
    rows = hours(days=10, night_l=2)
    for number, start in enumerate(range(0, len(rows), 24)):
        path = reading_file(town.settings.inbox / f"h{number}.csv", *rows[start : start + 24], header=HOURLY)
        collect.run(town, file=path)
    assert rows_of(town, "select code, facts ->> 'nights' from finding") == [("V21", "3")]


def alternating(*indexes: str) -> list[str]:
    return [f"P1;W1;2026-11-{day:02};{index};m3;radio_fixed;actual;" for day, index in enumerate(indexes, start=1)]


def test_two_series_on_one_key_set_the_whole_meter_aside(town: Work) -> None:
    rows = alternating("141", "241", "142", "242", "143")
    outcome, codes = judged(town, *rows, header=HOURLY)
    assert (outcome, codes) == ("QUARANTINED", {"V18"})
    assert rows_of(town, "select count(*)::int, min(code) from finding") == [(5, "V18")]


def test_one_misread_index_is_not_a_second_series(town: Work) -> None:
    assert "V18" not in judged(town, *alternating("141", "241", "142", "143", "144"), header=HOURLY)[1]


@pytest.mark.parametrize(("interval", "codes"), [("5", {""}), ("5,1", {""}), ("5,11", {"V17"})])
def test_stated_intervals_are_compared_with_the_indexes(town: Work, interval: str, codes: set[str]) -> None:
    rows = [
        "P1;W1;2026-11-15;145;m3;radio_walkby;actual;5",
        f"P1;W1;2026-11-30;150;m3;radio_walkby;actual;{interval}",
    ]
    assert judged(town, *rows, header=HOURLY)[1] == codes


def test_a_device_that_reads_after_its_file_was_written_has_a_wrong_clock(town: Work) -> None:
    row = "P1;W1;;;2026-11-30 12:00;150;m3;radio_walkby;actual;;;"
    assert judged(town, row, name="x_radio_20261130T105900.csv") == ("ACCEPTED_WARN", {"V19"})
    late = "P1;W1;;;2026-11-30 12:00;150;m3;handheld;actual;;;"
    assert judged(town, late, name="x_hand_20261130T105900.csv") == ("ACCEPTED", {""})


def test_an_estimate_more_than_six_months_after_the_last_reading_is_blocked(town: Work) -> None:
    set_clock(town, 2027, 6, 1, 12)
    on_time, late = (w1("210", on=on, source="estimate", quality="estimated") for on in ("2027-04-30", "2027-05-01"))
    assert judged(town, late) == ("QUARANTINED", {"V20"})
    assert judged(town, on_time, name="b.csv") == ("ACCEPTED", {""})


def test_a_meters_own_q3_is_its_cap(town: Work, database) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table installation disable trigger user"))
        connection.execute(text("update installation set q3_m3h = 1.6 where installation_id = 1"))
        connection.execute(text("alter table installation enable trigger user"))
    owner.dispose()
    # 30 days × 24 h × 1.6 m³ are 1152
    assert "V07" in judged(town, w1("1293"))[1]
    assert "V07" not in judged(town, w1("1292", source="staff", on="2026-11-30 13:00"), name="b.csv")[1]


def test_half_of_a_base_that_was_estimated_gives_way_to_the_same_season_last_year(town: Work) -> None:
    set_clock(town, 2028, 1, 1, 12)
    days = ("2026-11-30", "2026-12-31", "2027-02-28", "2027-04-28", "2027-06-28", "2027-07-28", "2027-08-28")
    rows = [w1(str(160 + 10 * n), on=on) for n, on in enumerate(days)]
    estimates = [("223", "2027-09-28"), ("226", "2027-10-28")]
    rows += [w1(index, on=on, source="estimate", quality="estimated") for index, on in estimates]
    judged(town, *rows)
    outcome, codes = judged(town, w1("300", on="2027-11-28"), name="b.csv")
    assert (outcome, codes) == ("QUARANTINED", {"V08"})
    assert rows_of(town, "select facts ->> 'base_from' from finding where code = 'V08'") == [("last_year",)]
