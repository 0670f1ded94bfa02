"""Commands for computing past cycles of the old system again."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from billing.canonical import to_data
from billing.charges import Bill
from billing.old_invoices import MEANINGS, Cause, OldInvoice, OldLine
from billing.polish import format_change_zl, format_exact, format_zl
from pipeline.cli.answer import Answer, counts_answer, shown
from pipeline.cli.commands import command_of, person_decides, topic_of
from pipeline.errors import OperatorError
from pipeline.parallel import run as running
from pipeline.parallel import show as showing
from pipeline.work import Work


def add(topics: Any) -> None:
    """``obieg parallel …``."""
    topic = topic_of(topics, "parallel", "past cycles of the old system, computed again")
    run = command_of(topic, "run", "compute a past cycle again and compare every invoice", _run)
    run.add_argument("folder", type=Path, metavar="FOLDER")
    run.add_argument("--name", required=True, metavar="NAME", help="such as 2026-07; again: the next attempt")
    show = command_of(topic, "show", "counts and złoty by cause, then the list", _show)
    show.add_argument("name", metavar="NAME")
    show.add_argument("--cause", choices=[cause.value for cause in Cause])
    show.add_argument("--csv", type=Path, metavar="FILE", help="write the list to this file")
    explain = command_of(topic, "explain", "both invoices of an account, line by line", _explain)
    explain.add_argument("name", metavar="NAME")
    explain.add_argument("account", metavar="ACCOUNT")
    accept = command_of(topic, "accept", "accept differences as explained", _accept)
    accept.add_argument("name", metavar="NAME")
    which = accept.add_mutually_exclusive_group(required=True)
    which.add_argument("--account", action="append", metavar="NO", help="of this account; may be given again")
    which.add_argument("--cause", choices=[cause.value for cause in Cause], help="all of one cause that are open")
    accept.add_argument("--note", required=True, metavar="TEXT", help="the explanation; kept with the decision")
    person_decides(accept)


def _run(work: Work, options: Namespace) -> Answer:
    """``obieg parallel run FOLDER --name NAME``."""
    if not options.folder.is_dir():
        raise OperatorError("FOLDER_MISSING", f"there is no folder {options.folder}")
    return counts_answer("parallel run", running.run(work, folder=options.folder, name=options.name))


def _show(work: Work, options: Namespace) -> Answer:
    """``obieg parallel show NAME``."""
    found = showing.show(work, name=options.name, cause=None if options.cause is None else Cause(options.cause))
    state = found.state
    parts = f"{state['equal']} equal + {state['differing']} differing + {state['accepted']} accepted"
    lines = [f"{state['name']}, attempt {state['attempt']}: {state['compared']} compared = {parts}"]
    for each in found.by_cause:
        word = " accepted" if each["accepted"] else ""
        sums = f"{format_change_zl(each['difference_zl'])}, {format_zl(each['absolute_zl'])} in all"
        lines.append(f"  {each['cause']}{word}: {each['invoices']} invoices, {sums}: {MEANINGS[Cause(each['cause'])]}")
    if options.csv is not None:
        lines.append(f"list in {showing.write_list(found, path=options.csv)}")
    else:
        lines += [_difference(each) for each in found.differences]
    if not state["differing"]:
        lines.append("zero left")
    data = {"state": dict(state), "by_cause": list(found.by_cause), "differences": list(found.differences)}
    return Answer(text="\n".join(lines), data=data)


def _difference(each: Any) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in sorted(each["facts"].items()))
    accepted = f" (accepted by {each['accepted_by']}: {each['note']})" if each["accepted"] else ""
    head = (
        f"  {each['account_no']} {shown(each['invoice_no'])} {each['cause']} {format_change_zl(each['difference_zl'])}"
    )
    return f"{head}: {facts}{accepted}"


def _explain(work: Work, options: Namespace) -> Answer:
    """``obieg parallel explain NAME ACCOUNT``."""
    found = showing.explain(work, name=options.name, account_no=options.account)
    result = found.result
    title = f"account {result['account_no']}: {result['cause'] or 'equal'}, {format_change_zl(result['difference_zl'])}"
    facts = [f"  {name}: {value}" for name, value in sorted(result["facts"].items())]
    lines = [title, *facts, *_invoice("old system", found.old), *_invoice("Obieg", found.ours)]
    if result["accepted_by"] is not None:
        lines.append(f"accepted by {result['accepted_by']}: {result['note']}")
    data = {"result": result, "old": to_data(found.old), "ours": to_data(found.ours)}
    return Answer(text="\n".join(lines), data=data)


def _invoice(title: str, invoice: OldInvoice | Bill | None) -> list[str]:
    if invoice is None:
        return [f"{title}: no invoice, or none that differs"]
    net, vat, gross = (format_zl(amount_zl) for amount_zl in (invoice.net_zl, invoice.vat_zl, invoice.gross_zl))
    head = f"{title}: {invoice.channel.value}, net {net}, VAT {vat}, gross {gross}"
    return [head, *(_line(line) for line in invoice.lines)]


def _line(line: OldLine | Any) -> str:
    indexes = "" if line.current_index_m3 is None else f" {line.previous_index_m3} → {line.current_index_m3}"
    place = " ".join(word for word in (line.point_no, line.meter_no) if word)
    amount = f"{format_exact(line.quantity)} {line.unit} × {format_exact(line.price_zl)} = {format_zl(line.net_zl)}"
    days = f"{line.period.start}..{line.period.until}"
    return f"  {line.service.value:<8} {place} {days}{indexes}: {amount} ({shown(line.tariff_group)})"


def _accept(work: Work, options: Namespace) -> Answer:
    """``obieg parallel accept NAME (--account NO … | --cause CAUSE) --note TEXT``."""
    accounts = options.account or [
        each["account_no"]
        for each in showing.show(work, name=options.name, cause=Cause(options.cause)).differences
        if not each["accepted"]
    ]
    done = [showing.accept(work, name=options.name, account_no=number, note=options.note) for number in accounts]
    lines = [f"{one['account_no']} {one['cause']} {format_change_zl(one['difference_zl'])}" for one in done]
    return Answer(text="\n".join([f"{len(done)} accepted as explained", *lines]), data=done)
