"""``obieg change``: changes of the registry, asked for, looked at and decided on."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from billing.reading_checks import CHECKS
from pipeline.changes import decide, propose, views
from pipeline.cli.answer import Answer, shown
from pipeline.cli.change_orders import KINDS
from pipeline.cli.commands import command_of, day, person_decides, topic_of
from pipeline.registry.csv import write_csv
from pipeline.work import WARSAW, Work

COLUMNS = (
    *("change_id", "state", "kind", "account_no", "effective_on", "second_person", "recorded_by", "recorded_at"),
    *("reason", "decided_by", "decided_at", "note"),
)


def add(topics: Any) -> None:
    """Add the topic with a command for each kind, and those to list, show and decide."""
    topic = topic_of(topics, "change", "changes of payer, group, channel, address, bank account, meter and contract")
    for name, (text, add_arguments, build) in KINDS.items():
        parser = command_of(topic, name, text, ask)
        add_arguments(parser)
        parser.add_argument("--on", type=day, required=True, metavar="YYYY-MM-DD", help="first day of the new state")
        parser.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the change")
        parser.set_defaults(build=build)
    listed = command_of(topic, "list", "changes by number", list_all)
    listed.add_argument("--pending", action="store_true", help="only those that wait for a second person")
    listed.add_argument("--account", metavar="ACCOUNT")
    listed.add_argument("--csv", action="store_true", help="into a file of exports/changes")
    show = command_of(topic, "show", "a change with its fields before and after", show_one)
    show.add_argument("change_id", type=int, metavar="ID")
    for name, text, decision in (
        ("approve", "let a change come about, as another person than who asked for it", "applied"),
        ("refuse", "refuse a change, or take back one's own", "refused"),
    ):
        parser = command_of(topic, name, text, decide_one)
        parser.add_argument("change_id", type=int, metavar="ID")
        parser.add_argument("--note", required=True, metavar="TEXT", help="kept with the decision")
        parser.set_defaults(decision=decision)
        person_decides(parser)


def ask(work: Work, options: Namespace) -> Answer:
    """``obieg change payer|group|… --on DAY --reason TEXT``."""
    done = propose.run(work, order=options.build(options), reason=options.reason)
    number = done["change_id"]
    if done["state"] == "pending":
        text = f"change {number} waits for a second person: obieg change show {number}, obieg change approve {number}"
    else:
        text = f"change {number} is applied from {done['effective_on']} on: obieg change show {number}"
    return Answer(text="\n".join([text, *_findings(done["findings"])]), data=done)


def decide_one(work: Work, options: Namespace) -> Answer:
    """``obieg change approve|refuse ID --note TEXT``."""
    done = decide.run(work, change_id=options.change_id, decision=options.decision, note=options.note)
    return Answer(text=f"change {done['change_id']} is {done['state']} by {work.actor.name}", data=done)


def list_all(work: Work, options: Namespace) -> Answer:
    """``obieg change list``."""
    rows = views.list_changes(work, pending=options.pending, account_no=options.account)
    if options.csv:
        path = work.settings.exports / "changes" / "changes.csv"
        write_csv(path, columns=COLUMNS, rows=([row[name] for name in COLUMNS] for row in rows))
        return Answer(text=f"{len(rows)} changes in {path}", data={"path": path, "changes": len(rows)})
    lines = [
        f"{row['change_id']:>6}  {row['state']:<8} {row['kind']:<14} {shown(row['account_no']):<12} "
        f"from {row['effective_on']}, asked by {row['recorded_by']}: {row['reason']}"
        for row in rows
    ]
    return Answer(text="\n".join(lines) or "no changes", data=rows)


def show_one(work: Work, options: Namespace) -> Answer:
    """``obieg change show ID``."""
    found = views.show(work, change_id=options.change_id)
    change = found.change
    head = f"change {change['change_id']}, {change['state']}: {change['kind']} from {change['effective_on']}"
    lines = [
        f"{head}, account {shown(change['account_no'])}",
        f"  asked by   {_who(change, 'recorded_by', 'recorded_via', 'recorded_at')}: {change['reason']}",
    ]
    if change["decided_by"] is not None:
        lines.append(f"  decided by {_who(change, 'decided_by', 'decided_via', 'decided_at')}: {change['note']}")
    lines += [
        f"  {one.topic} {one.subject}: {one.field} {shown(one.before)} → {shown(one.after)}"
        for one in found.differences
    ]
    lines += _findings(found.findings)
    if found.refusal is not None:
        lines.append(f"  cannot come about now: {found.refusal}")
    told = {"differences": found.differences, "findings": found.findings, "refusal": found.refusal}
    data = {"change": change, "order": found.order, **told}
    return Answer(text="\n".join(lines), data=data)


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the checks say of the readings of a change, a line each."""
    return [
        f"  finding {one['code']} ({one['severity']}), index {one['index_m3']} of meter {one['meter_no']}: "
        f"{CHECKS[one['code']].title}: {', '.join(f'{name} {value}' for name, value in one['facts'].items())}"
        for one in findings
    ]


def _who(change: Mapping[str, Any], name: str, via: str, moment: str) -> str:
    return f"{change[name]} ({change[via]}) at {change[moment].astimezone(WARSAW):%Y-%m-%d %H:%M}"
