"""``obieg quote``: what an account described by hand would be billed, and why. Needs no database."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from billing.canonical import to_data
from billing.charges import Bill, Hold
from billing.explanations import explain
from billing.holds import MEANINGS
from billing.polish import format_date, format_period
from billing.polish_explanations import why_line
from billing.polish_holds import TOLD, tell_facts
from billing.polish_invoice import tell_lines, tell_sums
from pipeline import quote as quoting
from pipeline.cli.answer import Answer
from pipeline.errors import OperatorError
from pipeline.quote import Quote
from pipeline.settings import Settings

_STDIN = "-"


def quote(settings: Settings, options: Namespace) -> Answer:
    """Rate the account of a ``given.toml`` or of the standard input; told in Polish, or in the form for auditors."""
    if str(options.given) == _STDIN:
        text, name, folder = sys.stdin.buffer.read().decode(), "standard input", Path.cwd()
    elif options.given.is_file():
        text, name, folder = options.given.read_text(encoding="utf-8"), str(options.given), options.given.parent
    else:
        raise OperatorError("FILE_MISSING", f"there is no file {options.given}")
    made = quoting.run(settings, text=text, name=name, folder=folder)
    return told_by(made, auditor=options.auditor)


def told_by(made: Quote, *, auditor: bool) -> Answer:
    """What a quote says, in Polish or in the form for auditors, and its data."""
    lines = _english(made) if auditor else _polish(made)
    return Answer(text="\n".join(lines), data=_data(made))


def _polish(made: Quote) -> Iterator[str]:
    cycle = made.case.cycle
    months, issued = format_period(cycle.period), format_date(cycle.issue_date)
    yield f"Konto {made.case.account.account_no}, okres {months}, wystawienie {issued}"
    if isinstance(made.outcome, Hold):
        yield from _held_in_polish(made.outcome)
    if made.bill is not None:
        yield ""
        yield from tell_lines(made.bill, tariffs=made.tariffs, readings=made.readings)
        yield ""
        yield from tell_sums(made.bill, vat=made.tariffs.models.vat)


def _english(made: Quote) -> Iterator[str]:
    """Figures as the data has them, like the statements."""
    if isinstance(made.outcome, Hold):
        yield _held(made.outcome)
    found = made.bill
    if found is None:
        return
    for number, line in enumerate(found.lines, start=1):
        yield f"{number}. {line.description}: {line.net_zl} zł net"
        yield from (f"   {statement}" for statement in explain(line, tariffs=made.tariffs, lines=found.lines))
    yield f"net {found.net_zl} zł, VAT {found.vat_zl} zł, gross {found.gross_zl} zł"
    if found.subsidy_gross_zl:
        yield f"subsidy {found.subsidy_gross_zl} zł gross, payable {found.payable_zl} zł"


def _held_in_polish(found: Hold) -> Iterator[str]:
    yield f"Bez faktury ({found.code}): {TOLD[found.code]}."
    facts = tell_facts(found.facts)
    if facts:
        yield f"  {facts}"


def _held(found: Hold) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in found.facts.items())
    return f"{found.account_no} is not billed: {found.code} ({MEANINGS[found.code]}); {facts}"


def _data(made: Quote) -> dict[str, Any]:
    """The shape that docs/quote.md promises: every key is there, whatever the outcome."""
    held = made.outcome if isinstance(made.outcome, Hold) else None
    return {
        "account_no": made.case.account.account_no,
        "utility": made.case.utility,
        "outcome": "invoice" if held is None else "hold",
        "hold": held and _hold(held),
        "bill": None if made.bill is None else _bill(made, made.bill),
    }


def _hold(held: Hold) -> dict[str, Any]:
    meanings = {"meaning": MEANINGS[held.code], "meaning_pl": TOLD[held.code]}
    return {"code": held.code.value, **meanings, "facts": dict(held.facts)}


def _bill(made: Quote, found: Bill) -> dict[str, Any]:
    told = (why_line(line, tariffs=made.tariffs, readings=made.readings, lines=found.lines) for line in found.lines)
    return {
        "channel": found.channel.value,
        "lines": [{**to_data(line), "reasons": list(reasons)} for line, reasons in zip(found.lines, told, strict=True)],
        "vat_sums": to_data(found.vat_sums),
        **{
            name: to_data(getattr(found, name))
            for name in ("net_zl", "vat_zl", "gross_zl", "subsidy_net_zl", "subsidy_gross_zl", "payable_zl")
        },
    }
