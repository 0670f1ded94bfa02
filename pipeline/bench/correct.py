"""The stages of a mass correction: a wrong price is put right for every invoice that the bench's cycle has issued."""

import shutil
from dataclasses import replace
from datetime import timedelta

from pipeline import approve, check, freeze, issue, rate
from pipeline.bench.stages import KEY, Stage
from pipeline.bench.town import ISSUED_AT, set_clock
from pipeline.corrections import open as opening
from pipeline.corrections.open import CorrectionOrder
from pipeline.errors import Inconsistent
from pipeline.work import Work

CORRECTED_AT = ISSUED_AT + timedelta(days=1)
RUN = f"{CORRECTED_AT:%Y-%m}~KOR~1"
_PUT_RIGHT = (
    ("net_zl = 5.25", "net_zl = 5.00"),
    ("net_zl = 5.75", "net_zl = 5.50"),
    ("net_zl = 168.00\ngross_zl = 181.44", "net_zl = 165.00\ngross_zl = 178.20"),
    ("net_zl = 164.30\ngross_zl = 177.44", "net_zl = 161.30\ngross_zl = 174.20"),
    ("net_zl = 147.00\ngross_zl = 158.76", "net_zl = 144.50\ngross_zl = 156.06"),
)
"""Water 0.25 zł cheaper for every group, and the examples of the tariff with it."""


def _ready(work: Work) -> None:
    """The day after, with the corrected file in a copy of the utility: the next round bills by the wrong one again."""
    set_clock(work, CORRECTED_AT)
    folder = _corrected(work).settings.utility
    shutil.copytree(work.settings.utility, folder)
    (path,) = (folder / "tariffs").glob("*.toml")
    words = path.read_text(encoding="utf-8")
    for was, becomes in _PUT_RIGHT:
        if was not in words:
            raise Inconsistent("BENCH_FAILED", f"{path.name} has no {was!r} to put right")
        words = words.replace(was, becomes)
    path.write_text(words, encoding="utf-8")


def _corrected(work: Work) -> Work:
    return replace(work, settings=replace(work.settings, utility=work.settings.home / "corrected"))


def _open(work: Work) -> int:
    order = CorrectionOrder(reason="Błędna cena wody.", issue_date=CORRECTED_AT.date(), cycles=(KEY,))
    return int(opening.run(_corrected(work), order=order)["invoices"])


def _freeze(work: Work) -> int:
    return freeze.run(_corrected(work), cycle_key=RUN)["accounts"]


def _rate(work: Work) -> int:
    chunks = freeze.run(work, cycle_key=RUN)["chunks"]
    return sum(rate.run(work, cycle_key=RUN, chunk_no=chunk_no)["accounts"] for chunk_no in range(chunks))


def _check(work: Work) -> int:
    return int(check.run(work, cycle_key=RUN)["eligible"])


def _approve(work: Work) -> None:
    approve.run(work, cycle_key=RUN, decision="approved", decided_by="approver", decided_via="cli", note="")


def _issue(work: Work) -> int:
    return int(issue.run(work, cycle_key=RUN)["invoices"])


CORRECTION = (
    Stage(name="correct: open", items="invoices", ready=_ready, run=_open),
    Stage(name="correct: freeze", items="accounts", run=_freeze),
    Stage(name="correct: rate", items="accounts", run=_rate),
    Stage(name="correct: check", items="accounts", run=_check),
    Stage(name="correct: issue", items="invoices", ready=_approve, run=_issue),
)
"""In the order of a run, once the bench's cycle is issued; rendered and sent like any invoice."""
