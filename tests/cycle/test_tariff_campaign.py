"""A tariff is rated over all accounts and switched on by a second person; no cycle reads one that was not."""

import csv
import dataclasses
import json
import shutil
from datetime import date, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_cycle import decide, row_counts, to_issue
from test_cycle import to_approval as to_approval_of_july
from town import COMPANY, EVERYBODY, LATECOMER, PAPERLESS, cycle_order, read_august, set_clock, settle

from billing.errors import DataRefused
from pipeline import check, freeze, issue, open_cycle, rate, switch_on_tariff, tariff_check, tariff_impact, tariff_list
from pipeline.cli import main
from pipeline.errors import OperatorError, Unavailable
from pipeline.work import Actor
from sql.engine import make_engine
from sql.evidence import verify_chain

NAME = "2026-09-zdroje.toml"
AUGUST = dataclasses.replace(cycle_order(), period="2026-08", issue_date=date(2026, 9, 2))


@pytest.fixture
def town(work, tmp_path):
    """July is billed; a tariff from the 1st of September is planned: the one that the demo town plans for November."""
    folder = tmp_path / "utility"
    shutil.copytree(work.settings.utility, folder, ignore=shutil.ignore_patterns("planned"))
    source = work.settings.utility / "tariffs" / "planned" / "2026-11-zdroje.toml"
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=folder))
    settle(work, tmp_path)
    issue.run(work, cycle_key=to_issue(work))
    words = source.read_text(encoding="utf-8").replace("2026-11-", "2026-09-")
    words = words.replace("decided_on = 2026-09-14", "decided_on = 2026-07-20")
    plan(work, words.replace("published_on = 2026-09-21", "published_on = 2026-07-27"))
    return work


def plan(work, words, *, name=NAME):
    path = work.settings.utility / "tariffs" / "planned" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(words, encoding="utf-8")
    return path


def planned(work):
    return work.settings.utility / "tariffs" / "planned" / NAME


def in_force(work):
    return work.settings.utility / "tariffs" / NAME


def by(work, name):
    return dataclasses.replace(work, actor=Actor(name=name, via="cli"))


def switch_on(work, *, person="approver", file=NAME, note="decyzja ogłoszona"):
    path = work.settings.utility / "tariffs" / "planned" / file
    return switch_on_tariff.run(by(work, person), file=path, note=note)


def edit(work, old, new):
    words = planned(work).read_text(encoding="utf-8")
    assert old in words, old
    planned(work).write_text(words.replace(old, new), encoding="utf-8")


def refusal(call, *arguments, **named):
    with pytest.raises((OperatorError, DataRefused, Unavailable)) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_impact_on_the_town_is_what_an_accountant_works_out(town) -> None:
    # Everybody was billed 3 m³ for the 31 days from 30 June: 3 × 365 / 31 = 35.323 m³ a year, of water and of sewage.
    # A0001, paper. Before: water 35.323 × 5.25 = 185.45 (185.44575), sewage × 7.75 = 273.75 (273.75325),
    #   12 × 12.00 = 144.00; net 603.20; VAT 48.26 (48.256); gross 651.46.
    #   After: × 5.50 = 194.28 (194.2765), × 8.00 = 282.58 (282.584), 12 × 13.00 = 156.00; net 632.86;
    #   VAT 50.63 (50.6288); gross 683.49. More by 32.03, 4.92 %.
    # A0010, e-mail, water only. Before: 185.45 + 12 × 8.30 = 99.60: net 285.05; VAT 22.80 (22.804); gross 307.85.
    #   After: 194.28 + 99.60: net 293.88; VAT 23.51 (23.5104); gross 317.39. More by 9.54, 3.10 %.
    # A0011, the company, from its draft for KSeF. Before: × 5.75 = 203.11 (203.10725) + 273.75 + 144.00: net 620.86;
    #   VAT 49.67 (49.6688); gross 670.53. After: × 6.00 = 211.94 (211.938) + 282.58 + 156.00: net 650.52;
    #   VAT 52.04 (52.0416); gross 702.56.
    made, path = tariff_impact.run(town, file=planned(town))

    rows = {row["account_no"]: row for row in csv.DictReader(path.open(encoding="utf-8"), delimiter=";")}
    wanted = {
        "A0001": ("G-P", "603.20", "632.86", "651.46", "683.49", "32.03", "4.92"),
        "A0010": ("G-E", "285.05", "293.88", "307.85", "317.39", "9.54", "3.10"),
        "A0011": ("F", "620.86", "650.52", "670.53", "702.56", "32.03", "4.78"),
    }
    names = ("group_after", "net_before_zl", "net_after_zl", "gross_before_zl", "gross_after_zl")
    for account_no, figures in wanted.items():
        assert tuple(rows[account_no][name] for name in (*names, "difference_zl", "percent")) == figures
    assert rows["A0001"]["water_m3"] == rows["A0001"]["sewage_m3"] == "35.323"
    assert rows[f"A{LATECOMER}"]["outcome"] == "no_history"
    assert made.counts == {
        "accounts": len(EVERYBODY),
        "rated": len(EVERYBODY) - 1,
        "without_history": 1,
        "without_price": 0,
        "without_price_before": 0,
        "without_bill_length": 0,
    }
    # Six on paper pay 651.46, so 3908.76, and then 683.49, so 4100.94.
    paper = next(group for group in made.groups if group.group_before == "G-P")
    assert (paper.accounts, str(paper.gross_before_zl), str(paper.gross_after_zl)) == (6, "3908.76", "4100.94")
    assert (str(paper.difference_zl), str(paper.percent), str(paper.percent_more)) == ("192.18", "4.92", "100.00")
    assert path.parent == town.settings.exports / "tariffs"


def test_the_kept_impact_balances_and_computing_it_again_adds_nothing(town) -> None:
    first, path = tariff_impact.run(town, file=planned(town))
    content, before = path.read_bytes(), row_counts(town)

    second, again = tariff_impact.run(town, file=planned(town))

    assert (second.sha256, again, again.read_bytes()) == (first.sha256, path, content)
    assert row_counts(town) == before
    with town.engine.connect() as connection:
        row = connection.execute(text("select * from tariff_impact")).one()
        assert verify_chain(connection) is None
    assert sum(group["accounts"] for group in row.by_group) == row.rated
    assert f"{row.gross_after_zl - row.gross_before_zl}" == f"{sum(each.difference_zl for each in second.rated)}"
    assert row.sha256 == first.sha256


def test_another_channel_or_more_water_gives_another_result(town) -> None:
    first, _ = tariff_impact.run(town, file=planned(town))
    edit(town, "6.00", "6.10")
    edit(town, "153.00\ngross_zl = 165.24", "154.00\ngross_zl = 166.32")

    second, _ = tariff_impact.run(town, file=planned(town))

    assert first.sha256 != second.sha256
    company = next(each for each in second.movers.up_zl if each.account_no == f"A{COMPANY}")
    assert second.movers.up_zl[0] == company


def test_a_switched_on_tariff_bills_the_next_cycle_and_passes_its_checks(town, tmp_path) -> None:
    tariff_impact.run(town, file=planned(town))

    done = switch_on(town)

    assert (done["done"], done["switched_by"]) == ("switched_on", "approver")
    assert in_force(town).is_file()
    assert not planned(town).exists()
    read_august(town, tmp_path)
    key = open_cycle.run(town, order=AUGUST)["cycle_key"]
    freeze.run(town, cycle_key=key)
    rate.run(town, cycle_key=key, chunk_no=0)
    check.run(town, cycle_key=key)
    with town.engine.connect() as connection:
        row = connection.execute(text("select * from tariff_switch")).one()
        files = connection.execute(text("select count(*) from cycle_input join input_file using (sha256) "
                                        "where kind = 'tariff' and cycle_id = 2")).scalar_one()  # fmt: skip
        assert verify_chain(connection) is None
    assert (row.decision, row.note, files) == ("fikcyjna (miasto przykładowe)", "decyzja ogłoszona", 2)


FAULTS = {
    "an example that does not recompute": ("TARIFF_EXAMPLE_WRONG", "189.00", "189.01"),
    "no decision": ("TARIFF_UNDECIDED", 'decision = "fikcyjna (miasto przykładowe)"', 'decision = "unknown"'),
    "no basis": ("TARIFF_UNDECIDED", 'basis = "fictitious: no decision exists"', 'basis = "Unknown, to be asked"'),
    "a price without basis": ("TARIFF_UNDECIDED", 'basis = "fictitious"', 'basis = "unknown"'),
    "an empty decision": ("TARIFF_FIELD_WRONG", 'decision = "fikcyjna (miasto przykładowe)"', 'decision = ""'),
    "no day of decision": ("TARIFF_DATES", "decided_on = 2026-07-20\n", ""),
    "no day of publication": ("TARIFF_DATES", "published_on = 2026-07-27\n", ""),
    "decided after it was published": ("TARIFF_DATES", "decided_on = 2026-07-20", "decided_on = 2026-07-28"),
    "published tomorrow": ("TARIFF_DATES", "published_on = 2026-07-27", "published_on = 2026-08-04"),
    "six days after its publication": ("TARIFF_DATES", "2026-09-01", "2026-08-02"),
    "a day that is billed": ("TARIFF_TOO_LATE", "2026-09-01", "2026-07-31", "2026-07-2", "2026-07-1"),
    "bytes without an impact": ("IMPACT_MISSING", "# A tariff", "# The tariff"),
}


def test_what_is_not_fit_is_not_switched_on_and_nothing_is_written(town) -> None:
    tariff_impact.run(town, file=planned(town))
    sound, before = planned(town).read_text(encoding="utf-8"), row_counts(town)
    answers = {}
    for fault, (_, *edits) in FAULTS.items():
        planned(town).write_text(sound, encoding="utf-8")
        for old, new in zip(edits[::2], edits[1::2], strict=True):
            edit(town, old, new)
        answers[fault] = refusal(switch_on, town)

    assert {fault: error.code for fault, error in answers.items()} == {fault: row[0] for fault, row in FAULTS.items()}
    assert [fault for fault, error in answers.items() if NAME not in str(error)] == ["a day that is billed"]
    assert "2026-07-31 is billed already" in str(answers["a day that is billed"])
    assert row_counts(town) == before
    assert not in_force(town).exists()


def test_the_seventh_day_after_publication_is_early_enough(town) -> None:
    edit(town, "2026-09-01", "2026-08-03")
    tariff_impact.run(town, file=planned(town))

    assert switch_on(town)["valid_from"] == "2026-08-03"


def test_without_an_approver_of_his_own_nobody_switches_on(town) -> None:
    assert refusal(switch_on, town).code == "IMPACT_MISSING"
    tariff_impact.run(by(town, "approver"), file=planned(town))
    assert refusal(switch_on, town).code == "SELF_APPROVAL"
    tariff_impact.run(town, file=planned(town))
    assert refusal(switch_on, town, person="somebody").code == "NOT_AN_APPROVER"
    tariff_impact.run(by(town, "approver"), file=planned(town))  # who checks the figures himself may still decide

    assert switch_on(town)["done"] == "switched_on"


def test_a_slip_of_the_command_is_refused(town) -> None:
    slips = {
        (NAME, " "): "NOTE_MISSING",
        ("none.toml", "x"): "FILE_MISSING",
        ("../2010-zdroje.toml", "x"): "TARIFF_NOT_PLANNED",
        ("none.txt", "x"): "TARIFF_NOT_PLANNED",
    }
    answers = {(file, note): refusal(switch_on, town, file=file, note=note).code for file, note in slips}

    assert answers == slips


def test_a_name_that_is_in_force_is_not_used_again(town) -> None:
    path = plan(town, planned(town).read_text(encoding="utf-8"), name="2010-zdroje.toml")
    tariff_impact.run(town, file=path)

    assert refusal(switch_on, town, file="2010-zdroje.toml").code == "TARIFF_NAME_TAKEN"


def without_business(town) -> None:
    """Take the group of the company out of the planned tariff."""
    head, *parts = planned(town).read_text(encoding="utf-8").split("\n[[")
    kept = [part for part in parts if '"F"' not in part or '"G-P", ' in part]
    words = "\n[[".join([head, *kept]).replace('"G-P", "F"', '"G-P"').replace('"G-P", "G-E", "F"', '"G-P", "G-E"')
    planned(town).write_text(words, encoding="utf-8")


def test_an_account_without_price_is_listed_and_stands_against_it(town) -> None:
    without_business(town)

    made, _ = tariff_impact.run(town, file=planned(town))

    assert made.counts["without_price"] == 1
    with town.engine.connect() as connection:
        listed = connection.execute(text("select accounts_without_price from tariff_impact")).scalar_one()
    assert listed == [{"account_no": "A0011", "lacking": "business by paper: no group"}]
    assert refusal(switch_on, town).code == "IMPACT_GAPS"


def test_an_impact_older_than_the_newest_issued_cycle_or_of_another_book_is_too_old(town, tmp_path) -> None:
    edit(town, "2026-09-", "2026-11-")
    tariff_impact.run(town, file=planned(town))
    read_august(town, tmp_path)
    key = open_cycle.run(town, order=AUGUST)["cycle_key"]
    freeze.run(town, cycle_key=key)
    rate.run(town, cycle_key=key, chunk_no=0)
    check.run(town, cycle_key=key)
    decide(town, key)
    set_clock(town, datetime(2026, 9, 2, 7, 0))
    issue.run(town, cycle_key=key)

    assert refusal(switch_on, town).code == "IMPACT_OLD"
    tariff_impact.run(town, file=planned(town))
    later = planned(town).read_text(encoding="utf-8").replace("2026-11-", "2026-12-")
    plan(town, later, name="2026-12-zdroje.toml")
    tariff_impact.run(town, file=planned(town).with_name("2026-12-zdroje.toml"))
    assert switch_on(town)["done"] == "switched_on"
    assert refusal(switch_on, town, file="2026-12-zdroje.toml").code == "IMPACT_OLD"


def test_a_cycle_in_work_with_the_old_prices_is_ended_first(town, tmp_path) -> None:
    tariff_impact.run(town, file=planned(town))
    read_august(town, tmp_path)
    key = open_cycle.run(town, order=AUGUST)["cycle_key"]
    freeze.run(town, cycle_key=key)

    error = refusal(switch_on, town)

    assert (error.code, key in str(error)) == ("TARIFF_TOO_LATE", True)
    decide(town, key, decision="rejected")
    assert switch_on(town)["done"] == "switched_on"


def test_killed_between_the_decision_and_the_file_no_cycle_starts_and_the_same_command_finishes(
    town, tmp_path, monkeypatch
) -> None:
    tariff_impact.run(town, file=planned(town))
    write_once = switch_on_tariff.write_once

    def full(**_):
        raise OSError(28, "No space left on device", str(in_force(town)))

    monkeypatch.setattr(switch_on_tariff, "write_once", full)
    assert refusal(switch_on, town).code == "TARIFF_UNWRITABLE"
    before = row_counts(town)
    read_august(town, tmp_path)
    assert refusal(open_cycle.run, town, order=AUGUST).code == "TARIFF_FILE_GONE"
    monkeypatch.setattr(switch_on_tariff, "write_once", write_once)

    assert switch_on(town, person="operator")["done"] == "already"

    assert in_force(town).is_file()
    assert not planned(town).exists()
    assert row_counts(town)["tariff_switch"] == before["tariff_switch"] == 1
    assert open_cycle.run(town, order=AUGUST)["cycle_key"] == "2026-08~ALL~1"


def test_killed_before_the_planned_file_is_removed_or_with_it_lost_the_bytes_are_those_decided_on(town) -> None:
    tariff_impact.run(town, file=planned(town))
    content = planned(town).read_bytes()
    switch_on(town)

    planned(town).write_bytes(content)
    assert switch_on(town)["done"] == "already"
    assert not planned(town).exists()
    in_force(town).unlink()
    assert switch_on(town)["done"] == "already"
    assert in_force(town).read_bytes() == content
    in_force(town).write_bytes(content + b"\n")
    assert refusal(switch_on, town).code == "TARIFF_NAME_TAKEN"


def test_a_tariff_that_nobody_switched_on_opens_no_cycle_and_freezes_none(town, tmp_path) -> None:
    read_august(town, tmp_path)
    key = open_cycle.run(town, order=AUGUST)["cycle_key"]
    before = row_counts(town)
    shutil.copy(planned(town), in_force(town))

    error = refusal(freeze.run, town, cycle_key=key)

    assert (error.code, NAME in str(error)) == ("TARIFF_NOT_SWITCHED_ON", True)
    assert row_counts(town) == before
    decide(town, key, decision="rejected")
    assert refusal(open_cycle.run, town, order=AUGUST).code == "TARIFF_NOT_SWITCHED_ON"
    listed = {each.name: each.how for each in tariff_list.run(town)}
    assert listed["2010-zdroje.toml"] == "present at the start"
    assert listed[NAME] == "no impact computed yet"
    in_force(town).unlink()
    assert open_cycle.run(town, order=AUGUST)["cycle_key"] == "2026-08~ALL~2"


def test_an_edited_file_in_force_is_refused_by_its_name(town, tmp_path) -> None:
    read_august(town, tmp_path)
    old = in_force(town).with_name("2010-zdroje.toml")
    old.write_bytes(old.read_bytes() + b"\n# a word more\n")

    error = refusal(open_cycle.run, town, order=AUGUST)

    assert (error.code, "2010-zdroje.toml" in str(error)) == ("TARIFF_NOT_SWITCHED_ON", True)


def test_before_the_first_issue_the_folder_may_still_change(work, tmp_path) -> None:
    folder = tmp_path / "utility"
    shutil.copytree(work.settings.utility, folder)
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=folder))
    settle(work, tmp_path)
    key = to_approval_of_july(work)
    decide(work, key, decision="rejected")
    (old,) = folder.glob("tariffs/*.toml")
    old.write_bytes(old.read_bytes() + b"\n# a word more\n")

    assert to_approval_of_july(work) == "2026-07~ALL~2"


def test_check_tells_everything_at_once(town) -> None:
    assert tariff_check.run(town, file=planned(town)) == ()
    without_business(town)
    edit(town, 'decision = "fikcyjna (miasto przykładowe)"', 'decision = "unknown"')
    edit(town, "decided_on = 2026-07-20\n", "")
    edit(town, "published_on = 2026-07-27", "published_on = 2026-08-28")

    problems = tariff_check.run(town, file=planned(town))

    assert [problem.code for problem in problems] == [
        "TARIFF_UNDECIDED",
        *["TARIFF_DATES"] * 3,
        *["TARIFF_GAP"] * 6,
    ]
    gaps = [problem.text for problem in problems if problem.code == "TARIFF_GAP"]
    assert f"{NAME}: sewage for business by paper is used and has no price" in gaps
    assert f"{NAME}: abonament for business by email is used and has no price" in gaps
    edit(town, "189.00", "189.01")
    (problem,) = tariff_check.run(town, file=planned(town))
    assert problem.code == "TARIFF_EXAMPLE_WRONG"


def test_a_service_priced_for_one_channel_only_is_a_gap_although_nobody_uses_it_yet(town) -> None:
    """A household on paper may accept e-invoices tomorrow, and the present tariff prices its sewage by e-mail."""
    edit(town, 'groups = ["G-P", "G-E", "F"]\nitem = "sewage"', 'groups = ["G-P", "F"]\nitem = "sewage"')
    edit(town, "water = 12\nsewage = 12\nabonament = 1\nnet_zl = 170.30\ngross_zl = 183.92",
         "water = 12\nabonament = 1\nnet_zl = 74.30\ngross_zl = 80.24")  # fmt: skip
    with town.engine.begin() as connection:
        connection.execute(text("delete from delivery_preference"))

    problems = tariff_check.run(town, file=planned(town))

    assert [problem.text for problem in problems] == [f"{NAME}: sewage for household by email is used and has no price"]


def test_the_database_refuses_a_switch_upon_ones_own_figures_or_with_gaps_and_any_change(town, database) -> None:
    statement = """
        insert into tariff_switch (tariff_sha256, impact_id, name, title, decision, basis, decided_on, published_on,
                                   valid_from, switched_by, switched_via, note, event_at)
        select tariff_sha256, impact_id, 'x.toml', title, '{}', 'b', '2026-07-20', '{}', valid_from, '{}', 'cli', 'n',
               now() from tariff_impact order by impact_id desc limit 1
    """
    good = ("1/2026", "2026-07-27", "approver")
    tariff_impact.run(town, file=planned(town))
    tried = {
        "its own": ("1/2026", "2026-07-27", "operator"),
        "undecided": ("Unknown", "2026-07-27", "approver"),
        "published before decided": ("1/2026", "2026-07-19", "approver"),
        "published after its start": ("1/2026", "2026-09-01", "approver"),
    }

    for name, values in tried.items():
        assert said(database.app_url, statement.format(*values)) in {"OB002", "23514"}, name
    assert said(database.app_url, statement.format(*good)) is None
    for table in ("tariff_switch", "tariff_impact"):
        for change in (f"update {table} set title = 'x'", f"delete from {table}"):
            assert said(database.app_url, change) == "42501"
    assert said(database.owner_url, "update tariff_impact set title = 'x'") == "OB001"
    without_business(town)
    tariff_impact.run(town, file=planned(town))
    assert said(database.app_url, statement.format(*good)) == "OB002"


def said(url, statement):
    """The code by which the database refuses; None when it takes it, which is undone."""
    engine = make_engine(url)
    with engine.connect() as connection:
        try:
            connection.execute(text(statement))
        except DBAPIError as error:
            return error.orig.pgcode
        finally:
            connection.rollback()
            engine.dispose()
    return None


def test_the_command_line_goes_the_whole_way_and_answers_machines(town, monkeypatch, database, capsys) -> None:
    monkeypatch.setenv("OBIEG_HOME", str(town.settings.home))
    monkeypatch.setenv("OBIEG_UTILITY", str(town.settings.utility))
    monkeypatch.setenv("OBIEG_DATABASE_URL", database.app_url)

    assert main(["tariff", "check", NAME]) == 0
    assert main(["tariff", "impact", NAME]) == 0
    said_aloud = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
    assert "group G-P → G-P: 6 accounts" in said_aloud
    assert "gross 3 908,76 zł → 4 100,94 zł (+192,18 zł, +4,92 %)" in said_aloud
    assert main(["tariff", "switch-on", NAME, "--note", "x"]) == 2
    assert capsys.readouterr().err.startswith("SELF_APPROVAL: ")
    assert main(["tariff", "impact", NAME, "--csv", str(town.settings.home / "mine"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["rated"], len(data["groups"]), len(data["movers"]["up_zl"])) == (11, 3, 10)
    assert data["movers"]["down_zl"] == []
    switch_on(town, person="approver")
    assert main(["tariff", "list", "--json"]) == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed[NAME]["how"] == "switched on by approver on 2026-08-03"
    assert listed[NAME]["published_on"] == "2026-07-27"
    assert len(PAPERLESS) == 4
