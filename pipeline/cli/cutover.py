"""Commands for taking over from the old billing system."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from billing.canonical import to_data
from pipeline.cli.answer import Answer, counts_answer, shown
from pipeline.cli.commands import command_of, day, person_decides, topic_of
from pipeline.cli.refusals import REFUSED
from pipeline.cutover import check as checking
from pipeline.cutover import load as loading
from pipeline.cutover import switch_on as switching
from pipeline.cutover.check import Findings, Obstacle
from pipeline.errors import OperatorError
from pipeline.work import Work


def add(topics: Any) -> None:
    """``obieg cutover …``."""
    topic = topic_of(topics, "cutover", "taking over from the old billing system")
    load = command_of(topic, "load", "load positions, balances, history, series and control totals", _load)
    load.add_argument("folder", type=Path, metavar="FOLDER")
    load.add_argument(
        "--as-of", type=day, required=True, metavar="YYYY-MM-DD", help="first day that the old system no longer bills"
    )
    command_of(topic, "check", "compare totals, and list what stands in the way; exit code 2 if anything does", _check)
    dismiss = command_of(topic, "dismiss", "say that nothing is missing without a row that was not taken", _dismiss)
    dismiss.add_argument("file", metavar="FILE", help="its name, e.g. positions.csv")
    dismiss.add_argument("line", type=int, metavar="LINE")
    dismiss.add_argument("--note", required=True, metavar="TEXT", help="why; kept with the decision")
    person_decides(dismiss)
    switch = command_of(topic, "switch-on", "take over, as an approver who loaded nothing", _switch_on)
    switch.add_argument("--note", required=True, metavar="TEXT", help="kept with the decision")
    person_decides(switch)


def _load(work: Work, options: Namespace) -> Answer:
    """``obieg cutover load FOLDER --as-of DATE``."""
    if not options.folder.is_dir():
        raise OperatorError("FOLDER_MISSING", f"there is no folder {options.folder}")
    counts = loading.run(work, folder=options.folder, as_of=options.as_of)
    if counts["refused"]:
        code, _, text = str(counts["refusal"]).partition(": ")
        raise OperatorError(code, text)
    return counts_answer(f"cut-over files of {options.folder}", counts)


def _check(work: Work, _options: Namespace) -> Answer:
    """``obieg cutover check``."""
    found = checking.run(work)
    data = {
        "as_of": found.as_of,
        "switched_by": found.switched_by,
        "totals": [to_data(total) | {"difference": to_data(total.difference)} for total in found.totals],
        "bars": to_data(found.bars),
        "advice": to_data(found.advice),
        "parallel": [dict(run) for run in found.parallel],
        "totals_sha256": found.sha256,
    }
    return Answer(text=_text(found), data=data, exit_code=REFUSED if found.bars else 0)


def _text(found: Findings) -> str:
    rows = [("total", "old system", "Obieg", "difference")]
    rows += [(total.name, shown(total.old), f"{total.ours:f}", _sign(total.difference)) for total in found.totals]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = [f"cut-over as of {found.as_of}"]
    lines += [
        "  "
        + "  ".join(
            [name.ljust(widths[0]), *(value.rjust(width) for value, width in zip(rest, widths[1:], strict=True))]
        )
        for name, *rest in rows
    ]
    lines += [_run_line(run) for run in found.parallel]
    lines += [_obstacle_line("BAR", bar) for bar in found.bars]
    lines += [_obstacle_line("advice", one) for one in found.advice]
    if found.switched_by is not None:
        lines.append(f"switched on by {found.switched_by}")
    else:
        lines.append(
            "nothing may be switched on yet" if found.bars else "nothing bars: obieg cutover switch-on --note …"
        )
    return "\n".join(lines)


def _sign(difference: Any) -> str:
    return "–" if difference is None else f"{difference:+f}" if difference else "0"


def _run_line(run: Any) -> str:
    left = "zero left" if not run["differing"] else f"{run['differing']} left"
    parts = f"{run['equal']} equal + {run['differing']} differing + {run['accepted']} accepted"
    return f"  parallel run {run['name']} (attempt {run['attempt']}): {run['compared']} = {parts}: {left}"


def _obstacle_line(word: str, one: Obstacle) -> str:
    more = ", …" if one.count > len(one.examples) else ""
    return f"  {word} {one.code}: {one.count} {one.text}: {', '.join(one.examples)}{more}"


def _dismiss(work: Work, options: Namespace) -> Answer:
    """``obieg cutover dismiss FILE LINE --note TEXT``."""
    done = switching.dismiss(work, file=options.file, line_no=options.line, note=options.note)
    return counts_answer("row that nobody misses", done)


def _switch_on(work: Work, options: Namespace) -> Answer:
    """``obieg cutover switch-on --note TEXT``."""
    return counts_answer("switched on", switching.run(work, note=options.note))
