"""Commands for the layouts of reading files: what a profile makes of a file, and that a person has looked."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline import approve_profile, preview_readings
from pipeline.cli.answer import Answer, counts_answer, shown
from pipeline.cli.commands import command_of, person_decides, topic_of
from pipeline.profiles import own_profiles
from pipeline.work import Work
from sql.profiles import approvals


def add(readings: Any) -> None:
    """``obieg readings preview`` and ``obieg readings profile``."""
    look = command_of(readings, "preview", "what a profile makes of a file; nothing is written", preview)
    look.add_argument("file", type=Path, metavar="FILE")
    look.add_argument("--profile", metavar="NAME", help="layout of the file (default: by its name, else the standard)")
    look.add_argument("--rows", type=int, default=preview_readings.FIRST_ROWS, metavar="N", help="rows to show")
    topic = topic_of(readings, "profile", "layouts of reading files")
    command_of(topic, "list", "the utility's profiles, and who looked at them", list_profiles)
    approve = command_of(topic, "approve", "record that you looked at a file as a profile reads it", approve_command)
    approve.add_argument("name", metavar="NAME")
    approve.add_argument("--file", type=Path, required=True, metavar="FILE", help="the file that you looked at")
    approve.add_argument("--note", required=True, metavar="TEXT", help="what you compared; kept with the approval")
    person_decides(approve)


def preview(work: Work, options: Namespace) -> Answer:
    """``obieg readings preview FILE``."""
    seen = preview_readings.run(work, file=options.file, profile=options.profile, rows=max(options.rows, 0))
    looked = ", ".join(seen["approved_by"]) or "nobody has looked at it yet"
    lines = [f"profile {seen['profile']} ({seen['profile_sha256'][:12]}): {looked}"]
    for row in seen["first"]:
        lines += [f"  line {row['line_no']}  {row['raw']}", f"    {_understood(row)}"]
    lines += [f"  {name:<13}  {count}" for name, count in (seen["counts"] | seen["codes"]).items()]
    lines += [f"the file would be refused: {seen['refusal']}"] if seen["refusal"] else []
    return Answer(text="\n".join(lines), data=seen)


def list_profiles(work: Work, _options: Namespace) -> Answer:
    """``obieg readings profile list``."""
    rows = []
    with work.engine.connect() as connection:
        for one in own_profiles(work.settings):
            sha256 = one.profile.sha256 if one.profile else None
            looks = approvals(connection, profile=one.name, profile_sha256=sha256) if sha256 else ()
            rows.append(
                {
                    "profile": one.name,
                    "file_pattern": one.pattern,
                    "profile_sha256": sha256,
                    "approved_by": sorted({look.approved_by for look in looks}),
                    "refusal": str(one.refusal) if one.refusal else None,
                }
            )
    lines = [
        f"{row['profile']:<24}  {shown(row['file_pattern'])}  {row['refusal'] or shown(row['approved_by'])}"
        for row in rows
    ]
    return Answer(text="\n".join(lines) or "the utility has no profile of its own", data=rows)


def approve_command(work: Work, options: Namespace) -> Answer:
    """``obieg readings profile approve NAME``."""
    done = approve_profile.run(work, profile=options.name, file=options.file, note=options.note)
    return counts_answer(f"profile {done['profile']} approved by {work.actor.name}", done)


def _understood(row: dict[str, Any]) -> str:
    words = [row["outcome"], *row["codes"]]
    words += [f"point {shown(row['service_point'] or None)}", f"meter {shown(row['meter_no'] or None)}"]
    words += [f"at {shown(row['read_at'])}", f"index {shown(row['index_m3'])} m³", row["source"], row["quality"]]
    words += [word for word in (row["reason_code"], *row["alarms"], row["note"]) if word]
    return "  ".join(words)
