"""The first page's upper half: who sends it, to whom, for which period, and under them the payment box."""

from billing.accounts import Address, Channel, Party, Role
from billing.invoices import Invoice, Seller
from billing.polish import format_date, format_period
from pdf.flow import MARGIN, RIGHT, WIDTH, Flow
from pdf.payment_box import BOX_HEIGHT, draw_payment_box
from pdf.sheet import ACCENT, MM, MUTED, Page, Style, fitting
from pdf.typeface import clean, wrap

# Folded in three, a DL envelope with the window on the right (35 × 90 mm) shows this part of the first page,
# whichever way the sheet slides in it: 115–195 mm from the left edge, 55–84 mm from the top.
WINDOW_LEFT = 118 * MM
WINDOW_TOP = 58 * MM
WINDOW_WIDTH = 74 * MM
WINDOW_LINES = 6

_LEFT_WIDTH = 88 * MM
_BOX_TOP = 99 * MM

_TITLE = Style(size=21, bold=True, colour=ACCENT)
_NUMBER = Style(size=11, bold=True)
_SELLER = Style(size=12.5, bold=True, colour=ACCENT)
_SMALL = Style(size=7.8, colour=MUTED)
_LABEL = Style(size=7.8, colour=MUTED)
_VALUE = Style(size=8.8)
_VALUE_BOLD = Style(size=8.8, bold=True)
_ADDRESSEE = Style(size=10)

_FORMS = {Channel.EMAIL: "elektroniczna (e-faktura)", Channel.PAPER: "papierowa"}


def one_line(address: Address) -> str:
    """Street, postcode and place on one line."""
    return f"{address.street}, {address.postcode} {address.city}"


def draw_head(flow: Flow, invoice: Invoice, *, title: str) -> None:
    """Everything above the tables; leaves the flow under the payment box.

    Raises:
        ValueError: the bank account number is not a valid one.
    """
    page = flow.page
    seller_end = draw_seller(page, invoice.seller)
    page.text_right(RIGHT, 56, title, _TITLE)
    page.text_right(RIGHT, 73, invoice.number.text, fitting(invoice.number.text, _NUMBER, width=WIDTH - 300))
    _draw_window(page, invoice.addressee)
    y = _draw_facts(page, invoice, top=max(seller_end + 12, 112))
    y = _draw_parties(page, invoice, top=y + 5)
    top = max(_BOX_TOP, y + 2)
    draw_payment_box(page, invoice, top=top)
    flow.y = top + BOX_HEIGHT


def draw_seller(page: Page, seller: Seller) -> float:
    """The utility's name and particulars at the top left; returns the next free baseline."""
    y = page.paragraph(MARGIN, 50, seller.name, _SELLER, width=290)
    numbers = f"NIP {seller.nip} · REGON {seller.regon}"
    contact = f"tel. {seller.phone} · {seller.email} · {seller.website}"
    for text in (one_line(seller.address), numbers, contact):
        y = page.paragraph(MARGIN, y, text, _SMALL, width=290)
    return y


def _draw_window(page: Page, party: Party) -> None:
    names = wrap(party.name, font=_ADDRESSEE.font, size=_ADDRESSEE.size, width=WINDOW_WIDTH)
    room = WINDOW_LINES - 2
    if len(names) > room:  # the whole name stands beside, where the parties are named
        names = (*names[: room - 1], f"{names[room - 1]} …")
    y = WINDOW_TOP
    for line in (*names, clean(party.address.street), clean(f"{party.address.postcode} {party.address.city}")):
        page.text(WINDOW_LEFT, y, line, fitting(line, _ADDRESSEE, width=WINDOW_WIDTH))
        y += _ADDRESSEE.leading


def _draw_facts(page: Page, invoice: Invoice, *, top: float) -> float:
    facts = (
        ("Data wystawienia", format_date(invoice.issue_date)),
        ("Okres rozliczeniowy", format_period(invoice.period)),
        ("Data wykonania usługi", format_date(invoice.period.last_day)),
        ("Kod klienta", invoice.account_no),
        ("Forma faktury", _FORMS[invoice.channel]),
    )
    y = top
    for label, value in facts:
        page.text(MARGIN, y, label, _LABEL)
        style = _VALUE_BOLD if label == "Kod klienta" else _VALUE
        y = page.paragraph(MARGIN + 96, y, value, style, width=_LEFT_WIDTH - 96) + 1.2
    return y


def _draw_parties(page: Page, invoice: Invoice, *, top: float) -> float:
    buyer = invoice.parties[Role.BUYER]
    shown = [("Nabywca", buyer)]
    for label, role in (("Odbiorca", Role.RECIPIENT), ("Płatnik", Role.PAYER)):
        party = invoice.parties.get(role)
        if party and party.party_no != buyer.party_no:
            shown.append((label, party))
    y = top
    for label, party in shown:
        page.text(MARGIN, y, label, _LABEL)
        y = page.paragraph(MARGIN + 96, y, party.name, _VALUE_BOLD, width=_LEFT_WIDTH - 96)
        y = page.paragraph(MARGIN + 96, y, one_line(party.address), _VALUE, width=_LEFT_WIDTH - 96)
        if party.nip:
            y = page.paragraph(MARGIN + 96, y, f"NIP {party.nip}", _VALUE, width=_LEFT_WIDTH - 96)
        y += 3
    return y
