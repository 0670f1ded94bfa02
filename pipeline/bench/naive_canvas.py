"""NOT the way Obieg draws invoices: its texts one by one on reportlab's canvas, for comparison by the bench."""

from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from billing.invoices import Invoice
from billing.polish import format_account, format_amount, format_date, format_period, format_price, format_zl
from pdf.payment_code import payment_payload, qr_rows
from pdf.typeface import BOLD, REGULAR, load_fonts
from pdf.words import amount_in_words
from pipeline.bench.naive_page import NOTES

_LEFT, _RIGHT = 51.0, A4[0] - 51.0
_COLUMNS = (0, 24, 180, 292, 337, 364, 405, 440)


def page(invoice: Invoice) -> bytes:
    """One page of it."""
    load_fonts()
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4)
    y = _head(canvas, invoice)
    for heading, rows in (
        ("Zużycie", _usage(invoice)),
        ("Historia", _history(invoice)),
        ("Rozliczenie", _charges(invoice)),
        ("VAT", _sums(invoice)),
    ):
        canvas.setFont(BOLD, 10.5)
        canvas.drawString(_LEFT, y, heading)
        for row in rows:
            y -= 16
            canvas.setFont(REGULAR, 8.5)
            for x, cell in zip(_COLUMNS, row, strict=False):
                canvas.drawString(_LEFT + x, y, cell)
            canvas.line(_LEFT, y - 4, _RIGHT, y - 4)
        y -= 24
    canvas.setFont(REGULAR, 7.2)
    for note in NOTES:
        for start in range(0, len(note), 120):
            canvas.drawString(_LEFT, y, note[start : start + 120])
            y -= 10
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def _head(canvas: Canvas, invoice: Invoice) -> float:
    seller, addressee = invoice.seller, invoice.addressee
    canvas.setFont(BOLD, 21)
    canvas.drawRightString(_RIGHT, 780, f"Faktura {invoice.number.text}")
    texts = (
        (_LEFT, 780, seller.name),
        (_LEFT, 768, f"{seller.address.street}, {seller.address.postcode} {seller.address.city}"),
        (_LEFT, 758, f"NIP {seller.nip} · REGON {seller.regon}"),
        (_LEFT, 748, f"tel. {seller.phone} · {seller.email} · {seller.website}"),
        (_LEFT, 730, f"Data wystawienia: {format_date(invoice.issue_date)}"),
        (_LEFT, 718, f"Okres rozliczeniowy: {format_period(invoice.period)}"),
        (_LEFT, 706, f"Kod klienta: {invoice.account_no}"),
        (334.0, 680, addressee.name),
        (334.0, 667, addressee.address.street),
        (334.0, 654, f"{addressee.address.postcode} {addressee.address.city}"),
        (_LEFT, 560, f"Do zapłaty: {format_zl(invoice.payable_zl)}"),
        (_LEFT, 548, f"słownie: {amount_in_words(invoice.payable_zl)}"),
        (_LEFT, 536, f"Termin płatności: {format_date(invoice.due_date)}"),
        (_LEFT, 524, f"Numer rachunku: {format_account(invoice.bank_account)}"),
        (_LEFT, 512, f"Tytuł przelewu: {invoice.payment_title}"),
    )
    canvas.setFont(REGULAR, 8.8)
    for x, y, text in texts:
        canvas.drawString(x, y, text)
    payload = payment_payload(
        nip=seller.nip,
        bank_account=invoice.bank_account,
        amount_zl=invoice.payable_zl,
        name=seller.name,
        title=invoice.payment_title,
    )
    for row, modules in enumerate(qr_rows(payload) if payload else ()):
        for column, module in enumerate(modules):
            if not module:
                canvas.rect(450 + 2 * column, 560 - 2 * row, 2, 2, stroke=0, fill=1)
    return 470.0


def _usage(invoice: Invoice) -> list[list[str]]:
    return [
        [f"{line.meter_no}", "", format_date(line.period.start), f"{line.previous_index_m3}", f"{line.quantity}"]
        for line in invoice.lines
        if line.meter_no
    ]


def _history(invoice: Invoice) -> list[list[str]]:
    before = invoice.used_before
    halves = (before[:6], before[6:])
    return [[f"{one.period.start:%m.%Y} {one.volume_m3}" for one in half] for half in halves if half]


def _charges(invoice: Invoice) -> list[list[str]]:
    return [
        [
            str(number),
            line.description,
            format_period(line.period),
            f"{line.quantity}",
            line.unit,
            format_price(line.price_zl),
            f"{line.vat_rate}",
            format_amount(line.net_zl),
        ]
        for number, line in enumerate(invoice.lines, start=1)
    ]


def _sums(invoice: Invoice) -> list[list[str]]:
    return [
        ["", f"{one.vat_rate}", format_amount(one.net_zl), format_amount(one.vat_zl), format_amount(one.gross_zl)]
        for one in invoice.vat_sums
    ]
