"""``obieg utility``: a folder for a new utility, and what is still missing in one. Needs no database."""

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from billing.readiness import Finding, Severity
from pipeline import utility_check, utility_new
from pipeline.cli.answer import Answer
from pipeline.cli.commands import command_of, day, topic_of
from pipeline.cli.refusals import REFUSED
from pipeline.settings import Settings
from pipeline.work import WARSAW

_HEADINGS = {
    Severity.ISSUING: "blocks issuing",
    Severity.SENDING: "blocks sending",
    Severity.PAPERLESS: "blocks the move to e-invoices",
    Severity.READING: "blocks reading rounds",
    Severity.ADVICE: "advice",
}


def add(topics: Any) -> None:
    """The topic's commands."""
    topic = topic_of(topics, "utility", "a utility's folder: its data, without code")
    make = command_of(topic, "new", "write a commented folder for a new utility", new, needs_database=False)
    make.add_argument("name", metavar="NAME", help="small letters, digits and hyphens")
    make.add_argument(
        "--folder", type=Path, default=utility_new.UTILITIES, metavar="PARENT", help="where it is written"
    )
    text = "name everything that is missing or wrong in a folder; exit code 2 when something blocks"
    look = command_of(topic, "check", text, check, needs_database=False)
    look.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="default: OBIEG_UTILITY")
    look.add_argument("--on", type=day, metavar="YYYY-MM-DD", help="as if it were this day (default: today)")


def new(_settings: Settings, options: Namespace) -> Answer:
    """``obieg utility new``."""
    folder = utility_new.run(name=options.name, parent=options.folder.resolve())
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    text = "\n".join([f"wrote {folder}", *(f"  {file}" for file in files), "README.md there says what comes first"])
    return Answer(text=text, data={"folder": folder, "files": files})


def check(settings: Settings, options: Namespace) -> Answer:
    """``obieg utility check``."""
    folder = (options.folder or settings.utility).resolve()
    on = options.on or datetime.now(WARSAW).date()
    findings = utility_check.run(folder=folder, on=on)
    counts = Counter(found.severity for found in findings)
    data = {
        "folder": folder,
        "on": on,
        "counts": {severity.value: counts[severity] for severity in Severity},
        "findings": [_data(found) for found in findings],
    }
    blocks = any(found.severity is not Severity.ADVICE for found in findings)
    return Answer(text=_text(folder, findings), data=data, exit_code=REFUSED if blocks else 0)


def _text(folder: Path, findings: Sequence[Finding]) -> str:
    lines = [f"{folder}: {len(findings)} findings" if findings else f"{folder}: nothing is missing"]
    for severity in Severity:
        found = [one for one in findings if one.severity is severity]
        if found:
            lines.append(f"\n{_HEADINGS[severity]} ({len(found)})")
        for one in found:
            lines += [f"  {one.code}  {' '.join(filter(None, (one.file, one.field)))}: {one.message}"]
            lines += [f"      {one.remedy}"]
    return "\n".join(lines)


def _data(found: Finding) -> dict[str, str]:
    return {
        "code": found.code,
        "severity": found.severity.value,
        "file": found.file,
        "field": found.field,
        "message": found.message,
        "remedy": found.remedy,
    }
