"""What a gmina pays of the invoice: taken off the gross in a table, or off the prices in a note.

A document without subsidies gets neither and keeps its bytes.
"""

from collections import defaultdict
from decimal import Decimal

from billing.accounts import Service
from billing.charges import ChargeLine
from billing.invoices import Invoice
from billing.polish import NBSP, format_amount, format_price, format_quantity, format_zl
from billing.subsidies import LineSubsidy, SubsidyMode
from pdf.flow import WIDTH, Column, Flow, Row, RowKind

_SERVICES = {Service.WATER: "woda", Service.SEWAGE: "ścieki"}
_TABLE = (
    Column(title="Dopłata gminy", left=0, right=230),
    Column(title="Ilość [m³]", left=234, right=296, to_right=True),
    Column(title="Dopłata brutto [zł/m³]", left=300, right=404, to_right=True),
    Column(title="Kwota brutto [zł]", left=408, right=WIDTH, to_right=True),
)


def draw_subsidies(flow: Flow, invoice: Invoice) -> None:
    """What the gmina takes off the gross, and what is left to pay."""
    rows = [
        Row(
            cells=(
                f"Dopłata Gminy {subsidy.gmina} – {_SERVICES[line.service]}",
                format_quantity(line.quantity),
                format_price(subsidy.zl_m3),
                format_amount(-subsidy.subsidy_zl),
            ),
        )
        for line, subsidy in _subsidised(invoice, SubsidyMode.GROSS)
    ]
    if not rows:
        return
    rows.append(Row(cells=("Do zapłaty", "", "", format_amount(invoice.payable_zl)), kind=RowKind.TOTAL))
    flow.reserve(30 + 18 * len(rows))
    flow.y += 10
    flow.table(_TABLE, rows)


def subsidy_notes(invoice: Invoice) -> list[str]:
    """One note for each price that a gmina has lowered: the tariff's price, the subsidy, and what is left."""
    amounts_zl: dict[tuple[object, ...], Decimal] = defaultdict(Decimal)
    texts = {}
    for line, subsidy in _subsidised(invoice, SubsidyMode.NET):
        key = (subsidy.gmina, line.service, line.price_zl, subsidy.zl_m3)
        amounts_zl[key] += subsidy.subsidy_zl
        texts[key] = _lowered(line, subsidy)
    return [f"{text}; dopłata razem {format_zl(amounts_zl[key])} netto." for key, text in texts.items()]


def _lowered(line: ChargeLine, subsidy: LineSubsidy) -> str:
    tariff, paid, left = (
        f"{format_price(price_zl)}{NBSP}zł/m³"
        for price_zl in (line.price_zl + subsidy.zl_m3, subsidy.zl_m3, line.price_zl)
    )
    what = _SERVICES[line.service]
    return (
        f"Dopłata Gminy {subsidy.gmina} ({what}): cena taryfowa netto {tariff}, dopłata {paid}, cena po dopłacie {left}"
    )


def _subsidised(invoice: Invoice, mode: SubsidyMode) -> list[tuple[ChargeLine, LineSubsidy]]:
    return [(line, line.subsidy) for line in invoice.lines if line.subsidy and line.subsidy.mode is mode]
