"""NOT the way Obieg draws invoices: the same content by reportlab's layout engine, for comparison by the bench only."""

from io import BytesIO

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from sqlalchemy import text

from billing.invoices import Invoice
from billing.polish import format_account, format_amount, format_date, format_period, format_price, format_zl
from pdf.payment_code import payment_payload
from pdf.typeface import BOLD, REGULAR, load_fonts
from pdf.words import amount_in_words
from pipeline.read_back import read_back
from pipeline.work import Work

_BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=8.5, leading=11)
_NOTE = ParagraphStyle("note", parent=_BODY, fontSize=7.2, leading=9.5)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName=BOLD, fontSize=18, leading=24)
_SECTION = ParagraphStyle("section", parent=_BODY, fontName=BOLD, fontSize=10.5, leading=16)
_GRID = TableStyle([
    ("FONT", (0, 0), (-1, -1), REGULAR, 8),
    ("FONT", (0, 0), (-1, 0), BOLD, 8),
    ("GRID", (0, 0), (-1, -1), 0.4, colors.lightgrey),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
])  # fmt: skip
NOTES = (
    (
        "Termin płatności liczymy od dnia wysłania lub dostarczenia faktury w inny sposób; jest nie krótszy niż 14 dni "
        "(§ 17 ust. 1 rozporządzenia z 27 lutego 2018 r. w sprawie określania taryf, Dz.U. 2018 poz. 472 ze zm.)."
    ),
    "Zgłoszenie zastrzeżeń do wysokości opłaty nie wstrzymuje obowiązku jej zapłaty (§ 17 ust. 4 tego rozporządzenia).",
)
_CONTENTS = text("select content from invoice order by invoice_id limit :sample")


def render(work: Work, sample: int) -> int:
    """Some invoices as PDF files, written with no more care than ``open`` and ``write``."""
    load_fonts()
    folder = work.settings.home / "naive"
    folder.mkdir(exist_ok=True)
    with work.engine.connect() as connection:
        contents = connection.execute(_CONTENTS, {"sample": sample}).scalars().all()
    for number, content in enumerate(contents):
        (folder / f"{number}.pdf").write_bytes(page(read_back(Invoice, content)))
    return len(contents)


def page(invoice: Invoice) -> bytes:
    """One page of it."""
    target = BytesIO()
    document = SimpleDocTemplate(target, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=15 * mm)
    document.build(
        [*_head(invoice), *_payment(invoice), *_tables(invoice), *(Paragraph(note, _NOTE) for note in NOTES)]
    )
    return target.getvalue()


def _head(invoice: Invoice) -> list[Flowable]:
    seller, addressee = invoice.seller, invoice.addressee
    left = [
        Paragraph(seller.name, _SECTION),
        Paragraph(f"{seller.address.street}, {seller.address.postcode} {seller.address.city}", _BODY),
        Paragraph(f"NIP {seller.nip} · REGON {seller.regon}", _BODY),
        Paragraph(f"tel. {seller.phone} · {seller.email} · {seller.website}", _BODY),
        Paragraph(f"Data wystawienia: {format_date(invoice.issue_date)}", _BODY),
        Paragraph(f"Okres rozliczeniowy: {format_period(invoice.period)}", _BODY),
        Paragraph(f"Kod klienta: {invoice.account_no}", _BODY),
    ]
    right = [
        Paragraph("Faktura", _TITLE),
        Paragraph(invoice.number.text, _SECTION),
        Paragraph(addressee.name, _BODY),
        Paragraph(addressee.address.street, _BODY),
        Paragraph(f"{addressee.address.postcode} {addressee.address.city}", _BODY),
    ]
    return [Table([[left, right]], colWidths=[100 * mm, 74 * mm]), Spacer(1, 8)]


def _payment(invoice: Invoice) -> list[Flowable]:
    facts: list[Flowable] = [
        Paragraph(f"Do zapłaty: <b>{format_zl(invoice.gross_zl)}</b>", _SECTION),
        Paragraph(f"słownie: {amount_in_words(invoice.gross_zl)}", _NOTE),
        Paragraph(f"Termin płatności: {format_date(invoice.due_date)}", _BODY),
        Paragraph(f"Numer rachunku: {format_account(invoice.bank_account)}", _BODY),
        Paragraph(f"Tytuł przelewu: {invoice.payment_title}", _BODY),
    ]
    payload = payment_payload(
        nip=invoice.seller.nip,
        bank_account=invoice.bank_account,
        amount_zl=invoice.gross_zl,
        name=invoice.seller.name,
        title=invoice.payment_title,
    )
    drawing = Drawing(90, 90)
    if payload is not None:
        drawing.add(QrCodeWidget(payload, barWidth=90, barHeight=90, barLevel="M"))
    return [Table([[facts, drawing]], colWidths=[134 * mm, 40 * mm]), Spacer(1, 8)]


def _tables(invoice: Invoice) -> list[Flowable]:
    usage = [["Wodomierz", "Od", "Stan", "Do", "Stan", "Zużycie"]] + [
        [
            line.meter_no,
            format_date(line.period.start),
            f"{line.previous_index_m3}",
            format_date(line.period.until),
            f"{line.current_index_m3}",
            f"{line.quantity}",
        ]
        for line in invoice.lines
        if line.meter_no
    ]
    charges = [["Usługa", "Okres", "Ilość", "Cena", "VAT", "Netto"]] + [
        [
            Paragraph(line.description, _BODY),
            format_period(line.period),
            f"{line.quantity} {line.unit}",
            format_price(line.price_zl),
            f"{line.vat_rate}",
            format_amount(line.net_zl),
        ]
        for line in invoice.lines
    ]
    sums = [["Stawka", "Netto", "VAT", "Brutto"]] + [
        [f"{one.vat_rate}", format_amount(one.net_zl), format_amount(one.vat_zl), format_amount(one.gross_zl)]
        for one in invoice.vat_sums
    ]
    flow: list[Flowable] = []
    for name, rows in (("Zużycie", usage), ("Należności", charges), ("Podatek VAT", sums)):
        flow += [Paragraph(name, _SECTION), Table(rows, repeatRows=1, style=_GRID), Spacer(1, 8)]
        if name == "Zużycie":
            flow += _history(invoice)
    return flow


def _history(invoice: Invoice) -> list[Flowable]:
    """Earlier periods as a chart and a table, where the invoice knows of any."""
    before = invoice.used_before
    if not before:
        return []
    drawing, chart = Drawing(490, 60), VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 0, 12, 490, 44
    chart.data = [[float(one.volume_m3) for one in before]]
    chart.categoryAxis.categoryNames = [f"{one.period.start:%m.%Y}" for one in before]
    chart.categoryAxis.labels.fontName = chart.valueAxis.labels.fontName = REGULAR
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 6
    drawing.add(chart)
    rows = [[f"{one.period.start:%m.%Y}" for one in before], [f"{one.volume_m3}" for one in before]]
    return [Paragraph("Zużycie w poprzednich okresach", _SECTION), drawing, Table(rows, style=_GRID), Spacer(1, 8)]
