"""The code that a structured invoice bears when it is used outside KSeF, with its number (VAT act art. 106gb ust. 5).

An invoice that never was in KSeF bears none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from billing.invoices import Invoice
from pdf.flow import MARGIN, Flow
from pdf.payment_code import qr_rows
from pdf.sheet import Style, fitting

_ALT = "Kod QR z adresem, pod którym można sprawdzić fakturę w Krajowym Systemie e-Faktur; adres podano w uwagach."
_OFFLINE = "OFFLINE"
_SIDE = 84.0
_WIDTH = 180.0  # what the sums by VAT rate leave free
_HEIGHT = 130.0  # and at least as much as they need themselves
_NUMBER = Style(size=8, bold=True)


@contextmanager
def draw_ksef(flow: Flow, invoice: Invoice) -> Iterator[None]:
    """The code at the left, under it its number or OFFLINE; ``with`` it, the sums by VAT rate are drawn beside it."""
    if invoice.ksef is None:
        yield
        return
    flow.reserve(_HEIGHT)
    page, top = flow.page, flow.y + 14
    page.symbol(MARGIN, top, _SIDE, qr_rows(invoice.ksef.link), alt=_ALT)
    number = _OFFLINE if invoice.ksef.ksef_no is None else invoice.ksef.ksef_no
    page.line(MARGIN, top + _SIDE + 12, number, fitting(number, _NUMBER, width=_WIDTH))
    yield
    flow.y = max(flow.y, top + _SIDE + 16)


def ksef_notes(invoice: Invoice) -> list[str]:
    """The link of the code, in letters."""
    return [] if invoice.ksef is None else [f"Sprawdzenie faktury w KSeF: {invoice.ksef.link}"]
