"""``obieg quote``: what an account described by hand would be billed. Needs no database."""

from argparse import Namespace

from billing.canonical import to_data
from billing.cases import read_case
from billing.charges import Bill, Hold
from billing.explanations import explain
from billing.holds import MEANINGS
from billing.rating import bill
from billing.tariffs import TariffBook
from pipeline.cli.answer import Answer
from pipeline.errors import OperatorError
from pipeline.settings import Settings
from pipeline.utility_files import load_folder


def quote(settings: Settings, options: Namespace) -> Answer:
    """Rate the account of a ``given.toml`` with the tariffs of the utility that it names."""
    if not options.given.is_file():
        raise OperatorError("FILE_MISSING", f"there is no file {options.given}")
    case = read_case(options.given.read_text(encoding="utf-8"), name=str(options.given))
    beside_ours = settings.utility.parent / case.utility
    tariffs = load_folder(beside_ours, seller_needed=False).tariffs
    outcome = bill(case.account, tariffs, case.cycle)
    text = _bill_text(outcome, tariffs) if isinstance(outcome, Bill) else _hold_text(outcome)
    return Answer(text=text, data=to_data(outcome))


def _bill_text(found: Bill, tariffs: TariffBook) -> str:
    lines = []
    for number, line in enumerate(found.lines, start=1):
        lines.append(f"{number}. {line.description}: {line.net_zl} zł net")
        lines += [f"   {statement}" for statement in explain(line, tariffs=tariffs)]
    lines.append(f"net {found.net_zl} zł, VAT {found.vat_zl} zł, gross {found.gross_zl} zł")
    if found.subsidy_gross_zl:
        lines.append(f"subsidy {found.subsidy_gross_zl} zł gross, payable {found.payable_zl} zł")
    return "\n".join(lines)


def _hold_text(found: Hold) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in found.facts.items())
    return f"{found.account_no} is not billed: {found.code} ({MEANINGS[found.code]}); {facts}"
