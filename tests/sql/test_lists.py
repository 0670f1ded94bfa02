"""The office's lists: a row on each side of every edge, who may read them, and how they are written."""

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from registry_rows import read, register
from sqlalchemy import text
from town import HEADERS, PAPERLESS, bank_account, set_clock, settle, write_consents

from pipeline import collect, import_consents, import_registry, lists
from pipeline.cli import main
from pipeline.errors import OperatorError
from pipeline.work import Work
from sql.engine import make_engine

TODAY = date(2026, 9, 15)
KINDS = {kind.name: kind for kind in lists.LISTS}
LEGALISED = f"{HEADERS['meters']};legalised_until"
NOT_READ = "{point};{meter};{day}T08:00:00;;m3;handheld;not_read;{reason}"


def customers(work: Work, tmp_path: Path, *nos: str, **more: list[str]) -> None:
    """Customers with a point and a contract each, from the 1st of June 2026 unless ``contracts`` say otherwise."""
    rows: dict[str, list[str]] = {
        "parties": [f"P{no};natural_person;Józef Żółć {no};;ul. Łąkowa {int(no)};00-001;Zdroje" for no in nos],
        "accounts": [f"A{no};R1;{bank_account(no)}" for no in nos],
        "account_parties": [f"A{no};{role};P{no};2026-01-01;" for no in nos for role in ("payer", "nabywca")],
        "points": [f"PP{no};ul. Łąkowa {int(no)};00-001;Zdroje" for no in nos],
        "contracts": [f"C{no};A{no};PP{no};household;water;2020-06-01;" for no in nos],
    }
    register(work, tmp_path, **rows | more)


@pytest.fixture
def clerk(work) -> Work:
    set_clock(work, datetime(2026, 9, 15, 12, 0))
    return work


def rows_of(work: Work, name: str, **answers: Any) -> list[dict[str, Any]]:
    return lists.run(work, kind=KINDS[name], answers=answers)


def accounts(work: Work, name: str, **answers: Any) -> list[str]:
    return [str(row["account_no"]) for row in rows_of(work, name, **answers)]


# ── legalisation ────────────────────────────────────────────────────────────────────────────────────────────────
def legalised(work: Work, tmp_path: Path, rows: dict[str, tuple[str, str]]) -> None:
    """Meters by number of their point: (installed on, legalised until)."""
    customers(work, tmp_path, *rows)
    folder = tmp_path / "meters"
    folder.mkdir()
    lines = [f"M{no};PP{no};5;0;{on};0;;;{until}" for no, (on, until) in rows.items()]
    (folder / "meters.csv").write_text("\n".join((LEGALISED, *lines)) + "\n", encoding="utf-8")
    assert import_registry.run(work, folder=folder)["accepted"] == len(lines)


def test_meters_are_listed_up_to_the_day_lapsed_ones_first(clerk, tmp_path) -> None:
    legalised(
        clerk,
        tmp_path,
        {
            "0001": ("2022-01-01", "2026-12-31"),
            "0002": ("2022-01-01", "2027-01-01"),
            "0003": ("2021-01-01", "2026-09-14"),
            "0004": ("2021-01-01", "2026-09-15"),
        },
    )

    found = rows_of(clerk, "legalisation", until=date(2026, 12, 31))

    assert [(row["meter_no"], row["days_left"], row["is_estimated"]) for row in found] == [
        ("M0003", -1, False),
        ("M0004", 0, False),
        ("M0001", 107, False),
    ]
    assert found[0] == {
        "valid_until": date(2026, 9, 14),
        "days_left": -1,
        "is_estimated": False,
        "street": "ul. Łąkowa 3",
        "postcode": "00-001",
        "city": "Zdroje",
        "point_no": "PP0003",
        "meter_no": "M0003",
        "dials": 5,
        "installed_on": date(2021, 1, 1),
        "account_no": "A0003",
    }


def test_an_end_that_nobody_entered_is_estimated_from_the_installation_by_the_rule_of_its_day(
    clerk, tmp_path, monkeypatch
) -> None:
    legalised(
        clerk,
        tmp_path,
        {
            "0001": ("2022-06-16", ""),
            "0002": ("2022-06-17", ""),
            "0003": ("2001-02-03", ""),
            "0004": ("2024-02-29", ""),
        },
    )
    rules = [{"kind": "cold_water", "valid_from": "2004-05-01", "months": 60}]
    rules += [{"kind": "cold_water", "valid_from": "2022-06-17", "months": 72}]
    rules += [{"kind": "hot_water", "valid_from": "2022-06-17", "months": 1}]
    monkeypatch.setattr(lists, "legalisation_rules", lambda: rules)

    found = rows_of(clerk, "legalisation", until=date(2040, 1, 1))

    assert {row["meter_no"]: row["valid_until"] for row in found} == {
        "M0001": date(2027, 6, 16),
        "M0002": date(2028, 6, 17),
        "M0003": date(2006, 2, 3),  # older than every rule: by the oldest
        "M0004": date(2030, 2, 28),
    }
    assert all(row["is_estimated"] for row in found)


def test_only_meters_in_place_are_listed_and_a_point_without_a_customer_too(clerk, tmp_path) -> None:
    customers(clerk, tmp_path, "0001", "0002", contracts=["C0002;A0002;PP0002;household;water;2020-06-01;2026-09-15"])
    register(
        clerk,
        tmp_path,
        meters=["M0001;PP0001;5;0;2020-01-01;0;;", "M0002;PP0002;5;0;2020-01-01;0;;",
                "M0003;PP0001;5;0;2026-09-15;0;M0001;100"],
    )  # fmt: skip
    every = {"until": date(2090, 1, 1)}

    assert [(row["meter_no"], row["account_no"]) for row in rows_of(clerk, "legalisation", **every)] == [
        ("M0002", None),
        ("M0003", None),
    ]
    set_clock(clerk, datetime(2026, 9, 14, 12, 0))
    assert [(row["meter_no"], row["account_no"]) for row in rows_of(clerk, "legalisation", **every)] == [
        ("M0001", None),
        ("M0002", "A0002"),
    ]


# ── e-mail addresses ────────────────────────────────────────────────────────────────────────────────────────────
def test_every_account_under_contract_has_no_address_or_a_doubtful_one_or_a_confirmed_one(clerk, tmp_path) -> None:
    nos = ("0001", "0002", "0003", "0004", "0005", "0006")
    contracts = [f"C{no};A{no};PP{no};household;water;2020-06-01;" for no in nos[:5]]
    contracts[4] = "C0005;A0005;PP0005;household;water;2020-06-01;2026-09-15"  # ended yesterday
    contracts.append("C0006;A0006;PP0006;household;water;2020-06-01;2026-09-16")  # its last day
    emails = [
        "A0002;klient2@example.com;unconfirmed;;;2026-09-15",
        "A0003;klient3@example.com;confirmed;click;2026-06-01T12:00:00;2026-06-01",
        "A0004;klient4@example.com;dead;;;2026-06-01",
    ]
    customers(clerk, tmp_path, *nos, contracts=contracts, emails=emails)

    assert accounts(clerk, "no-email", paperless_candidates=False) == ["A0001", "A0006"]
    assert accounts(clerk, "no-email", paperless_candidates=True) == ["A0001"]
    assert [(row["account_no"], row["email"], row["state"]) for row in rows_of(clerk, "unconfirmed")] == [
        ("A0002", "klient2@example.com", "unconfirmed"),
        ("A0004", "klient4@example.com", "dead"),
    ]
    set_clock(clerk, datetime(2026, 9, 14, 12, 0))
    assert accounts(clerk, "no-email", paperless_candidates=False) == ["A0001", "A0002", "A0005", "A0006"]


def test_an_address_of_a_former_customer_is_none(clerk, tmp_path) -> None:
    customers(
        clerk,
        tmp_path,
        "0001",
        account_parties=["A0001;payer;P0001;2026-01-01;2026-09-01", "A0001;nabywca;P0001;2026-01-01;"],
        emails=["A0001;klient1@example.com;unconfirmed;;;2026-06-01"],
    )

    assert accounts(clerk, "unconfirmed") == []
    assert accounts(clerk, "no-email", paperless_candidates=False) == ["A0001"]


def test_candidates_are_natural_persons_without_nip_who_have_not_accepted_yet(clerk, tmp_path) -> None:
    person = "natural_person;Józef Żółć"
    customers(
        clerk,
        tmp_path,
        *("0001", "0002", "0003", "0004"),
        parties=[
            f"P0001;{person} 0001;;ul. Łąkowa 1;00-001;Zdroje",
            f"P0002;{person} 0002;5260250274;ul. Łąkowa 2;00-001;Zdroje",
            "P0003;organisation;Wspólnota;;ul. Łąkowa 3;00-001;Zdroje",
            f"P0004;{person} 0004;;ul. Łąkowa 4;00-001;Zdroje",
        ],
    )
    file = write_consents(tmp_path / "consents.csv", accounts=("0004",))
    assert import_consents.run(clerk, file=file)["accepted"] == 1

    assert accounts(clerk, "no-email", paperless_candidates=True) == ["A0001"]
    assert accounts(clerk, "no-email", paperless_candidates=False) == ["A0001", "A0002", "A0003", "A0004"]


def test_who_gets_e_invoices_already_is_no_candidate(work, tmp_path) -> None:
    settle(work, tmp_path)
    engine = make_engine(work.settings.database_owner_url or "")
    with engine.begin() as connection:
        connection.execute(text("update email_address set valid = 'empty', ended_by = 'x'"))
    engine.dispose()

    everybody = accounts(work, "no-email", paperless_candidates=False)
    candidates = accounts(work, "no-email", paperless_candidates=True)

    assert len(everybody) == 12
    assert set(everybody) - set(candidates) == {*(f"A{no}" for no in PAPERLESS), "A0011"}


# ── readings ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_meter_that_nobody_read_for_whole_months_is_listed_and_a_contract_younger_than_them_is_not(
    clerk, tmp_path
) -> None:
    nos = ("0001", "0002", "0003", "0004")
    contracts = [f"C{no};A{no};PP{no};household;water;2020-06-01;" for no in nos[:2]]
    contracts += ["C0003;A0003;PP0003;household;water;2026-07-01;", "C0004;A0004;PP0004;household;water;2026-07-02;"]
    customers(clerk, tmp_path, *nos, contracts=contracts)
    register(clerk, tmp_path, meters=[f"M{no};PP{no};5;0;2026-05-31;0;;" for no in nos])
    read(clerk, tmp_path, "PP0001;M0001;2026-06-30T08:00:00;5", "PP0002;M0002;2026-07-01T08:00:00;5")

    assert accounts(clerk, "no-reading", periods=2) == ["A0003", "A0001"]
    assert accounts(clerk, "no-reading", periods=3) == []
    assert rows_of(clerk, "no-reading", periods=2)[1]["last_read_on"] == date(2026, 6, 30)


def test_only_actual_readings_and_the_customers_own_count(clerk, tmp_path) -> None:
    nos = ("0001", "0002", "0003", "0004")
    customers(clerk, tmp_path, *nos)
    register(clerk, tmp_path, meters=[f"M{no};PP{no};5;0;2026-05-31;100;;" for no in nos])
    read(
        clerk,
        tmp_path,
        "PP0001;M0001;2026-08-31T08:00:00;105",
        "PP0002;M0002;2026-08-31T08:00:00;105;m3;customer_phone;customer",
        "PP0003;M0003;2026-07-31T08:00:00;103;m3;estimate;estimated",
        "PP0003;M0003;2026-08-31T08:00:00;105;m3;estimate;estimated",
        "PP0004;M0004;2026-08-31T08:00:00;50",  # below the opening index: set aside
    )
    found = rows_of(clerk, "no-reading", periods=1)

    assert [(row["account_no"], row["last_read_on"], row["estimates"]) for row in found] == [
        ("A0003", date(2026, 5, 31), 2),
        ("A0004", date(2026, 5, 31), 0),
    ]
    assert [(row["meter_no"], row["codes"], row["account_no"]) for row in rows_of(clerk, "suspects")] == [
        ("M0004", "V05", "A0004")
    ]


def test_the_newest_reason_since_the_last_reading_is_shown(clerk, tmp_path) -> None:
    customers(clerk, tmp_path, "0001", "0002")
    register(clerk, tmp_path, meters=[f"M{no};PP{no};5;0;2026-05-31;0;;" for no in ("0001", "0002")])
    file = tmp_path / "reasons.csv"
    header = "service_point;meter_no;read_at;index;unit;source;quality;reason_code"
    visits = [("0001", "2026-06-30", "frozen"), ("0001", "2026-08-31", "no_access"), ("0002", "2026-06-15", "refused")]
    lines = [NOT_READ.format(point=f"PP{no}", meter=f"M{no}", day=on, reason=why) for no, on, why in visits]
    file.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    assert collect.run(clerk, file=file)["accepted"] == len(lines)
    read(clerk, tmp_path, "PP0002;M0002;2026-06-30T08:00:00;5")

    found = rows_of(clerk, "no-reading", periods=1)

    assert [(row["account_no"], row["last_reason"]) for row in found] == [("A0001", "no_access"), ("A0002", None)]


# ── how they are written, and for whom ──────────────────────────────────────────────────────────────────────────
@pytest.fixture
def obieg(clerk, tmp_path, monkeypatch, capsys) -> Callable[..., str]:
    """The command on the test's database; what it said."""
    monkeypatch.setenv("OBIEG_HOME", str(clerk.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(clerk.settings.database_url))

    def run(*words: str, code: int = 0) -> str:
        assert main(words) == code, capsys.readouterr().err
        said = capsys.readouterr()
        return said.err if code else said.out

    return run


QUESTIONS = {"legalisation": ("--until", "2030-01-01"), "no-reading": ("--periods", "1")}


@pytest.mark.parametrize("role", ["app_url", "auditor_url"])
def test_every_list_answers_as_text_as_json_and_as_csv_also_to_an_auditor(
    obieg, clerk, database, monkeypatch, *, role
) -> None:
    tmp_path = clerk.settings.home.parent
    customers(clerk, tmp_path, "0001")
    register(clerk, tmp_path, meters=["M0001;PP0001;5;0;2021-05-31;100;;"])
    monkeypatch.setenv("OBIEG_DATABASE_URL", getattr(database, role))
    for kind in lists.LISTS:
        words = ("list", kind.name, *QUESTIONS.get(kind.name, ()))
        file = tmp_path / f"{kind.name}.csv"

        shown, found = obieg(*words), json.loads(obieg(*words, "--json"))
        written = obieg(*words, "--csv", str(file))

        lines = file.read_text(encoding="utf-8").splitlines()
        assert lines[0] == ";".join(kind.columns)
        assert len(lines) == len(found) + 1
        assert written.startswith(f"{len(found)} rows in ")
        assert all(tuple(row) == kind.columns for row in found)
        assert shown.startswith(kind.columns[0]) if found else shown == f"{kind.name}: none\n"
        assert "Józef" not in shown + file.read_text(encoding="utf-8")
    assert [len(rows_of(clerk, kind.name, until=date(2030, 1, 1), periods=1, paperless_candidates=False))
            for kind in lists.LISTS] == [1, 1, 0, 1, 0]  # fmt: skip


def test_a_file_without_a_name_goes_to_the_exports_of_the_day(obieg, clerk) -> None:
    obieg("list", "no-email", "--csv")
    obieg("cycle", "list", "--csv")
    obieg("complaint", "list", "--csv")

    assert sorted(path.name for path in (clerk.settings.exports / "lists").iterdir()) == [
        f"complaints-{TODAY}.csv",
        f"cycles-{TODAY}.csv",
        f"no-email-{TODAY}.csv",
    ]


def test_no_text_in_a_file_is_run_as_a_formula(tmp_path) -> None:
    rows = [{"a": "=1+1", "b": -5, "c": True, "d": None}]

    lists.write_list(tmp_path / "x.csv", columns=("a", "b", "c", "d"), rows=rows)

    assert (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()[1] == "'=1+1;-5;yes;"


def test_a_file_that_cannot_be_written_is_refused_in_one_line(tmp_path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(OperatorError, match="CSV_UNWRITABLE"):
        lists.write_list(tmp_path / "file" / "x.csv", columns=("a",), rows=[])


@pytest.mark.parametrize("words", [("no-reading",), ("no-reading", "--periods", "0"), ("legalisation",)])
def test_what_a_list_asks_for_must_be_said(words) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["list", *words])

    assert ended.value.code == 2
