"""A cycle in this process: its steps in order, as far as they go now."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline import check, deliver, freeze, issue, rate, reconcile, render
from pipeline.errors import OperatorError
from pipeline.work import WARSAW, Work
from sql.cycles import find_cycle

Tell = Callable[[str], None]


def proceed(work: Work, *, cycle_key: str, tell: Tell) -> str:
    """Do every step that may be done now; why it stopped and how to go on, in one line.

    A step that is done already adds nothing, so a cycle that was cut short is simply continued.

    Raises:
        OperatorError: ``CYCLE_UNKNOWN``.
        Inconsistent: a step found a contradiction; nothing of that step is written.
    """
    state = _state(work, cycle_key)
    if state in {"opened", "frozen"}:
        _until_approval(work, cycle_key, tell)
        state = _state(work, cycle_key)
    if state == "checked":
        return f"waits for another person's approval: obieg cycle approve {cycle_key} --as LOG-IN (or reject)"
    if state in {"dry", "rejected"}:
        return f"is {state}: nothing follows; the next run is the next revision"
    if not issue.is_due(work, cycle_key=cycle_key):
        due_at = issue.due_at(work, cycle_key=cycle_key).astimezone(WARSAW)
        return f"is approved and will be issued from {due_at:%Y-%m-%d %H:%M}: then obieg cycle continue {cycle_key}"
    _after_issue(work, cycle_key, tell)
    return f"is complete: obieg cycle show {cycle_key}"


def _until_approval(work: Work, cycle_key: str, tell: Tell) -> None:
    frozen = freeze.run(work, cycle_key=cycle_key)
    tell(step_line("freeze", frozen))
    for chunk_no in range(frozen["chunks"]):
        tell(
            step_line(f"rate {chunk_no + 1}/{frozen['chunks']}", rate.run(work, cycle_key=cycle_key, chunk_no=chunk_no))
        )
    tell(step_line("check", check.run(work, cycle_key=cycle_key)))


def _after_issue(work: Work, cycle_key: str, tell: Tell) -> None:
    issued = issue.run(work, cycle_key=cycle_key)
    tell(step_line("issue", issued))
    for chunk_no in range(int(issued["chunks"])):
        done = render.run(work, cycle_key=cycle_key, chunk_no=chunk_no)
        tell(step_line(f"render {chunk_no + 1}/{issued['chunks']}", done))
    tell(step_line("deliver", deliver.run(work, cycle_key=cycle_key)))
    tell(step_line("reconcile", reconcile.run(work, cycle_key=cycle_key)))


def step_line(step: str, counts: Mapping[str, Any]) -> str:
    """One line of progress: the step and its plain counts."""
    plain = ", ".join(f"{name} {value}" for name, value in counts.items() if isinstance(value, int | str))
    return f"  {step:<14} {plain}"


def _state(work: Work, cycle_key: str) -> str:
    with work.engine.connect() as connection:
        cycle = find_cycle(connection, cycle_key=cycle_key)
    if cycle is None:
        raise OperatorError("CYCLE_UNKNOWN", f"there is no cycle {cycle_key}")
    return cycle.state
