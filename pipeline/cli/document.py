"""``obieg document``: archived documents, got out and proved."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline import get_document, verify_documents
from pipeline.cli.answer import Answer
from pipeline.cli.commands import command_of, day, topic_of
from pipeline.cli.refusals import INCONSISTENT
from pipeline.verify_documents import Outcome, Verdict, Verification
from pipeline.work import Work

_LISTED_MOST = 20


def add(topics: Any) -> None:
    """The topic with its commands."""
    topic = topic_of(topics, "document", "archived documents of invoices")
    get = command_of(topic, "get", "write an archived document into a new file", _get)
    get.add_argument("number", metavar="NUMBER", help="of the invoice")
    get.add_argument("--out", required=True, type=Path, metavar="FILE")
    get.add_argument("--duplicate", type=day, metavar="YYYY-MM-DD", help="the duplicate made out on that day")
    text = "render documents again and compare them with what is archived; exit code 3 when one is different"
    verify = command_of(topic, "verify", text, _verify)
    which = verify.add_mutually_exclusive_group(required=True)
    which.add_argument("number", nargs="?", metavar="NUMBER", help="of the invoice; its duplicates as well")
    which.add_argument("--cycle", metavar="KEY", help="every document of a cycle")


def _get(work: Work, options: Namespace) -> Answer:
    size = get_document.run(work, invoice_no=options.number, out=options.out, duplicate_on=options.duplicate)
    data = {"invoice_no": options.number, "file": options.out, "size_bytes": size}
    return Answer(text=f"{options.number}: {size} bytes in {options.out}", data=data)


def _verify(work: Work, options: Namespace) -> Answer:
    if options.cycle is not None:
        found = verify_documents.of_cycle(work, cycle_key=options.cycle)
        return Answer(text=_cycle_text(options.cycle, found), data=found, exit_code=_exit_code(found.different))
    verdicts = verify_documents.of_invoice(work, invoice_no=options.number)
    return Answer(text="\n".join(map(_line, verdicts)), data=verdicts, exit_code=_exit_code(verdicts))


def _exit_code(verdicts: Iterable[Verdict]) -> int:
    return INCONSISTENT if any(verdict.outcome is Outcome.DIFFERENT for verdict in verdicts) else 0


def _cycle_text(key: str, found: Verification) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in found.counts.items())
    lines = [f"{key}: {counts}"]
    lines += [f"  {count} not comparable: {reason}" for reason, count in found.not_comparable.items()]
    lines += [f"  {_line(verdict)}" for verdict in found.different[:_LISTED_MOST]]
    if len(found.different) > _LISTED_MOST:
        lines.append(f"  and {len(found.different) - _LISTED_MOST} more")
    return "\n".join(lines)


def _line(verdict: Verdict) -> str:
    which = "" if verdict.duplicate_on is None else f", duplicate of {verdict.duplicate_on}"
    why = f": {verdict.reason}" if verdict.reason else ""
    return f"{verdict.invoice_no}{which} is {verdict.outcome}{why}"
