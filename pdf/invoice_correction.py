"""The tables of a correction: why, what was charged, what is owed instead, and the difference by VAT rate.

Content by the VAT act art. 106j ust. 2: the reason, the corrected items, and by how much base and tax change.
"""

from collections.abc import Iterator
from decimal import Decimal

from billing.charges import VatSum
from billing.invoices import CorrectedInvoice, Invoice
from billing.money import ZERO_ZL
from billing.polish import format_amount, format_percent
from pdf.flow import BODY, MARGIN, WIDTH, Column, Flow, Row, RowKind
from pdf.invoice_tables import draw_charges
from pdf.invoice_usage import draw_usage
from pdf.tags import P
from pdf.typeface import wrap

_SUMS = (
    Column(title="Kwoty", left=0, right=180),
    Column(title="Stawka VAT", left=190, right=262),
    Column(title="Netto [zł]", left=264, right=338, to_right=True),
    Column(title="VAT [zł]", left=342, right=408, to_right=True),
    Column(title="Brutto [zł]", left=412, right=WIDTH, to_right=True),
)
_NONE = "Wszystkie pozycje faktury zostały wycofane: z tej faktury nic nie jest należne."


def draw_correction(flow: Flow, invoice: Invoice, corrects: CorrectedInvoice) -> None:
    """Everything under the payment box."""
    flow.section("Przyczyna korekty")
    _paragraph(flow, corrects.reason)
    before = corrects.before.lines
    if before:
        draw_usage(flow, invoice, lines=before, title="Zużycie przed korektą")
        draw_charges(flow, invoice, lines=before, title="Rozliczenie przed korektą")
    if invoice.lines:
        draw_usage(flow, invoice, title="Zużycie po korekcie")
        draw_charges(flow, invoice, title="Rozliczenie po korekcie")
    else:
        flow.section("Rozliczenie po korekcie")
        _paragraph(flow, _NONE)
    rows = list(_sums(invoice, corrects))
    flow.section("Podsumowanie korekty", keep_with=30 + 18 * len(rows))
    flow.table(_SUMS, rows)


def _paragraph(flow: Flow, text: str) -> None:
    lines = wrap(text, font=BODY.font, size=BODY.size, width=WIDTH)
    flow.reserve(len(lines) * BODY.leading + 4)
    with flow.page.tagged(P):
        for line in lines:
            flow.y += BODY.leading
            flow.page.text(MARGIN, flow.y, line, BODY)
    flow.y += 4


def _sums(invoice: Invoice, corrects: CorrectedInvoice) -> Iterator[Row]:
    before, after = (_by_rate(sums) for sums in (corrects.before.vat_sums, corrects.after_sums))
    for change in invoice.vat_sums:
        rate = format_percent(change.vat_rate)
        yield _row("Przed korektą", rate, before.get(change.vat_rate))
        yield _row("Po korekcie", rate, after.get(change.vat_rate))
        yield _row("Różnica", rate, change)
    total = VatSum(vat_rate=ZERO_ZL, net_zl=invoice.net_zl, vat_zl=invoice.vat_zl, gross_zl=invoice.gross_zl)
    yield _row("Różnica razem", "", total, kind=RowKind.TOTAL)
    subsidy_zl = corrects.before.subsidy_gross_zl
    if subsidy_zl or invoice.subsidy_gross_zl:
        yield _gross("Dopłata gminy przed korektą", -subsidy_zl)
        yield _gross("Dopłata gminy po korekcie", -(subsidy_zl + invoice.subsidy_gross_zl))
        yield _gross("Różnica do zapłaty", invoice.payable_zl, kind=RowKind.TOTAL)


def _by_rate(sums: tuple[VatSum, ...]) -> dict[Decimal, VatSum]:
    return {part.vat_rate: part for part in sums}


def _row(what: str, rate: str, part: VatSum | None, *, kind: RowKind = RowKind.PLAIN) -> Row:
    amounts = (ZERO_ZL,) * 3 if part is None else (part.net_zl, part.vat_zl, part.gross_zl)
    return Row(cells=(what, rate, *(format_amount(amount) for amount in amounts)), kind=kind)


def _gross(what: str, amount_zl: Decimal, *, kind: RowKind = RowKind.PLAIN) -> Row:
    return Row(cells=(what, "", "", "", format_amount(amount_zl)), kind=kind)
