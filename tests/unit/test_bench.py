"""The bench bills a tiny town for real: every stage is measured, compared where a naive way exists, and cleared up."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.bench import run as bench
from pipeline.bench import set_based
from pipeline.bench.correct import CORRECTION
from pipeline.bench.measure import Cost, measured
from pipeline.bench.stages import STAGES
from pipeline.bench.table import Round, table
from pipeline.errors import Inconsistent

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


class Opened:
    """A subject that needs no opening."""

    def __enter__(self) -> str:
        return "subject"

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


def cost(*, items: int = 100, cpu_s: float = 0.1, database_cpu_s: float = 0.0) -> Cost:
    return Cost(items=items, wall_s=1.0, cpu_s=cpu_s, database_cpu_s=database_cpu_s, peak_mb=50.0)


def made_up_round(accounts: int, *, naive_cpu_s: float = 0.5, **stages: Cost) -> Round:
    return Round(
        accounts=accounts,
        stages={stage.name: stages.get(stage.name, cost()) for stage in STAGES},
        naive={stage.name: cost(cpu_s=naive_cpu_s) for stage in STAGES if stage.naive},
    )


def with_sql(made: Round, *, database_cpu_s: float) -> Round:
    name = "rate and post"
    sums = {"accounts": "100", "gross_zl": "1234.56"}
    return replace(made, set_based={name: cost(cpu_s=0.0, database_cpu_s=database_cpu_s)}, charged={name: sums})


def left_overs() -> set[Path]:
    return set(Path(os.sep, "tmp").glob("obieg-bench-*"))


def lines_of(text: str, stage: str) -> list[str]:
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith(stage))
    return [lines[first], *(line for line in lines[first + 1 : first + 2] if line.startswith(" "))]


def test_a_tiny_town_is_billed_and_every_stage_stands_in_the_table_with_what_it_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = left_overs()

    assert bench.main(["--accounts", "40", "--rounds", "1", "--sample", "5"]) == 0

    shown = capsys.readouterr().out
    items = {stage.name: int(lines_of(shown, stage.name)[0].split(stage.items)[0].split()[-1]) for stage in STAGES}
    assert items["freeze"] == items["rate and post"] == items["check"] == 40
    assert items["issue"] == items["render + archive"] == items["reconcile"] == items["mail"] + items["print package"]
    assert 30 <= items["issue"] <= 40
    assert 15 <= items["mail"] <= 25
    assert "one e-mailed invoice, all stages, at 40:" in shown
    assert f"zł to the same {items['issue']} accounts" in shown
    assert left_overs() <= before


def test_stages_are_measured_up_to_the_last_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--accounts", "40", "--rounds", "1", "--sample", "5", "--stages", "rate,collect"]) == 0

    shown = capsys.readouterr().out
    assert [stage.name for stage in STAGES if f"\n{stage.name} " in shown][:3] == [
        "collect + validate",
        "freeze",
        "rate and post",
    ]
    assert "issue" not in shown
    assert "one e-mailed invoice" not in shown, "not all of its stages were measured"


def test_a_mass_correction_is_measured_right_after_issue_without_documents_and_mail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bench.main(["--accounts", "40", "--rounds", "1", "--sample", "5", "--stages", "correct"]) == 0

    shown = capsys.readouterr().out
    items = {
        stage.name: int(lines_of(shown, stage.name)[0].split(stage.items)[0].split()[-1])
        for stage in (*STAGES[:5], *CORRECTION)
    }
    assert items["correct: open"] == items["correct: freeze"] == items["correct: rate"] == items["issue"] >= 30
    assert items["correct: check"] == items["issue"]
    assert items["issue"] // 2 < items["correct: issue"] <= items["issue"], "who used no water has nothing corrected"
    assert "render" not in shown


def test_sql_that_charges_another_grosz_stops_the_bench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dearer = str(set_based.RATE.text).replace("max(vat_rate), 2) as vat_zl", "max(vat_rate), 2) + 0.01 as vat_zl")
    assert dearer != str(set_based.RATE.text)
    monkeypatch.setattr(set_based, "RATE", text(dearer))

    assert bench.main(["--accounts", "40", "--rounds", "1", "--sample", "5", "--stages", "rate"]) == 3

    told = capsys.readouterr()
    assert "BENCH_FAILED: the set-based SQL charges" in told.err
    assert told.out == ""


def test_growth_is_the_cpu_of_an_item_against_the_smallest_town_database_included() -> None:
    dearer = cost(cpu_s=0.15, database_cpu_s=0.1)

    shown = table([made_up_round(10), made_up_round(20, issue=dearer)])

    assert lines_of(shown, "issue")[1].split()[-1] == "2.50"
    assert lines_of(shown, "check")[1].split()[-1] == "1.00"


def test_a_naive_way_is_compared_with_all_the_stages_that_it_stands_for() -> None:
    shown = table([made_up_round(10, naive_cpu_s=0.5)])

    assert lines_of(shown, "mail")[0].split()[-1] == "5.0"
    assert lines_of(shown, "rate and post")[0].split()[-1] == "2.5", "it gathers and posts: freeze and rate together"


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    rounds = [made_up_round(10, naive_cpu_s=seconds) for seconds in (0.2, 0.9, 0.3)]

    assert lines_of(table(rounds), "mail")[0].split()[-1] == "3.0"


def test_a_budget_is_held_against_the_process_alone_and_with_the_database_at_the_largest_size() -> None:
    cheap, dear = cost(cpu_s=0.001), cost(cpu_s=0.012, database_cpu_s=0.004)
    rounds = [made_up_round(10, **{"rate and post": cheap}), made_up_round(20, **{"rate and post": dear})]

    shown = table(rounds)

    assert (
        "budget of rate and post, 0.15 ms, at 20: kept (0.120 ms) by our process alone, "
        "missed (0.160 ms) with PostgreSQL"
    ) in shown
    assert "budget of rate and post, 0.15 ms, at 10:" not in shown


def test_one_statement_of_sql_is_compared_round_by_round_with_all_that_it_stands_for() -> None:
    rounds = [with_sql(made_up_round(10), database_cpu_s=seconds) for seconds in (0.02, 0.1, 0.05)]

    (line,) = [line for line in table(rounds).splitlines() if "as one statement of SQL" in line]

    assert line == (
        "rate and post as one statement of SQL, at 10: 0.000 ms CPU + 0.500 ms PostgreSQL; freeze + rate and post take "
        "4.0 times that; both charge the same 1234.56 zł to the same 100 accounts"
    )


def test_a_measurement_counts_the_cpu_and_memory_of_the_work_and_not_its_waiting() -> None:
    def spin(_subject: str) -> int:
        held = bytearray(40_000_000)
        held[::4096] = b"x" * len(held[::4096])
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
        time.sleep(0.2)
        return 10

    idle = measured(lambda _: 1, opened=Opened, postmaster=os.getpid())
    busy = measured(spin, opened=Opened, postmaster=os.getpid())

    assert busy.items == 10
    assert 10 <= busy.cpu_ms < 20
    assert busy.wall_s >= 0.3
    assert busy.peak_mb - idle.peak_mb > 25


def test_a_stage_that_fails_stops_the_bench_instead_of_giving_a_figure(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_subject: str) -> int:
        raise LookupError("no such thing")

    with pytest.raises(Inconsistent, match="BENCH_FAILED"):
        measured(fail, opened=Opened, postmaster=os.getpid())

    assert "LookupError: no such thing" in capfd.readouterr().err


@pytest.mark.parametrize("wrong", ["", "rating", "collect,", "collect,mails"])
def test_a_stage_that_is_none_is_refused_before_anything_starts(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--stages", wrong])

    assert "argument --stages" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["0", "-5", "many", "10,"])
def test_a_size_that_is_none_is_refused_before_anything_starts(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--accounts", wrong])

    assert "argument --accounts" in capsys.readouterr().err
