"""The invoice as an A4 document: what is owed, then what was used, then how it was computed.

Content by the VAT act art. 106e ust. 1; the small print by Rozp. 2018 (regulation of 27 February 2018 on tariffs and
settlements, Dz.U. 2018 poz. 472) par. 17. Paper and electronic customers get the same document.
"""

from datetime import date

from billing.canonical import canonical_json
from billing.invoices import Invoice
from billing.polish import format_date
from pdf.flow import BOTTOM, MARGIN, NOTE, RIGHT, STRONG, WIDTH, Flow
from pdf.invoice_beside import beside_notes, tariff_words
from pdf.invoice_correction import draw_correction
from pdf.invoice_head import draw_head
from pdf.invoice_history import draw_history
from pdf.invoice_ksef import draw_ksef, ksef_notes
from pdf.invoice_subsidies import draw_subsidies, subsidy_notes
from pdf.invoice_tables import draw_charges, draw_vat_sums
from pdf.invoice_usage import draw_usage
from pdf.look import PLAIN, Look
from pdf.metadata import Metadata
from pdf.seal import Seal
from pdf.sheet import Document, Page, to_pdf
from pdf.typeface import Unprintable

TEMPLATE_VERSION = "invoice-3"
"""Recorded with every document; raise it whenever the same invoice would give other bytes."""

TITLES = {
    "invoice": "Faktura",
    "final": "Faktura",
    "forecast": "Faktura – prognoza",
    "settlement": "Faktura rozliczeniowa",
    "correction": "Faktura korygująca",
}
"""The printed title by kind of invoice."""

_TERM = (
    "Termin płatności liczymy od dnia wysłania lub dostarczenia faktury w inny sposób; jest nie krótszy niż 14 dni "
    "(§ 17 ust. 1 rozporządzenia z 27 lutego 2018 r. w sprawie określania taryf, Dz.U. 2018 poz. 472 ze zm.)."
)
_COMPLAINT = (
    "Zgłoszenie zastrzeżeń do wysokości opłaty nie wstrzymuje obowiązku jej zapłaty (§ 17 ust. 4 tego rozporządzenia)."
)
_OVERPAID = (
    "Nadpłatę zaliczamy na poczet przyszłych należności albo zwracamy na Państwa żądanie w ciągu 14 dni od dnia "
    "złożenia wniosku (§ 17 ust. 5 tego rozporządzenia)."
)


def render_invoice(
    invoice: Invoice,
    *,
    duplicate_on: date | None = None,
    look: Look = PLAIN,
    written: str | None = None,
    seal: Seal | None = None,
) -> Document:
    """The PDF of ``invoice``: a pure function of it, ``look``, the fonts and ``TEMPLATE_VERSION``.

    It carries the canonical JSON of the invoice: the very text whose hash was stored when it was issued. ``written`` is
    that text, where it is at hand; ``seal`` signs the document. With ``duplicate_on`` it is a duplicate made out on
    that day, and says so (VAT act art. 106l).

    Raises:
        Unprintable: NO_GLYPH, a text holds a character that the fonts cannot print; TEXT_TOO_LONG, a text does not
            fit on a page; NO_SUCH_KIND, a kind of invoice without a printed title.
        ValueError: the bank account number is not a valid one, or a figure has too many decimal places.
    """
    title = TITLES.get(invoice.kind)
    if title is None:
        raise Unprintable("NO_SUCH_KIND", f"no printed title for invoices of kind {invoice.kind!r}")
    name = f"{title} {invoice.number.text}"
    mark = "" if duplicate_on is None else f" – DUPLIKAT z dnia {format_date(duplicate_on)}"

    def continued(page: Page) -> None:
        page.text(MARGIN, 44, f"{name}{mark} – ciąg dalszy", STRONG)

    flow = Flow(begin=continued, look=look)
    draw_head(flow, invoice, title=title, duplicate_on=duplicate_on)
    _draw_tables(flow, invoice)
    flow.y += 6
    flow.notes(_small_print(invoice))
    dated = f"{name} z dnia {format_date(invoice.issue_date)}{mark}"
    _number_pages(flow.pages, f"{dated} · kod klienta {invoice.account_no}")
    return to_pdf(
        flow.pages,
        metadata=Metadata(
            title=f"{name}{mark}",
            author=invoice.seller.name,
            subject=f"Okres rozliczeniowy {invoice.period.word()}, kod klienta {invoice.account_no}",
            issued=duplicate_on or invoice.issue_date,
        ),
        data=(canonical_json(invoice) if written is None else written).encode(),
        seal=seal,
    )


def _draw_tables(flow: Flow, invoice: Invoice) -> None:
    if invoice.corrects is not None:
        draw_correction(flow, invoice, invoice.corrects)
        with draw_ksef(flow, invoice):
            pass  # the sums by VAT rate stand above it
        return
    draw_usage(flow, invoice)
    draw_history(flow, invoice)
    draw_charges(flow, invoice)
    with draw_ksef(flow, invoice):
        draw_vat_sums(flow, invoice)
    draw_subsidies(flow, invoice)


def _small_print(invoice: Invoice) -> list[str]:
    bases = dict.fromkeys(line.basis for line in invoice.lines if line.basis and line.basis != "unknown")
    tariff = tariff_words(invoice)
    if bases:
        tariff.append(f"Podstawa naliczenia: {'; '.join(bases)}.")
    contact = f"tel. {invoice.seller.phone}, e-mail: {invoice.seller.email}"
    nothing_due = (invoice.kind == "settlement" or invoice.corrects is not None) and invoice.payable_zl <= 0
    term = [] if nothing_due else [_TERM]
    notes = [*beside_notes(invoice), *term, f"Pytania i reklamacje: {contact}. {_COMPLAINT}"]
    if invoice.payable_zl < 0:
        notes.append(_OVERPAID)
    return subsidy_notes(invoice) + ([" ".join(tariff)] if tariff else []) + notes + ksef_notes(invoice)


def _number_pages(pages: list[Page], text: str) -> None:
    for number, page in enumerate(pages, start=1):
        page.rule(MARGIN, BOTTOM + 12, WIDTH)
        page.paragraph(MARGIN, BOTTOM + 22, text, NOTE, width=WIDTH - 70)
        page.kept(_draw_folio, number, len(pages))


def _draw_folio(page: Page, number: int, count: int) -> None:
    page.text_right(RIGHT, BOTTOM + 22, f"strona {number} z {count}", NOTE)
