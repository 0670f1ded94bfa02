"""``python -m pipeline.bench.pages``: what drawing one page costs, beside the same page drawn in two plain ways.

No database: one invoice of the demo utility, given another customer each time, as in a cycle. The ways take turns, so
that a noisy minute falls on all of them; a median is over the rounds, a ratio over pairs of the same round.
"""

import argparse
import itertools
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from statistics import median

from billing.accounts import Role
from billing.cases import read_case
from billing.charges import Bill
from billing.invoices import Invoice, UsedBefore
from billing.issuing import make_invoice
from billing.numbering import invoice_number, series_on
from billing.periods import Period
from billing.rating import bill
from pdf.invoice import render_invoice
from pipeline.bench import naive_canvas, naive_page
from pipeline.settings import PROJECT
from pipeline.utility_files import load_folder
from pipeline.work import uncollected

WAYS: dict[str, Callable[[Invoice], bytes]] = {
    "obieg": lambda invoice: render_invoice(invoice).content,
    "reportlab canvas": naive_canvas.page,
    "reportlab platypus": naive_page.page,
}
_SHARE = {"obieg": 1, "reportlab canvas": 5, "reportlab platypus": 25}
"""Of the documents of a round, one in so many is drawn in this way: the slow ones would take all the time."""


def sample() -> Invoice:
    """Water, sewage and abonament of a household, with a year of earlier use."""
    loaded = load_folder(PROJECT / "utilities" / "demo")
    case = read_case((PROJECT / "docs" / "quote" / "water-and-sewage.toml").read_text(encoding="utf-8"), name="bench")
    outcome = bill(case.account, loaded.tariffs, case.cycle)
    if not isinstance(outcome, Bill):
        raise TypeError(f"the example is held: {outcome.code}")
    numbering = loaded.utility.numbering
    series = series_on(numbering=numbering, issue_date=case.cycle.issue_date)
    number = invoice_number(numbering=numbering, series=series, sequence=1)
    months = [date(2025 + month // 12, month % 12 + 1, 1) for month in range(13)]
    account = replace(case.account, bank_account=str(loaded.utility.bank_account))
    return make_invoice(
        account=account,
        bill=outcome,
        number=number,
        utility=loaded.utility,
        cycle=case.cycle,
        used_before=tuple(
            UsedBefore(period=Period(start=start, until=until), volume_m3=Decimal(9 + start.month))
            for start, until in itertools.pairwise(months)
        ),
    )


def invoices(like: Invoice, *, count: int) -> Iterator[Invoice]:
    """``count`` invoices, each of another customer."""
    for number in range(count):
        payer = like.parties[Role.PAYER]
        own = replace(
            payer, name=f"{payer.name} {number}", address=replace(payer.address, street=f"ul. Długa {number}")
        )
        yield replace(
            like,
            number=replace(like.number, sequence=number, text=f"{like.number.series}/{number:06}"),
            account_no=f"{number:06}",
            payment_title=f"Faktura {like.number.series}/{number:06}",
            parties=dict.fromkeys(like.parties, own),
        )


def run(*, documents: int, rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of one document, by way and round."""
    like = sample()
    cost: dict[str, list[float]] = {way: [] for way in WAYS}
    for way in WAYS.values():
        way(like)
    for _ in range(rounds):
        for name, draw in WAYS.items():
            drawn = list(invoices(like, count=max(2, documents // _SHARE[name])))
            with uncollected():  # as the step that draws does; the rounds of the others are short
                begun = time.process_time()
                for invoice in drawn:
                    draw(invoice)
                cost[name].append((time.process_time() - begun) * 1000 / len(drawn))
    return cost


def memory(*, documents: int) -> list[tuple[int, float]]:
    """Peak memory of the process in MB after so many documents of our own way, each tenth of them."""
    like, found = sample(), []
    for number, invoice in enumerate(invoices(like, count=documents), start=1):
        render_invoice(invoice)
        if number % max(1, documents // 10) == 0:
            found.append((number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="pipeline.bench.pages", description="What drawing one page costs.")
    parser.add_argument("--documents", type=int, default=500, help="documents of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=0, help="tell the memory over so many documents instead")
    options = parser.parse_args()
    if options.memory:
        for number, peak_mb in memory(documents=options.memory):
            sys.stdout.write(f"{number:>8} documents  {peak_mb:6.1f} MB\n")
        return 0
    cost = run(documents=options.documents, rounds=options.rounds)
    sizes = {name: len(draw(sample())) for name, draw in WAYS.items()}
    sys.stdout.write(f"{'':20} {'ms':>8} {'least':>8} {'KB':>6} {'times obieg':>12}\n")
    for name, figures in cost.items():
        ratio = median(other / own for other, own in zip(figures, cost["obieg"], strict=True))
        sys.stdout.write(
            f"{name:20} {median(figures):8.2f} {min(figures):8.2f} {sizes[name] / 1000:6.1f} {ratio:11.1f}x\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
