"""Past cycles computed again: what is equal is equal to the grosz, and every fault stands under its cause."""

import csv
import dataclasses
from datetime import datetime
from decimal import Decimal

import pytest
from old_rater import FAULTS, SOUND, rated, town, write_consents, write_cycle, write_registry, write_utility
from sqlalchemy import text
from town import set_clock

from billing.old_invoices import Cause
from pipeline import convert, import_consents, import_registry
from pipeline.errors import OperatorError
from pipeline.parallel import run as running
from pipeline.parallel import show as showing
from pipeline.work import Actor

BOOKS = ("reading", "charge", "invoice", "hold", "snapshot_account", "cycle", "finding", "import_file", "import_row")


@pytest.fixture
def here(work, tmp_path):
    """Our registry of that town: everything but what the faults left out."""
    utility = write_utility(tmp_path / "utility", work.settings.utility)
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
    set_clock(work, datetime(2026, 8, 20, 12, 0))
    accounts = town()
    done = import_registry.run(work, folder=write_registry(tmp_path / "registry", accounts.values()))
    assert (done["rejected"], done["refused"]) == (0, 0)
    known = [one for no, one in accounts.items() if no != "GROUP"]
    consents = import_consents.run(work, file=write_consents(tmp_path / "consents.csv", known))
    assert consents["accepted"] == consents["rows"]
    convert.run(work)
    return work


def as_approver(work):
    return dataclasses.replace(work, actor=Actor(name="approver", via="cli"))


def run(work, tmp_path, accounts=None, name="2026-07"):
    folder = write_cycle(tmp_path / f"cycle-{len(list(tmp_path.iterdir()))}", (accounts or town()).values())
    return running.run(work, folder=folder, name=name)


def found(work, name="2026-07") -> dict[str, str]:
    return {each["account_no"]: each["cause"] for each in showing.show(work, name=name).differences}


def state(work) -> tuple[int, int, int, int]:
    told = showing.show(work, name="2026-07").state
    assert told["compared"] == told["equal"] + told["differing"] + told["accepted"]
    return told["compared"], told["equal"], told["differing"], told["accepted"]


def counts(work) -> dict[str, int]:
    with work.engine.connect() as connection:
        return {table: connection.execute(text(f"select count(*) from {table}")).scalar_one() for table in BOOKS}


def test_there_is_a_fault_for_every_cause() -> None:
    assert set(FAULTS) == {cause.value for cause in Cause}


def test_every_fault_is_found_under_its_cause_and_all_others_are_equal_to_the_grosz(here, tmp_path) -> None:
    before = counts(here)

    done = run(here, tmp_path)

    assert found(here) == {cause.upper(): cause for cause in FAULTS}
    assert (done["compared"], done["equal"], done["differing"]) == (len(SOUND) + len(FAULTS), len(SOUND), len(FAULTS))
    assert done["causes"] == dict.fromkeys(sorted(FAULTS), 1)
    assert counts(here) == before


def test_the_list_names_both_sides_and_the_zloty(here, tmp_path) -> None:
    run(here, tmp_path)
    accounts = town()

    shown = showing.show(here, name="2026-07")

    by_account = {each["account_no"]: each for each in shown.differences}
    assert all({"old", "ours"} <= each["facts"].keys() for each in by_account.values())
    assert by_account["PRICE"]["facts"]["old"] == "price 7.81"
    assert by_account["MISSING_READING"]["difference_zl"] == -accounts["MISSING_READING"].gross
    assert by_account["VAT"]["difference_zl"] == Decimal("-1.15")
    assert by_account["ROUNDING"]["difference_zl"] == Decimal("-0.01")
    assert by_account["MISSING_THERE"]["difference_zl"] == accounts["MISSING_THERE"].gross
    file = showing.write_list(showing.show(here, name="2026-07", cause=Cause.SPLIT), path=tmp_path / "split.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter=";"))
    assert [(row["account_no"], row["cause"]) for row in rows] == [("SPLIT", "split")]


def test_mending_shrinks_the_list_and_what_was_accepted_stays(here, tmp_path) -> None:
    run(here, tmp_path)
    compared, equal, differing, _ = state(here)
    showing.accept(as_approver(here), name="2026-07", account_no="QUANTITY", note="they rounded, we cut")
    assert state(here) == (compared, equal, differing - 1, 1)

    late = write_consents(tmp_path / "late.csv", [town()["GROUP"]])
    import_consents.run(here, file=late)
    convert.run(here)
    accounts = town()
    (start, first), *_ = accounts["MISSING_READING"].readings
    whole = ((start, first), ("2026-07-31", first + 5))
    accounts["MISSING_READING"] = rated(dataclasses.replace(accounts["MISSING_READING"], readings=whole))
    run(here, tmp_path, accounts)

    left = found(here)
    assert "GROUP" not in left
    assert "MISSING_READING" not in left
    assert state(here) == (compared, equal + 2, differing - 3, 1)
    shown = {
        each["account_no"]: each["note"] for each in showing.show(here, name="2026-07").differences if each["note"]
    }
    assert shown == {"QUANTITY": "they rounded, we cut"}


def test_an_accepted_difference_that_becomes_another_one_is_open_again(here, tmp_path) -> None:
    run(here, tmp_path)
    showing.accept(as_approver(here), name="2026-07", account_no="VAT", note="explained")
    accounts = town()
    accounts["VAT"] = dataclasses.replace(accounts["VAT"], vat_off=Decimal("2.15"))

    run(here, tmp_path, accounts)

    assert state(here)[3] == 0
    assert found(here)["VAT"] == "vat"


def test_zero_left_when_everything_is_accepted(here, tmp_path) -> None:
    run(here, tmp_path)
    for no in found(here):
        showing.accept(as_approver(here), name="2026-07", account_no=no, note="explained one by one")

    assert state(here) == (len(SOUND) + len(FAULTS), len(SOUND), 0, len(FAULTS))


def test_who_ran_it_does_not_accept_and_nothing_is_accepted_twice(here, tmp_path) -> None:
    run(here, tmp_path)
    approver = as_approver(here)
    refused = {
        "SELF_APPROVAL": (here, "VAT", "x"),
        "NOT_AN_APPROVER": (dataclasses.replace(here, actor=Actor(name="auditor", via="cli")), "VAT", "x"),
        "NOTHING_DIFFERS": (approver, "S001", "x"),
        "ACCOUNT_UNKNOWN": (approver, "S999", "x"),
        "NOTE_MISSING": (approver, "VAT", " "),
    }
    for code, (who, no, note) in refused.items():
        with pytest.raises(OperatorError, match=f"^{code}"):
            showing.accept(who, name="2026-07", account_no=no, note=note)
    showing.accept(approver, name="2026-07", account_no="VAT", note="x")
    with pytest.raises(OperatorError, match=r"^ALREADY_DECIDED"):
        showing.accept(approver, name="2026-07", account_no="VAT", note="x")
    with pytest.raises(OperatorError, match=r"^PARALLEL_UNKNOWN"):
        showing.show(here, name="2026-06")


def test_both_invoices_can_be_read_line_by_line(here, tmp_path) -> None:
    run(here, tmp_path)

    price = showing.explain(here, name="2026-07", account_no="PRICE")
    split = showing.explain(here, name="2026-07", account_no="SPLIT")
    equal = showing.explain(here, name="2026-07", account_no="S001")

    assert price.old is not None
    assert price.ours is not None
    assert [line.price_zl for line in price.old.lines[:1]] == [Decimal("5.4100")]
    assert [line.price_zl for line in price.ours.lines[:1]] == [Decimal("5.4000")]
    assert split.old is not None
    assert split.ours is not None
    assert [line.share is not None for line in split.ours.lines[:2]] == [True, True]
    assert split.result["facts"]["old"].startswith("2.000, ")
    assert (equal.old, equal.ours, equal.result["cause"]) == (None, None, None)


def test_two_invoices_of_one_account_are_taken_together(here, tmp_path) -> None:
    folder = write_cycle(tmp_path / "two", town().values())
    lines = (folder / "invoices.csv").read_text(encoding="utf-8").splitlines()
    whole = next(line for line in lines if line.startswith("F/S001;"))
    number, no, period, issued, net, vat, gross, *rest = whole.split(";")
    part = [Decimal("54.00"), Decimal("4.32"), Decimal("58.32")]
    others = [value - share for value, share in zip(map(Decimal, (net, vat, gross)), part, strict=True)]
    halves = [
        ";".join((each, no, period, issued, *map(str, sums), *rest))
        for each, sums in ((number, part), ("F/S001B", others))
    ]
    (folder / "invoices.csv").write_text(
        "\n".join((*(line for line in lines if line != whole), *halves, "")), encoding="utf-8"
    )

    running.run(here, folder=folder, name="2026-07")

    assert "S001" not in found(here)


@pytest.mark.parametrize(
    ("file", "wrong", "code"),
    [
        ("lines", "F/NOBODY;;abonament;;2026-07-01;2026-08-01;;;1;month;12;12", "P120"),
        ("invoices", "F/S001;S001;2026-07;2026-08-03;1;0;1;paper;", "P121"),
        ("lines", "F/S001;;heating;;2026-07-01;2026-08-01;;;1;month;12;12", "P102"),
        ("lines", "F/S001;;abonament;;2026-08-01;2026-08-01;;;1;month;12;12", "P106"),
        ("invoices", "F/X;S001;2026-7;2026-08-03;1;0;1;paper;", "P106"),
        ("invoices", "F/X;S001;2026-07;2026-08-03;1.234;0;1;paper;", "P107"),
        ("invoices", ";S001;2026-07;2026-08-03;1;0;1;paper;", "P101"),
        ("readings", "PT-S001;M-S001;0;2026-07-31;twelve;actual", "P107"),
        ("readings", "PT-S001;M-S001;0;2026-07-31", "P100"),
    ],
)
def test_a_row_that_cannot_be_read_refuses_the_run(here, tmp_path, file, wrong, code) -> None:
    folder = write_cycle(tmp_path / "cycle", town().values())
    with (folder / f"{file}.csv").open("a", encoding="utf-8") as lines:
        lines.write(f"{wrong}\n")

    with pytest.raises(OperatorError, match=rf"^PARALLEL_UNREADABLE: 1 rows, .*{file}.csv .*{code}"):
        running.run(here, folder=folder, name="2026-07")

    told = here.settings.exports / "parallel" / "2026-07.unreadable.csv"
    assert code in told.read_text(encoding="utf-8")
    with here.engine.connect() as connection:
        assert connection.execute(text("select count(*) from parallel_run")).scalar_one() == 0
