"""The calm box that answers at a glance: how much, until when, to which account; with the code for banking apps."""

from billing.invoices import CorrectedInvoice, Invoice
from billing.polish import format_account, format_date, format_zl
from pdf.colour import ACCENT, MUTED, TINT, WHITE
from pdf.flow import MARGIN, WIDTH
from pdf.payment_code import checked_account, payment_payload, qr_rows
from pdf.sheet import Page, Style, fitting
from pdf.tags import P
from pdf.words import amount_in_words

BOX_HEIGHT = 118.0

_LABEL = Style(size=8.2, colour=MUTED)
_AMOUNT = Style(size=25, bold=True, colour=ACCENT)
_SMALL = Style(size=7.8)
_DUE = Style(size=15, bold=True)
_ACCOUNT = Style(size=11, bold=True)
_TITLE = Style(size=8.8)
_HINT = Style(size=6.8, colour=MUTED)

_HINT_TEXT = "Zapłać kodem w aplikacji banku"
_SYMBOL_ALT = "Kod QR polecenia przelewu dla aplikacji banku: kwota, numer rachunku i tytuł takie, jak podano obok."

_AMOUNT_LEFT = MARGIN + 16
_AMOUNT_WIDTH = 152.0
_TRANSFER_LEFT = MARGIN + 184
_TRANSFER_WIDTH = 196.0
_SYMBOL_SIDE = 80.0
_QUIET = 8.0  # four modules, the quiet zone that readers ask for


def draw_payment_box(page: Page, invoice: Invoice, *, top: float) -> None:
    """The box, its upper edge at ``top``; it takes ``BOX_HEIGHT``.

    Raises:
        ValueError: the bank account number is not a valid one.
    """
    page.box(MARGIN, top, WIDTH, BOX_HEIGHT, TINT)
    page.box(MARGIN, top, 3, BOX_HEIGHT, ACCENT)
    _draw_amount(page, invoice, top=top)
    if invoice.payable_zl > 0:
        _draw_transfer(page, invoice, top=top)
        _draw_symbol(page, invoice, top=top)
    else:
        _draw_nothing_due(page, invoice, top=top)


def _draw_amount(page: Page, invoice: Invoice, *, top: float) -> None:
    amount = format_zl(abs(invoice.payable_zl))
    words = f"słownie: {amount_in_words(abs(invoice.payable_zl))}"
    with page.tagged(P):
        page.text(_AMOUNT_LEFT, top + 22, _label(invoice), _LABEL)
        page.text(_AMOUNT_LEFT, top + 50, amount, fitting(amount, _AMOUNT, width=_AMOUNT_WIDTH))
        page.paragraph(_AMOUNT_LEFT, top + 68, words, _SMALL, width=_AMOUNT_WIDTH)


def _draw_transfer(page: Page, invoice: Invoice, *, top: float) -> None:
    account = format_account(checked_account(invoice.bank_account))
    for y, label, drop, value, style in (
        (top + 22, "Termin płatności", 17, format_date(invoice.due_date), _DUE),
        (top + 56, "Numer rachunku", 14, account, _ACCOUNT),
        (top + 87, "Tytuł przelewu", 12, invoice.payment_title, _TITLE),
    ):
        with page.tagged(P):
            page.text(_TRANSFER_LEFT, y, label, _LABEL)
            page.text(_TRANSFER_LEFT, y + drop, value, fitting(value, style, width=_TRANSFER_WIDTH))


def _draw_symbol(page: Page, invoice: Invoice, *, top: float) -> None:
    payload = payment_payload(
        nip=invoice.seller.nip,
        bank_account=invoice.bank_account,
        amount_zl=invoice.payable_zl,
        name=invoice.seller.name,
        title=invoice.payment_title,
    )
    if payload is None:
        return
    left = MARGIN + WIDTH - _SYMBOL_SIDE - 2 * _QUIET - 6
    page.box(left, top + 6, _SYMBOL_SIDE + 2 * _QUIET, _SYMBOL_SIDE + 2 * _QUIET, WHITE)
    page.symbol(left + _QUIET, top + 6 + _QUIET, _SYMBOL_SIDE, qr_rows(payload), alt=_SYMBOL_ALT)
    page.line(left, top + 112, _HINT_TEXT, fitting(_HINT_TEXT, _HINT, width=_SYMBOL_SIDE + 2 * _QUIET))


def _label(invoice: Invoice) -> str:
    if invoice.corrects is None:
        return "Nadpłata" if invoice.payable_zl < 0 else "Do zapłaty"
    if invoice.payable_zl == 0:
        return "Kwota bez zmian"
    return "Do dopłaty" if invoice.payable_zl > 0 else "Mniej do zapłaty o"


def _draw_nothing_due(page: Page, invoice: Invoice, *, top: float) -> None:
    if invoice.corrects is not None:
        _draw_less(page, invoice, invoice.corrects, top=top)
        return
    text = (
        "Nie trzeba nic płacić. Nadpłatę zaliczymy na poczet przyszłych należności, a na Państwa wniosek zwrócimy."
        if invoice.payable_zl < 0
        else "Nie trzeba nic płacić."
    )
    with page.tagged(P):
        page.paragraph(_TRANSFER_LEFT, top + 39, text, _TITLE, width=_TRANSFER_WIDTH + 90)


def _draw_less(page: Page, invoice: Invoice, corrects: CorrectedInvoice, *, top: float) -> None:
    after_zl = corrects.before.payable_zl + invoice.payable_zl
    text = (
        f"Po korekcie do zapłaty z faktury {corrects.invoice_no} jest {format_zl(after_zl)} "
        f"zamiast {format_zl(corrects.before.payable_zl)}."
    )
    with page.tagged(P):
        y = page.paragraph(_TRANSFER_LEFT, top + 30, text, _TITLE, width=_TRANSFER_WIDTH + 90)
    if invoice.payable_zl < 0:
        paid = (
            "Jeżeli faktura jest już zapłacona, nadpłatę zaliczymy na poczet przyszłych należności, a na Państwa "
            "wniosek zwrócimy w ciągu 14 dni."
        )
        with page.tagged(P):
            page.paragraph(_TRANSFER_LEFT, y + 5, paid, _TITLE, width=_TRANSFER_WIDTH + 90)
