"""What a cycle cannot bill is held with a code; it stops nobody else."""

import dataclasses
import json

import pytest
from sqlalchemy import text
from test_cycle import decide, to_approval, to_issue, to_the_end
from town import COMPANY, HOUSEHOLDS, cycle_order, settle, write_registry

from billing.holds import HoldCode
from pipeline import freeze, import_registry, issue, open_cycle
from pipeline.statement import statement


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def holds(work, key) -> dict[str, str]:
    with work.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select account_no, code from hold join account using (account_id) join cycle using (cycle_id) "
                "where cycle_key = :key"
            ),
            {"key": key},
        )
        return {row.account_no: row.code for row in rows}


def test_a_name_that_no_font_prints_is_held_before_it_gets_a_number(work, tmp_path) -> None:
    settle(work, tmp_path)
    folder = write_registry(tmp_path / "more")
    for path in folder.glob("*.csv"):
        path.unlink()
    (folder / "parties.csv").write_text(
        "party_no;kind;name;nip;street;postcode;city\nP9;natural_person;राम Ω;;ul. Łąkowa 9;00-001;Zdroje\n",
        encoding="utf-8",
    )
    (folder / "account_parties.csv").write_text(
        "account_no;role;party_no;valid_from;valid_until\nA0001;correspondence;P9;2026-01-01;\n", encoding="utf-8"
    )
    assert import_registry.run(work, folder=folder)["accepted"] == 2

    key = to_approval(work)

    assert holds(work, key)["A0001"] == HoldCode.UNPRINTABLE
    assert statement(work, cycle_key=key).figures["charged"] == len(HOUSEHOLDS) - 1


def test_accounts_that_another_cycle_has_in_work_are_excluded(town) -> None:
    to_issue(town)

    key = open_cycle.run(
        town, order=dataclasses.replace(cycle_order(), route_set="R2", issue_date=cycle_order().issue_date)
    )["cycle_key"]
    freeze.run(town, cycle_key=key)

    assert set(holds(town, key).values()) == {HoldCode.IN_OTHER_CYCLE}


def test_a_reading_changed_after_the_approval_is_a_hold_and_the_others_are_issued(town) -> None:
    key = to_issue(town)
    with town.engine.begin() as connection:
        connection.execute(
            text("""
                insert into reading_decision (reading_id, decision_no, decision, reason, decided_by, decided_via,
                                              event_at)
                select reading_id, 1, 'void', 'the wrong meter', 'operator', 'cli', business_now()
                from reading join meter using (meter_id) where source = 'handheld' and meter_no = 'M0003'
            """)
        )

    to_the_end(town, key)

    made = statement(town, cycle_key=key)
    assert holds(town, key)["A0003"] == HoldCode.READING_EDITED
    assert made.figures["invoices"] == len(HOUSEHOLDS) - 1
    assert made.balanced, made.text()


def test_a_company_gets_no_invoice_but_a_draft_for_the_gateway_once_the_cycle_is_issued(town) -> None:
    key = to_approval(town)
    folder = town.settings.exports / "ksef"
    assert not folder.exists()

    decide(town, key, decision="rejected")
    assert not folder.exists()
    key = to_issue(town)
    issue.run(town, cycle_key=key)

    (draft,) = [json.loads(line) for line in (folder / f"drafts-{key}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert draft["account_no"] == f"A{COMPANY}"
    assert draft["parties"]["nabywca"]["nip"] == "5260250274"
    assert draft["bill"]["gross_zl"] == "56.70"
