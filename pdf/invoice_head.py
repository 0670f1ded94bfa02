"""The first page's upper half: who sends it, to whom, for which period, and under them the payment box."""

from collections.abc import Iterator
from datetime import date, timedelta

from billing.accounts import Address, Channel, Party, Role, Service
from billing.invoices import Invoice, Seller
from billing.periods import Period
from billing.polish import NBSP, format_date, format_period
from pdf.colour import ACCENT, MUTED
from pdf.flow import BOTTOM, MARGIN, RIGHT, WIDTH, Flow
from pdf.payment_box import BOX_HEIGHT, draw_payment_box
from pdf.sheet import MM, Page, Style, fitting
from pdf.tags import H1, P
from pdf.typeface import Unprintable, wrap

# Folded in three, a DL envelope with the window on the right (35 × 90 mm) shows this part of the first page,
# whichever way the sheet slides in it: 115–195 mm from the left edge, 55–84 mm from the top.
WINDOW_LEFT = 118 * MM
WINDOW_TOP = 58 * MM
WINDOW_WIDTH = 74 * MM
WINDOW_LINES = 6
SMALL_WINDOW_LINES = 8

_LABEL_WIDTH = 88.0
_LEFT_WIDTH = 93 * MM
_BOX_TOP = 99 * MM

_TITLE = Style(size=21, bold=True, colour=ACCENT)
_NUMBER = Style(size=11, bold=True)
_DUPLICATE = Style(size=11, bold=True, colour=ACCENT)
_SELLER = Style(size=12.5, bold=True, colour=ACCENT)
_SMALL = Style(size=7.8, colour=MUTED)
_LABEL = Style(size=7.8, colour=MUTED)
_VALUE = Style(size=8.8)
_VALUE_BOLD = Style(size=8.8, bold=True)
_ADDRESSEE = Style(size=10)
_ADDRESSEE_SMALL = Style(size=7.5)

_ACCOUNT = "Kod klienta"
_SETTLEMENT = "settlement"
_MARKS = {"final": (("Rodzaj faktury", "Rozliczenie końcowe"),)}
"""What is said of a kind of invoice at the top of its facts."""

_FORMS = {Channel.EMAIL: "elektroniczna (e-faktura)", Channel.PAPER: "papierowa"}


def one_line(address: Address) -> str:
    """Street, postcode and place on one line, which breaks only between street and postcode or within the street."""
    return f"{address.street}, {address.postcode}{NBSP}{address.city}"


def draw_head(flow: Flow, invoice: Invoice, *, title: str, duplicate_on: date | None = None) -> None:
    """Everything above the tables; leaves the flow under the payment box. A duplicate bears its day.

    Raises:
        Unprintable: TEXT_TOO_LONG, the parties' names fill the page.
        ValueError: the bank account number is not a valid one.
    """
    page = flow.page
    with page.tagged(H1):
        page.text_right(RIGHT, 56, title, _TITLE)
        page.text_right(RIGHT, 73, invoice.number.text, fitting(invoice.number.text, _NUMBER, width=WIDTH - 300))
        if duplicate_on is not None:
            page.text_right(RIGHT, 90, f"DUPLIKAT z dnia {format_date(duplicate_on)}", _DUPLICATE)
    seller_end = page.kept(draw_seller, invoice.seller)
    window_end = draw_window(page, invoice.addressee)
    y = _draw_facts(page, invoice, top=max(seller_end + 12, 112))
    y = _draw_parties(page, invoice, top=y + 5)
    top = max(_BOX_TOP, y + 2, window_end)
    if top + BOX_HEIGHT > BOTTOM:
        raise Unprintable("TEXT_TOO_LONG", "the names of the parties leave no room for the payment box")
    draw_payment_box(page, invoice, top=top)
    flow.y = top + BOX_HEIGHT


def draw_seller(page: Page, seller: Seller) -> float:
    """The utility's logo, name and particulars at the top left; returns the next free baseline."""
    y = 50.0
    logo = page.look.logo
    if logo is not None:
        width, height = logo.fitted()
        page.logo(MARGIN, 36, width, height, alt=logo.alt)
        y = 36 + height + 15
    with page.tagged(P):
        y = page.paragraph(MARGIN, y, seller.name, _SELLER, width=290)
    numbers = f"NIP {seller.nip} · REGON {seller.regon}"
    contact = f"tel. {seller.phone} · {seller.website}"
    for text in (one_line(seller.address), numbers, contact, seller.email):
        with page.tagged(P):
            y = page.paragraph(MARGIN, y, text, _SMALL, width=290)
    return y


def draw_window(page: Page, party: Party) -> float:
    """The addressee in the window of the envelope; returns the next free baseline.

    A name too long for the window ends in an ellipsis there: it stands in full beside, where the parties are named.
    """
    style = _ADDRESSEE
    lines = _window_lines(party, style)
    if len(lines) > WINDOW_LINES:
        style = _ADDRESSEE_SMALL
        lines = _window_lines(party, style)
    y = WINDOW_TOP
    with page.tagged(P):
        for line in lines:
            page.text(WINDOW_LEFT, y, line, style)
            y += style.leading
    return y


def _window_lines(party: Party, style: Style) -> tuple[str, ...]:
    place = f"{party.address.postcode} {party.address.city}"
    name, street, town = (
        wrap(text, font=style.font, size=style.size, width=WINDOW_WIDTH)
        for text in (party.name, party.address.street, place)
    )
    room = max(1, SMALL_WINDOW_LINES - len(street) - len(town))
    if style is _ADDRESSEE_SMALL and len(name) > room:
        shortened = f"{' '.join(name[:room])} …"
        name = wrap(shortened, font=style.font, size=style.size, width=WINDOW_WIDTH)
        while len(name) > room:
            shortened = f"{shortened.removesuffix(' …').rpartition(' ')[0]} …"
            name = wrap(shortened, font=style.font, size=style.size, width=WINDOW_WIDTH)
    return (*name, *street, *town)


def _draw_facts(page: Page, invoice: Invoice, *, top: float) -> float:
    period, performed_on = _supplied(invoice)
    facts = (
        *_MARKS.get(invoice.kind, ()),
        *_corrected(invoice),
        ("Data wystawienia", format_date(invoice.issue_date)),
        ("Okres rozliczeniowy", format_period(period)),
        ("Data wykonania usługi", format_date(performed_on)),
        (_ACCOUNT, invoice.account_no),
        ("Forma faktury", _FORMS[invoice.channel]),
    )
    y = top
    for label, value in facts:
        if label == _ACCOUNT:  # alone among them in differing from customer to customer
            y = _draw_fact(page, label, value, _VALUE_BOLD, y)
        else:
            y = page.kept(_draw_fact, label, value, _VALUE, y)
    return y


def _draw_fact(page: Page, label: str, value: str, style: Style, y: float) -> float:
    with page.tagged(P):
        page.text(MARGIN, y, label, _LABEL)
        return page.paragraph(MARGIN + _LABEL_WIDTH, y, value, style, width=_LEFT_WIDTH - _LABEL_WIDTH) + 1.2


def _corrected(invoice: Invoice) -> Iterator[tuple[str, str]]:
    """What is corrected (VAT act art. 106j ust. 2): the invoice, and the correction before this one."""
    corrects = invoice.corrects
    if corrects is not None:
        yield "Dotyczy faktury", f"{corrects.invoice_no} z dnia {format_date(corrects.issue_date)}"
        if corrects.previous_no is not None:
            yield "Kolejna korekta", f"nr {corrects.correction_no}, po {corrects.previous_no}"


def _supplied(invoice: Invoice) -> tuple[Period, date]:
    """Period and day of the supply (VAT act art. 106e ust. 1 pkt 6): its last day; a final bill may end before it."""
    period, last_day = invoice.period, invoice.period.last_day
    if invoice.lines and all(line.service is Service.EXTRA for line in invoice.lines):
        return period, max(line.period.last_day for line in invoice.lines)
    if invoice.kind == _SETTLEMENT:
        since = min(period.start, *(line.period.start for line in invoice.lines))
        return Period(start=since, until=period.until), last_day
    if invoice.kind not in _MARKS:
        return period, last_day
    last_day = min(last_day, max(line.period.last_day for line in invoice.lines))
    return (Period(start=period.start, until=last_day + timedelta(days=1)) if last_day in period else period), last_day


def _draw_parties(page: Page, invoice: Invoice, *, top: float) -> float:
    buyer = invoice.parties[Role.BUYER]
    shown = [("Nabywca", buyer)]
    for label, role in (("Odbiorca", Role.RECIPIENT), ("Płatnik", Role.PAYER)):
        party = invoice.parties.get(role)
        if party and party.party_no != buyer.party_no:
            shown.append((label, party))
    y = top
    for label, party in shown:
        left, width = MARGIN + _LABEL_WIDTH, _LEFT_WIDTH - _LABEL_WIDTH
        with page.tagged(P):
            page.text(MARGIN, y, label, _LABEL)
            y = page.paragraph(left, y, party.name, _VALUE_BOLD, width=width)
            y = page.paragraph(left, y, one_line(party.address), _VALUE, width=width)
            if party.nip:
                y = page.paragraph(left, y, f"NIP {party.nip}", _VALUE, width=width)
        y += 3
    return y
