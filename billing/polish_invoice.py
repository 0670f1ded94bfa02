"""A whole bill told in Polish: every line, the tax of each rate with its rounding, the sums and what is left to pay."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from billing.accounts import Channel, Reading
from billing.charges import Bill, VatSum
from billing.due_dates import AGREED
from billing.invoices import Invoice
from billing.polish import NBSP, format_date, format_exact, format_percent, format_period, format_zl
from billing.polish_explanations import ROUNDED, title_of, why_line
from billing.tariffs import TariffBook
from billing.vat import VatModel

_SENDING = {Channel.PAPER: "druk i nadanie listu", Channel.EMAIL: "wysyłkę e-mailem"}


def tell_lines(billed: Bill, *, tariffs: TariffBook, readings: Mapping[int, Reading]) -> Iterator[str]:
    """Each line with its reasons under it."""
    for number, line in enumerate(billed.lines, start=1):
        yield f"{number}. {title_of(line)}"
        for sentence in why_line(line, tariffs=tariffs, readings=readings, lines=billed.lines):
            yield f"   {sentence}"


def tell_sums(billed: Bill, *, vat: VatModel) -> Iterator[str]:
    """The tax by rate as the utility's model reckons it, and what the customer pays."""
    if billed.net_zl != sum(line.net_zl for line in billed.lines):
        yield "Kwoty pozycji zaokrąglono do druku; netto każdej stawki to suma niezaokrąglonych, zaokrąglona raz."
    for part in billed.vat_sums:
        yield _vat(part, vat)
    net, tax, gross = (format_zl(amount_zl) for amount_zl in (billed.net_zl, billed.vat_zl, billed.gross_zl))
    yield f"Razem netto {net}, VAT {tax}, brutto {gross}."
    if billed.subsidy_net_zl:
        yield f"Dopłata gminy obniżyła kwoty netto o {format_zl(billed.subsidy_net_zl)}."
    if billed.subsidy_gross_zl:
        paid = format_zl(billed.subsidy_gross_zl)
        yield f"Gmina dopłaca {paid}; do zapłaty zostaje {gross} − {paid} = {format_zl(billed.payable_zl)}."


def head_of(invoice: Invoice, *, payment_days: int) -> Iterator[str]:
    """Which document this is, what it corrects and why, what is to pay, until when and why until then."""
    issued, due = format_date(invoice.issue_date), format_date(invoice.due_date)
    months = f"Okres rozliczeniowy {format_period(invoice.period)}"
    corrects = invoice.corrects
    if corrects is None:
        yield f"Faktura {invoice.number.text} z dnia {issued}, kod klienta {invoice.account_no}"
        yield f"{months}; do zapłaty {format_zl(invoice.payable_zl)} do {due}"
        yield _term(invoice, payment_days)
        return
    yield f"Faktura korygująca {invoice.number.text} z dnia {issued}, kod klienta {invoice.account_no}"
    yield f"Koryguje fakturę {corrects.invoice_no} z dnia {format_date(corrects.issue_date)}: {corrects.reason}"
    change_zl = invoice.payable_zl
    word = "do zwrotu lub zaliczenia" if change_zl < 0 else "do dopłaty"
    until = f" do {due}" if change_zl > 0 else ""
    yield f"{months}; {word} {format_zl(abs(change_zl))}{until}"
    if change_zl > 0:
        yield _term(invoice, payment_days)


def _term(invoice: Invoice, payment_days: int) -> str:
    """How the due date follows from the day of issue: the carrier's allowance, then the days for payment."""
    if AGREED in invoice.due_date_basis:
        return "Termin płatności: dzień miesiąca z umowy (Rozp. 2018 § 17 ust. 2)"
    sent_by = invoice.due_date - timedelta(days=payment_days)
    allowance = (sent_by - invoice.issue_date).days
    term = f"Termin płatności: {_days(payment_days)} od wysłania (Rozp. 2018 § 17 ust. 1)"
    if not allowance:
        return f"{term}, a wysyłka jest w dniu wystawienia"
    return (
        f"{term}; na {_SENDING[invoice.carrier]} liczy się {_days(allowance)} od wystawienia, do {format_date(sent_by)}"
    )


def _days(days: int) -> str:
    return f"{days}{NBSP}{'dzień' if days == 1 else 'dni'}"


def _vat(part: VatSum, model: VatModel) -> str:
    rate, tax = format_percent(part.vat_rate), format_zl(part.vat_zl)
    exact_zl = part.net_zl * part.vat_rate
    if model is VatModel.PER_LINE:
        return f"VAT {rate}: suma podatku z każdej pozycji, {ROUNDED}: {tax}; netto {format_zl(part.net_zl)}"
    sum_zl = f"VAT {rate} od sumy netto: {format_zl(part.net_zl)} × {rate} = "
    if exact_zl != part.vat_zl:
        sum_zl += f"{format_exact(exact_zl)}{NBSP}zł, {ROUNDED} "
    return f"{sum_zl}{tax}"
