"""The command on a real database, from registry files to the print package, with two people."""

import json
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import town

from pipeline import approve
from pipeline.cli import main
from pipeline.cli.through_airflow import start_cycle
from pipeline.errors import OperatorError
from pipeline.work import Actor, Work, open_work

KEY = "2026-07~ALL~1"
RUN = ("cycle", "run", "--period", "2026-07", "--issue-date", "2026-08-03")
ISSUE_MORNING = datetime(2026, 8, 3, 7, 0)


@pytest.fixture
def settled(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    town.settle(work, tmp_path)
    monkeypatch.setenv("OBIEG_HOME", str(work.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(work.settings.database_url))
    return work


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def approve_as_another(work: Work) -> None:
    actor = Actor(name="approver", via="cli")
    with open_work(settings=work.settings, database_url=str(work.settings.database_url), actor=actor) as theirs:
        approve.run(
            theirs, cycle_key=KEY, decision="approved", decided_by=actor.name, decided_via=actor.via, note="seen"
        )


def test_a_cycle_goes_by_hand_from_the_form_to_the_statement(settled: Work, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(RUN) == 0
    assert f"obieg cycle approve {KEY}" in said(capsys)
    assert main(["cycle", "continue", KEY]) == 0
    assert "waits for another person's approval" in said(capsys)
    approve_as_another(settled)
    assert main(["cycle", "continue", KEY]) == 0
    assert "will be issued from 2026-08-03 06:00" in said(capsys)
    town.set_clock(settled, ISSUE_MORNING)
    assert main(["cycle", "continue", KEY]) == 0
    assert f"{KEY} is complete" in said(capsys)
    assert main(["cycle", "show", KEY]) == 0
    assert "=> BALANCED" in said(capsys)
    assert main(["--json", "cycle", "continue", KEY]) == 0
    assert json.loads(said(capsys))["cycle_key"] == KEY


def test_who_started_a_cycle_cannot_approve_it(settled: Work, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(RUN) == 0
    capsys.readouterr()
    assert main(["cycle", "approve", KEY]) == 2
    assert capsys.readouterr().err.startswith("SELF_APPROVAL: ")


def test_one_at_the_same_machine_approves_by_an_airflow_log_in(
    settled: Work, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("pipeline.cli.person.session", lambda _settings, log_in: nullcontext(asked.append(log_in)))
    assert main(RUN) == 0
    assert f"obieg cycle approve {KEY} --as LOG-IN" in said(capsys)

    assert main(["cycle", "approve", KEY, "--as", "somebody"]) == 2
    assert capsys.readouterr().err.startswith("NOT_AN_APPROVER: ")
    assert main(["cycle", "approve", KEY, "--as", "approver", "--note", "seen"]) == 0
    assert f"{KEY} is approved by approver" in said(capsys)
    assert asked == ["somebody", "approver"]


def test_a_rejected_cycle_leaves_its_key_to_the_next_revision(
    settled: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(RUN) == 0
    assert main(RUN) == 2
    assert "CYCLE_EXISTS" in capsys.readouterr().err
    assert main(["cycle", "reject", KEY, "--note", "wrong readings"]) == 0
    assert main(RUN) == 0
    assert "2026-07~ALL~2" in said(capsys)


def test_a_dry_run_ends_after_the_checks_and_says_so(settled: Work, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--dry-run"]) == 0
    assert f"{KEY} is dry" in said(capsys)


def test_the_drafts_for_the_ksef_gateway_are_one_file_an_account(
    settled: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(RUN) == 0
    capsys.readouterr()
    assert main(["--json", "cycle", "drafts", KEY]) == 0
    (file,) = json.loads(said(capsys))["files"]
    assert Path(file).name == f"A{town.COMPANY}.json"
    assert json.loads(Path(file).read_text(encoding="utf-8"))["account_no"] == f"A{town.COMPANY}"


class Recorded:
    """Airflow's answer to a start: the words that are taken are refused, their runs are in ``state``."""

    def __init__(self, taken: set[str], state: str) -> None:
        self.taken = taken
        self.state = state
        self.started: dict[str, Any] = {}

    def trigger(self, *, run_id: str, conf: dict[str, Any], **_dag: str) -> None:
        if run_id in self.taken:
            raise OperatorError("RUN_EXISTS", run_id)
        self.started[run_id] = conf

    def run_state(self, **_run: str) -> str:
        return self.state


def started(work: Work, *, taken: set[str], state: str = "failed") -> Recorded:
    airflow = Recorded(taken, state)
    session: Any = airflow
    assert start_cycle(work, session, order=town.cycle_order()) in airflow.started
    return airflow


def test_a_run_in_airflow_is_named_after_the_key_and_given_the_form(settled: Work) -> None:
    form = {"period": "2026-07", "route_set": "ALL", "issue_date": "2026-08-03", "payment_days": 14, "dry_run": False}
    form |= {"purpose": None, "accounts": ""}
    assert started(settled, taken=set()).started == {KEY: form}


def test_a_run_that_failed_before_it_opened_its_cycle_keeps_its_word_and_the_next_gets_a_suffix(
    settled: Work,
) -> None:
    assert set(started(settled, taken={KEY, f"{KEY}+2"}).started) == {f"{KEY}+3"}


def test_after_a_rejection_the_run_is_named_after_the_next_revision(settled: Work) -> None:
    assert main(RUN) == 0
    assert main(["cycle", "reject", KEY]) == 0
    assert set(started(settled, taken=set()).started) == {"2026-07~ALL~2"}


def test_a_run_that_has_not_opened_its_cycle_yet_is_not_started_a_second_time(settled: Work) -> None:
    with pytest.raises(OperatorError, match="RUN_UNDER_WAY"):
        started(settled, taken={KEY}, state="queued")
